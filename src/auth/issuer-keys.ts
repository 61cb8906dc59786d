/**
 * The keys of an issuer that is trusted, from what it publishes: its configuration (OpenID Connect Discovery §4) and its set of
 * keys (RFC 7517 §5). Pure.
 *
 * Each key signs by one algorithm, which its kind says and never a token (RFC 8725 §3.1): so no token is checked with HMAC,
 * where the public key would be the secret. What is no key for that is passed over, as RFC 7517 §5 asks.
 */
import * as v from 'valibot';
import { parseJsonDocument } from '../oci/json-document.ts';
import { keyOfJwk, type Algorithm, type TrustedKey } from './trusted-key.ts';

/** GitHub has two or three, a large directory some dozen. */
const MOST_KEYS = 100;
const MAX_DEPTH = 6;

export interface IssuerKey {
  readonly kid: string;
  readonly algorithms: readonly Algorithm[];
  readonly key: TrustedKey;
}

const SetSchema = v.object({ keys: v.pipe(v.array(v.unknown()), v.maxLength(MOST_KEYS)) });
const KeySchema = v.looseObject({ kid: v.string(), alg: v.optional(v.string()) });
const ConfigurationSchema = v.object({ issuer: v.string(), jwks_uri: v.string() });

/** Undefined where it is no set of keys. */
export function parseIssuerKeys(bytes: Uint8Array): readonly IssuerKey[] | undefined {
  const document = parseJsonDocument(bytes, MAX_DEPTH);
  const set = v.safeParse(SetSchema, document.ok ? document.value : undefined);
  if (!set.success) return undefined;
  return set.output.keys.flatMap((given) => {
    const said = v.safeParse(KeySchema, given);
    const result = said.success ? keyOfJwk(said.output) : undefined;
    if (!said.success || result?.ok !== true) return [];
    const { key } = result;
    const { kid, alg } = said.output;
    // One that does not say by which algorithm it signs is for RS256, which OpenID Connect Core §15.1 has everybody know.
    const algorithms = key.jwk.kty === 'RSA' && alg === undefined ? (['RS256'] as const) : key.algorithms;
    return [{ kid, algorithms, key }];
  });
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
