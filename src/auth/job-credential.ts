/**
 * A job credential: what a job gets for the token of its issuer (RFC 8693), and signs in with as a password for as long as it
 * runs. A JWT of Berth's own key that says what the job is. Its type and its audience are no other token's (RFC 8725 §3.11,
 * §3.12), so that it can be taken for no access token, and no access token for it. It is kept nowhere: it ends by itself, with
 * its trust, and with the key that signed it.
 */
import { decodeProtectedHeader, SignJWT } from 'jose';
import * as v from 'valibot';
import { ALGORITHM, imported, ownKey, type Issuer, type Key } from './jwt.ts';
import { ACTIONS, type Limit } from './principal.ts';
import { verifyJwt, type InvalidReason } from './verify-jwt.ts';
import { WorkloadIdentitySchema, type WorkloadIdentity } from './workload.ts';

const TYPE = 'berth-job+jwt';
const MILLISECONDS = 1_000;

export interface JobCredential {
  readonly identity: WorkloadIdentity;
  /** Absent: for all that the policy gives the job. */
  readonly parts: readonly Limit[] | undefined;
}

export async function signJobCredential(
  key: Key,
  { issuer, service }: Issuer,
  { identity, parts }: JobCredential,
  now: number,
  lifetimeSeconds: number,
): Promise<string> {
  const issuedAt = Math.floor(now / MILLISECONDS);
  return new SignJWT({ workload: identity, ...(parts === undefined ? {} : { parts }) })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: key.kid })
    .setIssuer(issuer)
    .setAudience(audienceOf(service))
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(issuedAt + lifetimeSeconds)
    .setJti(crypto.randomUUID())
    .sign(await imported(key));
}

/** By what it says of itself: to choose how it is looked at. */
export function saysJobCredential(token: string): boolean {
  try {
    return decodeProtectedHeader(token).typ === TYPE;
  } catch {
    return false;
  }
}

export type VerifiedJobCredential =
  | ({ readonly kind: 'valid'; /** In ms since the epoch. */ readonly expiresAt: number } & JobCredential)
  | { readonly kind: 'invalid'; readonly reason: InvalidReason };

const Claims = v.object({
  exp: v.number(),
  workload: WorkloadIdentitySchema,
  parts: v.optional(v.array(v.object({ repositories: v.array(v.string()), actions: v.array(v.picklist(ACTIONS)) }))),
});

export async function verifyJobCredential(
  token: string,
  keys: readonly Key[],
  { issuer, service }: Issuer,
  now: number,
): Promise<VerifiedJobCredential> {
  const expected = {
    algorithms: [ALGORITHM],
    type: TYPE,
    issuer,
    audience: audienceOf(service),
    required: ['exp', 'nbf', 'iat'],
  };
  const verified = await verifyJwt(token, ownKey(keys), expected, now);
  if (verified.kind === 'invalid') return verified;
  const claims = v.safeParse(Claims, verified.payload);
  if (!claims.success) return { kind: 'invalid', reason: 'claims' };
  const { exp, workload, parts } = claims.output;
  return { kind: 'valid', identity: workload, parts, expiresAt: exp * MILLISECONDS };
}

/** With a space in it, which no service has. */
function audienceOf(service: string): string {
  return `job credential of ${service}`;
}
