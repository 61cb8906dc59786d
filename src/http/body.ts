/** Request bodies: their announced length, and reading a small one into memory under a limit. */
import { RegistryError } from '../oci/error.ts';

const READ_BYTES = 64 * 1024;

/** The `Content-Length` (RFC 9110 §8.6), or `undefined` for a body of unknown length. */
export function contentLength(request: Request): number | undefined {
  const header = request.headers.get('content-length');
  if (header === null) return undefined;
  const length = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
  if (!Number.isSafeInteger(length)) {
    throw new RegistryError('SIZE_INVALID', { message: 'Content-Length must be a whole number of bytes' });
  }
  return length;
}

/** Reads a body of at most `limit` bytes; `too-large` as soon as that is sure, and no more of it is held. */
export async function readBody(request: Request, limit: number): Promise<Uint8Array | 'too-large'> {
  if ((contentLength(request) ?? 0) > limit) return 'too-large';
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader({ mode: 'byob' });
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await readPiece(reader);
    if (value !== undefined && value.byteLength > 0) {
      pieces.push(value);
      size += value.byteLength;
    }
    if (size > limit) {
      await reader.cancel();
      return 'too-large';
    }
    if (done) return joined(pieces, size);
  }
}

/** A read fails only when the client has gone: nobody may hear the answer, but it is no failure of ours. */
async function readPiece(reader: ReadableStreamBYOBReader): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return await reader.readAtLeast(READ_BYTES, new Uint8Array(READ_BYTES));
  } catch (cause) {
    throw new RegistryError('SIZE_INVALID', { message: 'the body broke off before its end; send it again', cause });
  }
}

function joined(pieces: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.byteLength;
  }
  return whole;
}
