/**
 * Public keys that are trusted to sign tokens, of an operator's choice or of an issuer that is trusted: of a JWK (RFC 7517) or of an X.509 certificate, whose key alone
 * counts. A key is known by every name that token servers give one in `kid`: its own in the JWK set, its thumbprint (RFC
 * 7638), and libtrust's fingerprint, which distribution 2 and the servers that were written for it use.
 */
import { Buffer } from 'node:buffer';
import { createHash, createPublicKey, X509Certificate, type KeyObject } from 'node:crypto';
import { importJWK, type CryptoKey } from 'jose';
import * as v from 'valibot';

/** With which keys each can be: all of them have a public half. HMAC, and `none`, are not among them. */
export const ALGORITHMS = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];
const RSA_ALGORITHMS = ALGORITHMS.slice(0, 6);
const CURVES = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' } as const satisfies Record<string, Algorithm>;

/** NIST SP 800-131A: nothing shorter is to be believed. */
const SHORTEST_RSA_BITS = 2_048;
/** One more costs time with each token, and nobody has it. */
const LONGEST_RSA_BITS = 8_192;
/** FIPS 186-5 §5.4: with 1 everything is a signature. */
const SMALLEST_EXPONENT = 65_537n;
const LONGEST_KID_CHARACTERS = 255;
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];
const BITS = 8;
/** libtrust: 240 bits in groups of four characters of base32 (RFC 4648 §6). */
const FINGERPRINT_BYTES = 30;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const BASE32_BITS = 5n;

const base64Url = v.pipe(v.string(), v.regex(/^[\w-]{1,2000}$/));
/** The members of each kind that make the key. */
const PublicJwk = v.variant('kty', [
  v.object({ kty: v.literal('RSA'), n: base64Url, e: base64Url }),
  v.object({ kty: v.literal('EC'), crv: v.picklist(['P-256', 'P-384', 'P-521']), x: base64Url, y: base64Url }),
  v.object({ kty: v.literal('OKP'), crv: v.literal('Ed25519'), x: base64Url }),
]);
type PublicJwk = v.InferOutput<typeof PublicJwk>;

export interface TrustedKey {
  /** RFC 7638: the same for the same key, wherever it was written. */
  readonly thumbprint: string;
  /** Every name by which a token may mean it. */
  readonly ids: readonly string[];
  readonly algorithms: readonly Algorithm[];
  readonly jwk: PublicJwk;
}

type KeyResult = { readonly ok: true; readonly key: TrustedKey } | { readonly ok: false; readonly message: string };

/** Of what else the JWK says nothing is believed (`x5c`, `x5u`); a message says what to mend. */
export function keyOfJwk(given: Readonly<Record<string, unknown>>): KeyResult {
  const secret = PRIVATE_MEMBERS.find((name) => name in given);
  if (secret !== undefined) return problem(`holds ${secret}, which is private: leave out all but the public key`);
  const { kid, use, alg, key_ops: operations } = given;
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID_CHARACTERS))
    return problem(`has a kid that is not 1 to ${String(LONGEST_KID_CHARACTERS)} characters`);
  if (use !== undefined && use !== 'sig') return problem('is not for signatures (use): leave it out');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return problem('is not for verifying (key_ops): leave it out');
  const only = ALGORITHMS.find((known) => known === alg);
  if (alg !== undefined && only === undefined) return problem(`has an alg that is none of ${ALGORITHMS.join(', ')}`);
  const members = v.safeParse(PublicJwk, given);
  if (!members.success) return problem(KINDS);
  try {
    return trusted(createPublicKey({ key: members.output, format: 'jwk' }), kid, only);
  } catch {
    return problem('is no key: its numbers do not fit together');
  }
}

const KINDS = 'is none of an RSA key, an EC key on P-256, P-384 or P-521, and an Ed25519 key';
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----[A-Za-z0-9+/=\s]{1,20000}-----END \1-----/g;
const PEM_BEGIN = /-----BEGIN /g;

