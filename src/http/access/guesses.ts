/**
 * Slows guesses down: after so many wrong credentials for a name from one network, or for any name from it, that network
 * waits out the minute. Only what was wrong counts, and what Berth knows to be right is never asked about, so nobody can
 * lock anybody out who comes from another network, nor whoever has signed in on the same one.
 *
 * On Cloudflare the counts are those of the platform's rate limiter, which a whole location shares; an isolate remembers
 * what that said until the minute is over. Elsewhere the isolate counts, of which there is one. Where a client's network is
 * not known, nobody is made to wait: that would be everybody. Then guesses are as slow as bcrypt is (auth/password-checks.ts).
 */
import { PeriodCounts } from '../../auth/period-counts.ts';

/** As wrangler.toml has them. */
const MOST_FOR_NAME = 10;
const MOST_FOR_NETWORK = 50;
/** In Berth's own form and unknown: each costs the object of accounts a call, and nobody types one. */
const MOST_UNKNOWN_SECRETS = 100;
const PERIOD_MS = 60_000;
/** Networks and names that are counted or closed at a time. */
const MOST_REMEMBERED = 10_000;
const MILLISECONDS = 1_000;

/** The platform's (developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit). */
interface RateLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** Bindings that are there on Cloudflare alone. */
export interface LimiterBindings {
  readonly GUESSES_FOR_NAME?: RateLimiter;
  readonly GUESSES_FOR_NETWORK?: RateLimiter;
}

export class Guesses {
  /** Until when a key is closed, in ms since the epoch. */
  readonly #closed = new Map<string, number>();
  /** The stand-in's counts. */
  readonly #counts = new PeriodCounts(PERIOD_MS, MOST_REMEMBERED);
  readonly #secrets = new PeriodCounts(PERIOD_MS, MOST_REMEMBERED);

  /** How long this one has to wait before a guess is looked at; `undefined` when it need not. */
  waitSeconds(name: string, network: string | undefined, now: number): number | undefined {
    if (network === undefined) return undefined;
    const until = Math.max(
      ...[nameKey(name, network), networkKey(network)].map((key) => this.#closed.get(key) ?? Number.NEGATIVE_INFINITY),
    );
    return until <= now ? undefined : Math.ceil((until - now) / MILLISECONDS);
  }

  /** As `waitSeconds`, for a secret in Berth's own form that is not in use here. */
  secretWaitSeconds(network: string | undefined, now: number): number | undefined {
    if (network === undefined || this.#secrets.of(network, now) < MOST_UNKNOWN_SECRETS) return undefined;
    return PERIOD_MS / MILLISECONDS;
  }

  countUnknownSecret(network: string | undefined, now: number): void {
    if (network !== undefined) this.#secrets.add(network, now);
  }

  /** A guess was wrong. */
  async count(name: string, network: string | undefined, now: number, bindings: LimiterBindings): Promise<void> {
    if (network === undefined) return;
    await Promise.all([
      this.#countOne(nameKey(name, network), MOST_FOR_NAME, now, bindings.GUESSES_FOR_NAME),
      this.#countOne(networkKey(network), MOST_FOR_NETWORK, now, bindings.GUESSES_FOR_NETWORK),
    ]);
  }

  async #countOne(key: string, most: number, now: number, limiter: RateLimiter | undefined): Promise<void> {
    const isWithin = limiter === undefined ? this.#counts.add(key, now) < most : (await limiter.limit({ key })).success;
    if (isWithin) return;
    bound(this.#closed);
    this.#closed.set(key, now + PERIOD_MS);
  }
}

/** Makes room for one more. Whoever brings as many networks as that has no need of the oldest. */
function bound(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size >= MOST_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

function nameKey(name: string, network: string): string {
  return `${network} ${name}`;
}

function networkKey(network: string): string {
  return network;
}

/** One an isolate, for every door. */
export const GUESSES = new Guesses();
