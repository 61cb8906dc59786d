/**
 * Berth's own access token: a JWT signed with ES256 (RFC 7519, RFC 7518 §3.4), with the claims of distribution's "Token
 * Authentication Implementation". The key is one that the registry knows by the token's `kid`; a key that a token brings
 * itself is never looked at (CVE-2025-24976), and no other algorithm is.
 *
 * A token only narrows: its subject's rights are asked of the policy with each request, and the credential that it was
 * made for is looked up again, so what is revoked is gone before the token ends.
 */
import { decodeProtectedHeader, errors, importJWK, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';
import * as v from 'valibot';
import { parseRepositoryName } from '../oci/repository-name.ts';
import { knownActions, type Scope } from './scope.ts';

export const TOKEN_LIFETIME_SECONDS = 300;
/** Clocks of isolates differ; distribution's own leeway. */
const LEEWAY_SECONDS = 60;
const ALGORITHM = 'ES256';
const TYPE = 'JWT';
/** A key of the token's own, or an extension that has to be understood. */
const REFUSED_HEADERS = ['jwk', 'x5c', 'jku', 'x5u', 'crit'] as const;
/** Imported keys; there are two or three at a time. */
const MOST_KEYS = 16;
const MILLISECONDS = 1_000;

export interface Key {
  readonly kid: string;
  readonly jwk: JWK;
}

/** Whom tokens are made by and for. */
export interface Issuer {
  /** The registry's public URL. */
  readonly issuer: string;
  readonly service: string;
}

const KINDS = ['anonymous', 'user', 'robot'] as const;

export interface TokenClaims {
  readonly kind: (typeof KINDS)[number];
  /** A name; empty for an anonymous one. */
  readonly name: string;
  /** What it was made for: a credential's id, or an htpasswd line's mark. Empty for an anonymous one. */
  readonly credential: string;
  readonly scope: Scope;
}

export async function signToken(
  { kid, jwk }: Key,
  { issuer, service }: Issuer,
  { kind, name, credential, scope }: TokenClaims,
  now: number,
): Promise<string> {
  const issuedAt = Math.floor(now / MILLISECONDS);
  const repositories = scope.grants.map(({ repository, actions }) => ({
    type: 'repository',
    name: repository,
    actions: [...actions],
  }));
  const access = [...repositories, ...(scope.catalog ? [{ type: 'registry', name: 'catalog', actions: ['*'] }] : [])];
  return new SignJWT({ access, kind, credential })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
    .setIssuer(issuer)
    .setAudience(service)
    .setSubject(name)
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_LIFETIME_SECONDS)
    .setJti(crypto.randomUUID())
    .sign(await imported(kid, jwk));
}

/** `reason` is for the log. */
export type Verification =
  | { readonly kind: 'valid'; readonly claims: TokenClaims; readonly expiresAt: number }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason };

type InvalidReason =
  | 'malformed'
  | 'foreign-key'
  | 'algorithm'
  | 'unknown-key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'not-yet-valid'
  | 'claims';

const Claims = v.object({
  sub: v.pipe(v.string(), v.maxLength(255)),
  exp: v.number(),
  kind: v.picklist(KINDS),
  credential: v.pipe(v.string(), v.maxLength(512)),
  access: v.array(v.object({ type: v.string(), name: v.string(), actions: v.array(v.string()) })),
});

export async function verifyToken(
  token: string,
  keys: readonly Key[],
  { issuer, service }: Issuer,
  now: number,
): Promise<Verification> {
  const key = keyOf(token, keys);
  if (typeof key === 'string') return invalid(key);
  try {
    const { payload } = await jwtVerify(token, await imported(key.kid, key.jwk), {
      algorithms: [ALGORITHM],
      typ: TYPE,
      issuer,
      audience: service,
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now),
      requiredClaims: ['sub', 'exp', 'nbf', 'iat'],
    });
    const claims = v.safeParse(Claims, payload);
    if (!claims.success) return invalid('claims');
    return { kind: 'valid', claims: claimsOf(claims.output), expiresAt: claims.output.exp * MILLISECONDS };
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return invalid(reasonOf(error));
  }
}

/** The key that a token names, before anything of it is believed. */
function keyOf(token: string, keys: readonly Key[]): Key | InvalidReason {
  let header: Readonly<Record<string, unknown>>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    return 'malformed';
  }
  if (REFUSED_HEADERS.some((name) => name in header)) return 'foreign-key';
  if (header['alg'] !== ALGORITHM) return 'algorithm';
  return keys.find(({ kid }) => kid === header['kid']) ?? 'unknown-key';
}

function invalid(reason: InvalidReason): Verification {
  return { kind: 'invalid', reason };
}

function reasonOf(error: errors.JOSEError): InvalidReason {
  if (error instanceof errors.JWTExpired) return 'expired';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'malformed';
  if (error.claim === 'iss') return 'issuer';
  if (error.claim === 'aud') return 'audience';
  return error.claim === 'nbf' && error.reason === 'check_failed' ? 'not-yet-valid' : 'claims';
}

function claimsOf({ sub, kind, credential, access }: v.InferOutput<typeof Claims>): TokenClaims {
  const grants = access.flatMap(({ type, name, actions }) => {
    const repository = type === 'repository' ? parseRepositoryName(name) : undefined;
    return repository === undefined ? [] : [{ repository, actions: knownActions(actions) }];
  });
  const catalog = access.some(
    ({ type, name, actions }) => type === 'registry' && name === 'catalog' && actions.includes('*'),
  );
  return { kind, name: sub, credential, scope: { grants, catalog } };
}

/** Public and private half have the same `kid`. */
const importedKeys = new Map<string, CryptoKey>();

async function imported(kid: string, jwk: JWK): Promise<CryptoKey> {
  const mark = `${kid} ${jwk.x ?? ''} ${jwk.d === undefined ? 'public' : 'private'}`;
  const known = importedKeys.get(mark);
  if (known !== undefined) return known;
  const key = await importJWK({ ...jwk, kty: 'EC' }, ALGORITHM);
  if (key instanceof Uint8Array) throw new Error('the key of a token is an elliptic curve key');
  if (importedKeys.size >= MOST_KEYS) importedKeys.clear();
  importedKeys.set(mark, key);
  return key;
}

/** What everybody may know of the keys (RFC 7517 §5). */
export function publicKeySet(keys: readonly Key[]): { keys: Record<string, string>[] } {
  return {
    keys: keys.map(({ kid, jwk: { crv = '', x = '', y = '' } }) => ({
      kty: 'EC',
      use: 'sig',
      alg: ALGORITHM,
      kid,
      crv,
      x,
      y,
    })),
  };
}
