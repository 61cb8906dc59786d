/**
 * Cuts the body of one PATCH into equal parts, hashes it on the way, and stores the parts with several in flight.
 *
 * What is committed is always a contiguous prefix: stored parts in a row, then the tail that is not yet a whole part.
 * Part row, tail, offset and the digest so far change in one transaction. A body that ends or breaks off commits its
 * tail, so that a client that vanished goes on from the byte that it is told.
 *
 * The hash must be known at the committed offset, whatever happens to the parts in flight: each part carries a copy of
 * the running hash at its end (`hash.copy()`, native).
 */
import type { Hash } from 'node:crypto';
import { isFull, mintKey, type StorageDriver } from '../../storage/driver.ts';
import { drainReader } from './drain.ts';
import type { Journal } from './journal.ts';
import { partBudget, partBuffers, readBudget } from './memory-budget.ts';
import { MOST_AWAITED_BYTES, READ_BUFFERS_BYTES, SMALLEST_READ_BUFFER_BYTES } from './reading.ts';

/** Where a session's first buffer starts; it doubles with what arrives. */
const FIRST_BUFFER_BYTES = 256 * 1024;
/** Where parts may be of any size, what is left of a body is one from here on; fewer bytes cost less as rows. */
const LEAST_ODD_PART_BYTES = 512 * 1024;
/** Of the numbers that a store has for parts, these may go to such small ones. A chunk each would soon use them all up. */
const ODD_PARTS_SHARE = 0.1;
const PARTS_IN_FLIGHT = 3;
const PART_TRIES = 3;
const PART_RETRY_MS = 200;
/** A body that brings nothing for this time ends its PATCH. */
export const IDLE_BODY_MS = 60_000;
const STALL_CHECK_MS = 1_000;

/**
 * `complete`: the body ended. `interrupted`: it broke off. `overrun`: it was longer than announced, and nothing past
 * the announced end counts. `superseded`: another writer took over, and nothing uncommitted counts.
 */
export type AssemblyOutcome =
  'complete' | 'interrupted' | 'idle' | 'overrun' | 'full' | 'superseded' | 'store-failed' | 'store-full';

interface Cut {
  number: number;
  offset: number;
  size: number;
  hash: Hash | undefined;
  receipt: string | undefined;
  stored: Promise<void>;
}

class StoreFailure extends Error {}

export class Assembler {
  readonly #journal: Journal;
  readonly #store: StorageDriver;
  readonly #share = partBudget.open();
  readonly #readShare = readBudget.open();
  readonly #epoch: number;
  readonly #partSize: number;
  readonly #cuts: Cut[] = [];
  #hash: Hash | undefined;
  #committedHash: Hash | undefined;
  #nextNumber: number;
  /** Where the part that is being filled begins in the object. */
  #offset: number;
  #buffer: ArrayBuffer | undefined;
  /** Bytes of the part that is being filled; `#persisted` of them lie in the tail already. */
  #filled: number;
  #persisted: number;
  #failure: unknown;
  #superseded = false;
  #multipart: Promise<string> | undefined;
  #reader: ReadableStreamBYOBReader | undefined;
  /**
   * What the next read waits for: twice what the last one brought while the client is fast, and whatever comes once it is
   * slow. So a slow client loses little by breaking off, and is not taken for idle because it brings little.
   */
  #least = 1;

  constructor(
    journal: Journal,
    store: StorageDriver,
    run: { epoch: number; partSize: number; hash: Hash | undefined },
  ) {
    this.#journal = journal;
    this.#store = store;
    this.#epoch = run.epoch;
    this.#partSize = run.partSize;
    this.#hash = run.hash;
    this.#committedHash = run.hash?.copy();
    this.#nextNumber = journal.lastPart() + 1;
    this.#filled = journal.tailBytes();
    this.#persisted = this.#filled;
    this.#offset = (journal.session()?.committed ?? 0) - this.#filled;
  }

  /** The running hash at the committed offset, for the next PATCH. */
  get committedHash(): Hash | undefined {
    return this.#committedHash;
  }

  /** Makes a running assembly end soon, without committing anything more. */
  supersede(): void {
    this.#superseded = true;
    void this.#reader?.cancel().catch(() => undefined);
  }

