/** For what anybody can make happen as often as he likes: said at once, then once in a while with how often it was. */
const EVERY_MS = 60_000;

export class Seldom {
  #saidAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  /**
   * @param now in milliseconds since the epoch
   * @returns how often it was since it was said last; undefined where that was a moment ago
   */
  seen(now: number): number | undefined {
    this.#unsaid += 1;
    // A clock that is set back must not keep it silent.
    if (Math.abs(now - this.#saidAt) < EVERY_MS) return undefined;
    const times = this.#unsaid;
    this.#saidAt = now;
    this.#unsaid = 0;
    return times;
  }
}
