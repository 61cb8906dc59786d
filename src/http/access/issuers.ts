/**
 * The keys of the issuers that are trusted, fetched from addresses that the operator named, and from no other: an issuer's
 * configuration may only point to its own host, and no redirect is followed. One an isolate.
 *
 * Keys are believed for an hour and renewed in the background from ten minutes on; where the issuer cannot be asked, for a day.
 * An id that is in no set has the issuer asked again, every half minute at most and once at a time: whoever invents ids makes
 * nobody ask more often. Each issuer has its own place, so one that is slow or down delays none but its own jobs.
 */
import { configurationAddress, parseIssuerKeys, parseKeysAddress, type IssuerKey } from '../../auth/issuer-keys.ts';
import { MOST_TRUSTS, type Trust } from '../../auth/trusts.ts';
import { logEvent } from '../../observability/log.ts';

const RENEWED_FROM_MS = 600_000;
const BELIEVED_MS = 3_600_000;
const BELIEVED_UNREACHABLE_MS = 86_400_000;
/** Between two fetches that somebody waits for. */
const PAUSE_MS = 30_000;
/** Until an issuer that could not be asked is asked again, where none of its keys is known. */
export const PAUSE_AFTER_FAILURE_MS = 5_000;
const FETCH_PATIENCE_MS = 5_000;
/** Both fetches, and what lies between them. */
const LONGEST_FETCH_MS = 12_000;
/** A large directory's keys come with certificates. */
const LARGEST_DOCUMENT_BYTES = 128 * 1024;
const PIECE_BYTES = 16 * 1024;

type Issuer = Pick<Trust, 'issuer' | 'jwks'>;

interface Known {
  keys: readonly IssuerKey[] | undefined;
  /** When the keys were asked for that are known. */
  askedAt: number;
  /** When they were asked for last, with or without success. */
  triedAt: number;
  /** What is under way; its request may have gone, and taken it along. */
  running: Promise<void> | undefined;
}

/** How a document is fetched, so that tests of this file need no network. */
export type FetchDocument = (url: string) => Promise<Uint8Array>;

export class Issuers {
  readonly #fetch: FetchDocument;
  readonly #known = new Map<string, Known>();

  constructor(fetchDocument: FetchDocument) {
    this.#fetch = fetchDocument;
  }

  /**
   * All keys of the issuer that are known once the one of this id was looked for; `unavailable` where none are.
   *
   * @param hold keeps a fetch alive when its request has gone
   */
  async keys(
    issuer: Issuer,
    kid: string,
    hold: (work: Promise<unknown>) => void,
  ): Promise<readonly IssuerKey[] | 'unavailable'> {
    const known = this.#of(issuer);
    const now = Date.now();
    const age = now - known.askedAt;
    const isFresh = age >= 0 && age < BELIEVED_MS;
    const has = known.keys?.some((key) => key.kid === kid) === true;
    if (isFresh && has) {
      if (age > RENEWED_FROM_MS) hold(this.#renew(issuer, known, hold));
      return known.keys ?? [];
    }
    await this.#renew(issuer, known, hold);
    // A clock that went back tells nothing of their age.
    if (known.keys === undefined || Math.abs(Date.now() - known.askedAt) >= BELIEVED_UNREACHABLE_MS)
      return 'unavailable';
    return known.keys;
  }

  #of({ issuer, jwks = '' }: Issuer): Known {
    const place = `${issuer} ${jwks}`;
    const found = this.#known.get(place);
    if (found !== undefined) return found;
    const [oldest] = this.#known.keys();
    if (this.#known.size >= MOST_TRUSTS && oldest !== undefined) this.#known.delete(oldest);
    const known: Known = { keys: undefined, askedAt: 0, triedAt: Number.NEGATIVE_INFINITY, running: undefined };
    this.#known.set(place, known);
    return known;
  }

  /** Fulfilled when the issuer was asked, at least once since the pause before; at once where that is too soon. */
  async #renew(issuer: Issuer, known: Known, hold: (work: Promise<unknown>) => void): Promise<void> {
    const since = Date.now() - known.triedAt;
    if (known.running !== undefined && since < LONGEST_FETCH_MS) {
      await patiently(known.running);
      return;
    }
    const pause = known.keys === undefined ? PAUSE_AFTER_FAILURE_MS : PAUSE_MS;
    if (since >= 0 && since < pause) return;
    known.triedAt = Date.now();
    const running = this.#load(issuer, known).finally(() => {
      if (known.running === running) known.running = undefined;
    });
    known.running = running;
    hold(running);
    await running;
  }

  async #load({ issuer, jwks }: Issuer, known: Known): Promise<void> {
    const askedAt = Date.now();
    try {
      const keys = parseIssuerKeys(await this.#fetch(jwks ?? (await this.#addressOf(issuer))));
      if (keys === undefined) throw new Error('what is at the address of its keys is no set of keys');
      known.keys = keys;
      known.askedAt = askedAt;
    } catch (error) {
      logEvent('warn', 'issuer unreachable', { issuer, error: String(error) });
    }
  }

  async #addressOf(issuer: string): Promise<string> {
    const found = parseKeysAddress(await this.#fetch(configurationAddress(issuer)), issuer);
    if (!found.ok) throw new Error(found.reason);
    return found.url;
  }
}

/** It is another request's, which may go away and take it along. */
async function patiently(running: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LONGEST_FETCH_MS);
  });
  await Promise.race([running, late]);
  clearTimeout(timer);
}

/** Throws where the answer is not 200, too large, or takes too long. */
async function fetchDocument(url: string): Promise<Uint8Array> {
  const signal = AbortSignal.timeout(FETCH_PATIENCE_MS);
  const response = await fetch(url, { redirect: 'manual', signal, headers: { accept: 'application/json' } });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${String(response.status)}`);
  }
  const reader = response.body.getReader({ mode: 'byob' });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read(new Uint8Array(PIECE_BYTES));
    if (done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
    size += value.byteLength;
    if (size > LARGEST_DOCUMENT_BYTES) {
      await reader.cancel();
      throw new Error(`${url} is larger than ${String(LARGEST_DOCUMENT_BYTES)} bytes`);
    }
    pieces.push(value);
  }
}

/** One an isolate. */
export const ISSUERS = new Issuers(fetchDocument);
