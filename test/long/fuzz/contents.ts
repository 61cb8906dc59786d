/** The blobs of one sequence: the same few again and again, so that pushes meet what is there, of every size that matters. */
import { keystream } from '../../e2e/crash/seeded.ts';
import { digestOfBytes } from './bytes.ts';
import type { Dice } from './dice.ts';
import type { Blob } from './operation.ts';

/** Some are one write, some several reads of a stream, and none takes long. */
const SIZES = [2, 5_000, 100, 1, 0, 20_000, 300, 70_000, 4_096, 300_000] as const;
/** The first so many are those of every sequence. */
const SHARED = 3;
/** Of so few bytes, two sequences may have the same. */
const CHANCE_BYTES = 1;
/** Of what is never pushed, the size is not known either. */
const UNKNOWN_BYTES = 7;

export class Contents {
  readonly #bytes: readonly Uint8Array[];
  readonly #known: ReadonlyMap<string, Uint8Array>;

  constructor(label: string) {
    this.#bytes = SIZES.map((size, index) => keystream(`${index < SHARED ? 'shared' : label}/${String(index)}`, size));
    this.#known = new Map(
      this.#bytes.flatMap((bytes) =>
        (['sha256', 'sha512'] as const).map((algorithm) => [digestOfBytes(algorithm, bytes), bytes]),
      ),
    );
  }

  get digests(): readonly string[] {
    return [...this.#known.keys()];
  }

  some(dice: Dice): Blob {
    const bytes = dice.some(this.#bytes) ?? new Uint8Array();
    return { digest: digestOfBytes(dice.chance(0.12) ? 'sha512' : 'sha256', bytes), bytes };
  }

  /** What the session of this number is to become. */
  of(number: number): Blob {
    const bytes = this.#bytes[number % this.#bytes.length] ?? new Uint8Array();
    return { digest: digestOfBytes('sha256', bytes), bytes };
  }

  bytesOf(digest: string): Uint8Array | undefined {
    return this.#known.get(digest);
  }

  /** Whether other sequences push it too. */
  isShared(digest: string): boolean {
    const bytes = this.#known.get(digest);
    if (bytes === undefined) return false;
    return this.#bytes.indexOf(bytes) < SHARED || bytes.byteLength <= CHANCE_BYTES;
  }

  sizeOf(digest: string): number {
    return this.#known.get(digest)?.byteLength ?? UNKNOWN_BYTES;
  }
}
