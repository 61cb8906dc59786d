/**
 * The memory in which chunks stand until the registry has them, so that one that broke off can be sent again. A few
 * buffers, each as large as a chunk, are all there is for all uploads together: whoever finds none waits in line.
 *
 * That ends well since nobody needs a second buffer to give the first one back: one that is full is sent, and one that
 * waits for a client that says nothing is sent as it is while others wait (`body-chunks.ts`).
 */

const MIB = 1024 * 1024;
/** With Node itself this keeps the program below 120 MB. */
const BUDGET_BYTES = 24 * MIB;

export class ChunkMemory {
  readonly chunkBytes: number;
  readonly #most: number;
  #made = 0;
  readonly #free: Buffer[] = [];
  readonly #line: ((buffer: Buffer) => void)[] = [];

  constructor(chunkBytes: number, budgetBytes = BUDGET_BYTES) {
    this.chunkBytes = chunkBytes;
    this.#most = Math.max(1, Math.floor(budgetBytes / chunkBytes));
  }

  /** Whether somebody waits for a buffer. */
  get isWanted(): boolean {
    return this.#line.length > 0;
  }

  /** A buffer for one chunk, with whatever stood in it before. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<Buffer> {
    signal.throwIfAborted();
    const buffer = this.#free.pop();
    if (buffer !== undefined) return buffer;
    if (this.#made < this.#most) {
      this.#made += 1;
      return Buffer.allocUnsafeSlow(this.chunkBytes);
    }
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
