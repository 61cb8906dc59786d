/**
 * What a policy means, told as plainly as it can be: the document as it was written, one question, no shared code, no
 * order of evaluation worth a name. The engine has to agree with it.
 */
import { BlockList, isIPv6 } from 'node:net';

export interface PlainRule {
  name: string;
  subjects: string[];
  repositories: string[];
  actions: ('pull' | 'push' | 'delete' | '*')[];
  overwrite?: boolean;
  mutableTags?: string[];
  when?: { networks?: string[]; claims?: Record<string, string | string[]>; until?: string };
}

export interface PlainQuestion {
  kind: 'anonymous' | 'user' | 'robot' | 'proxy' | 'workload';
  /** Of a workload, its trust's. */
  name: string;
  groups: string[];
  limits: { repositories: string[]; actions: string[] }[];
  claims: Record<string, string>;
  /** What a job credential was asked for, where it was for less than everything. */
  parts: { repositories: string[]; actions: string[] }[] | undefined;
  grants: { repository: string; actions: string[] }[] | undefined;
  action: 'pull' | 'push' | 'delete';
  repository: string;
  address: string | undefined;
  now: number;
}

export type PlainAnswer = 'refused' | 'too narrow' | { canMove: (tag: string) => boolean };

export function oracle(rules: readonly PlainRule[], question: PlainQuestion): PlainAnswer {
  const allowing = rules.filter((rule) => allows(rule, question));
  if (allowing.length === 0) return 'refused';
  for (const limit of question.limits) {
    if (!limit.actions.includes(question.action)) return 'refused';
    if (!limit.repositories.some((pattern) => fits(pattern, question))) return 'refused';
  }
  const isWithinPart = question.parts?.some(
    ({ repositories, actions }) =>
      actions.includes(question.action) && repositories.some((pattern) => fits(pattern, question)),
  );
  if (isWithinPart === false) return 'refused';
  const granted = question.grants?.filter(({ repository }) => repository === question.repository);
  if (granted?.every(({ actions }) => !actions.includes(question.action)) === true) return 'too narrow';
  return {
    canMove: (tag) =>
      allowing.some(
        ({ overwrite, mutableTags }) =>
          overwrite !== false || (mutableTags ?? []).some((pattern) => asExpression(pattern, '.*').test(tag)),
      ),
  };
}

function allows(rule: PlainRule, question: PlainQuestion): boolean {
  const isKnown = question.kind !== 'anonymous';
  const names = new Set(['anonymous']);
  if (isKnown) names.add(`${question.kind}:${question.name}`);
  if (isKnown && question.kind !== 'workload') names.add('authenticated');
  if (question.kind === 'user' || question.kind === 'workload')
    for (const group of question.groups) names.add(`group:${group}`);
  if (!rule.subjects.some((subject) => names.has(subject))) return false;
  if (!rule.actions.includes(question.action) && !rule.actions.includes('*')) return false;
  if (!rule.repositories.some((pattern) => fits(pattern, question))) return false;
  const { networks, claims = {}, until } = rule.when ?? {};
  const said = question.kind === 'workload' ? new Map(Object.entries(question.claims)) : new Map<string, string>();
  for (const [claim, values] of Object.entries(claims)) {
    const value = said.get(claim);
    if (value === undefined) return false;
    if (![values].flat().some((pattern) => asExpression(pattern, '[^/:]*').test(value))) return false;
  }
  if (until !== undefined && question.now >= new Date(until).getTime()) return false;
  return networks === undefined || networks.some((network) => has(network, question.address));
}

/** As a regular expression, which may take its time here. */
function fits(pattern: string, { kind, name, repository, claims }: PlainQuestion): boolean {
  const part = '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*';
  const isName = new RegExp(`^${part}$`).test(name);
  const components = pattern.split('/').map((component) => {
    if (component === '**') return '[^/]+(/[^/]+)*';
    if (component === '{user}') return kind === 'user' && isName ? name.replaceAll('.', '\\.') : '(?!)';
    const claim = /^\{claim:(.*)\}$/.exec(component)?.[1];
    if (claim !== undefined) {
      const said = kind === 'workload' ? (claims[claim] ?? '') : '';
      return new RegExp(`^${part}(/${part})*$`).test(said) ? said.replaceAll('.', '\\.') : '(?!)';
    }
    return asExpression(component, '[^/]*').source.slice(1, -1);
  });
  return new RegExp(`^${components.join('/')}$`).test(repository);
}

function asExpression(pattern: string, star: string): RegExp {
  return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', star)}$`);
}

function has(network: string, address: string | undefined): boolean {
  if (address === undefined) return false;
  const [base = '', bits = ''] = network.split('/');
  const list = new BlockList();
  list.addSubnet(base, Number(bits), isIPv6(base) ? 'ipv6' : 'ipv4');
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}
