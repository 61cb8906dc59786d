/**
 * The keys of an issuer that is trusted, from what it publishes: its configuration (OpenID Connect Discovery §4) and its set of
 * keys (RFC 7517 §5). Pure.
 *
 * Each key signs by one algorithm, which its kind says and never a token (RFC 8725 §3.1): so no token is checked with HMAC,
 * where the public key would be the secret. What is no key for that is passed over, as RFC 7517 §5 asks.
 */
import { Buffer } from 'node:buffer';
import type { JWK } from 'jose';
import * as v from 'valibot';
import { parseJsonDocument } from '../oci/json-document.ts';

/** GitHub has two or three, a large directory some dozen. */
const MOST_KEYS = 100;
const LONGEST_KID_CHARACTERS = 255;
/** A modulus of 8,192 bits in base64url, and an exponent of four bytes: a longer one would make each check slow. */
const LONGEST_MODULUS_CHARACTERS = 1_366;
const SHORTEST_MODULUS_CHARACTERS = 342;
const LONGEST_EXPONENT_CHARACTERS = 6;
/** FIPS 186-5 §5.4: with 1 everything is a signature. */
const SMALLEST_EXPONENT = 65_537;
const LONGEST_COORDINATE_CHARACTERS = 88;
const MAX_DEPTH = 6;

const RSA_ALGORITHMS: readonly string[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const CURVES: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };

const EDWARDS_ALGORITHMS: readonly string[] = ['EdDSA', 'Ed25519'];

/** Of any key of any issuer. */
export const ISSUER_ALGORITHMS: readonly string[] = [
  ...RSA_ALGORITHMS,
  ...Object.values(CURVES),
  ...EDWARDS_ALGORITHMS,
];

export interface IssuerKey {
  readonly kid: string;
  readonly algorithms: readonly string[];
  /** The public half alone. */
  readonly jwk: JWK;
}

const base64url = (most: number) => v.pipe(v.string(), v.maxLength(most), v.regex(/^[\w-]+$/));
const common = {
  kid: v.pipe(v.string(), v.minLength(1), v.maxLength(LONGEST_KID_CHARACTERS)),
  use: v.optional(v.literal('sig')),
  alg: v.optional(v.string()),
};
const coordinate = base64url(LONGEST_COORDINATE_CHARACTERS);
const KeySchema = v.variant('kty', [
  v.object({
    kty: v.literal('RSA'),
    ...common,
    n: v.pipe(base64url(LONGEST_MODULUS_CHARACTERS), v.minLength(SHORTEST_MODULUS_CHARACTERS)),
    e: v.pipe(
      base64url(LONGEST_EXPONENT_CHARACTERS),
      v.check(
        (given) => Number.parseInt(`0${Buffer.from(given, 'base64url').toString('hex')}`, 16) >= SMALLEST_EXPONENT,
      ),
    ),
  }),
  v.object({ kty: v.literal('EC'), ...common, crv: v.picklist(Object.keys(CURVES)), x: coordinate, y: coordinate }),
  v.object({ kty: v.literal('OKP'), ...common, crv: v.literal('Ed25519'), x: coordinate }),
]);
const SetSchema = v.object({ keys: v.pipe(v.array(v.unknown()), v.maxLength(MOST_KEYS)) });
const ConfigurationSchema = v.object({ issuer: v.string(), jwks_uri: v.string() });

/** Undefined where it is no set of keys. */
export function parseIssuerKeys(bytes: Uint8Array): readonly IssuerKey[] | undefined {
  const document = parseJsonDocument(bytes, MAX_DEPTH);
  const set = v.safeParse(SetSchema, document.ok ? document.value : undefined);
  if (!set.success) return undefined;
  return set.output.keys.flatMap((given) => {
    const key = v.safeParse(KeySchema, given);
    if (!key.success) return [];
    const { kid, use: _use, alg, ...jwk } = key.output;
    const algorithms = algorithmsOf(jwk, alg);
    return algorithms.length === 0 ? [] : [{ kid, algorithms, jwk }];
  });
}

/** An RSA key that does not say by which algorithm it signs is for RS256, which OpenID Connect Core §15.1 has everybody know. */
function algorithmsOf({ kty, crv = '' }: { readonly kty: string; readonly crv?: string }, said?: string): string[] {
  const possible = kty === 'RSA' ? RSA_ALGORITHMS : kty === 'OKP' ? EDWARDS_ALGORITHMS : [CURVES[crv] ?? ''];
  if (said === undefined) return kty === 'RSA' ? ['RS256'] : [...possible];
  if (!possible.includes(said)) return [];
  // Two names of one thing (RFC 9864 §2.2).
  return kty === 'OKP' ? [...possible] : [said];
}

/**
 * Where the keys of an issuer are. Its configuration has to be its own, and name an address on the same host: so nobody but
 * who runs the registry says which hosts are asked.
 */
export function parseKeysAddress(
  bytes: Uint8Array,
  issuer: string,
): { readonly ok: true; readonly url: string } | { readonly ok: false; readonly reason: string } {
  const document = parseJsonDocument(bytes, MAX_DEPTH);
  const found = v.safeParse(ConfigurationSchema, document.ok ? document.value : undefined);
  if (!found.success) return { ok: false, reason: 'its configuration names no issuer and jwks_uri' };
  const { issuer: said, jwks_uri: url } = found.output;
  if (said !== issuer) return { ok: false, reason: 'its configuration is of another issuer' };
  if (!URL.canParse(url) || new URL(url).origin !== new URL(issuer).origin)
    return { ok: false, reason: 'its keys are on another host: name them by "jwks" of the trust' };
  return { ok: true, url };
}

/** The address of an issuer's configuration (OpenID Connect Discovery §4.1). */
export function configurationAddress(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}
