/**
 * The first bytes of a body, held in memory for a moment: a body that ends within them can be written to the store in
 * one go, and its session needs no object. A longer one goes on as the native stream that it was, with what was read
 * put in front again.
 */

import { firstBytesBudget } from '../objects/upload/memory-budget.ts';
import { MOST_AWAITED_BYTES } from '../objects/upload/reading.ts';

/** A body of at most so many bytes is small: it is one write to any store. */
const SMALL_BODY_BYTES = 5 * 1024 * 1024;
const FIRST_HELD_BYTES = 256 * 1024;
/** A client that needs longer for so little is slow, and had better stream. */
const LONGEST_WAIT_MS = 1_000;
const READ_BUFFER_BYTES = 128 * 1024;
/**
 * `small`: all that came, and whether the body broke off there. `stream`: the body, with the bytes that were read. To
 * whoever reads it, one that breaks off may look as if it had ended, so that has to be asked afterwards.
 */
export type FirstBytes =
  | { kind: 'small'; bytes: Uint8Array; brokeOff: boolean }
  | { kind: 'stream'; stream: ReadableStream; brokeOff: () => boolean };

/**
 * Reads a body's first bytes and hands them, or the stream, to `use`.
 *
 * @param announced the body's length, where the client says it
 */
export async function withFirstBytes<T>(
  body: ReadableStream,
  announced: number | undefined,
  use: (first: FirstBytes) => Promise<T>,
): Promise<T> {
  const held = new HeldBytes();
  // Who finds the budget used up streams at once.
  const isLong = (announced ?? 0) > SMALL_BODY_BYTES || !held.hasRoomFor(1);
  if (isLong) return use({ kind: 'stream', stream: body, brokeOff: () => false });
  try {
    return await use(await firstBytes(body, held));
  } finally {
    held.free();
  }
}

/** Bytes in a buffer that grows with what arrives, within what all requests may hold. */
class HeldBytes {
  readonly #share = firstBytesBudget.open();
  #buffer = new ArrayBuffer(0);
  #filled = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer, 0, this.#filled);
  }

  hasRoomFor(more: number): boolean {
    const wanted = this.#filled + more;
    const { byteLength } = this.#buffer;
    if (wanted <= byteLength) return true;
    const grown = Math.max(FIRST_HELD_BYTES, Math.min(SMALL_BODY_BYTES, 2 ** Math.ceil(Math.log2(wanted))));
    if (wanted > grown || !this.#share.tryTake(grown - byteLength)) return false;
    this.#buffer = this.#buffer.transfer(grown);
    return true;
  }

  append(more: Uint8Array): void {
    new Uint8Array(this.#buffer).set(more, this.#filled);
    this.#filled += more.byteLength;
  }

  free(): void {
    this.#share.give(this.#share.heldBytes);
    this.#buffer = new ArrayBuffer(0);
    this.#filled = 0;
  }
}

async function firstBytes(body: ReadableStream, held: HeldBytes): Promise<FirstBytes> {
  const reader = body.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(READ_BUFFER_BYTES);
  let least = 1;
  const deadline = timer();
  try {
    for (;;) {
      const pending = reader.readAtLeast(least, new Uint8Array(buffer));
      const read = await Promise.race([pending, deadline.passed]);
      if (read === 'late') return continued(body, reader, held, pending);
      const value = read.value ?? new Uint8Array();
      if (!held.hasRoomFor(value.byteLength)) return continued(body, reader, held, Promise.resolve(read));
      held.append(value);
      if (read.done) return { kind: 'small', bytes: held.bytes, brokeOff: false };
      least = Math.min(MOST_AWAITED_BYTES, value.byteLength * 2);
      buffer = value.buffer;
    }
  } catch {
    return { kind: 'small', bytes: held.bytes, brokeOff: true };
  } finally {
    deadline.clear();
  }
}

/** The body from its first byte on. What was read is written into a stream that the rest is then piped into, natively. */
function continued(
  body: ReadableStream,
  reader: ReadableStreamBYOBReader,
  held: HeldBytes,
  pending: Promise<ReadableStreamReadResult<Uint8Array>>,
): FirstBytes {
  const { readable, writable } = new IdentityTransformStream();
  let broken = false;
  const feed = async () => {
    const writer = writable.getWriter();
    try {
      await writer.write(held.bytes);
      held.free();
      const { done, value } = await pending;
      if (value !== undefined && value.byteLength > 0) await writer.write(value);
      if (done) {
        await writer.close();
        return;
      }
    } catch (error) {
      broken = true;
      await Promise.all([writer.abort(error), reader.cancel(error)]);
      return;
    }
    writer.releaseLock();
    reader.releaseLock();
    await body.pipeTo(writable);
  };
  feed().catch(() => {
    broken = true;
  });
  return { kind: 'stream', stream: readable, brokeOff: () => broken };
}

function timer(): { passed: Promise<'late'>; clear: () => void } {
  let handle: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<'late'>((resolve) => {
    handle = setTimeout(resolve, LONGEST_WAIT_MS, 'late');
  });
  return {
    passed,
    clear: () => {
      clearTimeout(handle);
    },
  };
}
