/**
 * A browser that knows somebody's password sends it with requests of any page. So what such a request may change answers
 * pages of its own origin alone. Programs send no Origin (RFC 6454 §7).
 */
import type { Config } from '../config.ts';
import { RegistryError } from '../oci/error.ts';

export function demandSameOrigin({ headers }: Request, { publicUrl }: Pick<Config, 'publicUrl'>): void {
  const origin = headers.get('origin');
  const site = headers.get('sec-fetch-site');
  const isForeign =
    origin === null ? site === 'cross-site' || site === 'same-site' : !isOwn(origin, headers, publicUrl);
  if (!isForeign) return;
  throw new RegistryError('DENIED', { message: 'a page of another origin may not ask for this' });
}

/** Without a public URL the scheme is not known, since TLS may end before Berth. */
function isOwn(origin: string, headers: Headers, publicUrl: string | undefined): boolean {
  if (publicUrl !== undefined) return origin === publicUrl;
  return URL.canParse(origin) && new URL(origin).host === headers.get('host');
}
