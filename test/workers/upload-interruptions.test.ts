/** A push that is interrupted: clients that vanish or stall, writers that race, objects that lose their memory, and time. */
import { Buffer } from 'node:buffer';
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IDLE_BODY_MS } from '../../src/objects/upload/assembler.ts';
import {
  chunked,
  demand,
  getBlob,
  headBlob,
  offsetOf,
  openStreaming,
  refusal,
  sha512,
  type Session,
} from './client.ts';
import { faults } from './faults.ts';
import { LogLines } from './log-lines.ts';
import { epochOf, newWriter, stalledPatch } from './stalled-patch.ts';
import { config, newBlob, newWorld, passAllGraces, passTime, settle, storedKeys, type Blob } from './world.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
/** What is on its way when a client breaks off. */
const LOST_AT_MOST_BYTES = 64 * KIB;

let log: LogLines;
beforeEach(async () => {
  await newWorld();
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The offset that the session tells, once it is at least this: what a client that vanished brought is committed soon. */
async function committedAtLeast(session: Session, least: number): Promise<number> {
  let offset = await session.offset();
  for (let asked = 0; offset < least && asked < 1_000; asked += 1) offset = await session.offset();
  expect(offset).toBeGreaterThanOrEqual(least);
  return offset;
}

async function expectFinished(session: Session, repository: string, blob: Blob): Promise<void> {
  expect((await session.put(blob.digest)).status).toBe(201);
  const served = demand(await getBlob(repository, blob.digest), 200);
  expect(Buffer.compare(new Uint8Array(await served.arrayBuffer()), blob.bytes)).toBe(0);
}

async function expectOneObject(): Promise<void> {
  await settle();
  expect(await storedKeys()).toHaveLength(1);
}

describe('a client that vanishes in the middle of a PATCH', () => {
  it.each([
    ['a few bytes', 1_000],
    ['bytes that fill no part', 3 * MIB],
    ['a part and some more', 9 * MIB],
  ])('after %s goes on from the byte that GET tells', async (_label, size) => {
    const blob = await newBlob(10 * MIB);
    const session = await openStreaming('interrupted/vanished');
    (await stalledPatch(session, blob.bytes.subarray(0, size))).vanish();
    const offset = await committedAtLeast(session, Math.max(1, size - LOST_AT_MOST_BYTES));
    expect(offset).toBeLessThanOrEqual(size);
    demand(await session.chunk(blob.bytes.subarray(offset), offset), 202);
    await expectFinished(session, 'interrupted/vanished', blob);
    await expectOneObject();
  });

  it('may do so again and again', async () => {
    const blob = await newBlob(500 * KIB);
    const session = await openStreaming('interrupted/again');
    let offset = 0;
    while (offset < blob.bytes.byteLength) {
      const piece = blob.bytes.subarray(offset, offset + 100 * KIB);
      (await stalledPatch(session, piece, { 'content-range': `${String(offset)}-${String(MIB)}` })).vanish();
      offset = await committedAtLeast(session, offset + 1);
    }
    await expectFinished(session, 'interrupted/again', blob);
  });
});

describe('two requests that write one session at once', () => {
  it('are one too many: the second PATCH gets 409, and the first goes on', async () => {
    const blob = await newBlob(2_000);
    const session = await openStreaming('interrupted/two');
    const first = await stalledPatch(session, blob.bytes.subarray(0, 1_000));
    for (const pending of [session.patch(blob.bytes), session.patch(chunked(blob.bytes, 10))]) {
      const answer = await refusal(pending);
      expect(answer).toMatchObject({ status: 409, code: 'BLOB_UPLOAD_INVALID' });
      expect(answer.message).toContain('Content-Range');
    }
    await first.write(blob.bytes.subarray(1_000));
    await first.end();
    expect((await first.answer).headers.get('range')).toBe('0-1999');
    await expectFinished(session, 'interrupted/two', blob);
  });

  it('of many PATCHes that come at the same time exactly those count whose bytes are in', async () => {
    const pieces = await Promise.all(Array.from({ length: 8 }, () => newBlob(1_000)));
    const session = await openStreaming('interrupted/race');
    const answers = await Promise.all(pieces.map(({ bytes }) => session.patch(chunked(bytes, 100))));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
    expect(await session.offset()).toBe(1_000 * statuses.filter((status) => status === 202).length);
  });

  it('a PUT that closes is refused while a PATCH is running, and works after it', async () => {
    const blob = await newBlob(2_000);
    const session = await openStreaming('interrupted/close');
    const patch = await stalledPatch(session, blob.bytes);
    expect(await refusal(session.put(blob.digest))).toMatchObject({ status: 409, code: 'BLOB_UPLOAD_INVALID' });
    await patch.end();
    demand(await patch.answer, 202);
    await expectFinished(session, 'interrupted/close', blob);
  });

  it('PUTs with the whole body are told that one is writing, or get 201, and one object stays', async () => {
    const blob = await newBlob(100 * KIB);
    const session = await openStreaming('interrupted/puts');
    const puts = await Promise.all([1, 2, 3].map(() => session.putBody(blob.digest, blob.bytes)));
    const statuses = puts.map(({ status }) => status);
    expect(statuses).toContain(201);
    expect(statuses.filter((status) => status !== 201 && status !== 409)).toEqual([]);
    expect((await session.putBody(blob.digest, blob.bytes)).status).toBe(201);
    passTime(3_600_000);
    await expectOneObject();
    expect((await getBlob('interrupted/puts', blob.digest)).status).toBe(200);
  });

  it('a stalled PATCH is taken over by a chunk that begins at the committed offset', async () => {
    const blob = await newBlob(3_000);
    const session = await openStreaming('interrupted/takeover');
    demand(await session.patch(blob.bytes.subarray(0, 1_000)), 202);
    const stalled = await stalledPatch(session, blob.bytes.subarray(1_000, 1_700));
    const early = await session.chunk(blob.bytes.subarray(1_700), 1_700);
    expect([early.status, early.headers.get('range')]).toEqual([416, '0-999']);
    demand(await session.chunk(blob.bytes.subarray(1_000), 1_000), 202);
    expect(await refusal(stalled.answer)).toMatchObject({ status: 409, code: 'BLOB_UPLOAD_INVALID' });
    await expectFinished(session, 'interrupted/takeover', blob);
  });

  it('a takeover waits for the parts that the old writer is storing, and counts none of them twice', async () => {
    const blob = await newBlob(17 * MIB);
    const session = await openStreaming('interrupted/parts');
    const part = faults.pause('Upload>store.uploadPart');
    const stalled = stalledPatch(session, blob.bytes.subarray(0, 9 * MIB));
    await part.reached();
    const { answer } = await stalled;
    const before = await epochOf(session);
    const headers = { 'content-range': `0-${String(blob.bytes.byteLength - 1)}` };
    const taking = session.patch(chunked(blob.bytes), headers);
    await newWriter(session, before);
    part.release();
    demand(await taking, 202);
    expect((await answer).status).toBe(409);
    await expectFinished(session, 'interrupted/parts', blob);
    await expectOneObject();
  });

  it('a session that is cancelled during a PATCH takes nothing more, and leaves nothing', async () => {
    const blob = await newBlob(9 * MIB);
    const session = await openStreaming('interrupted/cancel');
    const stalled = await stalledPatch(session, blob.bytes);
    demand(await session.cancel(), 204);
    expect((await stalled.answer).status).toBe(409);
    expect((await session.status()).status).toBe(404);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });
});

describe('a body that stops coming', () => {
  /** In the session's own context: a timer there may touch nothing of another's. */
  const wait = (session: Session, ms: number) =>
    runInDurableObject(session.stub, () => vi.advanceTimersByTimeAsync(ms));

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });
  });

  it('for a minute ends its PATCH with 408 and the offset, and the session goes on', async () => {
    const blob = await newBlob(200 * KIB);
    const session = await openStreaming('interrupted/idle');
    const stalled = await stalledPatch(session, blob.bytes.subarray(0, 150 * KIB));
    await wait(session, IDLE_BODY_MS + 1_000);
    const answer = await stalled.answer;
    const offset = offsetOf(answer);
    expect(offset).toBeGreaterThan(150 * KIB - LOST_AT_MOST_BYTES);
    expect(await refusal(answer)).toMatchObject({ status: 408, code: 'BLOB_UPLOAD_INVALID' });
    expect(await session.offset()).toBe(offset);
    demand(await session.chunk(blob.bytes.subarray(offset), offset), 202);
    await expectFinished(session, 'interrupted/idle', blob);
  });

  it('only slowly is taken in to its end', async () => {
    const blob = await newBlob(10);
    const session = await openStreaming('interrupted/slow');
    const slow = await stalledPatch(session, blob.bytes.subarray(0, 2));
    // Twice as much as came at first, and late: from then on it counts as slow.
    await wait(session, 2_000);
    await slow.write(blob.bytes.subarray(2, 6));
    for (let start = 6; start < blob.bytes.byteLength; start += 1) {
      // The byte before is there once this question, asked later, was answered.
      expect(await session.offset()).toBe(0);
      await wait(session, 25_000);
      await slow.write(blob.bytes.subarray(start, start + 1));
    }
    await slow.end();
    expect((await slow.answer).status).toBe(202);
    await expectFinished(session, 'interrupted/slow', blob);
  });
});

