/**
 * How a request is refused that the policy does not allow (ADR 10). Whom it refuses is told so, once it is known who that is;
 * everybody else is asked, with a challenge, to come with something better.
 */
import { challenge, scopeOfRoute } from '../../auth/challenge.ts';
import type { Refused, Right } from '../../auth/decision.ts';
import type { Policy } from '../../auth/policy.ts';
import type { Principal } from '../../auth/principal.ts';
import type { Config } from '../../config.ts';
import { RegistryError } from '../../oci/error.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';

/** docker signs in only where the base asks it to; whoever pulls what is public never comes here. */
export const SIGN_IN: Refused = {
  allowed: false,
  rule: 'nobody has signed in',
  reason: 'policy',
  message: 'sign in first, for example with docker login',
};

interface Asked {
  readonly request: Request;
  readonly config: Config;
  readonly policy: Policy;
  readonly principal: Principal;
  readonly asksWho: boolean;
}

export function refusal(
  { request, config, policy, principal, asksWho }: Asked,
  right: Right,
  repository: RepositoryName | undefined,
  decision: Refused,
): RegistryError {
  const isKnown = 'name' in principal;
  if (isKnown && decision.reason === 'policy') return new RegistryError('DENIED', { message: decision.message });
  // A client that brought a token and hears no error brings it again and again.
  const hasToken = /^bearer /i.test(request.headers.get('authorization') ?? '');
  const error = hasToken ? 'insufficient_scope' : undefined;
  const header = challenge(config.publicUrl, { scope: scopeOfRoute(right, repository), error });
  // Where people have accounts, what BERTH_ANONYMOUS is set to is no help to somebody who only has to sign in.
  const knowsPeople = asksWho && policy.kind === 'setting' && decision.reason === 'policy';
  return new RegistryError('UNAUTHORIZED', {
    message: knowsPeople ? SIGN_IN.message : decision.message,
    headers: { 'www-authenticate': header },
  });
}

/** Nobody, and no token of nobody's either. */
export function isNobody(principal: Principal): boolean {
  return principal.kind === 'anonymous' && principal.scope === undefined;
}
