/**
 * An answer that comes before its request's body has been read is easily lost: whoever hangs up on a client that still
 * sends has the system reset the connection, and what was answered with it (RFC 9112 §9.6). So some of the body is read
 * and thrown away first: enough for whoever sends a little too much, and no more than a refused client should cost.
 */

export const DRAINED_MOST_BYTES = 32 * 1024 * 1024;
const LONGEST_MS = 5_000;
const READ_BYTES = 64 * 1024;

/** Reads a body to its end, or to as much of it as an answer is worth. Never rejects; a body that somebody reads is left alone. */
export async function drain(body: ReadableStream | null): Promise<void> {
  if (body === null || body.locked) return;
  await drainReader(body.getReader({ mode: 'byob' }));
}

export async function drainReader(reader: ReadableStreamBYOBReader): Promise<void> {
  const timer = setTimeout(() => {
    reader.cancel().catch(() => undefined);
  }, LONGEST_MS);
  try {
    let buffer = new ArrayBuffer(READ_BYTES);
    for (let read = 0; read < DRAINED_MOST_BYTES;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return;
      read += value.byteLength;
      buffer = value.buffer;
    }
    await reader.cancel();
  } catch {
    // The client has gone, or somebody reads already: either way nobody goes on.
    reader.cancel().catch(() => undefined);
  } finally {
    clearTimeout(timer);
  }
}
