/**
 * The keys that Berth's own tokens are signed with: ES256 (RFC 7518 §3.4), made at first need.
 *
 * A new key is made known before it signs: an isolate may believe a snapshot for a minute, and would take a token of a key
 * that it has not heard of for a forged one. An old one stays known until the last token that it can have signed is over.
 */
import { calculateJwkThumbprint } from 'jose';
import * as v from 'valibot';
import type { Database, SqlValue } from '../database.ts';
import type { AccessSnapshot, RotateResult } from './messages.ts';

const KEY_LIFETIME_MS = 30 * 86_400_000;
/** Longer than an isolate believes a snapshot, twice. */
const KEY_ANNOUNCED_MS = 120_000;
/** Longer than any token lives (five minutes; six hours leave room for those of jobs), a snapshot is believed, and clocks differ. */
const KEY_RETIREMENT_MS = 7 * 3_600_000;
/** Known at once; each is in every snapshot. */
const MOST_KEYS = 10;

const PrivateKey = v.object({ kty: v.string(), crv: v.string(), x: v.string(), y: v.string(), d: v.string() });
type PrivateKey = v.InferOutput<typeof PrivateKey>;

interface KeyRow extends Record<string, SqlValue> {
  kid: string;
  private_key: string;
  signs_from: number;
}

interface NewKey {
  readonly kid: string;
  readonly jwk: PrivateKey;
}

export class SigningKeys {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Makes the first key, or the next one in time. Whoever calls at the same time finds it done. */
  async renew(now: number): Promise<void> {
    if (!this.#isDue(now)) return;
    const key = await newKey();
    if (this.#isDue(now)) this.#add(key, this.#newest() === undefined ? now : now + KEY_ANNOUNCED_MS);
    this.#forgetRetired(now);
  }

  /** @param forgetOld for a key that somebody else may have: every token that was signed so far is void */
  async rotate(forgetOld: boolean, now: number): Promise<RotateResult> {
    const key = await newKey();
    return this.#database.transaction(() => {
      this.#forgetRetired(now);
      if (forgetOld) this.#database.run('DELETE FROM signing_keys');
      else if (this.#rows().length >= MOST_KEYS) return { kind: 'too-many' };
      const signsFrom = forgetOld || this.#newest() === undefined ? now : now + KEY_ANNOUNCED_MS;
      this.#add(key, signsFrom);
      return { kind: 'rotated', kid: key.kid, signsFrom };
    });
  }

  /** Call `renew` before. */
  current(now: number): Pick<AccessSnapshot, 'signingKey' | 'publicKeys'> {
    const keys = this.#living(now).map(({ kid, private_key: text, signs_from: signsFrom }) => ({
      kid,
      signsFrom,
      jwk: v.parse(v.pipe(v.string(), v.parseJson(), PrivateKey), text),
    }));
    // A clock that was far ahead made keys for a time that is not yet: the oldest of them signs, rather than none.
    const signing = keys.find(({ signsFrom }) => signsFrom <= now) ?? keys.at(-1);
    if (signing === undefined) throw new Error('there is no signing key');
    return {
      signingKey: { kid: signing.kid, jwk: signing.jwk },
      publicKeys: keys.map(({ kid, jwk: { d: _private, ...jwk } }) => ({ kid, jwk })),
    };
  }

  #isDue(now: number): boolean {
    const newest = this.#newest();
    return newest === undefined || newest.signs_from + KEY_LIFETIME_MS <= now;
  }

  #newest(): KeyRow | undefined {
    return this.#rows()[0];
  }

  #rows(): KeyRow[] {
    return this.#database.all<KeyRow>(
      'SELECT kid, private_key, signs_from FROM signing_keys ORDER BY signs_from DESC, kid',
    );
  }

  /** Without those whose successor has signed for so long that no token of theirs is left. */
  #living(now: number): KeyRow[] {
    const rows = this.#rows();
    return rows.filter((_row, index) => {
      const successor = rows[index - 1];
      return successor === undefined || successor.signs_from + KEY_RETIREMENT_MS > now;
    });
  }

  #forgetRetired(now: number): void {
    const living = new Set(this.#living(now).map(({ kid }) => kid));
    for (const { kid } of this.#rows()) {
      if (!living.has(kid)) this.#database.run('DELETE FROM signing_keys WHERE kid = ?', kid);
    }
  }

  #add({ kid, jwk }: NewKey, signsFrom: number): void {
    this.#database.run('INSERT INTO signing_keys VALUES (?, ?, ?)', kid, JSON.stringify(jwk), signsFrom);
  }
}

/** Its id is its thumbprint (RFC 7638), so that two keys never share one. */
async function newKey(): Promise<NewKey> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  if (!('privateKey' in pair)) throw new Error('a key pair was asked for');
  const jwk = v.parse(PrivateKey, await crypto.subtle.exportKey('jwk', pair.privateKey));
  return { kid: await calculateJwkThumbprint(jwk), jwk };
}
