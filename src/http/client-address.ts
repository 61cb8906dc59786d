/**
 * Where a client is, as far as that can be known for sure. A header alone is never believed: anybody can send one.
 *
 * On Cloudflare it is `CF-Connecting-IP`, which Cloudflare sets on every request, and takes away where a client sends it.
 * Behind a proxy that a setting trusts it is the last entry of `X-Forwarded-For`: each proxy adds the peer that it sees, so
 * the ones before are whatever the client said. Under `npm start` without such a proxy nobody knows: the served port
 * passes bytes to workerd and changes none (docs/adr/0006-a-front-that-answers-tls.md), so its peer is always the front. Where a
 * setting says that clients come directly, the served port is asked (peer.ts).
 */
import * as v from 'valibot';
import { isAddress } from '../auth/networks.ts';
import type { Config } from '../config.ts';

export function clientAddress(
  { headers }: Pick<Request, 'headers'>,
  { onCloudflare, trustedProxy }: Pick<Config, 'onCloudflare' | 'trustedProxy'>,
): string | undefined {
  if (onCloudflare) return address(headers.get('cf-connecting-ip'));
  if (trustedProxy) return address(headers.get('x-forwarded-for')?.split(',').at(-1));
  return undefined;
}

/** workerd alone says it, of the connection that a request came on. The served port connects from this address, and others may not. */
const Peer = v.object({ clientIp: v.pipe(v.string(), v.regex(/^127\.0\.0\.1:\d{1,5}$/)) });

/** Under `npm start`: the port of this machine by which the served port knows the client's address (standalone/peers.ts). */
export function connectionOf({ cf }: { readonly cf?: unknown }): number | undefined {
  const peer = v.safeParse(Peer, cf);
  return peer.success ? Number(peer.output.clientIp.split(':').at(-1)) : undefined;
}

function address(given: string | null | undefined): string | undefined {
  const text = given?.trim() ?? '';
  return isAddress(text) ? text : undefined;
}
