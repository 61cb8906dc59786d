/**
 * Settings that are right one by one and surprise together: none ends a start, which says them as `npm run config -- check`
 * does. Pure. Who may come in is exposure.ts's part.
 */
import type { Config } from '../src/config.ts';
import { isLoopback, rightsAt, type Access } from './exposure.ts';
import { ownAddress } from './tls/material.ts';

export interface Doubt {
  readonly event: 'plain-address' | 'proxy-unproven' | 'setting-ignored' | 'plain-passwords' | 'events-off';
  readonly message: string;
}

/** What to say where the port speaks TLS and clients are sent to plain HTTP, where they would not be heard. A proxy may do that. */
export function plainAddress(config: Parameters<typeof ownAddress>[0]): Doubt[] {
  const address = ownAddress(config);
  if (address?.protocol !== 'http:') return [];
  const message = `BERTH_PUBLIC_URL sends clients to ${address.origin}, and this port speaks TLS: let it begin with https://`;
  return [{ event: 'plain-address', message }];
}

/** @param speaksTls whether the port itself does */
export function doubtsOf(
  config: Pick<Config, 'endpoints' | 'events' | 'publicUrl'>,
  access: Access,
  { host, speaksTls }: { readonly host: string; readonly speaksTls: boolean },
): Doubt[] {
  const { trustedProxy, proxySecrets, directClients } = access;
  const doubts: Doubt[] = [];
  if (trustedProxy && directClients)
    doubts.push({
      event: 'setting-ignored',
      message:
        'BERTH_DIRECT_CLIENTS=on has no effect, since BERTH_TRUSTED_PROXY=on says that every client comes through a proxy.',
    });
  if (trustedProxy && proxySecrets.length > 0)
    doubts.push({
      event: 'proxy-unproven',
      message:
        'BERTH_TRUSTED_PROXY=on believes X-Forwarded-… of everybody who reaches this port, with the secret of BERTH_PROXY_SECRET or without it. Turn it off: the secret is enough (docs/nginx.md).',
    });
  const isBehindTls = trustedProxy || proxySecrets.length > 0 || config.publicUrl?.startsWith('https://') === true;
  if (!isLoopback(host) && !speaksTls && !isBehindTls && signsIn(host, access))
    doubts.push({
      event: 'plain-passwords',
      message: `whoever signs in sends a password or a token to ${host} in the clear, for everyone on the way to read. --tls-cert and --tls-key have this port speak TLS (docs/deploy.md); where a proxy does it, --public-url https://… says so.`,
    });
  if (config.endpoints !== undefined && !config.events)
    doubts.push({
      event: 'events-off',
      message:
        'the endpoints of BERTH_ENDPOINTS are told of nothing, since BERTH_EVENTS is off: what happens is not written down, and cannot be told later. Take --no-events or BERTH_EVENTS=off away.',
    });
  return doubts;
}

/** Whether anybody is known here who would. */
function signsIn(host: string, access: Access): boolean {
  const rights = rightsAt(host, access);
  return access.hasPeople || rights === 'by-policy' || rights === 'by-token';
}
