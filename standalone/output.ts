/**
 * Where lines go that nobody has to read: a reader that is slow, has stopped or has gone holds nothing up and ends nothing.
 *
 * Node writes to a terminal, and to a file, with a call that returns when the bytes are taken: Ctrl-S would stop the whole
 * registry, and one full disk end the log for good. So these are written here, to a terminal through a descriptor that
 * does not wait. Pipes and sockets do not wait by themselves, but all that they are given lies in memory until it is read.
 * In every case what is above a limit is left out, and counted.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { systemErrorCode } from './start-failure.ts';

/** What waits for a reader; some thousands of lines. */
export const MOST_WAITING_BYTES = 1024 * 1024;
/** A terminal does not say when it takes bytes again. */
const RETRY_MS = 50;
const FLUSH_POLL_MS = 10;
const NEWLINE = 0x0a;

export type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly fd?: number };

export class Output {
  readonly #stream: Stream;
  readonly #tellLost: (lines: number) => string | undefined;
  /** What is written here; undefined where the stream does it. */
  readonly #descriptor: number | undefined;
  #waiting: Buffer = Buffer.alloc(0);
  #lost = 0;
  #isGone = false;
  /** A line of which only the beginning was taken; the next must not go on there. */
  #isTorn = false;

  /** @param tellLost the text for so many lines that were left out, or undefined when it was said elsewhere */
  constructor(stream: Stream, tellLost: (lines: number) => string | undefined) {
    this.#stream = stream;
    this.#tellLost = tellLost;
    this.#descriptor = ownDescriptor(stream);
    // A reader that has gone (`npm start | head`, a closed terminal) must not end the registry.
    stream.on('error', () => {
      this.#isGone = true;
    });
    stream.on('drain', () => {
      this.#tell();
    });
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Of a terminal, as it is now. */
  get columns(): number | undefined {
    const { columns = 0 } = this.#stream;
    return this.isTerminal && columns > 0 ? columns : undefined;
  }

  line(text: string): void {
    if (this.#isGone) return;
    if (this.#waitingBytes() > MOST_WAITING_BYTES) {
      this.#lost += 1;
      return;
    }
    if (this.#descriptor === undefined) this.#tell();
    this.#write(`${text}\n`);
  }

  /** Fulfilled when all is written, or when nobody has read for so long. */
  async flushed(limitMs: number): Promise<void> {
    for (let waited = 0; this.#waitingBytes() > 0 && !this.#isGone && waited < limitMs; waited += FLUSH_POLL_MS)
      await new Promise((resolve) => setTimeout(resolve, FLUSH_POLL_MS));
  }

  #waitingBytes(): number {
    return this.#descriptor === undefined ? this.#stream.writableLength : this.#waiting.length;
  }

  #tell(): void {
    if (this.#lost === 0) return;
    const text = this.#tellLost(this.#lost);
    this.#lost = 0;
    if (text !== undefined) this.#write(`${text}\n`);
  }

  #write(text: string): void {
    if (this.#descriptor === undefined) {
      this.#stream.write(text);
      return;
    }
    const isFirst = this.#waiting.length === 0;
    this.#waiting = Buffer.concat([this.#waiting, Buffer.from(`${this.#isTorn ? '\n' : ''}${text}`)]);
    this.#isTorn = false;
    if (isFirst) this.#push(this.#descriptor);
  }

  #push(descriptor: number): void {
    let isTorn = false;
    try {
      while (this.#waiting.length > 0) {
        const written = writeSync(descriptor, this.#waiting);
        isTorn = this.#waiting[written - 1] !== NEWLINE;
        this.#waiting = this.#waiting.subarray(written);
      }
    } catch (error) {
      if (systemErrorCode(error) === 'EAGAIN') {
        setTimeout(() => {
          this.#push(descriptor);
        }, RETRY_MS).unref();
        return;
      }
      // A full disk has room again some day; a closed terminal (EIO) stays closed, and each line finds that out again.
      this.#lost += this.#waiting.toString('utf8').split('\n').length - 1;
      this.#waiting = Buffer.alloc(0);
      this.#isTorn = isTorn;
      return;
    }
    this.#tell();
  }
}

/** Undefined where the stream is neither, or can't be opened anew: then Node's own way has to do. */
function ownDescriptor({ fd, isTTY }: Stream): number | undefined {
  if (fd === undefined) return undefined;
  try {
    if (fstatSync(fd).isFile()) return fd;
    if (isTTY !== true) return undefined;
    // The flag belongs to what was opened, and what we were given is shared with the shell.
    return openSync(`/proc/self/fd/${String(fd)}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}
