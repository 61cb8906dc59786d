/**
 * What every signed token is held to, whoever made it (RFC 7519, RFC 8725): an algorithm and a key that were chosen before
 * anything of the token is believed, and the claims that say by whom, for whom and when. A key that a token brings itself is
 * never looked at (CVE-2025-24976).
 */
import {
  decodeProtectedHeader,
  errors,
  jwtVerify,
  type CryptoKey,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from 'jose';

/** Clocks differ; distribution's own leeway. */
const LEEWAY_SECONDS = 60;
/** A key of the token's own, or an extension that has to be understood. */
export const REFUSED_HEADERS = ['jwk', 'x5c', 'jku', 'x5u', 'crit'] as const;

/** For the log: a client hears one message for all of them. */
export type InvalidReason =
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

export interface Expected {
  readonly algorithms: readonly string[];
  readonly issuer: string;
  /** The token must be for one of them. */
  readonly audience: string | readonly string[];
  /** Claims that have to be there besides `iss` and `aud`. */
  readonly required: readonly string[];
  /** The header's `typ`, where its maker always writes it. */
  readonly type?: string;
  readonly refusedHeaders?: readonly string[];
}

/** Which key a token has to be signed with, by what its header says of that; a reason where there is none. */
export type FindKey = (
  header: ProtectedHeaderParameters,
) => Promise<CryptoKey | InvalidReason> | CryptoKey | InvalidReason;

export type VerifiedJwt =
  | { readonly kind: 'valid'; readonly payload: JWTPayload }
  | { readonly kind: 'invalid'; readonly reason: InvalidReason };

/** @param now in ms since the epoch */
export async function verifyJwt(
  token: string,
  findKey: FindKey,
  expected: Expected,
  now: number,
): Promise<VerifiedJwt> {
  const { algorithms, issuer, audience, required, type, refusedHeaders = REFUSED_HEADERS } = expected;
  const header = headerOf(token);
  if (header === undefined) return invalid('malformed');
  if (refusedHeaders.some((name) => name in header)) return invalid('foreign-key');
  if (header.alg === undefined || !algorithms.includes(header.alg)) return invalid('algorithm');
  const key = await findKey(header);
  if (typeof key === 'string') return invalid(key);
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [...algorithms],
      ...(type === undefined ? {} : { typ: type }),
      issuer,
      audience: typeof audience === 'string' ? audience : [...audience],
      clockTolerance: LEEWAY_SECONDS,
      currentDate: new Date(now),
      requiredClaims: [...required],
    });
    return { kind: 'valid', payload };
  } catch (error) {
    // A key of another algorithm than the header says: WebCrypto and jose refuse it with a TypeError.
    if (error instanceof TypeError) return invalid('algorithm');
    if (!(error instanceof errors.JOSEError)) throw error;
    return invalid(reasonOf(error));
  }
}

function headerOf(token: string): ProtectedHeaderParameters | undefined {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

function invalid(reason: InvalidReason): VerifiedJwt {
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
