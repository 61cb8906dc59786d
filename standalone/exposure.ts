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
import { configuredEndpoints } from '../src/notifications/configured-endpoints.ts';
import {
  ConfigurationError,
  isSecretSetting,
  isSettingName,
  parseConfig,
  SETTING_NAMES,
  type Config,
} from '../src/config.ts';
import { endpointSecrets, secretNames } from './endpoint-secrets.ts';
import { EXIT_USAGE, StartFailure } from './start-failure.ts';

export type Variables = Readonly<Record<string, unknown>>;

const ANONYMOUS = 'BERTH_ANONYMOUS';
const OPEN_LOOPBACK = 'BERTH_OPEN_LOOPBACK';
const ENDPOINTS = 'BERTH_ENDPOINTS';
/** Each says of everybody what they may do. */
const CLOSING = ['BERTH_POLICY', 'BERTH_TOKEN_SERVER'];
/** Is for Cloudflare alone: what a client says of its own address here is not to be believed. */
const ON_CLOUDFLARE = 'BERTH_ON_CLOUDFLARE';
/** Here the objects are as near as a cache would be, and every change is seen at once. */
const OWN_DEFAULTS: Variables = { BERTH_EXISTENCE_CACHE_SECONDS: '0' };
const SETTING_PREFIX = 'BERTH_';
/** Names that the tests, the CI, workerd's guard and tools use. They are no settings, and may be set where Berth is started. */
const OTHER_NAMES = /^BERTH_(REQUIRE_CLIENTS$|GO_CACHE$|TEST_|CI_|WORKERD_|COPY_)/;
/** A name that differs in more than these from every setting, and is no part of one, is not taken for any of them. */
const MOST_MISTYPED_CHARACTERS = 4;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for 127.0.0.0/8 and ::1, in every way of writing them. */
export function isLoopback(address: string): boolean {
  return LOOPBACK.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The Worker's variables: what suits one machine, then those of wrangler.toml, then the environment's own BERTH_ settings, and nothing else of the
 * environment but the secrets of endpoints. Whether loopback is open is decided here alone: a variable that is left over from another start must
 * not open a registry that the network can reach. Who types BERTH_ANONYMOUS=none wants it closed, on loopback too; and
 * a policy and a token server say of everybody what they may do.
 * Throws StartFailure where a name or a value is wrong.
 */
export function workerVariables(
  configured: Variables,
  environment: Environment,
  host: string,
  otherBindings: readonly string[] = [],
): Record<string, unknown> {
  const endpoints = (environment[ENDPOINTS] ?? '') === '' ? configured[ENDPOINTS] : environment[ENDPOINTS];
  const secrets = secretNames(endpoints);
  const settings = settingsOf(environment, Object.keys(configured), secrets);
  const given: Variables = { ...OWN_DEFAULTS, ...configured, ...settings };
  const { [OPEN_LOOPBACK]: chosen, [ON_CLOUDFLARE]: _, ...others } = given;
  const isClosed = settings[ANONYMOUS] === 'none' || CLOSING.some((name) => name in others);
  const variables = isLoopback(host) ? { ...others, [OPEN_LOOPBACK]: chosen ?? (isClosed ? 'off' : 'on') } : others;
  refuseWrongValues(variables);
  const isTaken = (name: string): boolean => name in variables || otherBindings.includes(name);
  return { ...variables, ...endpointSecrets(endpoints, environment, isTaken) };
}

/** An empty variable counts as unset, as shells and service managers have no other way to take one back. */
function settingsOf(
  environment: Environment,
  configured: readonly string[],
  secrets: readonly string[],
): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith(SETTING_PREFIX) || OTHER_NAMES.test(name)) continue;
    if (secrets.includes(name) && !isSettingName(name)) continue;
    if (!isSettingName(name) && !configured.includes(name)) throw new StartFailure(unknown(name), USAGE);
    if (value !== undefined && value !== '') settings[name] = value;
  }
  return settings;
}

const USAGE = { exitCode: EXIT_USAGE };

/** What somebody who knows other registries looks for among the settings. */
const OPTIONS: ReadonlyMap<string, string> = new Map([
  ['BERTH_PORT', '--port 8788'],
  ['BERTH_HOST', '--host 127.0.0.1'],
  ['BERTH_DATA', '--data /srv/berth'],
  ['BERTH_STORAGE', '--storage r2'],
]);

/** A misspelt setting would leave its default in force, and nobody would know. */
function unknown(name: string): string {
  const part = name.slice(SETTING_PREFIX.length);
  const [nearest] = SETTING_NAMES.map((known) => ({
    known,
    distance: part !== '' && known.includes(part) ? 0 : distance(name, known),
  })).sort((one, other) => one.distance - other.distance);
  const isMeant = nearest !== undefined && nearest.distance <= MOST_MISTYPED_CHARACTERS;
  const option = OPTIONS.get(name);
  if (option !== undefined) return `${name} is no setting. It is an option: npm start -- ${option}`;
  return `${name} is no setting.${isMeant ? ` Did you mean ${nearest.known}?` : ''} docs/configuration.md lists them all.`;
}

/** How many characters have to be inserted, dropped or replaced (Levenshtein). */
function distance(one: string, other: string): number {
  const wanted = other.split('');
  let row = [0, ...wanted.map((_, column) => column + 1)];
  for (const [index, character] of one.split('').entries()) {
    const next = [index + 1];
    for (const [column, candidate] of wanted.entries()) {
      const replaced = (row[column] ?? 0) + (character === candidate ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** A wrong value would make the Worker refuse every request; here is the person who can put it right. */
function refuseWrongValues(variables: Variables): void {
  try {
    const config = parseConfig(variables);
    configuredPolicy(config);
    htpasswdOf(config);
    trustsOf(config);
    configuredEndpoints(config);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    // The Worker's own message leaves the value out, since its log is read by others.
    const given = SETTING_NAMES.filter(
      (name) => error.message.includes(`${name} must`) && name in variables && !isSecretSetting(name),
    );
    const values = given.map((name) => `${name}=${JSON.stringify(variables[name])}`).join(', ');
    throw new StartFailure(
      `${error.message}${values === '' ? '' : ` (given: ${values})`}. docs/configuration.md explains every setting.`,
      { ...USAGE, cause: error },
    );
  }
}

/** The settings that say who may come in, and the policy that they make. */
export type Access = Pick<Config, 'anonymous' | 'openLoopback' | 'proxySecrets' | 'trustedProxy'> & {
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
  readonly event: 'closed' | 'exposed' | 'setting-ignored' | 'rule-ignored';
  readonly message: string;
}

/** What to say besides where it serves, of an address that others can reach or that nobody can use. */
export function exposureWarnings(host: string, access: Access, environment: Environment): ExposureWarning[] {
  const warnings: ExposureWarning[] = [];
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
      message: access.hasPeople
        ? 'Closed: whoever signs in may do nothing yet. --policy FILE says who may do what (docs/policy.md); BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address.'
        : `Closed: every request is refused. BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address${isLoopback(host) ? ', BERTH_OPEN_LOOPBACK=on to programs on this machine' : ''}.`,
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
  if (bound.length > 0 && !access.trustedProxy && access.proxySecrets.length === 0) {
    warnings.push({
      event: 'rule-ignored',
      message: `the policy names networks in ${bound.join(', ')}: such a rule allows nothing here, since npm start does not know where a client is. Behind a proxy that sets X-Forwarded-For, BERTH_PROXY_SECRET lets it know (docs/nginx.md).`,
    });
  }
  return warnings;
}

/** An address as it stands in a URL. */
export function urlHost(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
