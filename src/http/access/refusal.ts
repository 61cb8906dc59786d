/**
 * How a request is refused that the policy does not allow (ADR 10). Whom it refuses is told so, once it is known who that is;
 * everybody else is asked, with a challenge, to come with something better.
 */
import { scopeOfRequest } from '../../auth/challenge.ts';
import { challengeOf } from '../../auth/configured-token-server.ts';
import { hasToken } from '../../auth/credentials.ts';
import type { Refused, Right } from '../../auth/decision.ts';
import type { Policy } from '../../auth/policy.ts';
import type { Principal } from '../../auth/principal.ts';
import { isThroughProxy, type ProxyProof } from '../../auth/proxy-proof.ts';
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
  readonly url: URL;
  readonly config: Config;
  readonly policy: Policy;
  readonly principal: Principal;
  readonly proxy: ProxyProof;
  readonly asksWho: boolean;
}

export function refusal(
  { request, url, config, policy, principal, proxy, asksWho }: Asked,
  right: Right,
  repository: RepositoryName | undefined,
  decision: Refused,
): RegistryError {
  // Of its own token server's bearer Berth knows no more, and no other token would help.
  const isBearer = policy.kind === 'token-server' && !isNobody(principal);
  const isKnown = 'name' in principal || isBearer || isThroughProxy(proxy);
  if (isKnown && decision.reason === 'policy') return new RegistryError('DENIED', { message: decision.message });
  // A client that brought a token and hears no error brings it again and again.
  const error = hasToken(request) ? 'insufficient_scope' : undefined;
  const scope = scopeOfRequest(right, repository, url);
  const header = challengeOf(config, { scope, error, description: decision.message });
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
