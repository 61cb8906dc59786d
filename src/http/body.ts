/** Request bodies: their announced length, and reading a small one into memory under a limit. */
import { drainReader } from '../objects/upload/drain.ts';
import { documentBudget, formBudget, settingsBudget, type BudgetShare } from '../objects/upload/memory-budget.ts';
import { RegistryError } from '../oci/error.ts';
import { RoomForBodies } from './room-for-bodies.ts';

/** A manifest is small: whoever takes longer to send one holds memory that others need. */
const BODY_DEADLINE_MS = 60_000;
const PIECE_BYTES = 64 * 1024;
/** Most of these bodies are a few hundred bytes. */
const SMALL_PIECE_BYTES = 8 * 1024;

export const MANIFEST_ROOM = new RoomForBodies(documentBudget, PIECE_BYTES);
/** Of the token endpoint, to which anybody may send them. */
export const FORM_ROOM = new RoomForBodies(formBudget, SMALL_PIECE_BYTES);
/** Of the administration and of `/account`, whose callers are known before. */
export const SETTINGS_ROOM = new RoomForBodies(settingsBudget, SMALL_PIECE_BYTES);

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

/**
 * Reads a body of at most `limit` bytes; `too-large` as soon as that is sure, and no more of it is held. What all of them
 * hold is bounded: throws UNAVAILABLE while too many others bring bodies, and breaks off who is slow while others wait.
 */
export async function readBody(
  request: Request,
  limit: number,
  room: RoomForBodies,
): Promise<Uint8Array | 'too-large'> {
  if ((contentLength(request) ?? 0) > limit) return 'too-large';
  if (request.body === null) return new Uint8Array();
  const share = room.open();
  try {
    return await readPieces(request.body.getReader({ mode: 'byob' }), limit, room, share);
  } finally {
    share.give(share.heldBytes);
  }
}

async function readPieces(
  reader: ReadableStreamBYOBReader,
  limit: number,
  room: RoomForBodies,
  share: BudgetShare,
): Promise<Uint8Array | 'too-large'> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const deadline = Date.now() + BODY_DEADLINE_MS;
  const giveUp = (): Promise<void> => {
    pieces.length = 0;
    share.give(share.heldBytes);
    return drainReader(reader);
  };
  for (;;) {
    if (!(await room.hasRoom(share))) {
      await giveUp();
      throw new RegistryError('UNAVAILABLE', {
        message: 'too many bodies are being taken in at once; send it again in a moment',
        headers: { 'retry-after': '1' },
      });
    }
    const { done, value } = await readPiece(reader, room, share, deadline);
    if (value !== undefined && value.byteLength > 0) {
      pieces.push(value);
      size += value.byteLength;
    }
    if (size > limit) {
      await giveUp();
      return 'too-large';
    }
    if (done) return joined(pieces, size);
  }
}

/** A read fails only when the client has gone: nobody may hear the answer, but it is no failure of ours. */
async function readPiece(
  reader: ReadableStreamBYOBReader,
  room: RoomForBodies,
  share: BudgetShare,
  deadline: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  const reading = reader.readAtLeast(room.pieceBytes, new Uint8Array(room.pieceBytes)).catch((cause: unknown) => {
    throw new RegistryError('SIZE_INVALID', { message: 'the body broke off before its end; send it again', cause });
  });
  const piece = await room.unlessTooSlow(share, reading, deadline);
  if (piece !== 'too-slow') return piece;
  reading.catch(() => undefined);
  await reader.cancel();
  throw new RegistryError('SIZE_INVALID', { status: 408, message: 'the body came too slowly; send it again' });
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
