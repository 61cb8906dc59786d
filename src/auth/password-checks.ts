/**
 * Passwords against htpasswd lines. bcrypt is slow on purpose (75 ms of CPU at cost 10), so what was right is remembered by
 * this isolate under a hash whose key it alone has, few are computed at once, and a name that is in no line takes as long as
 * one that is (CVE-2023-20902).
 */
import { createHmac, randomBytes } from 'node:crypto';
import { compare } from 'bcryptjs';
import type { Htpasswd, HtpasswdLine } from './htpasswd.ts';

/** They share one thread: more at once would only all be later. */
const MOST_AT_ONCE = 2;
const MOST_REMEMBERED = 2_000;
const KEY_BYTES = 32;
/** A request may go away with its turn; whoever takes this long has gone. */
const TURN_LEASE_MS = 30_000;
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 20;
/** Salt and hash of no known password; a right one would open nothing all the same. */
const DUMMY_SALT_AND_HASH = '.'.repeat(53);
const LOWEST_COST = 4;

export type CheckResult = 'right' | 'wrong' | 'busy';

export class PasswordChecks {
  /** Made at first need, since a Worker has no random numbers before its first request. */
  #key: Uint8Array | undefined;
  /** Least lately used first. */
  readonly #remembered = new Set<string>();
  /** When each began. */
  readonly #turns = new Map<symbol, number>();

  /** The line of a name whose password was found right before. Costs next to nothing. */
  recall(lines: Htpasswd, name: string, password: string): HtpasswdLine | undefined {
    const line = lines.get(name);
    if (line === undefined) return undefined;
    const mark = this.#mark(line, password);
    if (!this.#remembered.delete(mark)) return undefined;
    this.#remembered.add(mark);
    return line;
  }

  /** @param mayGoOn asked again when its turn comes: while it waited, others may have guessed too often */
  async check(
    lines: Htpasswd,
    name: string,
    password: string,
    mayGoOn: () => boolean = () => true,
  ): Promise<CheckResult> {
    const turn = await this.#turn();
    if (turn === undefined) return 'busy';
    try {
      if (this.recall(lines, name, password) !== undefined) return 'right';
      if (!mayGoOn()) return 'busy';
      const line = lines.get(name);
      const isRight = await compare(password, line?.hash ?? dummyHash(lines));
      if (!isRight || line === undefined) return 'wrong';
      this.#remember(this.#mark(line, password));
      return 'right';
    } finally {
      this.#turns.delete(turn);
    }
  }

  /** Waits by looking again: a request must not depend on another's promise, which may go away with it. */
  async #turn(): Promise<symbol | undefined> {
    const deadline = Date.now() + PATIENCE_MS;
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

  #mark({ fingerprint }: HtpasswdLine, password: string): string {
    this.#key ??= randomBytes(KEY_BYTES);
    return createHmac('sha256', this.#key).update(`${fingerprint} ${password}`).digest('base64');
  }
}

/** As slow as the slowest line. */
function dummyHash(lines: Htpasswd): string {
  let cost = LOWEST_COST;
  for (const line of lines.values()) cost = Math.max(cost, line.cost);
  return `$2b$${String(cost).padStart(2, '0')}$${DUMMY_SALT_AND_HASH}`;
}
