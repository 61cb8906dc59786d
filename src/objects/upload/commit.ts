/**
 * The end of an upload: from bytes in parts and tail to a stored object that is proven to have its digest, and from
 * there to a link of the repository. Every step can be repeated after a crash; what it finds done, it does not redo.
 */
import { createHash } from 'node:crypto';
import type { Cause } from '../../notifications/event.ts';
import { logEvent } from '../../observability/log.ts';
import type { WorkMeter } from '../../observability/work.ts';
import { digestAlgorithm, digestHex, parseDigest, type Digest } from '../../oci/digest.ts';
import { parseRepositoryName } from '../../oci/repository-name.ts';
import { isFull, mintKey, type StorageDriver } from '../../storage/driver.ts';
import type { Objects } from '../stubs.ts';
import { settleOwner } from '../winner.ts';
import type { Journal, Session } from './journal.ts';
import { partBudget } from './memory-budget.ts';
import type { CommitResult } from './messages.ts';
import type { RunningHash } from './running-hash.ts';

const READ_BACK_BYTES = 256 * 1024;

interface Context {
  journal: Journal;
  store: StorageDriver;
  objects: Objects;
  meter: WorkMeter;
}

type StoreResult =
  { kind: 'stored' } | { kind: 'digest-mismatch' } | { kind: 'busy' } | { kind: 'retry' } | { kind: 'store-full' };

/** Makes one object of an open session's bytes and proves its digest. `journalKey` records a key before it is used. */
export async function storeOpen(
  context: Context,
  digest: Digest,
  running: RunningHash,
  journalKey: (key: string, size: number) => Promise<void>,
): Promise<StoreResult> {
  const session = context.journal.session();
  if (session === undefined) return { kind: 'retry' };
  try {
    if (context.journal.lastPart() === 0) return await putTail(context, session, digest, journalKey);
    return await completeParts(context, session, digest, running);
  } catch (error) {
    logEvent('warn', 'upload not stored', { repository: session.repository, digest, error: String(error) });
    return { kind: isFull(error) ? 'store-full' : 'retry' };
  }
}

/** A blob below one part lies in the tail: it is hashed here and stored by one `put`. */
async function putTail(
  { journal, store }: Context,
  session: Session,
  digest: Digest,
  journalKey: (key: string, size: number) => Promise<void>,
): Promise<StoreResult> {
  const size = session.committed;
  const share = partBudget.open();
  await share.take(size);
  try {
    const bytes = new Uint8Array(size);
    journal.readTail(bytes);
    const hashed = createHash(digestAlgorithm(digest)).update(bytes).digest('hex');
    if (hashed !== digestHex(digest)) return { kind: 'digest-mismatch' };
    const key = mintKey();
    await journalKey(key, size);
    try {
      const outcome = await store.put(key, bytes, size, digest);
      if (outcome !== 'stored') throw new Error(`the store answered ${outcome}`);
    } catch (error) {
      // The answer may have been lost on a write that succeeded.
      if ((await store.head(key))?.size !== size) throw error;
    }
    return journal.setStored('open', key, digest, size) ? { kind: 'stored' } : { kind: 'retry' };
  } finally {
    share.give(size);
  }
}

async function completeParts(
  { journal, store }: Context,
  session: Session,
  digest: Digest,
  running: RunningHash,
): Promise<StoreResult> {
  const { key, multipart, committed: size } = session;
  if (key === undefined || multipart === undefined) throw new Error('a session with parts has no multipart write');
  const isAsAnnounced = digestAlgorithm(digest) === session.algorithm;
  const proven = isAsAnnounced ? (session.hashed ?? running.at(session, journal)?.digest('hex')) : undefined;
  if (proven !== undefined && proven !== digestHex(digest)) return { kind: 'digest-mismatch' };
  if (session.state === 'storing' && session.digest !== digest) return { kind: 'busy' };
  if (session.state === 'open' && !journal.beginStoring(digest)) return { kind: 'retry' };
  // After a crash the object may be complete already.
  const there = session.state === 'storing' && (await store.head(key))?.size === size;
  if (!there) await completeObject(journal, store, multipart, key, size);
  if (proven === undefined && !(await readsBackAs(store, key, digest))) return { kind: 'digest-mismatch' };
  return journal.setStored('storing', key, digest, size) ? { kind: 'stored' } : { kind: 'retry' };
}

async function completeObject(
  journal: Journal,
  store: StorageDriver,
  multipart: string,
  key: string,
  size: number,
): Promise<void> {
  const parts = journal.parts();
  const receipts = parts.map(({ receipt }) => receipt);
  const tailBytes = journal.tailBytes();
  if (tailBytes > 0) {
    const share = partBudget.open();
    await share.take(tailBytes);
    try {
      const tail = new Uint8Array(tailBytes);
      journal.readTail(tail);
      receipts.push(await store.writePart(multipart, parts.length + 1, tail, size - tailBytes));
    } finally {
      share.give(tailBytes);
    }
  }
  try {
    await store.complete(multipart, receipts);
  } catch (error) {
    // A `complete` whose answer was lost may have succeeded: the object tells.
    if ((await store.head(key))?.size !== size) throw error;
  }
}

/** Whether the stored object has the digest: for an upload whose running hash was lost, or was of another algorithm. */
async function readsBackAs(store: StorageDriver, key: string, digest: Digest): Promise<boolean> {
  const object = await store.read(key);
  if (object === undefined) throw new Error(`${key} vanished before it was verified`);
  const hash = createHash(digestAlgorithm(digest));
  const reader = object.body.getReader({ mode: 'byob' });
  let buffer = new ArrayBuffer(READ_BACK_BYTES);
  for (;;) {
    const { done, value } = await reader.readAtLeast(READ_BACK_BYTES, new Uint8Array(buffer));
    if (value !== undefined) {
      hash.update(value);
      buffer = value.buffer;
    }
    if (done) break;
  }
  return hash.digest('hex') === digestHex(digest);
}

/** Whether the repository still has the blob that a finished session became. */
export async function isServed({ journal, objects, meter }: Context): Promise<boolean> {
  const session = journal.session();
  const digest = parseDigest(session?.digest ?? '');
  const name = parseRepositoryName(session?.repository ?? '');
  if (digest === undefined || name === undefined) return false;
  return (await meter.call(objects.repository(name).locate(digest, false))) !== undefined;
}

/** Has the repository adopt a stored object, and settles whose key counts. */
export async function adoptStored(
  { journal, store, objects, meter }: Context,
  cause: Cause | undefined,
): Promise<CommitResult> {
  const session = journal.session();
  const digest = parseDigest(session?.digest ?? '');
  const name = parseRepositoryName(session?.repository ?? '');
  if (session?.state !== 'stored' || session.key === undefined || digest === undefined || name === undefined) {
    return { kind: 'unknown' };
  }
  const own = { store: store.name, key: session.key, size: session.size ?? 0 };
  const settled = await settleOwner({ objects, store, meter }, digest, own, (isFirst) =>
    meter.call(objects.repository(name).adopt(name, digest, own, isFirst ? cause : undefined)),
  );
  switch (settled) {
    case 'own':
    case 'other':
      return journal.setDone(own.key, settled === 'own') ? { kind: 'committed', size: own.size } : { kind: 'unknown' };
    case 'refused':
      // Only a new upload can bring the bytes again.
      journal.setGone();
      return { kind: 'unknown' };
    case 'outbox-full':
    case 'retry':
    case 'store-full':
      return { kind: settled };
  }
}
