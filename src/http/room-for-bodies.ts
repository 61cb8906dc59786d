/**
 * Memory for request bodies that are held whole, piece by piece as they come. When it is short, whoever brings the least
 * makes room for who comes: a few slow senders must not keep it from everybody else.
 *
 * Nobody ends another's request, which the runtime forbids: a body is marked, and its own reader, which looks up several
 * times a second, breaks it off and gives its memory back. So all that is held is counted until it is gone.
 */
import type { BudgetShare } from '../objects/upload/memory-budget.ts';

/** Of a body, read at once. */
export const PIECE_BYTES = 64 * 1024;
/** A sender that needs longer for one piece is slow. */
const SLOW_PIECE_MS = 1_000;
/** For room: the slowest sender is known after a second, and hears of it after a moment. */
const LONGEST_WAIT_MS = 2_500;
/** How often who waits looks up. */
const LOOK_UP_MS = 250;

/** A piece that is waited for. */
interface PendingPiece {
  readonly share: BudgetShare;
  /** By its own reader's clock. */
  waitedMs: number;
  /** Somebody else needs the memory. */
  isWanted: boolean;
}

const pending = new Set<PendingPiece>();

/** Room for one piece; false where all of it is held by others who are no slower. */
export async function hasRoom(share: BudgetShare): Promise<boolean> {
  let slowest: PendingPiece | undefined;
  for (let waited = 0; ; waited += LOOK_UP_MS) {
    if (share.tryTake(PIECE_BYTES)) return true;
    if (waited >= LONGEST_WAIT_MS) return false;
    // One at a time for each who waits; what it held may go to somebody who came in between.
    if (slowest === undefined || !pending.has(slowest)) slowest = claimSlowest();
    await new Promise((resolve) => setTimeout(resolve, LOOK_UP_MS));
    share.touch();
  }
}

/** One piece, unless it has not come by the deadline (ms since the epoch), or is slow and somebody else needs the memory. */
export async function unlessTooSlow<T>(
  share: BudgetShare,
  reading: Promise<T>,
  deadline: number,
): Promise<T | 'too-slow'> {
  const piece = { share, waitedMs: 0, isWanted: false };
  pending.add(piece);
  try {
    while (!piece.isWanted && Date.now() < deadline) {
      const read = await orNotYet(reading);
      if (read !== 'not yet') return read;
      piece.waitedMs += LOOK_UP_MS;
      share.touch();
    }
    return 'too-slow';
  } finally {
    pending.delete(piece);
  }
}

async function orNotYet<T>(reading: Promise<T>): Promise<T | 'not yet'> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const notYet = new Promise<'not yet'>((resolve) => {
    timer = setTimeout(resolve, LOOK_UP_MS, 'not yet');
  });
  return Promise.race([reading, notYet]).finally(() => {
    clearTimeout(timer);
  });
}

function claimSlowest(): PendingPiece | undefined {
  let slowest: PendingPiece | undefined;
  for (const piece of pending) {
    // Its request has vanished, and the budget has noticed.
    if (piece.share.heldBytes === 0) {
      pending.delete(piece);
      continue;
    }
    if (piece.isWanted || piece.waitedMs < SLOW_PIECE_MS) continue;
    if (slowest === undefined || piece.waitedMs > slowest.waitedMs) slowest = piece;
  }
  if (slowest !== undefined) slowest.isWanted = true;
  return slowest;
}
