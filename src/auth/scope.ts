/**
 * What a token is asked for and what it grants (distribution, "Token Scope Documentation"):
 * `repository:<name>:<action>,<action>` and `registry:catalog:*`, several with spaces between them. A name may hold a colon
 * (`host:port/name`), so the first colon ends the type and the last begins the actions. What Berth does not know (a
 * resource, an action, a name that no repository can have) asks for nothing: a token server grants less, it does not refuse.
 */
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts';
import { ACTIONS, type Action } from './principal.ts';

/** Enough for a build of dozens of bases; what is granted has to fit in a header. */
const MOST_SCOPES = 64;
const LONGEST_SCOPES_CHARACTERS = 4_096;

export interface Scope {
  readonly grants: readonly { readonly repository: RepositoryName; readonly actions: readonly Action[] }[];
  readonly catalog: boolean;
}

export const NO_SCOPE: Scope = { grants: [], catalog: false };

/** Of all texts together; `undefined` where they are more, or longer, than anybody needs. A repository comes once. */
export function parseScopes(texts: readonly string[]): Scope | undefined {
  const whole = texts.join(' ');
  if (whole.length > LONGEST_SCOPES_CHARACTERS) return undefined;
  const words = whole.split(' ').filter((word) => word !== '');
  if (words.length > MOST_SCOPES) return undefined;
  const asked = new Map<RepositoryName, Set<Action>>();
  let catalog = false;
  for (const word of words) {
    const one = parseResource(word);
    if (one === undefined) continue;
    if (one.type === 'registry') {
      if (one.name === 'catalog' && one.actions.includes('*')) catalog = true;
      continue;
    }
    const repository = parseRepositoryName(one.name);
    const actions = knownActions(one.actions);
    if (repository === undefined || actions.length === 0) continue;
    asked.set(repository, new Set([...(asked.get(repository) ?? []), ...actions]));
  }
  const grants = [...asked].map(([repository, actions]) => ({ repository, actions: inOrder(actions) }));
  return { grants, catalog };
}

interface Resource {
  readonly type: 'repository' | 'registry';
  readonly name: string;
  readonly actions: readonly string[];
}

export interface AccessEntry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** The class in `repository(plugin)` says nothing any more. */
const TYPE = /^(repository|registry)(?:\([a-z0-9]{0,64}\))?$/;
const FORM = /^(repository|registry)(?:\([a-z0-9]{0,64}\))?:(.+):([a-z*,]*)$/;

function parseResource(text: string): Resource | undefined {
  const [, type, name = '', actions = ''] = FORM.exec(text) ?? [];
  if (type !== 'repository' && type !== 'registry') return undefined;
  return { type, name, actions: actions.split(',') };
}

/** `*` is all of them. */
function knownActions(given: readonly string[]): Action[] {
  return given.includes('*') ? [...ACTIONS] : ACTIONS.filter((action) => given.includes(action));
}

function inOrder(actions: ReadonlySet<Action>): Action[] {
  return ACTIONS.filter((action) => actions.has(action));
}

/** The `access` of a token (distribution, "Token Authentication Implementation"). What is unknown of it gives nothing. */
export function scopeOfAccess(access: readonly AccessEntry[]): Scope {
  const entries = access.map(({ type, ...rest }) => ({ type: TYPE.exec(type)?.[1], ...rest }));
  const grants = entries.flatMap(({ type, name, actions }) => {
    const repository = type === 'repository' ? parseRepositoryName(name) : undefined;
    return repository === undefined ? [] : [{ repository, actions: knownActions(actions) }];
  });
  const catalog = entries.some(
    ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
  );
  return { grants, catalog };
}

/** As it stands in a challenge, and in what the token endpoint says was granted. */
export function formatScope({ grants, catalog }: Scope): string {
  const repositories = grants.map(({ repository, actions }) => `repository:${repository}:${actions.join(',')}`);
  return [...repositories, ...(catalog ? ['registry:catalog:*'] : [])].join(' ');
}
