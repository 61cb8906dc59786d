/**
 * Passwords against htpasswd lines. bcrypt is slow on purpose (75 ms of CPU at cost 10), so what was right is remembered by
 * this isolate under a hash whose key it alone has, few are computed at once, and a name that is in no line takes as long as
 * one of the dearest lines (CVE-2023-20902): give all lines one cost.
 */
import { hash, randomBytes } from 'node:crypto';
import { compare } from 'bcryptjs';
import type { Htpasswd, HtpasswdLine } from './htpasswd.ts';
import { PeriodCounts } from './period-counts.ts';

/** They share one thread: more at once would only all be later. */
const MOST_AT_ONCE = 2;
/** Who finds as many waiting is told to come again. */
const MOST_WAITING = 50;
const MOST_REMEMBERED = 2_000;
const KEY_BYTES = 32;
/** A request may go away with its turn; whoever takes this long has gone. */
const TURN_LEASE_MS = 30_000;
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 20;
/** Longer than the slowest computation keeps everybody from looking (cost 14 takes 1.2 s). */
const GONE_MS = 5_000;
/**
 * Telling whether a password is one that was right before costs nothing, so it is told only so often to one network of one
 * name: who asks more often guesses, and is as slow as bcrypt.
 */
const MOST_MISSES = 20;
const MISSES_PERIOD_MS = 60_000;
const MOST_COUNTED = 2_000;
/** Salt and hash of no known password; a right one would open nothing all the same. */
const DUMMY_SALT_AND_HASH = '.'.repeat(53);
const LOWEST_COST = 4;

/** Where a password comes from: what one network has proven is no news to another. */
export interface Origin {
  /** Undefined where it is not known. */
  readonly network: string | undefined;
  /** In ms since the epoch. */
  readonly now: number;
}

export type CheckResult = 'right' | 'wrong' | 'busy';

export class PasswordChecks {
  /** Made at first need, since a Worker has no random numbers before its first request. */
  #key: string | undefined;
  /** Least lately used first. */
  readonly #remembered = new Set<string>();
  /** When each began. */
  readonly #turns = new Map<symbol, number>();
  /** Who waits, in the order in which they came, and when each looked last. */
  readonly #queue = new Map<symbol, number>();
  readonly #misses = new PeriodCounts(MISSES_PERIOD_MS, MOST_COUNTED);

  /** The line of a name whose password was found right before. Costs next to nothing. */
  recall(lines: Htpasswd, name: string, password: string, origin: Origin): HtpasswdLine | undefined {
    const found = this.#proven(lines, name, password, origin);
    // Names of nobody would push out the counts of somebody.
    if (found === undefined && lines.has(name)) this.#misses.add(missesKey(name, origin), origin.now);
    return found;
  }

  #proven(lines: Htpasswd, name: string, password: string, origin: Origin): HtpasswdLine | undefined {
    const line = lines.get(name);
    if (line === undefined || this.#misses.of(missesKey(name, origin), origin.now) >= MOST_MISSES) return undefined;
    const mark = this.#mark(line, password, origin);
    if (!this.#remembered.delete(mark)) return undefined;
    this.#remembered.add(mark);
    return line;
  }

  /** @param mayGoOn asked again when its turn comes: while it waited, others may have guessed too often */
  async check(
    lines: Htpasswd,
    name: string,
    password: string,
    origin: Origin,
    mayGoOn: () => boolean = () => true,
  ): Promise<CheckResult> {
    const turn = await this.#turn();
    if (turn === undefined) return 'busy';
    try {
      if (this.#proven(lines, name, password, origin) !== undefined) return 'right';
      if (!mayGoOn()) return 'busy';
      const line = lines.get(name);
      const isRight = await compare(password, line?.hash ?? dummyHash(lines));
      if (!isRight || line === undefined) return 'wrong';
      this.#remember(this.#mark(line, password, origin));
      return 'right';
    } finally {
      this.#turns.delete(turn);
    }
  }

  /**
   * First come, first served. Waits by looking again: a request must not depend on another's promise, which may go away with
   * it; and one that has gone looks no more, so it keeps nobody behind it waiting.
   */
  async #turn(): Promise<symbol | undefined> {
    const deadline = Date.now() + PATIENCE_MS;
    this.#forgetGone(Date.now());
    if (this.#queue.size >= MOST_WAITING) return undefined;
    const turn = Symbol('turn');
    for (;;) {
      const now = Date.now();
      this.#queue.set(turn, now);
      this.#forgetGone(now);
      const [next] = this.#queue.keys();
      if (next === turn && this.#turns.size < MOST_AT_ONCE) {
        this.#queue.delete(turn);
        this.#turns.set(turn, now);
        return turn;
      }
      if (now > deadline) {
        this.#queue.delete(turn);
        return undefined;
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  #forgetGone(now: number): void {
    for (const [turn, began] of this.#turns) if (now - began > TURN_LEASE_MS) this.#turns.delete(turn);
    for (const [turn, looked] of this.#queue) if (now - looked > GONE_MS) this.#queue.delete(turn);
  }

  #remember(mark: string): void {
    this.#remembered.add(mark);
    const [oldest] = this.#remembered;
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }

  #mark({ fingerprint }: HtpasswdLine, password: string, { network = '' }: Origin): string {
    this.#key ??= randomBytes(KEY_BYTES).toString('hex');
    // No mark ever leaves the isolate, so a key that stands before all else does: HMAC takes workerd twice as long.
    return hash('sha256', `${this.#key} ${fingerprint} ${network} ${password}`, 'base64');
  }
}

function missesKey(name: string, { network = '' }: Origin): string {
  return `${network} ${name}`;
}

/** As slow as the slowest line. */
function dummyHash(lines: Htpasswd): string {
  let cost = LOWEST_COST;
  for (const line of lines.values()) cost = Math.max(cost, line.cost);
  return `$2b$${String(cost).padStart(2, '0')}$${DUMMY_SALT_AND_HASH}`;
}