  /** Takes in a body of at most `limit` bytes. Never rejects for what the client or the store does. */
  async run(body: ReadableStream, limit: number): Promise<AssemblyOutcome> {
    let outcome: AssemblyOutcome;
    const reader = body.getReader({ mode: 'byob' });
    this.#reader = reader;
    try {
      this.#readShare.takeAtOnce(SMALLEST_READ_BUFFER_BYTES);
      outcome = await this.#receive(reader, limit);
    } catch (error) {
      outcome = error instanceof StoreFailure ? 'store-failed' : 'interrupted';
    }
    // Who still sends would not hear why nobody takes it any more.
    if (outcome === 'complete' || outcome === 'idle' || outcome === 'interrupted') {
      await reader.cancel().catch(() => undefined);
    } else await drainReader(reader);
    try {
      await this.#storeRest();
      await this.#demandRoom();
      if (this.#superseded) outcome = 'superseded';
      else if (this.#failure !== undefined) outcome = isFull(this.#failure) ? 'store-full' : 'store-failed';
      else if (!this.#commitTail()) outcome = 'superseded';
    } catch (error) {
      // There is no space for the rows of the tail, as a rule.
      outcome = isFull(error) ? 'store-full' : 'store-failed';
    } finally {
      this.#freeBuffer();
      this.#readShare.give(this.#readShare.heldBytes);
    }
    return outcome;
  }

  async #receive(reader: ReadableStreamBYOBReader, limit: number): Promise<AssemblyOutcome> {
    let readBuffer = new ArrayBuffer(SMALLEST_READ_BUFFER_BYTES);
    let received = 0;
    for (;;) {
      const read = await this.#read(reader, readBuffer);
      if (read === 'idle') return 'idle';
      if (this.#superseded) return 'superseded';
      if (this.#failure !== undefined) return 'store-failed';
      const bytes = read.value;
      if (bytes !== undefined && bytes.byteLength > 0) {
        const wanted = bytes.subarray(0, limit - received);
        received += wanted.byteLength;
        if (!(await this.#append(wanted))) return 'full';
        if (wanted.byteLength < bytes.byteLength) return 'overrun';
        readBuffer = this.#sized(bytes.buffer);
      }
      if (read.done) return 'complete';
    }
  }

  /** The buffer for the next read: this one, or one that suits how fast the client is and who else needs memory. */
  #sized(buffer: ArrayBuffer): ArrayBuffer {
    const held = buffer.byteLength;
    const isSlow = this.#least === 1;
    const most = isSlow ? SMALLEST_READ_BUFFER_BYTES : this.#readShare.fairBytes;
    if (held > most) {
      const smaller = READ_BUFFERS_BYTES.findLast((bytes) => bytes <= most) ?? SMALLEST_READ_BUFFER_BYTES;
      this.#readShare.give(held - smaller);
      return smaller === held ? buffer : new ArrayBuffer(smaller);
    }
    const larger = READ_BUFFERS_BYTES.find((bytes) => bytes > held);
    const isFast = this.#least === awaitedAtMost(held);
    if (!isFast || larger === undefined || larger > most || !this.#readShare.tryTake(larger - held)) return buffer;
    return new ArrayBuffer(larger);
  }

  /** Waits for the client, and gives way meanwhile if others need the memory. */
  async #read(
    reader: ReadableStreamBYOBReader,
    buffer: ArrayBuffer,
  ): Promise<{ done: boolean; value: Uint8Array<ArrayBuffer> | undefined } | 'idle'> {
    const most = awaitedAtMost(buffer.byteLength);
    const pending = reader.readAtLeast(Math.min(this.#least, most), new Uint8Array(buffer));
    for (let waited = 0; waited < IDLE_BODY_MS; waited += STALL_CHECK_MS) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const stalled = new Promise<'stalled'>((resolve) => {
        timer = setTimeout(resolve, STALL_CHECK_MS, 'stalled');
      });
      const read = await Promise.race([pending, stalled]);
      clearTimeout(timer);
      if (read !== 'stalled') {
        const brought = read.value?.byteLength ?? 0;
        this.#least = waited === 0 ? Math.min(most, Math.max(1, brought * 2)) : 1;
        return { done: read.done, value: read.value };
      }
      this.#share.touch();
      this.#readShare.touch();
      if (this.#share.contended && this.#buffer !== undefined) await this.#giveWay();
    }
    pending.catch(() => undefined);
    return 'idle';
  }

  /** False when the session has as many parts as an object may have. */
  async #append(bytes: Uint8Array): Promise<boolean> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      if (this.#nextNumber > this.#store.maxParts) return false;
      const buffer = await this.#room();
      const piece = rest.subarray(0, buffer.byteLength - this.#filled);
      new Uint8Array(buffer).set(piece, this.#filled);
      this.#hash?.update(piece);
      this.#filled += piece.byteLength;
      if (this.#filled === this.#partSize) await this.#cut(buffer);
      rest = rest.subarray(piece.byteLength);
    }
    return true;
  }

  /**
   * A buffer with room for at least one byte. The first one of a session grows with what arrives; where one part was
   * filled the next one will be, so it is taken whole: nobody then holds half a part and waits for the other half.
   */
  async #room(): Promise<ArrayBuffer> {
    for (;;) {
      const held = this.#buffer?.byteLength ?? 0;
      if (held > this.#filled && this.#buffer !== undefined) return this.#buffer;
      const grown = Math.max(FIRST_BUFFER_BYTES, held * 2, nextPowerOfTwo(this.#filled + 1));
      const wanted = this.#nextNumber > 1 ? this.#partSize : Math.min(this.#partSize, grown);
      if (this.#share.tryTake(wanted - held)) {
        this.#buffer = this.#grown(wanted);
        continue;
      }
      // Own parts in flight give memory back as they land; only with none left is it others that have it.
      const inFlight = this.#underWay();
      if (inFlight.length > 0) {
        await Promise.race(inFlight);
        this.#demandHealth();
        continue;
      }
      await this.#giveWay();
      await this.#share.take(this.#partSize);
      this.#buffer = this.#grown(this.#partSize);
    }
  }

  #grown(bytes: number): ArrayBuffer {
    if (this.#buffer !== undefined) return partBuffers.grow(this.#buffer, bytes);
    const buffer = partBuffers.obtain(bytes);
    if (this.#persisted > 0) this.#journal.readTail(new Uint8Array(buffer));
    return buffer;
  }

  /** Moves what is buffered to the tail and frees the memory. */
  async #giveWay(): Promise<void> {
    await this.#storeRest();
    this.#demandHealth();
    await this.#demandRoom();
    if (!this.#commitTail()) this.#superseded = true;
    this.#demandHealth();
    this.#freeBuffer();
  }

  async #cut(buffer: ArrayBuffer): Promise<void> {
    while (this.#underWay().length >= PARTS_IN_FLIGHT) {
      await Promise.race(this.#underWay());
      this.#demandHealth();
    }
    this.#demandHealth();
    const cut: Cut = {
      number: this.#nextNumber,
      offset: this.#offset,
      size: this.#filled,
      hash: this.#hash?.copy(),
      receipt: undefined,
      stored: Promise.resolve(),
    };
    this.#nextNumber += 1;
    this.#offset += this.#filled;
    this.#cuts.push(cut);
    cut.stored = this.#storePart(cut, buffer);
    this.#buffer = undefined;
    this.#filled = 0;
    this.#persisted = 0;
  }

  /** Never rejects: a failure ends the PATCH, and the parts before it stay. */
  async #storePart(cut: Cut, buffer: ArrayBuffer): Promise<void> {
    let reusable = false;
    try {
      const multipart = await (this.#multipart ??= this.#begin());
      const { receipt, again } = await this.#writePart(multipart, cut, new Uint8Array(buffer, 0, cut.size));
      reusable = !again;
      cut.receipt = receipt;
      this.#commitPrefix();
    } catch (error) {
      this.#failure ??= error;
    } finally {
      this.#share.give(buffer.byteLength);
      if (reusable) partBuffers.recycle(buffer);
    }
  }

  async #begin(): Promise<string> {
    const present = this.#journal.session();
    if (present?.multipart !== undefined) return present.multipart;
    // One that is there already is of a `begin` that was not heard out: what that left goes with the key.
    const key = present?.key ?? mintKey();
    if (!this.#journal.setKey(key)) throw new Error('the session ended');
    const multipart = await this.#store.begin(key, this.#partSize);
    if (this.#journal.setMultipart(key, multipart)) return multipart;
    await this.#store.abort(multipart);
    throw new Error('the session ended');
  }

  /** `again`: it took more than one try, so an earlier one may still be reading the bytes. */
  async #writePart(
    multipart: string,
    { number, offset }: Cut,
    bytes: Uint8Array,
  ): Promise<{ receipt: string; again: boolean }> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return { receipt: await this.#store.writePart(multipart, number, bytes, offset), again: attempt > 1 };
      } catch (error) {
        if (attempt === PART_TRIES || this.#superseded || isFull(error)) throw error;
        await new Promise((resolve) => setTimeout(resolve, PART_RETRY_MS * 2 ** (attempt - 1)));
      }
    }
  }

  #commitPrefix(): void {
    for (let cut = this.#cuts[0]; cut?.receipt !== undefined; cut = this.#cuts[0]) {
      const { number, size, receipt, hash } = cut;
      const hashed = hash?.copy().digest('hex');
      if (this.#superseded || !this.#journal.commitPart(this.#epoch, { number, size, receipt, hashed })) {
        this.#superseded = true;
        return;
      }
      this.#committedHash = hash;
      this.#cuts.shift();
    }
  }

  /** False when another writer has taken over, or parts before the tail are not committed. */
  #commitTail(): boolean {
    if (this.#cuts.length > 0) return false;
    if (this.#filled === this.#persisted || this.#buffer === undefined) return true;
    const fresh = new Uint8Array(this.#buffer, this.#persisted, this.#filled - this.#persisted);
    if (!this.#journal.commitTail(this.#epoch, fresh, this.#hash?.copy().digest('hex'))) return false;
    this.#persisted = this.#filled;
    this.#committedHash = this.#hash?.copy();
    return true;
  }

  /** Parts that the store has not answered yet. One that waits for an earlier part is not among them. */
  #underWay(): Promise<void>[] {
    return this.#cuts.filter(({ receipt }) => receipt === undefined).map(({ stored }) => stored);
  }

  #demandHealth(): void {
    if (this.#failure !== undefined) throw new StoreFailure('a part could not be stored', { cause: this.#failure });
    if (this.#superseded) throw new Error('another request writes this upload now');
  }

  /** Rows of the tail take what is kept for the databases: so they may as long as the store takes bytes itself. */
  async #demandRoom(): Promise<void> {
    if (this.#filled === this.#persisted || (await this.#store.isFull?.()) !== true) return;
    throw new Error('ENOSPC: what space there is, is kept for the databases');
  }

  /** Waits for the parts in flight, and makes a part of what is left where the store takes one of its size. */
  async #storeRest(): Promise<void> {
    await this.#settle();
    const mayBeOdd = this.#store.partsOfAnySize === true && this.#nextNumber <= this.#store.maxParts * ODD_PARTS_SHARE;
    const isPart = mayBeOdd && this.#filled >= LEAST_ODD_PART_BYTES && this.#filled > this.#persisted;
    const isWanted = this.#failure === undefined && !this.#superseded && this.#nextNumber <= this.#store.maxParts;
    if (!isPart || !isWanted || this.#buffer === undefined) return;
    await this.#cut(this.#buffer);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#cuts.map(({ stored }) => stored));
  }

  #freeBuffer(): void {
    if (this.#buffer === undefined) return;
    this.#share.give(this.#buffer.byteLength);
    // Nobody reads it any more. To drop it would leave it to the collector, while the next waiter takes a new one.
    partBuffers.recycle(this.#buffer);
    this.#buffer = undefined;
  }
}

/** Of a buffer of this size: a read that waits for half of it can still take all that has come by then. */
function awaitedAtMost(bufferBytes: number): number {
  return Math.min(MOST_AWAITED_BYTES, bufferBytes / 2);
}

function nextPowerOfTwo(bytes: number): number {
  return 2 ** Math.ceil(Math.log2(bytes));
}
