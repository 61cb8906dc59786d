/** Writes a body into an open file while it arrives, in large pieces, and has the disk work on it meanwhile. */
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { WrongBody } from './failures.ts';

/** Many small writes cost more than their bytes. */
const WRITE_BYTES = 1024 * 1024;
/** Of a sender that brings little at a time: each piece costs far more than its bytes, and a call takes 1,024 (IOV_MAX). */
const MOST_PIECES = 1_024;
/** The disk is told to begin after so much, so that the sync at the end finds little left to do. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;

const Bytes = v.instance(Buffer);

export interface Target {
  readonly file: FileHandle;
  /** Where the body's first byte belongs. */
  readonly offset: number;
  readonly hash?: Hash | undefined;
  /** Whether the bytes are to lie on the disk when this ends. */
  readonly sync: boolean;
  /** Ends the write early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Throws WrongBody when the body is longer or shorter than `length`. */
export async function writeBody(body: Readable, length: number, target: Target): Promise<void> {
  const { file, offset, hash, sync, signal } = target;
  let pieces: Buffer[] = [];
  let gathered = 0;
  let written = 0;
  let syncedAt = 0;
  let syncing: Promise<void> | undefined;
  const failures: unknown[] = [];
  const flush = async (): Promise<void> => {
    const [batch, bytes] = [pieces, gathered];
    [pieces, gathered] = [[], 0];
    await writeAll(file, batch, offset + written);
    written += bytes;
    if (!sync || syncing !== undefined || written - syncedAt < SYNC_EVERY_BYTES) return;
    syncedAt = written;
    syncing = file.datasync().finally(() => {
      syncing = undefined;
    });
    // The system tells of a failed write once: the sync at the end would know nothing of it.
    syncing.catch((error: unknown) => {
      failures.push(error);
    });
  };
  try {
    for await (const piece of piecesOf(body, signal)) {
      if (written + gathered + piece.byteLength > length) throw new WrongBody('the body is longer than announced');
      hash?.update(piece);
      pieces.push(piece);
      gathered += piece.byteLength;
      if (gathered >= WRITE_BYTES || pieces.length >= MOST_PIECES) await flush();
      if (failures.length > 0) throw failures[0];
    }
    if (gathered > 0) await flush();
    if (written !== length) throw new WrongBody('the body is shorter than announced');
  } finally {
    await syncing?.catch(() => undefined);
  }
  if (failures.length > 0) throw failures[0];
  if (sync) await file.datasync();
}

/** Who stops early leaves the body open, so that the sender can still be told why. */
async function* piecesOf(body: Readable, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const pieces = body.iterator({ destroyOnReturn: false });
  let interrupt: ((reason: Error) => void) | undefined;
  signal?.addEventListener('abort', () => {
    interrupt?.(new Error('another write of this part began, or the multipart write ended'));
  });
  try {
    for (;;) {
      signal?.throwIfAborted();
      // Not a race with one promise for the abort: that would hold every piece until it is settled.
      const next = await new Promise<IteratorResult<unknown>>((resolve, reject) => {
        interrupt = reject;
        pieces.next().then(resolve, reject);
      });
      if (next.done === true) return;
      yield v.parse(Bytes, next.value);
    }
  } finally {
    // Not waited for: a sender that brings nothing would hold it.
    pieces.return?.().catch(() => undefined);
  }
}

/** One system call where the system takes it all, as it nearly always does. */
async function writeAll(file: FileHandle, batch: Buffer[], position: number): Promise<void> {
  const wanted = batch.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const { bytesWritten } = await file.writev(batch, position);
  if (bytesWritten === wanted) return;
  const whole = Buffer.concat(batch);
  let done = bytesWritten;
  while (done < wanted) {
    const { bytesWritten: more } = await file.write(whole, done, wanted - done, position + done);
    done += more;
  }
}
