/**
 * The first bytes of a body, held in memory for a moment: a body that ends within them can be written to the store in
 * one go, and its session needs no object. A longer one goes on as the native stream that it was, with what was read
 * put in front again.
 */

/** A body of at most so many bytes is small. */
const SMALL_BODY_BYTES = 256 * 1024;
/** Of all requests of an isolate together; who comes when they are used up streams at once. */
const HELD_MOST_BYTES = 16 * 1024 * 1024;
/** A client that needs longer for so little is slow, and had better stream. */
const LONGEST_WAIT_MS = 1_000;
const READ_BYTES = 64 * 1024;

let heldBytes = 0;

/** `small`: all that came, and whether the body broke off there. `stream`: the body, with the bytes that were read. */
export type FirstBytes =
  { kind: 'small'; bytes: Uint8Array; brokeOff: boolean } | { kind: 'stream'; stream: ReadableStream };

/**
 * Reads a body's first bytes and hands them, or the stream, to `use`; they count as held until that has ended.
 *
 * @param announced the body's length, where the client says it
 */
export async function withFirstBytes<T>(
  body: ReadableStream,
  announced: number | undefined,
  use: (first: FirstBytes) => Promise<T>,
): Promise<T> {
  const most = announced ?? SMALL_BODY_BYTES;
  if (most > SMALL_BODY_BYTES || heldBytes + most > HELD_MOST_BYTES) return use({ kind: 'stream', stream: body });
  heldBytes += most;
  try {
    return await use(await firstBytes(body, most));
  } finally {
    heldBytes -= most;
  }
}

async function firstBytes(body: ReadableStream, most: number): Promise<FirstBytes> {
  const reader = body.getReader({ mode: 'byob' });
  const held = new Uint8Array(most);
  let filled = 0;
  let buffer = new ArrayBuffer(Math.min(READ_BYTES, most + 1));
  const deadline = timer();
  try {
    for (;;) {
      const pending = reader.read(new Uint8Array(buffer));
      const read = await Promise.race([pending, deadline.passed]);
      if (read === 'late')
        return { kind: 'stream', stream: continued(body, reader, held.subarray(0, filled), pending) };
      if (read.done) return { kind: 'small', bytes: held.subarray(0, filled), brokeOff: false };
      const { value } = read;
      if (filled + value.byteLength > most) {
        return { kind: 'stream', stream: continued(body, reader, held.subarray(0, filled), Promise.resolve(read)) };
      }
      held.set(value, filled);
      filled += value.byteLength;
      buffer = value.buffer;
    }
  } catch {
    return { kind: 'small', bytes: held.subarray(0, filled), brokeOff: true };
  } finally {
    deadline.clear();
  }
}

/** The body from its first byte on. What was read is written into a stream that the rest is then piped into, natively. */
function continued(
  body: ReadableStream,
  reader: ReadableStreamBYOBReader,
  held: Uint8Array,
  pending: Promise<ReadableStreamReadResult<Uint8Array>>,
): ReadableStream {
  const { readable, writable } = new IdentityTransformStream();
  const feed = async () => {
    const writer = writable.getWriter();
    try {
      if (held.byteLength > 0) await writer.write(held);
      const { done, value } = await pending;
      if (done) {
        await writer.close();
        return;
      }
      await writer.write(value);
    } catch (error) {
      await Promise.all([writer.abort(error), reader.cancel(error)]);
      return;
    }
    writer.releaseLock();
    reader.releaseLock();
    await body.pipeTo(writable);
  };
  // Whoever reads the stream hears of a failure there.
  feed().catch(() => undefined);
  return readable;
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
