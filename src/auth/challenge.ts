/**
 * `WWW-Authenticate` (RFC 9110 §11.6.1; distribution, "Token Authentication Specification"): how a client is told to sign in.
 * A token server has an address, which is never taken from a request's own Host: whoever sends that would have a client
 * bring its password elsewhere. So without `BERTH_PUBLIC_URL` the challenge is Basic, which every client knows.
 */
import type { Right } from './decision.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts';
import { formatScope, NO_SCOPE, type Scope } from './scope.ts';

/** The path of the token endpoint. */
const TOKEN_PATH = '/token';

/** Why what was sent does not do (RFC 6750 §3.1). Clients stop asking for the same again. */
type ChallengeError = 'invalid_token' | 'insufficient_scope';

export interface ChallengeParts {
  /** What the route needs. */
  readonly scope?: Scope;
  /** Where a token was sent. */
  readonly error?: ChallengeError | undefined;
  /** In words, beside an error. */
  readonly description?: string | undefined;
}

export const BASIC_CHALLENGE = 'Basic realm="Berth"';

/** Where tokens come from, and what they are for. Neither can hold a quote. */
interface TokenSource {
  readonly realm: string;
  readonly service: string;
}

export function challenge(publicUrl: string | undefined, { scope = NO_SCOPE, error }: ChallengeParts): string {
  if (publicUrl === undefined) return BASIC_CHALLENGE;
  return bearerChallenge({ realm: tokenEndpoint(publicUrl), service: serviceOf(publicUrl) }, { scope, error });
}

/**
 * Nothing that a client sent is in it but names that are repositories' and cannot hold a quote. docker shows of a token that
 * is too narrow what the challenge says in words, and not the body.
 */
export function bearerChallenge(
  { realm, service }: TokenSource,
  { scope = NO_SCOPE, error, description }: ChallengeParts,
): string {
  const asked = formatScope(scope);
  const parts = [
    `realm="${realm}"`,
    `service="${service}"`,
    ...(asked === '' ? [] : [`scope="${asked}"`]),
    ...(error === undefined ? [] : [`error="${error}"`]),
    ...(error === undefined || !isDescription(description) ? [] : [`error_description="${description}"`]),
  ];
  return `Bearer ${parts.join(',')}`;
}

/** RFC 6750 §3: without what would end the quotes. */
function isDescription(text: string | undefined): text is string {
  return text !== undefined && /^[ !#-[\]-~]+$/.test(text);
}

/** Berth's own. */
export function tokenEndpoint(publicUrl: string): string {
  return `${publicUrl}${TOKEN_PATH}`;
}

/** What tokens are for: the host and port under which clients know the registry. */
export function serviceOf(publicUrl: string): string {
  return new URL(publicUrl).host;
}

/** What a client has to ask for to use a route. */
export function scopeOfRoute(right: Right, repository: RepositoryName | undefined): Scope {
  if (right === 'catalog') return { grants: [], catalog: true };
  if (right === 'ping' || repository === undefined) return NO_SCOPE;
  // Who pushes looks first what is there, and distribution asks for both.
  const actions = right === 'push' ? (['pull', 'push'] as const) : ([right] as const);
  return { grants: [{ repository, actions }], catalog: false };
}

/** The same of a request, which may be a mount (end-11): that reads its source. */
export function scopeOfRequest(right: Right, repository: RepositoryName | undefined, url: URL): Scope {
  const scope = scopeOfRoute(right, repository);
  if (right !== 'push' || repository === undefined || !url.searchParams.has('mount')) return scope;
  const source = parseRepositoryName(url.searchParams.get('from') ?? '');
  if (source === undefined || source === repository) return scope;
  return { ...scope, grants: [...scope.grants, { repository: source, actions: ['pull'] }] };
}
