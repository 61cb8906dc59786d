/**
 * Every setting, parsed once for each environment, and the limits that are not settings.
 * docs/configuration.md explains each. A wrong setting opens nothing: the front answers 503 and the log names it.
 */
import * as v from 'valibot';

const SECONDS_MS = 1_000;
const DAY_SECONDS = 86_400;
/** Requests to objects carry at most 32 MiB, so a manifest has to stay well below. */
const LARGEST_MANIFEST_SETTING_BYTES = 16 * 1024 * 1024;
/** R2 drops unfinished multipart uploads after seven days; a session must end before. */
const LONGEST_UPLOAD_SECONDS = 6 * DAY_SECONDS;
export const LONGEST_UPLOAD_MS = LONGEST_UPLOAD_SECONDS * SECONDS_MS;
const LONGEST_GRACE_SECONDS = 90 * DAY_SECONDS;
const LONGEST_EXISTENCE_CACHE_SECONDS = 3_600;
/** A secret of Cloudflare's holds 5 KB: BERTH_HTPASSWD_2 and so on go on where BERTH_HTPASSWD ends. */
const MOST_HTPASSWD_PARTS = 99;
export const LONGEST_HTPASSWD_CHARACTERS = 1024 * 1024;
/** A row has a kilobyte: far below what an object may hold. */
const MOST_OUTBOX_EVENTS = 1_000_000;
/** The log of events keeps no longer than this, so neither need an outbox. */
const LONGEST_OUTBOX_SECONDS = 7 * DAY_SECONDS;
/** Each request looks through them. */
const MOST_CORS_ORIGINS = 100;

/** Decimal digits. */
export const wholeNumber = (least: number, most: number) => {
  const problem = `must be a whole number from ${String(least)} to ${String(most)}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, problem),
    v.transform(Number),
    v.minValue(least, problem),
    v.maxValue(most, problem),
  );
};

export const oneOf = <const Choices extends readonly string[]>(choices: Choices) =>
  v.picklist(choices, `must be one of ${choices.join(', ')}`);

/** Scheme, host and port, and nothing else. */
const origin = v.pipe(
  v.string(),
  v.check(isOrigin, 'must be http:// or https:// and a host, perhaps a port, and nothing behind it'),
  v.transform((text) => new URL(text).origin),
);

const adminPassword = v.pipe(
  v.string(),
  v.check(
    (text) => text.length >= 16 && text.length <= 1_024 && !/\p{Cc}/u.test(text),
    'must have 16 to 1024 characters, and no line breaks',
  ),
);

export const LONGEST_PROXY_SECRET_CHARACTERS = 256;
/** Without what a header or a configuration file of a proxy would need quotes for. */
export const PROXY_SECRET_FORM = /^[A-Za-z0-9._~+/=-]{32,256}$/;
const proxySecret = v.pipe(
  v.string(),
  v.regex(PROXY_SECRET_FORM, 'must be 32 to 256 letters, digits and . _ ~ + / = -: openssl rand -hex 32 makes one'),
);

/** What a store of secrets is encrypted with: AES-256, raw. */
const encryptionKey = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9+/]{43}=$/, 'must be 32 random bytes in base64: openssl rand -base64 32 makes them'),
);

/** `*`, or exact origins: what a wildcard inside one meant, each reader would take differently. */
const origins = v.pipe(
  v.string(),
  v.transform((text) => text.split(',').map((part) => part.trim())),
  v.check(
    (parts) => isAny(parts) || (parts.length <= MOST_CORS_ORIGINS && parts.every(isExactOrigin)),
    `must be *, or up to ${String(MOST_CORS_ORIGINS)} origins with commas between: http:// or https:// and a host, perhaps a port, and nothing behind it`,
  ),
  v.transform((parts) => (isAny(parts) ? '*' : parts.map((text) => new URL(text).origin))),
);

