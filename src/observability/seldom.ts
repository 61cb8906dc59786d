/** For what anybody can make happen as often as he likes: said at once, then once in a while with how often it was. */
export class Seldom {
  readonly #everyMs: number;
  #saidAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /**
   * @param now in milliseconds; from where it counts is no matter
   * @returns how often it was since it was said last; undefined where that was a moment ago
   */
  seen(now: number): number | undefined {
    this.#unsaid += 1;
    // A clock that is set back must not keep it silent.
    if (Math.abs(now - this.#saidAt) < this.#everyMs) return undefined;
    const times = this.#unsaid;
    this.#saidAt = now;
    this.#unsaid = 0;
    return times;
  }
}
