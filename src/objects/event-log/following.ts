/**
 * Who follows the log live: at most so many over the whole registry, each by a lease that ends unless it is renewed, since
 * nobody tells when a client has gone away. One call of a follower waits for what comes next, and renews its lease.
 *
 * In memory: an object that starts anew knows nobody, and takes in again whoever asks, as long as there is room.
 */
export const MOST_FOLLOWERS = 20;
/** How long a call waits where nothing happens; its end is the follower's heartbeat. */
export const FOLLOW_WAIT_MS = 15_000;
/** From one call to the next a follower only passes on what it got. */
const LEASE_MS = 45_000;

export class Followers {
  /** By id: when each lease ends (ms since the epoch). */
  readonly #leases = new Map<string, number>();
  #change = Promise.withResolvers<undefined>();

  /** False where there are too many others. */
  renew(id: string, now: number): boolean {
    for (const [other, until] of this.#leases) if (until <= now) this.#leases.delete(other);
    if (!this.#leases.has(id) && this.#leases.size >= MOST_FOLLOWERS) return false;
    this.#leases.set(id, now + LEASE_MS);
    return true;
  }

  end(id: string): void {
    this.#leases.delete(id);
  }

  /** Something was appended. */
  notify(): void {
    this.#change.resolve(undefined);
    this.#change = Promise.withResolvers();
  }

  /** Until something is appended, or for so long. */
  async next(waitMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([this.#change.promise, pause]);
    clearTimeout(timer);
  }
}