const SettingsObject = v.object({
  BERTH_ADMIN_PASSWORD: v.optional(adminPassword),
  BERTH_ANONYMOUS: v.optional(oneOf(['none', 'read', 'read-write']), 'none'),
  BERTH_OPEN_LOOPBACK: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_POLICY: v.optional(v.string()),
  BERTH_TOKEN_SERVER: v.optional(v.string()),
  BERTH_TRUSTS: v.optional(v.string()),
  BERTH_READ_ONLY: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_MAX_MANIFEST_BYTES: v.optional(wholeNumber(1_024, LARGEST_MANIFEST_SETTING_BYTES), '4194304'),
  BERTH_MANIFESTS_ALLOW_MISSING: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_PUBLIC_URL: v.optional(origin),
  BERTH_TRUSTED_PROXY: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_DIRECT_CLIENTS: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_PROXY_SECRET: v.optional(proxySecret),
  BERTH_PROXY_SECRET_PREVIOUS: v.optional(proxySecret),
  BERTH_HTPASSWD: v.optional(v.string()),
  BERTH_HTPASSWD_MAX_COST: v.optional(wholeNumber(4, 14), '12'),
  BERTH_ON_CLOUDFLARE: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_CORS_ORIGINS: v.optional(origins),
  BERTH_EVENTS: v.optional(oneOf(['off', 'on'])),
  BERTH_ENDPOINTS: v.optional(v.string()),
  BERTH_WEBHOOKS_PRIVATE: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_COLLECTION_EVENTS: v.optional(oneOf(['off', 'on']), 'off'),
  BERTH_OUTBOX_MOST: v.optional(wholeNumber(1, MOST_OUTBOX_EVENTS), '100000'),
  BERTH_OUTBOX_OLDEST_SECONDS: v.optional(wholeNumber(1, LONGEST_OUTBOX_SECONDS), '86400'),
  BERTH_ENCRYPTION_KEY: v.optional(encryptionKey),
  BERTH_ENCRYPTION_KEY_PREVIOUS: v.optional(encryptionKey),
  BERTH_UPLOAD_EXPIRY_SECONDS: v.optional(wholeNumber(1, LONGEST_UPLOAD_SECONDS), '86400'),
  BERTH_GRACE_SECONDS: v.optional(wholeNumber(0, LONGEST_GRACE_SECONDS), '86400'),
  BERTH_EXISTENCE_CACHE_SECONDS: v.optional(wholeNumber(0, LONGEST_EXISTENCE_CACHE_SECONDS), '60'),
  BERTH_JURISDICTION: v.optional(oneOf(['eu', 'fedramp'])),
  BERTH_LOCATION_HINT: v.optional(oneOf(['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'])),
});
/** What `npm start` knows of the port that it serves. It is no setting: nobody but it can say this. */
const Served = v.object({ SERVED_SCHEME: v.optional(oneOf(['http', 'https'])) });

/** Of each setting, its type, bounds and default. */
export const SETTING_SCHEMAS = SettingsObject.entries;

const SettingsSchema = v.pipe(
  SettingsObject,
  v.forward(
    v.check(
      // Zero is for tests and demonstrations: what nothing refers to goes at once.
      ({ BERTH_GRACE_SECONDS: grace, BERTH_UPLOAD_EXPIRY_SECONDS: expiry }) => grace === 0 || grace >= expiry,
      'must be 0 or at least BERTH_UPLOAD_EXPIRY_SECONDS: a blob has to outlive the push that it belongs to',
    ),
    ['BERTH_GRACE_SECONDS'],
  ),
);

/** The names of all settings, but for the numbered parts of a long one. */
export const SETTING_NAMES: readonly string[] = Object.keys(SettingsObject.entries);
const HTPASSWD_PART = /^BERTH_HTPASSWD_([1-9]\d?)$/;

export function isSettingName(name: string): boolean {
  return SETTING_NAMES.includes(name) || htpasswdPart(name) !== undefined;
}

/** Whether it is the setting with the lines of htpasswd, or goes on with them. */
export function isHtpasswd(name: string): boolean {
  return name === 'BERTH_HTPASSWD' || htpasswdPart(name) !== undefined;
}

/** From 2 on; the first part has no number. */
function htpasswdPart(name: string): number | undefined {
  const number = Number(HTPASSWD_PART.exec(name)?.[1] ?? 0);
  return number >= 2 && number <= MOST_HTPASSWD_PARTS ? number : undefined;
}

type LocationHint = v.InferOutput<typeof SettingsSchema>['BERTH_LOCATION_HINT'];

