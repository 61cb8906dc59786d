/**
 * Slows guesses down: after so many wrong credentials for a name from one network, or for any name from it, that network
 * waits out the minute. Only what was wrong counts, and what Berth knows to be right is never asked about, so nobody can
 * lock anybody out who comes from another network, nor whoever has signed in on the same one.
 *
 * On Cloudflare the counts are those of the platform's rate limiter, which a whole location shares; an isolate remembers
 * what that said until the minute is over. Elsewhere the isolate counts, of which there is one. Where a client's network is
 * not known, nobody is made to wait: that would be everybody. Then guesses are as slow as bcrypt is (auth/password-checks.ts).
 */

/** As wrangler.toml has them. */
const MOST_FOR_NAME = 10;
const MOST_FOR_NETWORK = 50;
const PERIOD_MS = 60_000;
/** Networks and names that are counted or closed at a time. */
const MOST_REMEMBERED = 10_000;
const MILLISECONDS = 1_000;
/** The part of an IPv6 address that a provider gives to one customer (RFC 6177). */
const IPV6_NETWORK_GROUPS = 4;
const IPV6_GROUPS = 8;
const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

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
  readonly #counts = new Map<string, { since: number; count: number }>();

  /** How long this one has to wait before a guess is looked at; `undefined` when it need not. */
  waitSeconds(name: string, network: string | undefined, now: number): number | undefined {
    if (network === undefined) return undefined;
    const until = Math.max(
      ...[nameKey(name, network), networkKey(network)].map((key) => this.#closed.get(key) ?? Number.NEGATIVE_INFINITY),
    );
    return until <= now ? undefined : Math.ceil((until - now) / MILLISECONDS);
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
    const isWithin = limiter === undefined ? this.#isWithin(key, most, now) : (await limiter.limit({ key })).success;
    if (isWithin) return;
    bound(this.#closed);
    this.#closed.set(key, now + PERIOD_MS);
  }

  #isWithin(key: string, most: number, now: number): boolean {
    const known = this.#counts.get(key);
    const current = known !== undefined && now - known.since < PERIOD_MS ? known : { since: now, count: 0 };
    current.count += 1;
    if (known !== current) {
      this.#counts.delete(key);
      bound(this.#counts);
      this.#counts.set(key, current);
    }
    return current.count < most;
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

/** Whoever may send from one address of a network may send from all of it. The address is a well-formed one. */
export function networkOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const [, mapped] = MAPPED_IPV4.exec(address) ?? [];
  if (mapped !== undefined || !address.includes(':')) return mapped ?? address;
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => text.split(':').filter((group) => group !== '');
  const [first, last] = [groups(head), groups(tail)];
  const gap = Math.max(0, IPV6_GROUPS - first.length - last.length);
  const all = [...first, ...Array.from({ length: gap }, () => '0'), ...last];
  return `${all.slice(0, IPV6_NETWORK_GROUPS).join(':')}::/64`;
}
