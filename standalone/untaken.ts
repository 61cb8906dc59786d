/**
 * Clients that do not take what they were answered. Whoever reads nothing would keep its place, the memory of what is on its
 * way to it, and a registry that stops. Each piece has a time in which it has to be taken, whatever is sent meanwhile; what the
 * system itself holds for a slow connection counts as taken.
 */
import type { Socket } from 'node:net';

/** For the largest piece, a megabyte: nine kilobytes a second. */
const LIMIT_MS = 120_000;
/** While the registry stops. */
const LAST_LIMIT_MS = 15_000;

export class Untaken {
  readonly #timers = new Map<Socket, NodeJS.Timeout>();
  readonly #cut: (client: Socket) => void;
  #limitMs: number;

  /** @param cut ends a connection at once */
  constructor(cut: (client: Socket) => void, limitMs = LIMIT_MS) {
    this.#cut = cut;
    this.#limitMs = limitMs;
  }

  /** It was given more than the system takes at once. */
  waits(client: Socket): void {
    if (!this.#timers.has(client)) this.#give(client);
  }

  /** It has taken it, or is gone. */
  ended(client: Socket): void {
    clearTimeout(this.#timers.get(client));
    this.#timers.delete(client);
  }

  /** From now on there is less time, for those who wait already too. */
  hurry(limitMs = LAST_LIMIT_MS): void {
    this.#limitMs = Math.min(this.#limitMs, limitMs);
    for (const [client, timer] of this.#timers) {
      clearTimeout(timer);
      this.#give(client);
    }
  }

  #give(client: Socket): void {
    const timer = setTimeout(() => {
      this.#timers.delete(client);
      this.#cut(client);
    }, this.#limitMs);
    this.#timers.set(client, timer.unref());
  }
}
