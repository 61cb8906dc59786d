/** Where answers send clients on (RFC 9110 §10.2.2): a registry behind a proxy may name an address that nobody reaches. Pure. */
import { quoted } from '../registry/outcome.ts';
import { failed, ok, skipped, type Verdict } from './verdict.ts';

export interface SeenLocation {
  /** `POST of an upload` */
  readonly of: string;
  readonly location: string | undefined;
}

const SAY_HOST =
  'Have the proxy pass on Host as it was asked (nginx: proxy_set_header Host $http_host), or the registry say how it is reached: --public-url (BERTH_PUBLIC_URL).';
const SAY_SCHEME =
  'Have the proxy say so (X-Forwarded-Proto) to a registry that knows it by a secret (BERTH_PROXY_SECRET) or, of a proxy without one, trusts it (BERTH_TRUSTED_PROXY=on); or have the registry say how it is reached: --public-url (BERTH_PUBLIC_URL).';

export function judgeLocations(url: URL, seen: readonly SeenLocation[]): Verdict {
  if (seen.length === 0) return skipped('nothing was pushed');
  for (const { of, location } of seen) {
    if (location === undefined || !URL.canParse(location, url.href))
      return failed(`the answer to ${of} does not say where to go on`, 'Have the proxy leave Location as it is.');
    const target = new URL(location, url);
    if (target.protocol !== url.protocol)
      return failed(`asked by ${scheme(url)}, it sends clients on to ${quoted(target.origin)} (${of})`, SAY_SCHEME);
    if (target.host !== url.host)
      return failed(`it sends clients on to ${quoted(target.host)}, and not to ${url.host} (${of})`, SAY_HOST);
  }
  return ok(`${String(seen.length)} of them lead back to ${url.host}`);
}

/** Where to go on all the same: at the address that was asked. */
export function atHome(url: URL, location: string | undefined): URL | undefined {
  if (location === undefined || !URL.canParse(location, url.href)) return undefined;
  const { pathname, search } = new URL(location, url);
  // Part by part: as a text, a path that begins with two slashes would name a host.
  const at = new URL(url);
  at.pathname = pathname;
  at.search = search;
  return at;
}

function scheme({ protocol }: URL): string {
  return protocol.slice(0, -1);
}
