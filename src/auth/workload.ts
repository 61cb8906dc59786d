/**
 * A job, as a token of an issuer that is trusted tells of it (OpenID Connect Core §3.1.3.7), and the principal that it is under
 * the trusts of today. What is carried on, in a job credential and in the tokens made of it, is the trust's name and what the
 * token said; whether that still does is asked again each time.
 */
import { decodeJwt, decodeProtectedHeader, type CryptoKey, type ProtectedHeaderParameters } from 'jose';
import * as v from 'valibot';
import { isGroupName } from './account-name.ts';
import { carriedClaims, claimOf, LONGEST_CLAIM_CHARACTERS, unmetClaim, type Claims } from './claims.ts';
import { isLine } from './setting-document.ts';
import type { IssuerKey } from './issuer-keys.ts';
import type { Workload } from './principal.ts';
import { ALGORITHMS, importedKey } from './trusted-key.ts';
import type { Trust, Trusts } from './trusts.ts';
import { verifyJwt, type InvalidReason } from './verify-jwt.ts';

const MILLISECONDS = 1_000;
/** What an ID token may say it is; an access token of the same issuer (RFC 9068 §2.1) is none. */
const TYPE = 'JWT';

/** What a job is known by, wherever it is carried. */
export interface WorkloadIdentity {
  readonly trust: string;
  readonly issuer: string;
  readonly claims: Claims;
}

export const WorkloadIdentitySchema = v.object({
  trust: v.string(),
  issuer: v.string(),
  claims: v.record(v.string(), v.union([v.string(), v.array(v.string())])),
});

/** The keys of an issuer: all that are known once the one of this id was looked for. */
export type FindIssuerKeys = (
  trust: Pick<Trust, 'issuer' | 'jwks'>,
  kid: string,
) => Promise<readonly IssuerKey[] | 'unavailable'>;

export type IdToken =
  | {
      readonly kind: 'valid';
      readonly identity: WorkloadIdentity;
      readonly principal: Workload;
      readonly trust: Trust;
      /** In ms since the epoch. */
      readonly expiresAt: number;
    }
  /** `reason` is for the log. */
  | { readonly kind: 'invalid'; readonly reason: string }
  /** It may be right, and the issuer's keys cannot be told. */
  | { readonly kind: 'unavailable' };

/**
 * What the token says of its issuer chooses whose key it is checked with, and nothing else is believed before it is. An
 * issuer that nobody trusts is never asked.
 *
 * @param trusts those that may be meant; of several that fit, the first
 * @param now in ms since the epoch
 */
export async function verifyIdToken(
  token: string,
  trusts: Trusts,
  findKeys: FindIssuerKeys,
  now: number,
): Promise<IdToken> {
  const { issuer, header } = unverified(token);
  const candidates = trusts.filter((trust) => trust.issuer === issuer);
  const [first] = candidates;
  if (first === undefined) return { kind: 'invalid', reason: 'an issuer that is not trusted' };
  if (header === undefined) return { kind: 'invalid', reason: 'malformed' };
  const { alg, kid, typ = TYPE } = header;
  if (typ.toUpperCase() !== TYPE) return { kind: 'invalid', reason: 'another type' };
  if (!ALGORITHMS.some((known) => known === alg)) return { kind: 'invalid', reason: 'algorithm' };
  const keys = kid !== undefined ? await findKeys(first, kid) : [];
  if (keys === 'unavailable') return { kind: 'unavailable' };
  const verified = await verifyJwt(
    token,
    (given) => keyOf(keys, given),
    {
      algorithms: ALGORITHMS,
      issuer: first.issuer,
      audience: candidates.map(({ audience }) => audience),
      required: ['sub', 'exp', 'iat'],
    },
    now,
  );
  if (verified.kind === 'invalid') return verified;
  const { payload } = verified;
  const audiences = [payload.aud ?? []].flat();
  let reason = 'audience';
  for (const trust of candidates.filter(({ audience }) => audiences.includes(audience))) {
    const { claims: conditions, subject, groups } = trust;
    const mattering = [...conditions.map(({ name }) => name), subject, ...(groups === undefined ? [] : [groups.claim])];
    const claims = carriedClaims(payload, mattering, groups?.claim);
    const identity = { trust: trust.name, issuer: trust.issuer, claims };
    const principal = workloadOf(identity, [trust]);
    if (typeof principal !== 'string') {
      return { kind: 'valid', identity, principal, trust, expiresAt: (payload.exp ?? 0) * MILLISECONDS };
    }
    reason = principal;
  }
  return { kind: 'invalid', reason };
}

/** The principal that a job is by the trusts of today; or why it is none, for the log. */
export function workloadOf({ trust: name, issuer, claims }: WorkloadIdentity, trusts: Trusts): Workload | string {
  const trust = trusts.find((one) => one.name === name && one.issuer === issuer);
  if (trust === undefined) return 'its trust is gone';
  const unmet = unmetClaim(trust.claims, claims);
  if (unmet !== undefined) return `its claim ${unmet.name}`;
  const subject = claimOf(claims, trust.subject);
  if (typeof subject !== 'string' || !isLine(subject, LONGEST_CLAIM_CHARACTERS)) return `its claim ${trust.subject}`;
  return {
    kind: 'workload',
    name: `${trust.name}:${subject}`,
    trust: trust.name,
    issuer,
    claims,
    groups: groupsOf(trust, claims),
    limits: [],
  };
}

function groupsOf({ groups }: Trust, claims: Claims): readonly string[] {
  const listed = groups === undefined ? undefined : claimOf(claims, groups.claim);
  if (groups === undefined || listed === undefined || typeof listed === 'string') return [];
  return listed.map((one) => `${groups.prefix}${one}`).filter(isGroupName);
}

const HeaderSchema = v.object({ alg: v.string(), kid: v.optional(v.string()), typ: v.optional(v.string()) });
type Header = v.InferOutput<typeof HeaderSchema>;

function unverified(token: string): { readonly issuer: string | undefined; readonly header: Header | undefined } {
  try {
    const header = v.safeParse(HeaderSchema, decodeProtectedHeader(token));
    return { issuer: decodeJwt(token).iss, header: header.success ? header.output : undefined };
  } catch {
    return { issuer: undefined, header: undefined };
  }
}

async function keyOf(
  keys: readonly IssuerKey[],
  { kid, alg }: ProtectedHeaderParameters,
): Promise<CryptoKey | InvalidReason> {
  const named = keys.filter((key) => key.kid === kid);
  for (const { key, algorithms } of named) {
    const algorithm = algorithms.find((one) => one === alg);
    // What an issuer publishes may be no key to every runtime.
    if (algorithm !== undefined) return importedKey(key, algorithm).catch((): InvalidReason => 'unknown-key');
  }
  return named.length === 0 ? 'unknown-key' : 'algorithm';
}