export interface Config {
  /** What opens the admin API always. */
  readonly adminPassword: string | undefined;
  /** What a caller without credentials may do, where there is no policy. */
  readonly anonymous: 'none' | 'read' | 'read-write';
  /** Set by `npm start` on a loopback address: requests that provably come from this machine may do everything. */
  readonly openLoopback: boolean;
  /** The policy document as it was given; auth/configured-policy.ts reads it. */
  readonly policy: string | undefined;
  /** The document of an outside token server as it was given; auth/configured-token-server.ts reads it. */
  readonly tokenServer: string | undefined;
  /** The document of trusted issuers as it was given; auth/trusts.ts reads it. */
  readonly trusts: string | undefined;
  /** Whether pushes and deletes are refused, and nothing in a repository changes. */
  readonly readOnly: boolean;
  readonly maxManifestBytes: number;
  /** Whether a manifest is taken that refers to blobs or manifests which the repository does not have. */
  readonly allowMissing: boolean;
  /** Scheme, host and port under which clients reach the registry, where an operator says so. */
  readonly publicUrl: string | undefined;
  /** Whether the registry stands behind a proxy whose X-Forwarded-Proto, -Host and -For can be believed. */
  readonly trustedProxy: boolean;
  /** Whether who is at the other end of a connection is the client, unless a proxy has proven itself. */
  readonly directClients: boolean;
  /** How the served port is spoken to where that is not the Worker's to see, as its TLS ends before it. */
  readonly servedScheme: 'http' | 'https' | undefined;
  /** What a proxy in front proves itself with: none, one, or two while one is replaced (auth/proxy-proof.ts). */
  readonly proxySecrets: readonly string[];
  /** The text of an htpasswd file, or empty (auth/htpasswd.ts reads it). */
  readonly htpasswd: string;
  /** The highest cost that a line of it may have. */
  readonly htpasswdMaxCost: number;
  /** Whether every request comes through Cloudflare, which says in CF-Connecting-IP where from. */
  readonly onCloudflare: boolean;
  /** The origins of web pages whose scripts may read answers (CORS). `*`: of every one, which gives none of them a right. */
  readonly corsOrigins: '*' | readonly string[];
  /** Whether changes are written down as events. Without it there is no row, no message and no cost. */
  readonly events: boolean;
  /** The document of endpoints as it was given; notifications/endpoint-document.ts reads it. */
  readonly endpoints: string | undefined;
  /** Whether a webhook may be plain http, and at an address that is not public. */
  readonly webhooksPrivate: boolean;
  /** Whether what is collected, since nothing refers to it, is an event as well. */
  readonly collectionEvents: boolean;
  /** How many events of one repository may wait for the Queue, and how long: past either, changes are refused. */
  readonly outboxMost: number;
  readonly outboxOldestMs: number;
  /** What secrets that the admin API is given are encrypted with, in base64; while it is replaced, the one before as well. */
  readonly encryptionKey: string | undefined;
  readonly previousEncryptionKey: string | undefined;
  /** How long an upload session lives after its POST. */
  readonly uploadExpiryMs: number;
  /** How long a blob that nothing refers to is kept, first by its repository, then by the directory. */
  readonly graceMs: number;
  /** How long a data centre may believe that a repository has a blob or manifest; 0 switches that cache off. */
  readonly existenceCacheMs: number;
  /** Where objects may live at all, and where they are first placed (Cloudflare only). */
  readonly jurisdiction: 'eu' | 'fedramp' | undefined;
  readonly locationHint: LocationHint;
}

export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface SettingMistake {
  readonly name: string;
  /** What it must be instead. It never has the value. */
  readonly message: string;
}

/** What is wrong with the value of each setting. */
export function mistakesIn(environment: unknown): SettingMistake[] {
  return mistakesOf(v.safeParse(SettingsSchema, environment));
}

function mistakesOf({ issues }: v.SafeParseResult<typeof SettingsSchema>): SettingMistake[] {
  return (issues ?? []).map((issue) => ({ name: v.getDotPath(issue) ?? 'settings', message: issue.message }));
}

