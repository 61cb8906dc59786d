/**
 * Chance that comes back: everything that a campaign makes up follows from one seed. Each actor draws from a source of
 * its own, so that what one does does not depend on how fast the others are.
 */
import { createCipheriv, createHash } from 'node:crypto';

/** AES in counter mode gives as many bytes as one likes, at gigabytes a second. */
const STREAM_CIPHER = 'aes-128-ctr';
const KEY_BYTES = 16;
const DRAW_BYTES = 4;
const DRAWS = 2 ** 32;

export class Seeded {
  readonly #label: string;
  #drawn = 0;
  #block = Buffer.alloc(0);

  constructor(seed: number | string) {
    this.#label = String(seed);
  }

  /** A source that depends on this one's seed and the name alone, not on what was drawn before. */
  branch(name: string | number): Seeded {
    return new Seeded(`${this.#label}/${name}`);
  }

  /** At least 0, less than 1. */
  fraction(): number {
    const block = (this.#drawn * DRAW_BYTES) % 4_096;
    if (block === 0) this.#block = keystream(`${this.#label}#${this.#drawn}`, 4_096);
    this.#drawn += 1;
    return this.#block.readUInt32LE(block) / DRAWS;
  }

  /** From `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  /** As many small numbers as large ones, by their length: from 1 kB to 20 MB half are below 140 kB. */
  logarithmic(least: number, most: number): number {
    return Math.round(least * (most / least) ** this.fraction());
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.integer(0, choices.length - 1)] ?? choices[0];
  }

  shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.fraction() }))
      .sort((one, other) => one.at - other.at)
      .map(({ item }) => item);
  }

  /** Bytes that no other call of any source gives. */
  bytes(length: number): Buffer<ArrayBuffer> {
    this.#drawn += 1;
    this.#drawn += (1_024 - (this.#drawn % 1_024)) % 1_024;
    return keystream(`${this.#label}!${this.#drawn}`, length);
  }
}

/** The same bytes for the same name, however long they are asked for. */
export function keystream(name: string, length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(length);
  keystreamCipher(name).update(bytes).copy(bytes);
  return bytes;
}

export function keystreamCipher(name: string): ReturnType<typeof createCipheriv> {
  const hash = createHash('sha256').update(name).digest();
  return createCipheriv(STREAM_CIPHER, hash.subarray(0, KEY_BYTES), hash.subarray(KEY_BYTES));
}
