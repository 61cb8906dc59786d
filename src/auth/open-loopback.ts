/**
 * Where nobody has an account and no policy stands, a registry that listens on loopback may be open to its own machine.
 *
 * "On this machine" has to survive proxies, tunnels and web pages: the host is a loopback name (a page that rebinds its
 * own name to 127.0.0.1 sends that name), there is no Origin (a page that fetches across origins sends one), and no
 * header that a proxy or Cloudflare adds. What forwards bytes and adds nothing (a bare `proxy_pass`, a TCP tunnel) cannot
 * be told apart: `npm start` says so. `npm start` switches it on, and only when it listens on loopback.
 *
 * A page whose origin the operator has listed by name (BERTH_CORS_ORIGINS) is let through: what tells of a browser counts
 * for nothing then, everything else as ever. `*` lists nobody: it would open the registry to every page there is.
 */
import type { Config } from '../config.ts';
import type { Principal } from './principal.ts';

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;
const FORWARDING_HEADERS = ['forwarded', 'via', 'x-real-ip', 'x-client-ip', 'true-client-ip', 'x-scheme'];
// Browsers send both of the last two; Node's fetch sends Sec-Fetch-Mode alone.
const BROWSER_HEADERS = ['origin', 'referer', 'sec-fetch-site', 'sec-fetch-dest'];
const FORWARDING_PREFIXES = ['x-forwarded', 'x_forwarded', 'x-original-', 'x-envoy-', 'x-berth-', 'cf-'];

/** Who sent a request without credentials. */
export function withoutCredentials(request: Request, config: Pick<Config, 'openLoopback' | 'corsOrigins'>): Principal {
  if (!config.openLoopback) return { kind: 'anonymous' };
  const notLocal = foreignSign(request.headers, isFromListedOrigin(request, config));
  return notLocal === undefined ? { kind: 'local' } : { kind: 'anonymous', notLocal };
}

/** Whether the script of a page that the operator has named sent this. Browsers alone vouch for it: others say what they like. */
export function isFromListedOrigin({ headers }: Request, { corsOrigins }: Pick<Config, 'corsOrigins'>): boolean {
  const origin = headers.get('origin');
  return origin !== null && corsOrigins !== '*' && corsOrigins.includes(origin);
}

/** What tells that a request may come from elsewhere. A word of the lists above, never one of the request's own. */
function foreignSign(headers: Headers, isListedPage: boolean): string | undefined {
  if (!LOOPBACK_HOST.test(headers.get('host') ?? '')) return 'host';
  const signs = isListedPage ? FORWARDING_HEADERS : [...FORWARDING_HEADERS, ...BROWSER_HEADERS];
  const header = signs.find((name) => headers.has(name));
  if (header !== undefined) return header;
  const names = [...headers.keys()];
  const prefix = FORWARDING_PREFIXES.find((start) => names.some((name) => name.startsWith(start)));
  return prefix === undefined ? undefined : `${prefix}*`;
}
