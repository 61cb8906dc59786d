/**
 * Addresses that answers name (RFC 9110 §10.2.2 Location). Relative ones are right behind every proxy, so they are what a
 * registry says that knows nothing else; absolute ones are for clients that cannot resolve them.
 */
import type { Config } from '../config.ts';

const FORWARDED_HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/** Where the registry stands; whether a proxy is trusted is a matter of the request, since one may prove itself. */
export type Place = Pick<Config, 'publicUrl' | 'trustedProxy' | 'servedScheme'>;

/** A path below the registry's root as clients should follow it. */
export function locationOf(request: Request, place: Place, path: string): string {
  return `${originOf(request, place) ?? ''}${path}`;
}

/** The host, perhaps with a port, under which clients reach the registry, as far as it knows. */
export function hostOf(request: Request, place: Place): string | null {
  const origin = originOf(request, place);
  return origin === undefined ? request.headers.get('host') : new URL(origin).host;
}

/** Scheme, host and port under which clients reach the registry; where nobody says them, as this request did. */
export function publicOrigin(request: Request, place: Place): string {
  const known = originOf(request, place);
  if (known !== undefined) return known;
  const { protocol, host } = new URL(request.url);
  return `${place.servedScheme === undefined ? protocol : `${place.servedScheme}:`}//${host}`;
}

function originOf(request: Request, { publicUrl, trustedProxy }: Place): string | undefined {
  return publicUrl ?? forwardedOrigin(request, trustedProxy);
}

/** What a trusted proxy says of the request that it got. Where there are several, the first is of the one that clients reach. */
function forwardedOrigin({ headers }: Request, isTrusted: boolean): string | undefined {
  if (!isTrusted) return undefined;
  const scheme = first(headers.get('x-forwarded-proto'));
  const host = first(headers.get('x-forwarded-host')) ?? headers.get('host') ?? '';
  if (scheme !== 'http' && scheme !== 'https') return undefined;
  const origin = `${scheme}://${host}`;
  return FORWARDED_HOST.test(host) && URL.canParse(origin) ? origin : undefined;
}

function first(header: string | null): string | undefined {
  return header?.split(',')[0]?.trim();
}
