/** A Berth whose processes are killed while clients work, and which starts again on the same port and data. */
import { startBerth } from '../berth-process.ts';
import type { BerthOptions, BerthProcess } from '../berth-process.ts';

/** SIGKILL for workerd alone, for Node alone, or for every process at once. */
export type Victim = 'workerd' | 'node' | 'all';

export class UnstableBerth {
  readonly #started: BerthProcess[];
  #current: Promise<BerthProcess>;
  #kills = 0;
  #steps = 0;
  #waiting: { step: number; wake: () => void } | undefined;

  private constructor(berth: BerthProcess) {
    this.#started = [berth];
    this.#current = Promise.resolve(berth);
  }

  static async start(options?: BerthOptions): Promise<UnstableBerth> {
    return new UnstableBerth(await startBerth(options));
  }

  /** How often it was killed: a broken connection is a defect if this did not change meanwhile. */
  get kills(): number {
    return this.#kills;
  }

  /** Fulfilled when it serves. */
  serving(): Promise<BerthProcess> {
    return this.#current;
  }

  /** A client says that something happened on the wire: moments to kill at are counted in these. */
  step(): void {
    this.#steps += 1;
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.step > this.#steps) return;
    this.#waiting = undefined;
    waiting.wake();
  }

  /** Fulfilled after so many steps of the clients. One waits at a time. */
  steps(count: number): Promise<void> {
    return new Promise((wake) => {
      this.#waiting = { step: this.#steps + count, wake };
    });
  }

  /** Kills, and is fulfilled when it serves again. */
  async kill(victim: Victim): Promise<void> {
    const before = await this.#current;
    this.#kills += 1;
    const again = this.#killed(before, victim);
    this.#current = again;
    again.catch(() => undefined);
    await again;
  }

  /** Ends whatever runs, and deletes the data. */
  async discard(): Promise<void> {
    // A start that is under way would write on.
    await this.#current.catch(() => undefined);
    for (const berth of this.#started) await berth.discard();
  }

  async #killed(before: BerthProcess, victim: Victim): Promise<BerthProcess> {
    switch (victim) {
      case 'workerd':
        await before.killWorkerd();
        return before;
      case 'node':
        await before.kill();
        return this.#again(before);
      case 'all':
        await before.killAll();
        return this.#again(before);
    }
  }

  async #again(before: BerthProcess): Promise<BerthProcess> {
    const berth = await before.startAgain();
    this.#started.push(berth);
    return berth;
  }
}
