/** Bytes of which it is known at their end whether they are the right ones, and cuts of them. */
import { createHash } from 'node:crypto';
import { digestAlgorithm, digestHex, type Digest } from '../../src/oci/digest.ts';
import { StreamFailure } from '../registry/outcome.ts';

export interface Expected {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/**
 * Passes the bytes on while they are hashed. The last piece is kept back until it is certain that all were right: who
 * was promised `size` bytes never gets all of a blob that is another one, and so can't store it.
 */
export async function* verified(
  pieces: AsyncIterable<Uint8Array>,
  { digest, size }: Expected,
): AsyncGenerator<Uint8Array> {
  const hash = createHash(digestAlgorithm(digest));
  let total = 0;
  let last: Uint8Array | undefined;
  for await (const piece of pieces) {
    if (piece.byteLength === 0) continue;
    total += piece.byteLength;
    if (total > size) throw wrong(`the source gave more than the ${size} bytes that the manifest tells of`);
    hash.update(piece);
    if (last !== undefined) yield last;
    last = piece;
  }
  if (total < size) throw wrong(`the source gave ${total} of the ${size} bytes that the manifest tells of`);
  if (hash.digest('hex') !== digestHex(digest))
    throw wrong('the source gave bytes of another digest: they are not copied');
  if (last !== undefined) yield last;
}

function wrong(reason: string): StreamFailure {
  return new StreamFailure(reason, { transient: false });
}

/** Takes a stream in cuts of any length, one after the other, without gathering any of them. */
export class Cuts {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** The next `length` bytes; fewer only where the stream ends. */
  async *next(length: number): AsyncGenerator<Uint8Array> {
    for (let left = length; left > 0;) {
      const piece = this.#rest ?? (await this.#take());
      if (piece === undefined) return;
      const cut = piece.subarray(0, left);
      this.#rest = cut.byteLength < piece.byteLength ? piece.subarray(cut.byteLength) : undefined;
      left -= cut.byteLength;
      yield cut;
    }
  }

  async #take(): Promise<Uint8Array | undefined> {
    const next = await this.#pieces.next();
    return next.done === true ? undefined : next.value;
  }
}
