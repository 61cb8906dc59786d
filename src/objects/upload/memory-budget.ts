/**
 * What all requests and uploads of an isolate may buffer together (an isolate has 128 MB for everything).
 *
 * Nobody waits while holding: who cannot grow first writes its bytes to its own tail and gives everything back, then
 * asks for a whole part at once, in turn. So a waiter's wish is always met in the end, and no two can block each other.
 * A slow client gives way as well: its upload does the same when others wait (see Assembler).
 *
 * A holder may vanish with what it holds: an object by a crash or an eviction, a request when its client resets the
 * connection, since the runtime then ends it where it stands. One that has not shown itself for a while is taken for
 * dead: a living one does so every second while it waits for its client.
 */

/** Parts that are being filled or stored. */
const PART_BUDGET_BYTES = 48 * 1024 * 1024;
/**
 * Read buffers, which a PATCH holds to its end: kept apart, so that they can never use up what parts need. Nobody waits for
 * one, since those who hold them may be slow for hours: everyone has a small one at once, and a larger one within his fair
 * share while there is room.
 */
const READ_BUDGET_BYTES = 16 * 1024 * 1024;
/** Of manifests, from their first byte until they are parsed (http/body.ts). */
const DOCUMENT_BUDGET_BYTES = 24 * 1024 * 1024;
/** Of what else is held whole, each kind for itself: forms of the token endpoint, and bodies of the administration. */
const FORM_BUDGET_BYTES = 512 * 1024;
const SETTINGS_BUDGET_BYTES = 512 * 1024;
/** Of bodies that may turn out to be short, which the front holds (registry/first-bytes.ts). */
const FIRST_BYTES_BUDGET_BYTES = 25 * 1024 * 1024;
/** Longer than a store takes for a part. */
export const HOLDER_DEAD_MS = 180_000;
/** Who holds a document waits for nothing but its client. */
const DOCUMENT_HOLDER_DEAD_MS = 10_000;
const WAITER_DEAD_MS = 10_000;
/** To look for the dead costs as much as there are holders and waiters, so that is done no more often. */
const BURY_EVERY_MS = 250;
/** Against the time that a part takes to arrive or to be stored, this is nothing. Where many wait, it has to be more. */
const WAITER_POLL_MS = 10;
const WAITERS_PER_POLL_MS = 10;
const LONGEST_POLL_MS = 250;

interface Waiter {
  share: BudgetShare;
  bytes: number;
  seen: number;
  granted: boolean;
}

export class MemoryBudget {
  readonly #limit: number;
  readonly #holderDeadMs: number;
  readonly #holders = new Map<BudgetShare, number>();
  readonly #waiters: Waiter[] = [];
  #used = 0;
  #peak = 0;
  #buriedAt = 0;

