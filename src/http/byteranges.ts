/**
 * Several ranges in one answer: `multipart/byteranges` (RFC 9110 §14.6, §15.3.7.2; the form is RFC 2046 §5.1.1).
 *
 * The ranges are read one after another, each when its reader has taken what came before: native streams that no part is
 * copied out of, so that many ranges hold no more memory than one. Every length is known before the first byte. A
 * part that fails on the way therefore ends the answer short of its `Content-Length`, and no client takes it for whole.
 */
import { formatContentRange, type Slice } from '../oci/range.ts';
import { logEvent } from '../observability/log.ts';

/** Nobody can push a blob that has it inside: it is made for one answer. As text it has 60 of 70 characters. */
const BOUNDARY_BYTES = 30;

interface Byteranges {
  readonly contentType: string;
  /** In bytes, with everything between the ranges. */
  readonly contentLength: number;
  readonly body: ReadableStream;
}

/**
 * @param opened the first slice's bytes: with them in hand, the blob is known to be there
 * @param size of the whole blob, in bytes
 * @param contentType of each part
 */
export function byteranges(
  slices: readonly Slice[],
  opened: ReadableStream,
  { size, contentType, read }: { size: number; contentType: string; read: SliceReader },
): Byteranges {
  const boundary = newBoundary();
  const parts = slices.map((slice, index) => ({
    slice,
    head: encode(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Range: ${formatContentRange(slice, size)}\r\n` +
        `Content-Type: ${contentType}\r\n\r\n`,
    ),
  }));
  const end = encode(`\r\n--${boundary}--\r\n`);
  const contentLength = parts.reduce((sum, { head, slice }) => sum + head.byteLength + slice.length, end.byteLength);
  // With a length of its own, or the runtime would send chunks.
  const { readable, writable } = new FixedLengthStream(contentLength);
  const send = async (): Promise<void> => {
    for (const [index, { head, slice }] of parts.entries()) {
      await write(writable, head);
      const bytes = index === 0 ? opened : await demanded(read, slice);
      await bytes.pipeTo(writable, { preventClose: true });
    }
    await write(writable, end);
    await writable.close();
  };
  send().catch((error: unknown) => {
    // Most often the client has gone. What was opened and not read yet is let go.
    void Promise.allSettled([writable.abort(error), opened.cancel(error)]);
  });
  return { contentType: `multipart/byteranges; boundary=${boundary}`, contentLength, body: readable };
}

type SliceReader = (slice: Slice) => Promise<ReadableStream | undefined>;

/** Rejects where the bytes are gone in the middle of an answer. */
async function demanded(read: SliceReader, slice: Slice): Promise<ReadableStream> {
  try {
    const bytes = await read(slice);
    if (bytes !== undefined) return bytes;
  } catch (error) {
    logEvent('error', 'a range could not be read', { error: String(error) });
    throw error;
  }
  throw new Error('the bytes of a range are missing');
}

async function write(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter();
  try {
    await writer.write(bytes);
  } finally {
    writer.releaseLock();
  }
}

function newBoundary(): string {
  const random = crypto.getRandomValues(new Uint8Array(BOUNDARY_BYTES));
  return [...random].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
