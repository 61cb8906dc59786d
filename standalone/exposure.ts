/**
 * Who may reach the registry: the settings that decide it, and what the person who starts it should know. Pure.
 * Bound to loopback it is open to this machine (the Worker checks each request for signs of a proxy or a web page);
 * bound to anything else only BERTH_ANONYMOUS opens it.
 */
import { BlockList, isIPv6 } from 'node:net';
import { configuredPolicy, ignoredAnonymous } from '../src/auth/configured-policy.ts';
import { configuredTokenServer } from '../src/auth/configured-token-server.ts';
import { htpasswdOf } from '../src/auth/htpasswd.ts';
import type { OwnPolicy } from '../src/auth/policy.ts';
import { trustsOf } from '../src/auth/trusts.ts';
import type { Config } from '../src/config.ts';

const OPEN_LOOPBACK = 'BERTH_OPEN_LOOPBACK';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for 127.0.0.0/8 and ::1, in every way of writing them. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

type Environment = Readonly<Record<string, string | undefined>>;

/** The settings that say who may come in, and the policy that they make. */
export type Access = Pick<
  Config,
  'anonymous' | 'openLoopback' | 'proxySecrets' | 'readOnly' | 'trustedProxy' | 'directClients'
> & {
  /** Undefined where the tokens of an outside server decide alone. */
  readonly policy: OwnPolicy | undefined;
  readonly hasTokenServer: boolean;
  /** Whether there are lines of htpasswd, trusts, or a proxy that names people: then nobody comes in for being on this machine. */
  readonly hasPeople: boolean;
  /** Whether the registry asks who comes although no setting says so (asks-who.ts). */
  readonly asksWho: boolean;
};

/** @param asksWho what asks-who.ts says of the data */
export function accessOf(config: Config, asksWho = false): Access {
  const hasPeople = htpasswdOf(config).size > 0 || trustsOf(config).length > 0 || config.proxySecrets.length > 0;
  const policy = configuredPolicy(config);
  return {
    ...config,
    openLoopback: config.openLoopback && !hasPeople,
    policy: policy.kind === 'token-server' ? policy.also : policy,
    hasTokenServer: configuredTokenServer(config) !== undefined,
    hasPeople,
    asksWho,
  };
}

/** What somebody may do who is on the right side of the address: this machine for loopback, the network for others. */
export function rightsAt(
  host: string,
  { anonymous, openLoopback, policy, hasTokenServer, asksWho }: Access,
): Config['anonymous'] | 'by-policy' | 'by-token' {
  if (hasTokenServer) return 'by-token';
  if (policy?.kind === 'document' || asksWho) return 'by-policy';
  return isLoopback(host) && openLoopback ? 'read-write' : anonymous;
}

export interface ExposureWarning {
  readonly event: 'closed' | 'exposed' | 'read-only' | 'setting-ignored' | 'rule-ignored';
  readonly message: string;
}

/** What to say besides where it serves, of an address that others can reach or that nobody can use. */
export function exposureWarnings(host: string, access: Access, environment: Environment): ExposureWarning[] {
  const warnings: ExposureWarning[] = [];
  if (access.readOnly)
    warnings.push({
      event: 'read-only',
      message: 'pulls go on, pushes and deletes are refused with 405. Start it without --read-only to end that.',
    });
  if (!isLoopback(host) && environment[OPEN_LOOPBACK] === 'on')
    warnings.push({
      event: 'setting-ignored',
      message: `BERTH_OPEN_LOOPBACK=on has no effect here: ${host} is not a loopback address. BERTH_ANONYMOUS decides alone.`,
    });
  const rights = rightsAt(host, access);
  if (access.policy?.kind === 'document') return [...warnings, ...policyWarnings(access, access.policy)];
  if (rights === 'by-token' && access.policy !== undefined) {
    warnings.push({
      event: 'closed',
      message:
        'unless the admin API was given a policy, everything is refused: "policy": "also" in BERTH_TOKEN_SERVER has one asked besides the tokens. --policy FILE gives one.',
    });
  }
  if (access.asksWho && !isLoopback(host) && access.anonymous !== 'none') {
    warnings.push({
      event: 'exposed',
      message: `unless the admin API was given a policy, anyone who reaches this address may ${doing(access.anonymous)} everything, since BERTH_ANONYMOUS is ${access.anonymous}.`,
    });
  }
  if (rights === 'by-policy' || rights === 'by-token') return warnings;
  if (rights === 'none')
    warnings.push({
      event: 'closed',
      message: `${
        access.hasPeople
          ? 'whoever signs in may do nothing, unless the admin API has a policy. --policy FILE says who may do what (docs/policy.md)'
          : 'every request is refused, unless the admin API has people and a policy. --htpasswd FILE and --policy FILE say who comes in and may do what (docs/access.md)'
      }; BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address${isLoopback(host) && !access.hasPeople ? ', BERTH_OPEN_LOOPBACK=on to programs on this machine' : ''}.`,
    });
  else if (!isLoopback(host))
    warnings.push({
      event: 'exposed',
      message: `anyone who reaches this address may ${doing(rights)} everything, since BERTH_ANONYMOUS is ${rights}. BERTH_ANONYMOUS=none closes the registry.`,
    });
  return warnings;
}

function doing(rights: 'read' | 'read-write'): string {
  return rights === 'read' ? 'pull' : 'pull, push and delete';
}

/** What stands in the settings and can have no effect. */
function policyWarnings(access: Access, { rules }: Extract<OwnPolicy, { kind: 'document' }>): ExposureWarning[] {
  const warnings: ExposureWarning[] = [];
  const ignored = ignoredAnonymous(access);
  if (ignored !== undefined) warnings.push({ event: 'setting-ignored', message: ignored });
  const bound = rules.filter(({ networks }) => networks !== undefined).map(({ name }) => JSON.stringify(name));
  if (bound.length > 0 && !isAddressKnown(access)) {
    warnings.push({
      event: 'rule-ignored',
      message: `the policy names networks in ${bound.join(', ')}: such a rule allows nothing here, since npm start does not know where a client is. Where no proxy stands in front, BERTH_DIRECT_CLIENTS=on says that who connects is the client; behind a proxy that sets X-Forwarded-For, BERTH_PROXY_SECRET lets it know (docs/nginx.md).`,
    });
  }
  return warnings;
}

function isAddressKnown({ trustedProxy, proxySecrets, directClients }: Access): boolean {
  return trustedProxy || proxySecrets.length > 0 || directClients;
}

/** An address as it stands in a URL. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
