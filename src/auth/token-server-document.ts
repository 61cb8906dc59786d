/**
 * The document of an outside token server: whose tokens count in place of Berth's own, and by which keys they are known
 * (docs/token-server.md is its reference). A document with any mistake is none. Pure.
 */
import * as v from 'valibot';
import { isLoopbackHost } from './loopback-host.ts';
import { line, list, parseSettingDocument, text, wholeMistake, type DocumentForm } from './setting-document.ts';
import { ALGORITHMS, keyOfJwk, keysOfCertificates, type Algorithm, type TrustedKey } from './trusted-key.ts';

export const LONGEST_TOKEN_SERVER_CHARACTERS = 65_536;
const MOST_KEYS = 50;
const LONGEST_REALM_CHARACTERS = 1_000;
const LONGEST_NAME_CHARACTERS = 255;
/** Document, key set, keys, key, and what a key may say besides. */
const MAX_DEPTH = 8;
/** It stands in a quoted string of a header (RFC 9110 §5.6.4). */
const SERVICE = /^[ !#-[\]-~]+$/;

export interface TokenServer {
  /** Where clients fetch tokens. */
  readonly realm: string;
  /** Whom tokens have to be for. */
  readonly service: string;
  /** By whom they have to be. */
  readonly issuer: string;
  readonly algorithms: readonly Algorithm[];
  /** By each name that a token may use for one. What a key is good for is less than its kind allows. */
  readonly keys: ReadonlyMap<string, TrustedKey>;
  /** Where there is but one: a token that names no key means it. */
  readonly onlyKey: TrustedKey | undefined;
  /** Whether the registry's policy has to allow, too, what a token says. */
  readonly policy: 'off' | 'also';
  /** Whether a token may bring a key, which is not looked at. Otherwise it is refused. */
  readonly ignoresEmbeddedKeys: boolean;
}

type TokenServerResult =
  | { readonly ok: true; readonly server: TokenServer }
  /** Each is a path and a reason: `jwks.keys[0]: …`. */
  | { readonly ok: false; readonly mistakes: readonly string[] };

const realm = v.pipe(
  line(LONGEST_REALM_CHARACTERS),
  v.check(
    isRealm,
    'must be https:// (or http:// on this machine: clients send passwords there), a host and a path, without a name, a password or a #',
  ),
  // So that no quote is left in it.
  v.transform((given) => new URL(given).href),
);

const jwk = v.pipe(
  v.record(v.string(), v.unknown(), 'must be an object'),
  v.rawTransform(({ dataset, addIssue, NEVER }): TrustedKey => {
    const result = keyOfJwk(dataset.value);
    if (result.ok) return result.key;
    addIssue({ message: result.message });
    return NEVER;
  }),
);

const certificates = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }): readonly TrustedKey[] => {
    const results = keysOfCertificates(dataset.value);
    if (results === undefined || results.length > MOST_KEYS) {
      addIssue({ message: `must be 1 to ${String(MOST_KEYS)} certificates in PEM, each from BEGIN to END` });
      return NEVER;
    }
    for (const [index, result] of results.entries()) {
      if (!result.ok) addIssue({ message: `number ${String(index + 1)} ${result.message}` });
    }
    return results.flatMap((result) => (result.ok ? [result.key] : []));
  }),
);

const DocumentSchema = v.strictObject({
  realm,
  service: v.pipe(
    line(LONGEST_NAME_CHARACTERS),
    v.regex(SERVICE, 'must be of ASCII, without a quotation mark or a backslash'),
  ),
  issuer: line(LONGEST_NAME_CHARACTERS),
  // What a set says besides its keys is nobody's business (RFC 7517 §5).
  jwks: v.optional(v.looseObject({ keys: list(jwk, MOST_KEYS) })),
  certificates: v.optional(certificates),
  algorithms: list(v.picklist(ALGORITHMS, `must be one of ${ALGORITHMS.join(', ')}`), ALGORITHMS.length),
  policy: v.optional(v.picklist(['off', 'also'], 'must be off or also'), 'off'),
  ignoreEmbeddedKeys: v.optional(v.boolean('must be true or false'), false),
});

const FORM: DocumentForm<typeof DocumentSchema> = {
  schema: DocumentSchema,
  longestCharacters: LONGEST_TOKEN_SERVER_CHARACTERS,
  maxDepth: MAX_DEPTH,
  page: 'docs/token-server.md',
};

/** Never throws. */
export function parseTokenServer(given: string): TokenServerResult {
  const result = parseSettingDocument(given, FORM);
  if (!result.ok) return result;
  const { jwks, certificates: ofCertificates, algorithms, ignoreEmbeddedKeys, ...said } = result.value;
  const trusted = merged([...(jwks?.keys ?? []), ...(ofCertificates ?? [])]);
  if (trusted.length === 0) return wholeMistake('names no key: give jwks, certificates or both');
  const mistakes = [...unusable(trusted, algorithms), ...ambiguous(trusted)];
  if (mistakes.length > 0) return { ok: false, mistakes };
  const pinned = trusted.map((key) => ({
    ...key,
    algorithms: key.algorithms.filter((one) => algorithms.includes(one)),
  }));
  const server: TokenServer = {
    ...said,
    algorithms,
    keys: new Map(pinned.flatMap((key) => key.ids.map((id) => [id, key] as const))),
    onlyKey: pinned.length === 1 ? pinned[0] : undefined,
    ignoresEmbeddedKeys: ignoreEmbeddedKeys,
  };
  return { ok: true, server };
}

/** A key may stand in the set and in a certificate, and have several names. */
function merged(keys: readonly TrustedKey[]): TrustedKey[] {
  const byThumbprint = new Map<string, TrustedKey>();
  for (const key of keys) {
    const other = byThumbprint.get(key.thumbprint);
    const ids = [...new Set([...(other?.ids ?? []), ...key.ids])];
    // Where one of them says what it is for, that counts.
    const algorithms = key.algorithms.filter((one) => other?.algorithms.includes(one) ?? true);
    byThumbprint.set(key.thumbprint, { ...key, ids, algorithms });
  }
  return [...byThumbprint.values()];
}

/** Whoever writes one of them down expects it to count. */
function unusable(keys: readonly TrustedKey[], algorithms: readonly Algorithm[]): string[] {
  const idle = algorithms.flatMap((algorithm, index) =>
    keys.some((key) => key.algorithms.includes(algorithm))
      ? []
      : [`algorithms[${String(index)}]: none of the keys is for ${algorithm}`],
  );
  const silent = keys
    .filter((key) => !key.algorithms.some((algorithm) => algorithms.includes(algorithm)))
    .map(({ ids: [id = ''], algorithms: fitting }) => `algorithms: the key ${id} needs one of ${fitting.join(', ')}`);
  return [...idle, ...silent];
}

function ambiguous(keys: readonly TrustedKey[]): string[] {
  const ids = keys.flatMap((key) => key.ids);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  return repeated === undefined ? [] : [`jwks.keys: two of the keys are named ${JSON.stringify(repeated)}`];
}

function isRealm(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, hostname, username, password, hash, href } = new URL(given);
  const isPlain = username === '' && password === '' && hash === '' && !/["\\\s]/.test(href);
  return isPlain && (protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname)));
}