/** Throws ConfigurationError with one line a mistake. */
export function parseConfig(environment: unknown): Config {
  const result = v.safeParse(SettingsSchema, environment);
  if (!result.success) {
    const problems = mistakesOf(result).map(({ name, message }) => `${name} ${message}`);
    throw new ConfigurationError(problems.join('; '));
  }
  const settings = result.output;
  return {
    adminPassword: settings.BERTH_ADMIN_PASSWORD,
    anonymous: settings.BERTH_ANONYMOUS,
    openLoopback: settings.BERTH_OPEN_LOOPBACK === 'on',
    policy: settings.BERTH_POLICY,
    tokenServer: settings.BERTH_TOKEN_SERVER,
    trusts: settings.BERTH_TRUSTS,
    readOnly: settings.BERTH_READ_ONLY === 'on',
    maxManifestBytes: settings.BERTH_MAX_MANIFEST_BYTES,
    allowMissing: settings.BERTH_MANIFESTS_ALLOW_MISSING === 'on',
    publicUrl: settings.BERTH_PUBLIC_URL,
    trustedProxy: settings.BERTH_TRUSTED_PROXY === 'on',
    directClients: settings.BERTH_DIRECT_CLIENTS === 'on',
    servedScheme: v.parse(Served, environment).SERVED_SCHEME,
    proxySecrets: [settings.BERTH_PROXY_SECRET, settings.BERTH_PROXY_SECRET_PREVIOUS].filter(
      (secret) => secret !== undefined,
    ),
    htpasswd: wholeHtpasswd(environment),
    htpasswdMaxCost: settings.BERTH_HTPASSWD_MAX_COST,
    onCloudflare: settings.BERTH_ON_CLOUDFLARE === 'on',
    corsOrigins: settings.BERTH_CORS_ORIGINS ?? [],
    events: (settings.BERTH_EVENTS ?? (settings.BERTH_ENDPOINTS === undefined ? 'off' : 'on')) === 'on',
    endpoints: settings.BERTH_ENDPOINTS,
    webhooksPrivate: settings.BERTH_WEBHOOKS_PRIVATE === 'on',
    collectionEvents: settings.BERTH_COLLECTION_EVENTS === 'on',
    outboxMost: settings.BERTH_OUTBOX_MOST,
    outboxOldestMs: settings.BERTH_OUTBOX_OLDEST_SECONDS * SECONDS_MS,
    encryptionKey: settings.BERTH_ENCRYPTION_KEY,
    previousEncryptionKey: settings.BERTH_ENCRYPTION_KEY_PREVIOUS,
    uploadExpiryMs: settings.BERTH_UPLOAD_EXPIRY_SECONDS * SECONDS_MS,
    graceMs: settings.BERTH_GRACE_SECONDS * SECONDS_MS,
    existenceCacheMs: settings.BERTH_EXISTENCE_CACHE_SECONDS * SECONDS_MS,
    jurisdiction: settings.BERTH_JURISDICTION,
    locationHint: settings.BERTH_LOCATION_HINT,
  };
}

/** The settings of an environment, parsed at first need: an object with a wrong one still wakes, and keeps its alarms. */
export function configOf(environment: object): Config {
  const known = parsed.get(environment);
  if (known !== undefined) return known;
  const config = parseConfig(environment);
  parsed.set(environment, config);
  return config;
}

const parsed = new WeakMap<object, Config>();

/** All of its parts, in the order of their numbers. */
function wholeHtpasswd(environment: unknown): string {
  const parts = Object.entries(v.parse(v.record(v.string(), v.unknown()), environment))
    .filter((entry): entry is [string, string] => isHtpasswd(entry[0]) && typeof entry[1] === 'string')
    .map(([name, text]) => ({ order: htpasswdPart(name) ?? 1, text }))
    .sort((one, other) => one.order - other.order);
  const whole = parts.map(({ text }) => text).join('\n');
  if (whole.length > LONGEST_HTPASSWD_CHARACTERS)
    throw new ConfigurationError(`BERTH_HTPASSWD must have at most ${String(LONGEST_HTPASSWD_CHARACTERS)} characters`);
  return whole;
}

function isAny(parts: readonly string[]): boolean {
  return parts.length === 1 && parts[0] === '*';
}

/** A URL may have a `*` in its host. */
function isExactOrigin(text: string): boolean {
  return isOrigin(text) && !text.includes('*');
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin: bare, href } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && href === `${bare}/`;
}
