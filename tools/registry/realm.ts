/**
 * Where a password may be taken for a token. A registry names the address itself (`realm`), so one that was broken into,
 * or whoever sits between, could name its own (CVE-2020-15157, CVE-2026-33540). Pure.
 */
import { isIP } from 'node:net';
import { getDomain } from 'tldts';

export type JudgedRealm = { readonly ok: true; readonly url: URL } | { readonly ok: false; readonly reason: string };

/**
 * The registry's own host, or one of the same registrable domain (`registry.example.org`, `auth.example.org`), by the
 * Public Suffix List with its private part: `mine.workers.dev` and `yours.workers.dev` have nothing in common.
 */
export function judgeRealm(registry: URL, realm: string): JudgedRealm {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
    return refused('is no address of a token server');
  if (registry.protocol === 'https:' && url.protocol !== 'https:') return refused('is not https, as the registry is');
  const [own, other] = [hostOf(registry), hostOf(url)];
  if (own !== other && !shareDomain(own, other)) return refused(`is neither on ${own} nor in its domain`);
  url.hash = '';
  return { ok: true, url };

  function refused(why: string): JudgedRealm {
    // Only its host: the rest is somebody else's to choose.
    const where = url === undefined || url.host === '' ? '' : ` (${url.protocol}//${url.host})`;
    return {
      ok: false,
      reason: `the registry sends us for a token to a place${where} that ${why}: nothing is asked there`,
    };
  }
}

/** A dot at the end names the same host. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/\.$/, '');
}

function shareDomain(own: string, other: string): boolean {
  if ([own, other].some((host) => isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0)) return false;
  const domain = getDomain(own, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(other, { allowPrivateDomains: true });
}
