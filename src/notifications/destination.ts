/**
 * Where a webhook may be: https, and an address of the public internet, unless a setting allows others (CVE-2020-13788,
 * CVE-2026-32591). The URL parser writes every form of an address in one (`0x7f.1`, `2130706433` and `127.0.0.1` are equal
 * behind it), so what is looked at is what would be called. What a name resolves to is only known where the call
 * is made: there the runtime refuses (standalone: a network that allows public addresses alone; Cloudflare: no others).
 */
import { isAddress, isWithin, parseNetwork, type Network } from '../auth/networks.ts';

const LONGEST_URL_CHARACTERS = 2_048;

export interface DestinationRules {
  /** Plain http too, and addresses that are not public. */
  readonly allowPrivate: boolean;
  /** The registry's own: a webhook must not make it call itself. */
  readonly ownHosts: readonly string[];
}

/** Special-purpose addresses (IANA's registry of RFC 6890, and multicast). */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
const NOT_PUBLIC_IPV4 = SPECIAL_IPV4.map(network);
/** Of IPv6 this alone is given to anybody (RFC 4291 §2.4), but for the parts below. */
const GLOBAL_IPV6 = network('2000::/3');
/** Teredo and other protocols, documentation, and 6to4, which leads to any IPv4 address. */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];
const NOT_PUBLIC_IPV6 = SPECIAL_IPV6.map(network);
/** All that is not 2000::/3: NAT64, which leads to any IPv4 address, and what is of one site, link or machine. */
const NOT_GLOBAL_IPV6 = ['::/8', '100::/8', '200::/7', '400::/6', '800::/5', '1000::/4', '4000::/2', '8000::/1'];

/** What no name may resolve to either, for whoever makes the call: what the runtime takes for public is more. */
export const NOT_PUBLIC_NETWORKS: readonly string[] = [...SPECIAL_IPV4, ...SPECIAL_IPV6, ...NOT_GLOBAL_IPV6];

const IPV4_MAPPED = network('::ffff:0:0/96');

/** Names that never are on the internet (RFC 6761, RFC 6762, RFC 8375, and `.internal` as ICANN reserved it). */
const LOCAL_NAME = /(?:^|\.)(?:localhost|local|internal|home\.arpa|localdomain|intranet|lan|corp|home)$/;

const OTHERWISE = 'or set BERTH_WEBHOOKS_PRIVATE=on';

/** Why a webhook may not be there; `undefined` where it may. */
export function destinationProblem(text: string, rules: DestinationRules): string | undefined {
  if (text.length > LONGEST_URL_CHARACTERS) return `may have ${String(LONGEST_URL_CHARACTERS)} characters`;
  if (!URL.canParse(text)) return 'must be a URL, as in https://example.com/hook';
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') return 'must hold no name and password: use headers';
  const scheme = schemeProblem(url, rules);
  if (scheme !== undefined) return scheme;
  const host = plainHostname(url);
  if (rules.ownHosts.some((own) => own === host)) return "must not be the registry's own address";
  return rules.allowPrivate || isPublicHost(host)
    ? undefined
    : `must be an address of the public internet, ${OTHERWISE}`;
}

/** The host and port that would be called: dots at the end of a name would make another one of it. */
export function plainHost(url: URL): string {
  return `${plainHostname(url)}:${url.port}`;
}

function plainHostname({ hostname }: URL): string {
  return hostname.replace(/\.+$/, '').toLowerCase();
}

function schemeProblem({ protocol }: URL, { allowPrivate }: DestinationRules): string | undefined {
  if (protocol === 'https:' || (allowPrivate && protocol === 'http:')) return undefined;
  if (allowPrivate) return 'must begin with https:// or http://';
  return protocol === 'http:' ? `must begin with https://, ${OTHERWISE}` : 'must begin with https://';
}

function isPublicHost(host: string): boolean {
  const address = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isAddress(address)) return isPublicAddress(address);
  return host.includes('.') && !LOCAL_NAME.test(host);
}

function isPublicAddress(address: string): boolean {
  if (isWithin(IPV4_MAPPED, address)) return !NOT_PUBLIC_IPV4.some((special) => isWithin(special, address));
  return isWithin(GLOBAL_IPV6, address) && !NOT_PUBLIC_IPV6.some((special) => isWithin(special, address));
}

function network(text: string): Network {
  const result = parseNetwork(text);
  if (!result.ok) throw new Error(`${text} is no network: ${result.message}`);
  return result.network;
}
