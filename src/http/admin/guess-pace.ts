/**
 * How fast an isolate compares guesses at an admin password that a person made up, where it is not known from which network
 * they come, so that nobody can be slowed down by where he is. One that Berth made has 192 random bits and needs no pace.
 *
 * Whoever is compared at once when right is a guesser's oracle, so with a pace the right one has to wait too while somebody
 * guesses. The order is left to chance on purpose: in a queue, whoever sends most would stand before everybody else.
 */
const MOST_A_SECOND = 50;
const SECOND_MS = 1_000;
/** Who finds as many waiting is told to come again. */
const MOST_WAITING = 500;
const PATIENCE_MS = 10_000;
const SHORTEST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 220;
/** A request may go away where it stands. */
const GONE_MS = 2_000;
const BERTH_MADE = /^berth_admin_[A-Za-z0-9_-]{32}$/;

/** Whether it could be found by guessing, however fast that is. */
export function isGuessable(password: string): boolean {
  return !BERTH_MADE.test(password);
}

interface Means {
  /** In ms. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  /** From 0 to 1. */
  readonly random: () => number;
}

export class GuessPace {
  readonly #means: Means;
  /** When each who waits looked last. */
  readonly #waiting = new Map<symbol, number>();
  #since = 0;
  #taken = 0;

  constructor(means: Means) {
    this.#means = means;
  }

  /** False for who has waited too long, or finds too many waiting. */
  async turn(): Promise<boolean> {
    if (this.#take()) return true;
    this.#forgetGone();
    if (this.#waiting.size >= MOST_WAITING) return false;
    const own = Symbol('guess');
    try {
      for (let waitedMs = 0; waitedMs < PATIENCE_MS;) {
        this.#waiting.set(own, this.#means.now());
        const pauseMs = SHORTEST_PAUSE_MS + this.#means.random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS);
        await this.#means.pause(pauseMs);
        waitedMs += pauseMs;
        if (this.#take()) return true;
      }
      return false;
    } finally {
      this.#waiting.delete(own);
    }
  }

  /** A turn was no guess. */
  giveBack(): void {
    this.#taken = Math.max(0, this.#taken - 1);
  }

  #take(): boolean {
    const now = this.#means.now();
    if (Math.abs(now - this.#since) >= SECOND_MS) {
      this.#since = now;
      this.#taken = 0;
    }
    if (this.#taken >= MOST_A_SECOND) return false;
    this.#taken += 1;
    return true;
  }

  #forgetGone(): void {
    const now = this.#means.now();
    for (const [one, looked] of this.#waiting) if (now - looked > GONE_MS) this.#waiting.delete(one);
  }
}

/** One an isolate. */
export const GUESS_PACE = new GuessPace({
  now: () => Date.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: () => Math.random(),
});
