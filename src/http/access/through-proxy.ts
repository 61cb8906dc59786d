/**
 * What comes through a proxy that has proven itself (auth/proxy-proof.ts). It has asked who comes, and Berth asks nobody a
 * second time: `Authorization` is the proxy's matter, and no answer challenges anybody (docs/nginx.md).
 */
import type { Allowed, Right } from '../../auth/decision.ts';
import type { Principal } from '../../auth/principal.ts';
import { isThroughProxy, type ProxyProof } from '../../auth/proxy-proof.ts';
import { RegistryError } from '../../oci/error.ts';

/** The API's base tells nothing. skopeo pulls nothing from a registry that refuses it, and the proxy would have asked. */
export const LET_IN_BY_PROXY: Allowed = { allowed: true, rule: 'let in by the proxy', moves: 'any' };

/**
 * Throws where a route takes credentials of Berth's own, which nobody can bring through it: `Authorization` is what the proxy
 * asks for. Clients that hear 404 of a token endpoint go on without a token.
 */
export function demandOpenToProxy(proxy: ProxyProof, right: Right | 'sign-in' | 'admin' | 'own-tokens'): void {
  if (!isThroughProxy(proxy)) return;
  switch (right) {
    case 'sign-in':
      throw new RegistryError('UNSUPPORTED', {
        status: 404,
        message: 'the proxy in front of this registry says who asks, so no tokens are made for what comes through it',
      });
    case 'admin':
    case 'own-tokens':
      throw new RegistryError('DENIED', {
        message:
          "this takes credentials of the registry's own, and what comes through its proxy brings none: " +
          'whoever runs it can ask at its own port, or have the proxy leave out its secret here (docs/nginx.md)',
      });
    default:
  }
}

/** Whom the proxy names; undefined where nothing was proven. Throws DENIED for a name that can be nobody's. */
export function callerByProxy(proxy: ProxyProof): Principal | undefined {
  if (proxy.kind === 'proven') return proxy.principal;
  if (proxy.kind !== 'odd-name') return undefined;
  throw new RegistryError('DENIED', {
    message:
      'the proxy in front names whoever asks in a way that this registry does not take: ' +
      'a name is up to 128 letters, digits and . _ @ + : / -, begins with a letter or digit, and is sent once',
  });
}
