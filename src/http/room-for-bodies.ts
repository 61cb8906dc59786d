/**
 * Memory for request bodies that are held whole, piece by piece as they come. When it is short, whoever brings the least
 * makes room for who comes: a few slow senders must not keep it from everybody else.
 *
 * Nobody ends another's request, which the runtime forbids: a body is marked, and its own reader, which looks up several
 * times a second, breaks it off and gives its memory back. So all that is held is counted until it is gone.
 */
import type { BudgetShare, MemoryBudget } from '../objects/upload/memory-budget.ts';

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

/** Of one kind of bodies: those of one are no help, and no harm, to those of another. */
export class RoomForBodies {
  /** Of a body, read at once. */
  readonly pieceBytes: number;
  readonly #budget: MemoryBudget;
  readonly #pending = new Set<PendingPiece>();

  constructor(budget: MemoryBudget, pieceBytes: number) {
    this.#budget = budget;
    this.pieceBytes = pieceBytes;
  }

  open(): BudgetShare {
    return this.#budget.open();
  }

  /** Room for one piece; false where all of it is held by others who are no slower. */
  async hasRoom(share: BudgetShare): Promise<boolean> {
    let slowest: PendingPiece | undefined;
    for (let waited = 0; ; waited += LOOK_UP_MS) {
      if (share.tryTake(this.pieceBytes)) return true;
      if (waited >= LONGEST_WAIT_MS) return false;
      // One at a time for each who waits; what it held may go to somebody who came in between.
      if (slowest === undefined || !this.#pending.has(slowest)) slowest = this.#claimSlowest();
      await new Promise((resolve) => setTimeout(resolve, LOOK_UP_MS));
      share.touch();
    }
  }

  /** One piece, unless it has not come by the deadline (ms since the epoch), or is slow and somebody else needs the memory. */
  async unlessTooSlow<T>(share: BudgetShare, reading: Promise<T>, deadline: number): Promise<T | 'too-slow'> {
    const piece = { share, waitedMs: 0, isWanted: false };
    this.#pending.add(piece);
    try {
      while (!piece.isWanted && Date.now() < deadline) {
        const read = await orNotYet(reading);
        if (read !== 'not yet') return read;
        piece.waitedMs += LOOK_UP_MS;
        share.touch();
      }
      return 'too-slow';
    } finally {
      this.#pending.delete(piece);
    }
  }

  #claimSlowest(): PendingPiece | undefined {
    let slowest: PendingPiece | undefined;
    for (const piece of this.#pending) {
      // Its request has vanished, and the budget has noticed.
      if (piece.share.heldBytes === 0) {
        this.#pending.delete(piece);
        continue;
      }
      if (piece.isWanted || piece.waitedMs < SLOW_PIECE_MS) continue;
      if (slowest === undefined || piece.waitedMs > slowest.waitedMs) slowest = piece;
    }
    if (slowest !== undefined) slowest.isWanted = true;
    return slowest;
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