  constructor(limitBytes: number, holderDeadMs = HOLDER_DEAD_MS) {
    this.#limit = limitBytes;
    this.#holderDeadMs = holderDeadMs;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** The most that was ever taken at once. */
  get peakBytes(): number {
    return this.#peak;
  }

  /** Whether somebody waits: then the slow give way. */
  get contended(): boolean {
    return this.#waiters.length > 0;
  }

  /** What each of those who hold something could have, if all had the same. */
  get fairBytes(): number {
    return this.#limit / Math.max(1, this.#holders.size);
  }

  open(): BudgetShare {
    return new BudgetShare(this);
  }

  tryTake(share: BudgetShare, bytes: number): boolean {
    if (!this.#fits(bytes)) this.#buryDead();
    if (this.contended || !this.#fits(bytes)) return false;
    this.#charge(share, bytes);
    return true;
  }

  /** Takes at once, also what is beyond the limit: for what is small against it, and what nobody can go on without. */
  takeAtOnce(share: BudgetShare, bytes: number): void {
    this.#charge(share, bytes);
  }

  /**
   * Waits in turn, by a timer of its own. A request must not wait for a promise that another object settles: the runtime
   * goes on with it in that other object's name, where it may touch nothing, or ends it as one that will never complete.
   */
  async take(share: BudgetShare, bytes: number): Promise<void> {
    if (this.tryTake(share, bytes)) return;
    const waiter: Waiter = { share, bytes, seen: Date.now(), granted: false };
    while (!waiter.granted) {
      // Also after it was taken for dead by mistake.
      if (!this.#waiters.includes(waiter)) this.#waiters.push(waiter);
      await new Promise((resolve) => setTimeout(resolve, this.#pollMs));
      waiter.seen = Date.now();
      this.#serve();
    }
  }

  give(share: BudgetShare, bytes: number): void {
    const given = Math.min(bytes, share.heldBytes);
    share.heldBytes -= given;
    this.#used -= given;
    if (share.heldBytes === 0) this.#holders.delete(share);
    this.#serve();
  }

  touch(share: BudgetShare): void {
    if (this.#holders.has(share)) this.#holders.set(share, Date.now());
  }

  get #pollMs(): number {
    return Math.min(LONGEST_POLL_MS, WAITER_POLL_MS + this.#waiters.length / WAITERS_PER_POLL_MS);
  }

  #serve(): void {
    this.#buryDead();
    for (let next = this.#waiters[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift();
      // Charged here already, so that nobody slips in before the waiter wakes.
      this.#charge(next.share, next.bytes);
      next.granted = true;
    }
  }

  #buryDead(): void {
    const now = Date.now();
    if (Math.abs(now - this.#buriedAt) < BURY_EVERY_MS) return;
    this.#buriedAt = now;
    for (const [share, seen] of this.#holders) {
      if (now - seen < this.#holderDeadMs) continue;
      this.#used -= share.heldBytes;
      share.heldBytes = 0;
      this.#holders.delete(share);
    }
    const living = this.#waiters.filter(({ seen }) => now - seen < WAITER_DEAD_MS);
    this.#waiters.splice(0, this.#waiters.length, ...living);
  }

  /** A part larger than the whole budget still gets through, alone. */
  #fits(bytes: number): boolean {
    return this.#used + bytes <= this.#limit || this.#used === 0;
  }

  #charge(share: BudgetShare, bytes: number): void {
    this.#used += bytes;
    this.#peak = Math.max(this.#peak, this.#used);
    share.heldBytes += bytes;
    this.#holders.set(share, Date.now());
  }
}

/**
 * Buffers of parts that are stored, for the next ones of any upload: what is given back to the garbage collector stays
 * until that gets to it, and the system has to clear new memory first.
 */
export class BufferPool {
  readonly #limit: number;
  readonly #used: () => number;
  #free: ArrayBuffer[] = [];

  /**
   * @param limitBytes what may be in use and lie here unused, all together.
   * @param used what is in use now.
   */
  constructor(limitBytes: number, used: () => number) {
    this.#limit = limitBytes;
    this.#used = used;
  }

  /** Its bytes are whatever they were. */
  obtain(bytes: number): ArrayBuffer {
    const found = this.#free.findIndex(({ byteLength }) => byteLength === bytes);
    const [buffer] = found < 0 ? [] : this.#free.splice(found, 1);
    if (buffer !== undefined) return buffer;
    this.#forgetBeyond(this.#limit - this.#used());
    return new ArrayBuffer(bytes);
  }

  /** A larger buffer with the same bytes. It was not looked for here, so what lies here unused makes room for it. */
  grow(buffer: ArrayBuffer, bytes: number): ArrayBuffer {
    this.#forgetBeyond(this.#limit - this.#used());
    return buffer.transfer(bytes);
  }

  /**
   * For a buffer that nobody reads or writes any more. It takes no more room here than where it was used. What is in use
   * says nothing in this moment: it counts those already who have been granted memory and come for a buffer next.
   */
  recycle(buffer: ArrayBuffer): void {
    this.#free.push(buffer);
    this.#forgetBeyond(this.#limit);
  }

  #forgetBeyond(bytes: number): void {
    const unused = (): number => this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (this.#free.length > 0 && unused() > bytes) this.#free.shift();
  }
}

/** What one upload holds. */
export class BudgetShare {
  readonly #budget: MemoryBudget;
  heldBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  get contended(): boolean {
    return this.#budget.contended;
  }

  get fairBytes(): number {
    return this.#budget.fairBytes;
  }

  tryTake(bytes: number): boolean {
    return this.#budget.tryTake(this, bytes);
  }

  takeAtOnce(bytes: number): void {
    this.#budget.takeAtOnce(this, bytes);
  }

  take(bytes: number): Promise<void> {
    return this.#budget.take(this, bytes);
  }

  give(bytes: number): void {
    this.#budget.give(this, bytes);
  }

  touch(): void {
    this.#budget.touch(this);
  }
}

/** Shared by every upload of this isolate: 64 MiB together, and the front's. */
export const partBudget = new MemoryBudget(PART_BUDGET_BYTES);
export const readBudget = new MemoryBudget(READ_BUDGET_BYTES);
export const firstBytesBudget = new MemoryBudget(FIRST_BYTES_BUDGET_BYTES);
export const documentBudget = new MemoryBudget(DOCUMENT_BUDGET_BYTES, DOCUMENT_HOLDER_DEAD_MS);
export const formBudget = new MemoryBudget(FORM_BUDGET_BYTES, DOCUMENT_HOLDER_DEAD_MS);
export const settingsBudget = new MemoryBudget(SETTINGS_BUDGET_BYTES, DOCUMENT_HOLDER_DEAD_MS);
export const partBuffers = new BufferPool(PART_BUDGET_BYTES, () => partBudget.usedBytes);
