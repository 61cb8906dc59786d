/**
 * What fast-check has thrown for one step. Each choice takes the next die; when they are used up, and where they were
 * shrunk, the choice is the first one and the chance is not taken: the plainest request.
 */

export const DICE = 24;
export const SIDES = 0xffff;

export class Dice {
  readonly #thrown: readonly number[];
  #next = 0;

  constructor(thrown: readonly number[]) {
    this.#thrown = thrown;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.#die() % choices.length] ?? choices[0];
  }

  /** Undefined of nothing. */
  some<T>(choices: readonly T[]): T | undefined {
    return choices[this.#die() % Math.max(1, choices.length)];
  }

  /** Up to `most` different ones, in any order. */
  several<T>(choices: readonly T[], most: number): T[] {
    const count = Math.min(this.upTo(most), choices.length);
    const left = [...choices];
    return Array.from({ length: count }, () => left.splice(this.#die() % left.length, 1)).flat();
  }

  chance(probability: number): boolean {
    return this.#die() > SIDES * (1 - probability);
  }

  /** From 0 to `most`, both included. */
  upTo(most: number): number {
    return this.#die() % (most + 1);
  }

  /** At least 0, less than 1. */
  fraction(): number {
    return this.#die() / (SIDES + 1);
  }

  #die(): number {
    const thrown = this.#thrown[this.#next] ?? 0;
    this.#next += 1;
    return thrown;
  }
}
