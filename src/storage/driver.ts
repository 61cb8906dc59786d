/**
 * The storage-driver contract: where the bytes of blobs lie. A driver knows keys and bytes; digests, names and
 * ownership are the business of its callers.
 *
 * Rules that every driver keeps (test/workers/storage/contract.ts proves them):
 * - A write creates. Writing to a key that exists is refused and leaves the object as it was.
 * - An object appears whole or not at all.
 * - A multipart write shows nothing before `complete`, and then just the parts whose receipts were named.
 * - `state` and `receipt` are opaque strings that the caller journals; a driver keeps nothing in memory between calls.
 * - A missing object is `undefined`, not an error. Deleting what is not there succeeds, and so does aborting twice.
 * - A multipart write that has a part is ended by nothing but `complete` and `abort`. One that has none may also go with
 *   its key: `delete` is called for a key when the answer to its `begin` was lost.
 * - Anything else that goes wrong throws; the caller then knows nothing about the outcome and asks `head`.
 */
import type { Digest, DigestAlgorithm } from '../oci/digest.ts';

/** `too-slow`: the stream brought so little for so long that the store gave it up, and nothing is left. */
export type PutOutcome = 'stored' | 'exists' | 'digest-mismatch' | 'too-slow';
export type CompleteOutcome = 'stored' | 'exists';

/** A slice of an object, in bytes: at least one, and all within the object. */
export interface ByteRange {
  offset: number;
  length: number;
}

export interface StoredObject {
  /** Exactly the bytes asked for. A byte stream: it can be read into the reader's own buffer. */
  body: ReadableStream;
  /** Size of the whole object in bytes. */
  size: number;
}

export interface StorageDriver {
  /** Recorded beside each key, so that a registry can use several stores. */
  readonly name: string;
  /** The algorithms that `put` verifies by itself while the bytes pass. For others the caller hashes. */
  readonly verifies: ReadonlySet<DigestAlgorithm>;
  /** Every part but the last must be of one size, and at least this many bytes: unless `partsOfAnySize`. */
  readonly minPartBytes: number;
  /**
   * Whether parts may be of any size up to the one named at `begin`. Then what is left at the end of a body is stored as
   * a part of its own, as long as there are few parts; otherwise it waits in rows until it is one.
   */
  readonly partsOfAnySize?: boolean | undefined;
  readonly maxParts: number;
  /** Largest object that one `put` may bring. */
  readonly maxPutBytes: number;

  /**
   * Stores one object in one go. `length` is the exact size in bytes: a shorter or longer body rejects, and so does a
   * stream that fails. Without all `length` bytes nothing is left; where trouble comes only after them (a failure
   * instead of the end, a byte too many), the store may hold the object already, and `head` tells.
   * A stream that is refused at once may be left as it is: whoever asked has it, and what is still to come of it.
   * With a `digest` of an algorithm in `verifies`, other bytes are refused with `digest-mismatch`.
   */
  put(key: string, body: ReadableStream | Uint8Array, length: number, digest?: Digest): Promise<PutOutcome>;

  /** Begins a multipart write and returns its state. */
  begin(key: string, partSizeBytes: number): Promise<string>;
  /**
   * Stores part `number` (from 1) and returns its receipt. A part written twice counts by the receipt that is named.
   * `offset` is where it begins in the object, for a driver with `partsOfAnySize`; elsewhere the number tells.
   */
  writePart(state: string, number: number, bytes: Uint8Array, offset?: number): Promise<string>;
  /** Makes the object of the parts named: from number 1 on, in order and without a gap, or it rejects. */
  complete(state: string, receipts: readonly string[]): Promise<CompleteOutcome>;
  /** Gives a multipart write up and frees its parts. */
  abort(state: string): Promise<void>;

  /** Rejects when the range does not lie within the object. */
  read(key: string, range?: ByteRange): Promise<StoredObject | undefined>;
  head(key: string): Promise<{ size: number } | undefined>;
  delete(keys: readonly string[]): Promise<void>;

  /** Whether there is no space left to write to, where the store can be asked. */
  readonly isFull?: (() => Promise<boolean>) | undefined;
}

/** What the system, a driver and SQLite call a disk, a quota or a database without space. */
const FULL = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'] as const;

/** Whether an error says that space has to be made first. By its words: between objects an error keeps nothing else. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return FULL.some((word) => error.message.includes(word)) || isFull(error.cause);
}

/** Mints a key that was never used and never will be again: `blobs/ab/<122 random bits in hex>`. */
export function mintKey(): string {
  const random = crypto.randomUUID().replaceAll('-', '');
  return `blobs/${random.slice(0, 2)}/${random}`;
}
