/**
 * Tokens of the token endpoint that this isolate has verified: a client sends the same one with each request, and a signature
 * costs more to check than all else that a request for a tag does here.
 *
 * What is remembered is the signature and what the token says, and no longer than both hold: it has an end, and its key has to be
 * among those that count now. Whether the credential behind it still stands is asked each time, as ever (authenticate.ts).
 */
import { decodeProtectedHeader } from 'jose';
import { verifyToken, type Issuer, type Key, type Verification } from './jwt.ts';
import { LEEWAY_SECONDS } from './verify-jwt.ts';

const MOST_TOKENS = 1_000;
/** One for some dozens of repositories; with a thousand of them this bounds the memory. */
const LONGEST_TOKEN_CHARACTERS = 2_048;
const LEEWAY_MS = LEEWAY_SECONDS * 1_000;

type Valid = Extract<Verification, { kind: 'valid' }>;

interface Verified {
  readonly valid: Valid;
  readonly key: Key;
  readonly issuer: Issuer;
  /** In ms since the epoch. */
  readonly verifiedAt: number;
}

export class VerifiedTokens {
  /** Least lately used first. */
  readonly #known = new Map<string, Verified>();

  async verify(token: string, keys: readonly Key[], issuer: Issuer, now: number): Promise<Verification> {
    const known = this.#known.get(token);
    this.#known.delete(token);
    if (known !== undefined && holds(known, keys, issuer, now)) {
      this.#known.set(token, known);
      return known.valid;
    }
    const verification = await verifyToken(token, keys, issuer, now);
    if (verification.kind === 'valid') this.#remember(token, verification, keys, issuer, now);
    return verification;
  }

  #remember(token: string, valid: Valid, keys: readonly Key[], issuer: Issuer, now: number): void {
    if (token.length > LONGEST_TOKEN_CHARACTERS) return;
    const { kid } = decodeProtectedHeader(token);
    const key = keys.find((one) => one.kid === kid);
    if (key === undefined) return;
    this.#known.set(token, { valid, key, issuer, verifiedAt: now });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_TOKENS && oldest !== undefined) this.#known.delete(oldest);
  }
}

/** A clock that was set back may bring a token to before it began. */
function holds({ valid, key, issuer, verifiedAt }: Verified, keys: readonly Key[], now: Issuer, at: number): boolean {
  const inTime = at >= verifiedAt && valid.expiresAt > at - LEEWAY_MS;
  const isOurs = issuer.issuer === now.issuer && issuer.service === now.service;
  return inTime && isOurs && keys.some(({ kid, jwk }) => kid === key.kid && jwk.x === key.jwk.x && jwk.y === key.jwk.y);
}
