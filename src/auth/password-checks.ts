/**
 * Passwords against htpasswd lines. bcrypt is slow on purpose (75 ms of CPU at cost 10), so what was right is remembered by
 * this isolate under a hash whose key it alone has, few are computed at once, and a name that is in no line takes as long as
 * one of the dearest lines (CVE-2023-20902): give all lines one cost.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { compare } from 'bcryptjs';
import type { Htpasswd, HtpasswdLine } from './htpasswd.ts';

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
  #key: Uint8Array | undefined;
  /** Least lately used first. */
  readonly #remembered = new Set<string>();
  /** When each began. */
  readonly #turns = new Map<symbol, number>();
  #waiting = 0;
  readonly #misses = new Map<string, { since: number; count: number }>();

  /** The line of a name whose password was found right before. Costs next to nothing. */
  recall(lines: Htpasswd, name: string, password: string, origin: Origin): HtpasswdLine | undefined {
    const found = this.#proven(lines, name, password, origin);
    if (found === undefined) this.#countMiss(name, origin);
    return found;
  }

  #proven(lines: Htpasswd, name: string, password: string, origin: Origin): HtpasswdLine | undefined {
    const line = lines.get(name);
    if (line === undefined || this.#hasMissed(name, origin)) return undefined;
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

  /** Waits by looking again: a request must not depend on another's promise, which may go away with it. */
  async #turn(): Promise<symbol | undefined> {
    const deadline = Date.now() + PATIENCE_MS;
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting += 1;
    try {
      return await this.#turnBefore(deadline);
    } finally {
      this.#waiting -= 1;
    }
  }

  async #turnBefore(deadline: number): Promise<symbol | undefined> {
    for (;;) {
      const now = Date.now();
      for (const [turn, began] of this.#turns) if (now - began > TURN_LEASE_MS) this.#turns.delete(turn);
      if (this.#turns.size < MOST_AT_ONCE) {
        const turn = Symbol('turn');
        this.#turns.set(turn, now);
        return turn;
      }
      if (now > deadline) return undefined;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  #remember(mark: string): void {
    this.#remembered.add(mark);
    const [oldest] = this.#remembered;
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }

  #mark({ fingerprint }: HtpasswdLine, password: string, { network = '' }: Origin): string {
    this.#key ??= randomBytes(KEY_BYTES);
    return createHmac('sha256', this.#key).update(`${fingerprint} ${network} ${password}`).digest('base64');
  }

  #hasMissed(name: string, { network = '', now }: Origin): boolean {
    const known = this.#misses.get(`${network} ${name}`);
    return known !== undefined && now - known.since < MISSES_PERIOD_MS && known.count >= MOST_MISSES;
  }

  #countMiss(name: string, { network = '', now }: Origin): void {
    const key = `${network} ${name}`;
    const known = this.#misses.get(key);
    const current = known !== undefined && now - known.since < MISSES_PERIOD_MS ? known : { since: now, count: 0 };
    current.count += 1;
    this.#misses.delete(key);
    this.#misses.set(key, current);
    const [oldest] = this.#misses.keys();
    if (this.#misses.size > MOST_COUNTED && oldest !== undefined) this.#misses.delete(oldest);
  }
}

/** As slow as the slowest line. */
function dummyHash(lines: Htpasswd): string {
  let cost = LOWEST_COST;
  for (const line of lines.values()) cost = Math.max(cost, line.cost);
  return `$2b$${String(cost).padStart(2, '0')}$${DUMMY_SALT_AND_HASH}`;
}
