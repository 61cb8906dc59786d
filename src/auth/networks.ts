/**
 * Addresses and networks (RFC 4291 §2.2, RFC 4632 §3.1). All of them are compared as eight groups of 16 bits: an IPv4
 * address is the IPv6 one that is mapped to it, so that it is the same network however a client reaches us.
 */

const GROUP_BITS = 16;
const ADDRESS_BITS = 128;
const IPV4_BITS = 32;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff];
/** Of an IPv6 address. */
const CUSTOMER_GROUPS = 4;
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
const IPV6 = /^[0-9a-f:.]{2,45}$/i;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;

export interface Network {
  readonly text: string;
  readonly groups: readonly number[];
  /** How many bits of them count. */
  readonly bits: number;
}

export type NetworkResult =
  { readonly ok: true; readonly network: Network } | { readonly ok: false; readonly message: string };

/** `10.0.0.0/8`, `fd00::/8`, or one address. Never throws; a message says what to mend. */
export function parseNetwork(text: string): NetworkResult {
  const slash = text.indexOf('/');
  const groups = groupsOf(slash === -1 ? text : text.slice(0, slash));
  if (groups === undefined) return { ok: false, message: 'must be an IP address and a length, as in 10.0.0.0/8' };
  const isIpv4 = !text.includes(':');
  const most = isIpv4 ? IPV4_BITS : ADDRESS_BITS;
  const given = slash === -1 ? String(most) : text.slice(slash + 1);
  if (!PREFIX.test(given) || Number(given) > most) {
    return { ok: false, message: `must have a length from 0 to ${String(most)} behind its slash` };
  }
  const bits = Number(given) + (isIpv4 ? ADDRESS_BITS - IPV4_BITS : 0);
  // Somebody who writes 10.1.2.3/8 may mean the address or the network.
  if (groups.some((group, index) => (group & ~maskOf(index, bits)) !== 0)) {
    return { ok: false, message: `has bits beyond its length of ${given}: they must be 0` };
  }
  return { ok: true, network: { text, groups, bits } };
}

export function isAddress(text: string): boolean {
  return groupsOf(text) !== undefined;
}

/**
 * Whoever may send from one address of a network may send from all of it: an IPv4 address, or the first half of an IPv6
 * one, which a provider gives to one customer (RFC 6177). Equal for equal networks, however they are written.
 */
export function networkOf(address: string | undefined): string | undefined {
  const groups = address === undefined ? undefined : groupsOf(address);
  if (groups === undefined) return undefined;
  const counting = MAPPED_PREFIX.every((group, index) => groups[index] === group)
    ? groups
    : groups.slice(0, CUSTOMER_GROUPS);
  return counting.map((group) => group.toString(16)).join(':');
}

export function isWithin({ groups, bits }: Network, address: string): boolean {
  const given = groupsOf(address);
  return given?.every((group, index) => (group & maskOf(index, bits)) === groups[index]) === true;
}

/** Which bits of a group count when so many of the whole address do. */
function maskOf(index: number, bits: number): number {
  const counting = Math.min(Math.max(bits - index * GROUP_BITS, 0), GROUP_BITS);
  return (0xffff << (GROUP_BITS - counting)) & 0xffff;
}

function groupsOf(text: string): number[] | undefined {
  if (IPV4.test(text)) {
    const [a = 0, b = 0, c = 0, d = 0] = text.split('.').map(Number);
    if ([a, b, c, d].some((byte) => byte > 255)) return undefined;
    return [...MAPPED_PREFIX, a * 256 + b, c * 256 + d];
  }
  const url = `http://[${text}]/`;
  if (!IPV6.test(text) || !URL.canParse(url)) return undefined;
  // The parser of URLs has already made sure that there are neither too many nor too few, and that there is one gap.
  const [before = '', after] = new URL(url).hostname.slice(1, -1).split('::');
  const head = hexGroups(before);
  const tail = hexGroups(after ?? '');
  const gap = Array.from({ length: ADDRESS_BITS / GROUP_BITS - head.length - tail.length }, () => 0);
  return [...head, ...gap, ...tail];
}

function hexGroups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}
