/**
 * Who may reach the registry, and what the person who starts it should know about that. Pure.
 * Bound to loopback it is open to this machine (the Worker checks each request for signs of a proxy or a web page);
 * bound to anything else only BERTH_ANONYMOUS opens it.
 */
import { BlockList, isIPv6 } from 'node:net';
import type { Config } from '../src/config.ts';

const OPEN_LOOPBACK = 'BERTH_OPEN_LOOPBACK';
const SETTING_PREFIX = 'BERTH_';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for 127.0.0.0/8 and ::1, in every way of writing them. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export type Variables = Readonly<Record<string, unknown>>;

/**
 * The Worker's variables: those of wrangler.toml, then the environment's own BERTH_ settings, and nothing else of the
 * environment. Whether loopback is open is decided here alone: a variable that is left over from another start must
 * not open a registry that the network can reach.
 */
export function workerVariables(
  configured: Variables,
  environment: Readonly<Record<string, string | undefined>>,
  host: string,
): Record<string, unknown> {
  const settings = Object.entries(environment).filter(
    ([name, value]) => name.startsWith(SETTING_PREFIX) && value !== undefined,
  );
  const { [OPEN_LOOPBACK]: chosen, ...variables } = { ...configured, ...Object.fromEntries(settings) };
  return isLoopback(host) ? { ...variables, [OPEN_LOOPBACK]: chosen ?? 'on' } : variables;
}

/** What to say when others can reach the address; undefined where they can't. */
export function exposureWarning(host: string, anonymous: Config['anonymous']): string | undefined {
  if (isLoopback(host)) return undefined;
  switch (anonymous) {
    case 'none':
      return 'every request will be refused, since BERTH_ANONYMOUS is none. BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address.';
    case 'read':
      return 'anyone who reaches this address may pull everything, since BERTH_ANONYMOUS is read. BERTH_ANONYMOUS=none closes the registry.';
    case 'read-write':
      return 'anyone who reaches this address may pull and push everything, since BERTH_ANONYMOUS is read-write. BERTH_ANONYMOUS=none closes the registry.';
  }
}

/** An address as it stands in a URL. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
