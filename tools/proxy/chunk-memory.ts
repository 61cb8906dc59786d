/**
 * The memory in which chunks stand until the registry has them, so that one that broke off can be sent again: buffers that
 * all uploads share. A chunk begins in a small one. What fills that goes on in one as large as a chunk, of which there are
 * a few; so who trickles holds little more than he has sent. Whoever finds none waits in line.
 *
 * That ends well since nobody needs a second buffer to give a large one back: one that is full is sent, and one whose
 * client is slow is sent as it is while others wait (`body-chunks.ts`). Who waits for a large one holds a small one, which
 * nobody needs who has a large one.
 */

const KIB = 1024;
const MIB = 1024 * KIB;
/** Of large buffers. With the small ones and Node itself this keeps the program below 120 MB. */
const BUDGET_BYTES = 24 * MIB;
/** Of a small buffer: what Node reads at once. */
const FIRST_BYTES = 64 * KIB;
const MOST_FIRST = 32;

export class ChunkMemory {
  readonly first: BufferLine;
  readonly whole: BufferLine;

  constructor(chunkBytes: number, budgetBytes = BUDGET_BYTES, firstBytes = FIRST_BYTES) {
    this.first = new BufferLine(Math.min(firstBytes, chunkBytes), MOST_FIRST);
    this.whole = new BufferLine(chunkBytes, Math.max(1, Math.floor(budgetBytes / chunkBytes)));
  }
}

/** Buffers of one size, and the line for them. */
export class BufferLine {
  readonly sizeBytes: number;
  readonly #most: number;
  #made = 0;
  readonly #free: Buffer[] = [];
  readonly #line: ((buffer: Buffer) => void)[] = [];

  constructor(sizeBytes: number, most: number) {
    this.sizeBytes = sizeBytes;
    this.#most = most;
  }

  /** Whether somebody waits for a buffer. */
  get isWanted(): boolean {
    return this.#line.length > 0;
  }

  /** A buffer with whatever stood in it before; undefined where one would have to be waited for. */
  takeAtOnce(): Buffer | undefined {
    const buffer = this.#free.pop();
    if (buffer !== undefined || this.#made === this.#most) return buffer;
    this.#made += 1;
    return Buffer.allocUnsafeSlow(this.sizeBytes);
  }

  /** As `takeAtOnce`, in turn. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const buffer = this.takeAtOnce();
    if (buffer !== undefined) return buffer;
    return new Promise((settle, reject) => {
      const leave = (): void => {
        this.#line.splice(this.#line.indexOf(settleAndStay), 1);
        reject(asError(signal.reason));
      };
      const settleAndStay = (given: Buffer): void => {
        signal.removeEventListener('abort', leave);
        settle(given);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#line.push(settleAndStay);
    });
  }

  /** Nobody may look at it afterwards. */
  give(buffer: Buffer): void {
    const next = this.#line.shift();
    if (next === undefined) this.#free.push(buffer);
    else next(buffer);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