/** In order, each with what is wrong with it. `undefined` where the text is not PEM all through. */
export function keysOfCertificates(pem: string): readonly KeyResult[] | undefined {
  const blocks = [...pem.matchAll(PEM_BLOCK)];
  if (blocks.length === 0 || blocks.length !== [...pem.matchAll(PEM_BEGIN)].length) return undefined;
  return blocks.map(([block, label = '']) =>
    label === 'CERTIFICATE' ? keyOfCertificate(block) : problem(`is no certificate (${label}): leave it out`),
  );
}

function keyOfCertificate(pem: string): KeyResult {
  try {
    const der = new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
    // workerd has no JWK of the key as it comes out of a certificate.
    return trusted(createPublicKey({ key: der, type: 'spki', format: 'der' }), undefined, undefined);
  } catch {
    return problem('cannot be read');
  }
}

function trusted(key: KeyObject, kid: string | undefined, only: Algorithm | undefined): KeyResult {
  const exported = v.safeParse(PublicJwk, key.export({ format: 'jwk' }));
  if (!exported.success) return problem(KINDS);
  const jwk = exported.output;
  const weakness = weaknessOf(jwk);
  if (weakness !== undefined) return problem(weakness);
  const fitting = algorithmsOf(jwk);
  if (only !== undefined && !fitting.includes(only)) return problem(`has the alg ${only}, which is for other keys`);
  const thumbprint = thumbprintOf(jwk);
  const ids = [...(kid === undefined ? [] : [kid]), thumbprint, fingerprintOf(key)];
  return {
    ok: true,
    key: { thumbprint, ids, algorithms: only === undefined || jwk.kty === 'OKP' ? fitting : [only], jwk },
  };
}

function algorithmsOf(jwk: PublicJwk): readonly Algorithm[] {
  switch (jwk.kty) {
    case 'RSA':
      return RSA_ALGORITHMS;
    case 'EC':
      return [CURVES[jwk.crv]];
    case 'OKP':
      // Two names of one thing (RFC 9864 §2.2).
      return ['EdDSA', 'Ed25519'];
  }
}

function weaknessOf(jwk: PublicJwk): string | undefined {
  if (jwk.kty !== 'RSA') return undefined;
  const bits = numberOf(jwk.n).toString(2).length;
  if (bits < SHORTEST_RSA_BITS || bits > LONGEST_RSA_BITS)
    return `has ${String(bits)} bits, where an RSA key has ${String(SHORTEST_RSA_BITS)} to ${String(LONGEST_RSA_BITS)}`;
  return numberOf(jwk.e) < SMALLEST_EXPONENT ? `has an exponent below ${String(SMALLEST_EXPONENT)}` : undefined;
}

function numberOf(base64: string): bigint {
  return BigInt(`0x0${Buffer.from(base64, 'base64url').toString('hex')}`);
}

/** RFC 7638 §3.2: the members that make the key, in the order of their names. */
function thumbprintOf(jwk: PublicJwk): string {
  const members = Object.fromEntries(Object.entries(jwk).sort(([one], [other]) => (one < other ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

/** `ABCD:EFGH:…`, of the DER form of the key (github.com/docker/libtrust, `keyIDFromCryptoKey`). */
function fingerprintOf(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  const bytes = createHash('sha256').update(der).digest().subarray(0, FINGERPRINT_BYTES);
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let letters = '';
  for (let index = 0; index < (FINGERPRINT_BYTES * BITS) / Number(BASE32_BITS); index += 1) {
    letters = BASE32.charAt(Number(rest & 31n)) + letters;
    rest >>= BASE32_BITS;
  }
  return (letters.match(/.{4}/g) ?? []).join(':');
}

/** Imported once an isolate, for each algorithm. */
const imported = new WeakMap<TrustedKey, Map<Algorithm, CryptoKey>>();

export async function importedKey(key: TrustedKey, algorithm: Algorithm): Promise<CryptoKey> {
  const known = imported.get(key)?.get(algorithm);
  if (known !== undefined) return known;
  const made = await importJWK(key.jwk, algorithm);
  if (made instanceof Uint8Array) throw new Error('a trusted key has a public half');
  imported.set(key, new Map([...(imported.get(key) ?? []), [algorithm, made]]));
  return made;
}

function problem(message: string): KeyResult {
  return { ok: false, message };
}
