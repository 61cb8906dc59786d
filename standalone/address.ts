/** Ports and addresses as they are typed. Pure: no name is looked up. */
import { isIPv4, isIPv6 } from 'node:net';

export const HIGHEST_PORT = 65_535;
export const DEFAULT_HOST = '127.0.0.1';

/** Decimal digits and nothing else, up to `HIGHEST_PORT`. */
export function parsePort(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port <= HIGHEST_PORT ? port : undefined;
}

/** An IP address, with or without the brackets of a URL, or `localhost`. */
export function parseHost(text: string): string | undefined {
  // The name is taken for what it means, whatever the hosts file says; clients that try ::1 first fall back.
  if (text === 'localhost') return DEFAULT_HOST;
  const address = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  // A zone (fe80::1%eth0) has no place in a URL, so nobody could type the address that is announced.
  if (address.includes('%')) return undefined;
  return isIPv4(address) || isIPv6(address) ? address : undefined;
}
