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
  when?: { networks?: string[]; until?: string };
}

export interface PlainQuestion {
  kind: 'anonymous' | 'user' | 'robot';
  name: string;
  groups: string[];
  limits: { repositories: string[]; actions: string[] }[];
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
  if (isKnown) names.add('authenticated').add(`${question.kind}:${question.name}`);
  if (question.kind === 'user') for (const group of question.groups) names.add(`group:${group}`);
  if (!rule.subjects.some((subject) => names.has(subject))) return false;
  if (!rule.actions.includes(question.action) && !rule.actions.includes('*')) return false;
  if (!rule.repositories.some((pattern) => fits(pattern, question))) return false;
  const { networks, until } = rule.when ?? {};
  if (until !== undefined && question.now >= new Date(until).getTime()) return false;
  return networks === undefined || networks.some((network) => has(network, question.address));
}

/** As a regular expression, which may take its time here. */
function fits(pattern: string, { kind, name, repository }: PlainQuestion): boolean {
  const isName = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/.test(name);
  const components = pattern.split('/').map((component) => {
    if (component === '**') return '[^/]+(/[^/]+)*';
    if (component === '{user}') return kind === 'user' && isName ? name.replaceAll('.', '\\.') : '(?!)';
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