describe('a session whose object is evicted', () => {
  it.each([
    ['bytes that fill no part', 1_000],
    ['some parts and a rest', 9 * MIB],
  ])('after one PATCH of %s is closed without a second read', async (_label, size) => {
    const blob = await newBlob(size);
    const session = await openStreaming('evicted/one');
    demand(await session.patch(chunked(blob.bytes, 100)), 202);
    await session.evict();
    faults.trace.length = 0;
    expect((await session.put(blob.digest)).status).toBe(201);
    expect(faults.trace.map(({ point }) => point)).not.toContain('Upload>store.get');
    await expectFinished(session, 'evicted/one', blob);
  });

  it('before every request of a push of many chunks loses nothing', async () => {
    const blob = await newBlob(10 * MIB);
    const session = await openStreaming('evicted/each');
    for (const [start, end] of [
      [0, 1_000],
      [1_000, 3 * MIB],
      [3 * MIB, 9 * MIB],
      [9 * MIB, 10 * MIB],
    ] as const) {
      await session.evict();
      expect(await session.offset()).toBe(start);
      demand(await session.chunk(blob.bytes.subarray(start, end), start), 202);
    }
    await session.evict();
    await expectFinished(session, 'evicted/each', blob);
    await expectOneObject();
  });

  /** Parts are stored, the object forgets the running hash, and one more chunk comes: only a read can prove the digest. */
  async function pushedWithoutHash(repository: string, blob: Blob): Promise<Session> {
    const session = await openStreaming(repository);
    demand(await session.chunk(blob.bytes.subarray(0, 8 * MIB), 0), 202);
    await session.evict();
    demand(await session.chunk(blob.bytes.subarray(8 * MIB), 8 * MIB), 202);
    return session;
  }

  it('between the chunks of a large push is read back once, and its digest is right', async () => {
    const blob = await newBlob(9 * MIB);
    const session = await pushedWithoutHash('evicted/back', blob);
    faults.trace.length = 0;
    expect((await session.put(blob.digest)).status).toBe(201);
    expect(faults.trace.filter(({ point }) => point === 'Upload>store.get')).toHaveLength(1);
    await expectFinished(session, 'evicted/back', blob);
  });

  it('and whose digest is wrong when it is read back is refused, and nothing is stored', async () => {
    const [blob, other] = [await newBlob(9 * MIB), await newBlob(10)];
    const session = await pushedWithoutHash('evicted/wrong', blob);
    expect(await refusal(session.put(other.digest))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    expect((await headBlob('evicted/wrong', other.digest)).status).toBe(404);
    expect((await headBlob('evicted/wrong', blob.digest)).status).toBe(404);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('is closed with SHA-512 by reading it back', async () => {
    const { bytes } = await newBlob(9 * MIB);
    const blob = { bytes, digest: await sha512(bytes) };
    await expectFinished(await pushedWithoutHash('evicted/sha512', blob), 'evicted/sha512', blob);
  });

  it('after it was finished answers its PUT again', async () => {
    const blob = await newBlob(9 * MIB);
    const session = await openStreaming('evicted/done');
    demand(await session.patch(chunked(blob.bytes)), 202);
    expect((await session.put(blob.digest)).status).toBe(201);
    await session.evict();
    await expectFinished(session, 'evicted/done', blob);
  });
});

describe('a session that expires', () => {
  const tablesOf = (session: Session) =>
    runInDurableObject(session.stub, (_object, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );

  it.each([
    ['nothing', 0],
    ['bytes that fill no part', 1_000],
    ['some parts and a rest', 9 * MIB],
  ])('with %s is unknown at once, and deletes all that it holds', async (_label, size) => {
    const blob = await newBlob(size);
    const session = await openStreaming('expired/open');
    if (size > 0) demand(await session.patch(chunked(blob.bytes)), 202);
    passTime(config.uploadExpiryMs - 1);
    expect(await session.offset()).toBe(size);
    passTime(1);
    for (const pending of [session.status(), session.patch(blob.bytes), session.put(blob.digest), session.cancel()]) {
      expect(await refusal(pending)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    expect(await runDurableObjectAlarm(session.stub)).toBe(true);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
    expect(await tablesOf(session)).toEqual([]);
  });

  it('after it was finished leaves its blob alone', async () => {
    const blob = await newBlob(9 * MIB);
    const session = await openStreaming('expired/done');
    demand(await session.patch(chunked(blob.bytes)), 202);
    expect((await session.put(blob.digest)).status).toBe(201);
    passTime(config.uploadExpiryMs);
    // HEAD renews the link: it would be collected by now.
    expect((await headBlob('expired/done', blob.digest)).status).toBe(200);
    await settle();
    expect((await session.put(blob.digest)).status).toBe(404);
    expect(await tablesOf(session)).toEqual([]);
    expect((await getBlob('expired/done', blob.digest)).status).toBe(200);
    expect(await storedKeys()).toHaveLength(1);
  });

  it('while a PATCH is running ends it, and keeps nothing', async () => {
    const blob = await newBlob(9 * MIB);
    const session = await openStreaming('expired/running');
    const stalled = await stalledPatch(session, blob.bytes);
    passTime(config.uploadExpiryMs);
    await settle();
    expect((await stalled.answer).status).toBe(409);
    expect(log.requests.at(-1)).toMatchObject({ method: 'PATCH', status: 409 });
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
    expect((await env.BLOBS.list()).objects).toEqual([]);
  });
});
