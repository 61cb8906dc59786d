/**
 * The outside token server that the settings name, beside which settings that would let somebody in without one of its
 * tokens are a contradiction: whoever gives both believes that the other one counts.
 */
import { ConfigurationError, type Config } from '../config.ts';
import { bearerChallenge, challenge, tokenEndpoint, type ChallengeParts } from './challenge.ts';
import { parseTokenServer, type TokenServer } from './token-server-document.ts';

export type TokenServerSettings = Pick<
  Config,
  'anonymous' | 'htpasswd' | 'openLoopback' | 'policy' | 'proxySecrets' | 'publicUrl' | 'tokenServer' | 'trusts'
>;

const parsed = new WeakMap<object, TokenServer>();

/** Throws ConfigurationError, which has the path and reason of each mistake, or the contradiction. */
export function configuredTokenServer(config: TokenServerSettings): TokenServer | undefined {
  if (config.tokenServer === undefined) return undefined;
  const known = parsed.get(config);
  if (known !== undefined) return known;
  const result = parseTokenServer(config.tokenServer);
  if (!result.ok) throw new ConfigurationError(`BERTH_TOKEN_SERVER is no token server: ${result.mistakes.join('; ')}`);
  const contradiction = contradictionOf(config, result.server);
  if (contradiction !== undefined) throw new ConfigurationError(contradiction);
  parsed.set(config, result.server);
  return result.server;
}

/** How whoever has no right token is told where to fetch one. */
export function challengeOf(config: TokenServerSettings, parts: ChallengeParts): string {
  const server = configuredTokenServer(config);
  return server === undefined ? challenge(config.publicUrl, parts) : bearerChallenge(server, parts);
}

function contradictionOf(
  { anonymous, htpasswd, openLoopback, policy, proxySecrets, publicUrl, trusts }: TokenServerSettings,
  server: TokenServer,
): string | undefined {
  if (anonymous !== 'none')
    return `BERTH_ANONYMOUS=${anonymous} and BERTH_TOKEN_SERVER both say what callers without credentials may do. Take one of them away: the token server can give them tokens.`;
  if (openLoopback)
    return 'BERTH_OPEN_LOOPBACK=on opens what BERTH_TOKEN_SERVER closes to all but tokens. Take one of them away.';
  if (htpasswd.trim() !== '')
    return 'BERTH_HTPASSWD names people, and with BERTH_TOKEN_SERVER nobody signs in here. Take one of them away: the token server knows the people.';
  if (trusts !== undefined)
    return 'BERTH_TRUSTS lets jobs come in, and with BERTH_TOKEN_SERVER nobody signs in here. Take one of them away: the token server can give jobs tokens.';
  if (proxySecrets.length > 0)
    return 'BERTH_PROXY_SECRET has a proxy say who asks, and with BERTH_TOKEN_SERVER nothing but its tokens does. Take one of them away: a proxy that only passes tokens on needs no secret.';
  if (policy !== undefined && server.policy === 'off')
    return 'BERTH_POLICY would not be asked, since the tokens of BERTH_TOKEN_SERVER decide alone. Write "policy": "also" there, or take the policy away.';
  if (publicUrl !== undefined && server.realm === tokenEndpoint(publicUrl))
    return `BERTH_TOKEN_SERVER has this registry's own address as its realm, where no tokens are made then: ${server.realm}`;
  return undefined;
}
