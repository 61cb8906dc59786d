/** Writes a body into an open file while it arrives, in large pieces, and has the disk work on it meanwhile. */
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { Patience } from '../patience.ts';
import { SlowBody, WrongBody } from './failures.ts';

/** Many small writes cost more than their bytes. */
const WRITE_BYTES = 1024 * 1024;
/** Of a sender that brings little at a time: each piece costs far more than its bytes, and a call takes 1,024 (IOV_MAX). */
const MOST_PIECES = 1_024;
/** The disk is told to begin after so much, so that the sync at the end finds little left to do. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;

/** A sender that brings nothing for this time has gone: until it is let go it holds the space that it announced. */
const LONGEST_SILENCE_MS = 60_000;
/** And so has one that brings less in the long run. Half of what the slowest line brings that anybody would push over. */
const LEAST_BYTES_PER_SECOND = 500;
/** How often the silent are looked at. */
const LOOK_UP_MS = 1_000;

const Bytes = v.instance(Buffer);
/** All that a body can do that somebody waits for. */
const CHANGES = ['readable', 'end', 'error', 'close'] as const;

export interface Target {
  readonly file: FileHandle;
  /** Where the body's first byte belongs. */
  readonly offset: number;
  readonly hash?: Hash | undefined;
  /** Whether the bytes are to lie on the disk when this ends. */
  readonly sync: boolean;
  /** Hears of bytes as soon as the file has them. */
  readonly onWritten?: ((bytes: number) => void) | undefined;
  /** Ends the write early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

/** Throws WrongBody when the body is longer or shorter than `length`, and SlowBody when it brings too little. */
export async function writeBody(body: Readable, length: number, target: Target): Promise<void> {
  const { file, offset, hash, sync, onWritten, signal } = target;
  const patience = target.patience ?? new Patience(LONGEST_SILENCE_MS, LEAST_BYTES_PER_SECOND);
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
    onWritten?.(bytes);
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
    for await (const piece of piecesOf(body, signal, patience)) {
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

/**
 * Who stops early leaves the body open, so that the sender can still be told why, and nothing attached to it: it can be
 * resumed at once, also when a piece was being waited for. (The stream's own iterator ends only with its next piece.)
 */
async function* piecesOf(body: Readable, signal: AbortSignal | undefined, patience: Patience): AsyncGenerator<Buffer> {
  let wake = (): void => undefined;
  const onChange = (): void => {
    wake();
  };
  const lookUp = setInterval(onChange, LOOK_UP_MS);
  for (const event of CHANGES) body.on(event, onChange);
  signal?.addEventListener('abort', onChange);
  try {
    for (;;) {
      if (signal?.aborted === true) throw new Error('another write of this part began, or the multipart write ended');
      const piece: unknown = body.read();
      if (piece !== null) {
        const bytes = v.parse(Bytes, piece);
        patience.brought(bytes.byteLength);
        yield bytes;
      } else if (body.readableEnded) return;
      else if (body.destroyed) throw body.errored ?? new WrongBody('the body broke off');
      else if (patience.isOver) throw new SlowBody('the body stopped, or came too slowly');
      else {
        const began = performance.now();
        // Nothing can happen between the look and the wait: both are of one turn.
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        // The disk's time is not the sender's, so only this counts.
        patience.waited(performance.now() - began);
      }
    }
  } finally {
    clearInterval(lookUp);
    for (const event of CHANGES) body.off(event, onChange);
    signal?.removeEventListener('abort', onChange);
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
