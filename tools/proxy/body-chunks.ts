/** A client's body, cut into chunks that stand in memory one at a time. */
import type { Readable } from 'node:stream';
import { free } from '../../standalone/freed-bytes.ts';
import type { ChunkMemory } from './chunk-memory.ts';

/** A client that has said nothing for so long holds memory that others wait for. */
const STALL_MS = 1_000;

export interface Chunk {
  /** At least one. Not to be looked at after `release`. */
  readonly bytes: Buffer;
  /** Whether the body is known to end with it. One that fills its buffer may be the last one without anybody knowing. */
  readonly isLast: boolean;
  release(): void;
}

export class BodyChunks {
  readonly #memory: ChunkMemory;
  readonly #signal: AbortSignal;
  readonly #pieces: AsyncIterator<unknown>;
  /** What was asked for and has not been taken yet. */
  #pending: Promise<Buffer | undefined> | undefined;
  #filling: Promise<Chunk | undefined> | undefined;
  /** A piece that came, and how much of it is in a chunk already. */
  #rest: { readonly piece: Buffer; used: number } | undefined;

  /** @param signal says that the client is gone. */
  constructor(body: Readable, memory: ChunkMemory, signal: AbortSignal) {
    this.#memory = memory;
    this.#signal = signal;
    this.#pieces = body[Symbol.asyncIterator]();
  }

  /** The next chunk; undefined when there is nothing more. Rejects when the client is gone before its end. */
  next(): Promise<Chunk | undefined> {
    const chunk = this.#next();
    this.#filling = chunk;
    return chunk;
  }

  /** Reads what is left and throws it away. The chunk that is being filled, if one is, comes to its end first. */
  async discard(): Promise<void> {
    try {
      await this.#filling;
      this.#rest = undefined;
      while ((await this.#piece()) !== undefined);
    } catch {
      // It is gone, which is as good.
    }
  }

  async #next(): Promise<Chunk | undefined> {
    // Memory is taken only for bytes that are there.
    this.#rest ??= restOf(await this.#piece());
    if (this.#rest === undefined) return undefined;
    const buffer = await this.#memory.take(this.#signal);
    try {
      const { length, isLast } = await this.#fill(buffer);
      return {
        bytes: buffer.subarray(0, length),
        isLast,
        release: () => {
          this.#memory.give(buffer);
        },
      };
    } catch (error) {
      this.#memory.give(buffer);
      throw error;
    }
  }

  async #fill(buffer: Buffer): Promise<{ length: number; isLast: boolean }> {
    let length = 0;
    while (this.#rest !== undefined) {
      const { piece, used } = this.#rest;
      const copied = piece.copy(buffer, length, used);
      length += copied;
      this.#rest.used += copied;
      if (this.#rest.used === piece.length) {
        this.#rest = undefined;
        free(piece);
      }
      if (length === buffer.length) return { length, isLast: false };
      const next = await this.#pieceUnlessOthersWait();
      if (next === 'others-wait') return { length, isLast: false };
      this.#rest = restOf(next);
    }
    return { length, isLast: true };
  }

  /** The next bytes as they came; undefined at the end. */
  async #piece(): Promise<Buffer | undefined> {
    const piece = await this.#upcoming();
    this.#pending = undefined;
    return piece;
  }

  async #pieceUnlessOthersWait(): Promise<Buffer | undefined | 'others-wait'> {
    for (;;) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const silence = new Promise<'silence'>((settle) => {
        timer = setTimeout(settle, STALL_MS, 'silence');
      });
      const first = await Promise.race([this.#upcoming(), silence]).finally(() => {
        clearTimeout(timer);
      });
      if (first === 'silence') {
        // What comes late is the beginning of the next chunk.
        if (this.#memory.isWanted) return 'others-wait';
        continue;
      }
      this.#pending = undefined;
      return first;
    }
  }

  #upcoming(): Promise<Buffer | undefined> {
    this.#pending ??= this.#read();
    return this.#pending;
  }

  async #read(): Promise<Buffer | undefined> {
    for (;;) {
      const next = await this.#pieces.next();
      if (next.done === true) return undefined;
      if (!Buffer.isBuffer(next.value)) throw new TypeError('a body consists of bytes');
      if (next.value.length > 0) return next.value;
    }
  }
}

function restOf(piece: Buffer | undefined): { readonly piece: Buffer; used: number } | undefined {
  return piece === undefined ? undefined : { piece, used: 0 };
}
