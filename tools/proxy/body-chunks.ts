/** A client's body, cut into chunks that stand in memory one at a time. */
import type { Readable } from 'node:stream';
import { free } from '../../standalone/freed-bytes.ts';
import { Patience } from '../../standalone/patience.ts';
import type { BufferLine, ChunkMemory } from './chunk-memory.ts';

/** A client that says nothing for so long while it fills a chunk, or brings less in the long run, is slow. */
const STALL_MS = 1_000;
const LEAST_BYTES_PER_SECOND = 512 * 1024;
/** How often the slow look whether others wait. */
const LOOK_UP_MS = 250;

export interface Chunk {
  /** At least one. Not to be looked at after `release`. */
  readonly bytes: Buffer;
  /** Whether the body is known to end with it. One that fills its buffer may be the last one without anybody knowing. */
  readonly isLast: boolean;
  release(): void;
}

/** A chunk while it is filled: by whom its buffer is lent, and how far it is. */
interface Filling {
  line: BufferLine;
  buffer: Buffer;
  length: number;
  readonly patience: Patience;
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
    if (this.#rest === undefined) {
      const piece = await this.#piece();
      if (piece === undefined) return undefined;
      this.#rest = restOf(piece);
    }
    const { first } = this.#memory;
    const filling = {
      line: first,
      buffer: await first.take(this.#signal),
      length: 0,
      patience: new Patience(STALL_MS, LEAST_BYTES_PER_SECOND),
    };
    try {
      let end = await this.#fill(filling);
      if (end === 'full' && (await this.#enlarge(filling))) end = await this.#fill(filling);
      const { line, buffer, length } = filling;
      return {
        bytes: buffer.subarray(0, length),
        isLast: end === 'last',
        release: () => {
          line.give(buffer);
        },
      };
    } catch (error) {
      filling.line.give(filling.buffer);
      throw error;
    }
  }

  /** Goes on in a large buffer. False where the chunk is sent as it is: who is slow takes no place in the line. */
  async #enlarge(filling: Filling): Promise<boolean> {
    const { first, whole } = this.#memory;
    if (first.sizeBytes === whole.sizeBytes) return false;
    const buffer = whole.takeAtOnce() ?? (filling.patience.isOver ? undefined : await whole.take(this.#signal));
    if (buffer === undefined) return false;
    filling.buffer.copy(buffer, 0, 0, filling.length);
    first.give(filling.buffer);
    filling.line = whole;
    filling.buffer = buffer;
    return true;
  }

  async #fill(filling: Filling): Promise<'full' | 'last' | 'others-wait'> {
    for (;;) {
      if (this.#rest === undefined) {
        const next = await this.#pieceUnlessOthersWait(filling);
        if (next === 'others-wait') return next;
        if (next === undefined) return 'last';
        this.#rest = restOf(next);
      }
      const { piece, used } = this.#rest;
      const copied = piece.copy(filling.buffer, filling.length, used);
      filling.length += copied;
      this.#rest.used += copied;
      if (this.#rest.used === piece.length) {
        this.#rest = undefined;
        free(piece);
      }
      if (filling.length === filling.buffer.length) return 'full';
    }
  }

  /** The next bytes as they came; undefined at the end. */
  async #piece(): Promise<Buffer | undefined> {
    const piece = await this.#upcoming();
    this.#pending = undefined;
    return piece;
  }

  async #pieceUnlessOthersWait({ line, patience }: Filling): Promise<Buffer | undefined | 'others-wait'> {
    for (;;) {
      // What comes late is the beginning of the next chunk.
      if (patience.isOver && line.isWanted) return 'others-wait';
      let timer: ReturnType<typeof setTimeout> | undefined;
      const later = new Promise<'later'>((settle) => {
        timer = setTimeout(settle, LOOK_UP_MS, 'later');
      });
      const began = performance.now();
      const first = await Promise.race([this.#upcoming(), later]).finally(() => {
        clearTimeout(timer);
      });
      patience.waited(performance.now() - began);
      if (first === 'later') continue;
      patience.brought(first?.length ?? 0);
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

function restOf(piece: Buffer): { readonly piece: Buffer; used: number } {
  return { piece, used: 0 };
}
