/**
 * Berth's own access token: a JWT signed with ES256 (RFC 7519, RFC 7518 §3.4), with the claims of distribution's "Token
 * Authentication Implementation". The key is one that the registry knows by the token's `kid`.
 *
 * A token only narrows: its subject's rights are asked of the policy with each request, and the credential that it was
 * made for is looked up again, so what is revoked is gone before the token ends.
 */
import { importJWK, SignJWT, type CryptoKey, type JWK } from 'jose';
import * as v from 'valibot';
import { scopeOfAccess, type Scope } from './scope.ts';
import { verifyJwt, type FindKey, type InvalidReason } from './verify-jwt.ts';
import { WorkloadIdentitySchema, type WorkloadIdentity } from './workload.ts';

const TOKEN_LIFETIME_SECONDS = 300;
/** A job's is the name of its trust, a colon and a claim (workload.ts). */
const LONGEST_SUBJECT_CHARACTERS = 64 + 1 + 255;
export const ALGORITHM = 'ES256';
const TYPE = 'JWT';
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

const KINDS = ['anonymous', 'user', 'robot', 'workload'] as const;

export interface TokenClaims {
  readonly kind: (typeof KINDS)[number];
  /** A name; empty for an anonymous one. */
  readonly name: string;
  /** What it was made for: a credential's id, or an htpasswd line's mark. Empty for an anonymous one, and for a job's. */
  readonly credential: string;
  /** What the job is, where it is one. */
  readonly workload?: WorkloadIdentity | undefined;
  readonly scope: Scope;
}

/** @param lifetimeSeconds below zero for what is made within the leeway of clocks of something that has ended */
export async function signToken(
  key: Key,
  { issuer, service }: Issuer,
  { kind, name, credential, scope, workload }: TokenClaims,
  now: number,
  lifetimeSeconds = TOKEN_LIFETIME_SECONDS,
): Promise<string> {
  const issuedAt = Math.floor(now / MILLISECONDS);
  const repositories = scope.grants.map(({ repository, actions }) => ({
    type: 'repository',
    name: repository,
    actions: [...actions],
  }));
  const access = [...repositories, ...(scope.catalog ? [{ type: 'registry', name: 'catalog', actions: ['*'] }] : [])];
  return new SignJWT({ access, kind, credential, ...(workload === undefined ? {} : { workload }) })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.kid })
    .setIssuer(issuer)
    .setAudience(service)
    .setSubject(name)
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .setJti(crypto.randomUUID())
    .sign(await imported(key));
}

/** How long a token lives that is made now of what ends then: no longer. */
export function lifetimeUntil(endsAt: number | undefined, now: number): number {
  if (endsAt === undefined) return TOKEN_LIFETIME_SECONDS;
  return Math.min(TOKEN_LIFETIME_SECONDS, Math.floor(endsAt / MILLISECONDS) - Math.floor(now / MILLISECONDS));
}

/** `reason` is for the log. */
export type Verification =
  | { readonly kind: 'valid'; readonly claims: TokenClaims; readonly expiresAt: number }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason };

const Claims = v.object({
  sub: v.pipe(v.string(), v.maxLength(LONGEST_SUBJECT_CHARACTERS)),
  exp: v.number(),
  kind: v.picklist(KINDS),
  credential: v.pipe(v.string(), v.maxLength(512)),
  workload: v.optional(WorkloadIdentitySchema),
  access: v.array(v.object({ type: v.string(), name: v.string(), actions: v.array(v.string()) })),
});

export async function verifyToken(
  token: string,
  keys: readonly Key[],
  { issuer, service }: Issuer,
  now: number,
): Promise<Verification> {
  const verified = await verifyJwt(
    token,
    ownKey(keys),
    {
      algorithms: [ALGORITHM],
      type: TYPE,
      issuer,
      audience: service,
      required: ['sub', 'exp', 'nbf', 'iat'],
    },
    now,
  );
  if (verified.kind === 'invalid') return verified;
  const claims = v.safeParse(Claims, verified.payload);
  if (!claims.success) return { kind: 'invalid', reason: 'claims' };
  return { kind: 'valid', claims: claimsOf(claims.output), expiresAt: claims.output.exp * MILLISECONDS };
}

/** The registry's own key that a token names. */
export function ownKey(keys: readonly Key[]): FindKey {
  return ({ kid: named }) => {
    const key = keys.find(({ kid }) => kid === named);
    return key === undefined ? 'unknown-key' : imported(key);
  };
}

function claimsOf({ sub, kind, credential, workload, access }: v.InferOutput<typeof Claims>): TokenClaims {
  return {
    kind,
    name: sub,
    credential,
    ...(workload === undefined ? {} : { workload }),
    scope: scopeOfAccess(access),
  };
}

/** Public and private half have the same `kid`. */
const importedKeys = new Map<string, CryptoKey>();

export async function imported({ kid, jwk }: Key): Promise<CryptoKey> {
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
