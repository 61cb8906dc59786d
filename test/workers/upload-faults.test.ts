/** Wrong bytes and wrong numbers in a push: digests, lengths and ranges. What breaks off: upload-interruptions.test.ts. */
import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  PUSH_FORMS,
  chunked,
  contentLength,
  contentRange,
  demand,
  getBlob,
  headBlob,
  openSession,
  refusal,
  sendWith,
  sha512,
  type Session,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, newWorld, passAllGraces, storedKeys, type Blob } from './world.ts';

const MIB = 1_024 * 1_024;
const FORMS = Object.entries(PUSH_FORMS).map(([form, push]) => ({ form, push }));

beforeEach(async () => {
  await newWorld();
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function expectFinished(session: Session, repository: string, blob: Blob): Promise<void> {
  expect((await session.put(blob.digest)).status).toBe(201);
  const served = demand(await getBlob(repository, blob.digest), 200);
  expect(Buffer.compare(new Uint8Array(await served.arrayBuffer()), blob.bytes)).toBe(0);
}

async function expectNothingStored(repository: string, digest: string): Promise<void> {
  expect((await headBlob(repository, digest)).status).toBe(404);
  await passAllGraces();
  expect(await storedKeys()).toEqual([]);
}

describe('a wrong digest', () => {
  it.each(FORMS)('is refused and nothing is stored: $form', async ({ push }) => {
    for (const size of [1_000, 9 * MIB]) {
      const [blob, other] = [await newBlob(size), await newBlob(10)];
      const answer = await refusal(push('faults/digest', { bytes: blob.bytes, digest: other.digest }));
      expect(answer).toMatchObject({ status: 400, code: 'DIGEST_INVALID', detail: { digest: other.digest } });
      await expectNothingStored('faults/digest', other.digest);
      expect((await headBlob('faults/digest', blob.digest)).status).toBe(404);
    }
  });

  it('of the other algorithm is found by reading the object back, and nothing is stored', async () => {
    const [{ bytes }, other] = [await newBlob(9 * MIB), await newBlob(10)];
    const session = await openSession('faults/digest');
    demand(await session.patch(bytes), 202);
    const digest = await sha512(other.bytes);
    expect(await refusal(session.put(digest))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    await expectNothingStored('faults/digest', digest);
  });

  const malformed = [
    ...['', 'sha256', 'sha256:', `sha256:${'a'.repeat(63)}`, `sha256:${'A'.repeat(64)}`, `md5:${'a'.repeat(32)}`, 'x'],
    ...[`sha256:${'a'.repeat(64)},sha256:${'a'.repeat(64)}`, 'a'.repeat(64), `sha384:${'a'.repeat(96)}`],
  ];
  it.each(malformed)('that is none (%s) is refused, and the session goes on', async (digest) => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/malformed');
    demand(await session.patch(blob.bytes.subarray(0, 500)), 202);
    for (const pending of [session.put(digest), session.putBody(digest, blob.bytes.subarray(500))]) {
      expect(await refusal(pending)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    }
    demand(await session.patch(blob.bytes.subarray(500)), 202);
    await expectFinished(session, 'faults/malformed', blob);
  });

  it('of a POST with the whole blob is refused before a session is opened', async () => {
    const sent = { body: new Uint8Array(10), headers: { 'content-length': '10' } };
    const path = '/v2/faults/malformed/blobs/uploads/?digest=sha256:none';
    expect(await refusal(sendWith({}, 'POST', path, sent))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
  });
});

describe('a wrong length', () => {
  it('of a body that ends early is refused, and the session goes on from what came', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/short');
    const headers = contentRange(blob.bytes, 0);
    const answer = await session.patch(chunked(blob.bytes.subarray(0, 600)), headers);
    expect(answer.headers.get('range')).toBe('0-599');
    expect(await refusal(answer)).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    expect(await session.offset()).toBe(600);
    demand(await session.chunk(blob.bytes.subarray(600), 600), 202);
    await expectFinished(session, 'faults/short', blob);
  });

  it('of a body that is larger than announced is refused, and what was announced is kept', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/long');
    const answer = await session.patch(chunked(blob.bytes, 50), { 'content-range': '0-99' });
    expect(answer.headers.get('range')).toBe('0-99');
    expect(await refusal(answer)).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    demand(await session.chunk(blob.bytes.subarray(100), 100), 202);
    await expectFinished(session, 'faults/long', blob);
  });

  it('of the last chunk in a PUT is refused, and the upload is not closed', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/last');
    demand(await session.patch(blob.bytes.subarray(0, 500)), 202);
    const body = chunked(blob.bytes.subarray(500, 800));
    const pending = session.put(blob.digest, { body, headers: contentRange(blob.bytes.subarray(500), 500) });
    expect(await refusal(pending)).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    expect((await headBlob('faults/last', blob.digest)).status).toBe(404);
    const rest = blob.bytes.subarray(800);
    expect((await session.putBody(blob.digest, rest, contentRange(rest, 800))).status).toBe(201);
  });

  it('of a whole body that only its range announces is refused, and the session goes on from what came', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/ranged');
    const sent = { body: chunked(blob.bytes.subarray(0, 400)), headers: contentRange(blob.bytes, 0) };
    expect(await refusal(session.put(blob.digest, sent))).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    demand(await session.chunk(blob.bytes.subarray(400), 400), 202);
    await expectFinished(session, 'faults/ranged', blob);
  });

  it('of a whole body is refused by the store, and nothing is stored', async () => {
    const blob = await newBlob(1_000);
    for (const length of ['999', '1001']) {
      const { path } = await openSession('faults/whole');
      const sent = { body: blob.bytes, headers: { 'content-length': length } };
      const answer = await refusal(sendWith({}, 'PUT', `${path}?digest=${blob.digest}`, sent));
      expect(answer.status).toBeGreaterThanOrEqual(400);
      await expectNothingStored('faults/whole', blob.digest);
    }
  });

  it('that two headers disagree about is refused before a byte is taken', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/disagree');
    const headers = { ...contentLength(blob.bytes), 'content-range': '0-998' };
    for (const pending of [
      session.patch(blob.bytes, headers),
      session.put(blob.digest, { body: blob.bytes, headers }),
    ]) {
      expect(await refusal(pending)).toMatchObject({
        status: 400,
        code: 'SIZE_INVALID',
        detail: { range: 999, length: 1_000 },
      });
    }
    expect(await session.offset()).toBe(0);
  });

  it.each(['-1', '1.5', 'ten', '1e3', '99999999999999999', '0x10'])('that is none (%s) is refused', async (length) => {
    const { path } = await openSession('faults/length');
    for (const method of ['PATCH', 'PUT'] as const) {
      const address = method === 'PUT' ? `${path}?digest=sha256:${'a'.repeat(64)}` : path;
      const sent = { body: chunked(new Uint8Array(10)), headers: { 'content-length': length } };
      expect(await refusal(sendWith({}, method, address, sent))).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    }
  });

  it('is missing from a POST with the whole blob: it is refused, and says what to do', async () => {
    const blob = await newBlob(1_000);
    const path = `/v2/faults/post/blobs/uploads/?digest=${blob.digest}`;
    const answer = await refusal(sendWith({}, 'POST', path, { body: chunked(blob.bytes) }));
    expect(answer).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    expect(answer.message).toContain('Content-Length');
  });
});

describe('a chunk out of order', () => {
  it.each([
    ['leaves a gap', 600],
    ['begins anew', 0],
    ['overlaps', 499],
  ])('that %s gets 416 with the range that is there, and the session goes on', async (_label, start) => {
    const blob = await newBlob(1_000);
    const session = await openSession('faults/order');
    demand(await session.chunk(blob.bytes.subarray(0, 500), 0), 202);
    const piece = blob.bytes.subarray(start, start + 100);
    const ways = [
      () => session.chunk(piece, start),
      () => session.putBody(blob.digest, piece, contentRange(piece, start)),
      () => session.put(blob.digest, { body: chunked(piece), headers: contentRange(piece, start) }),
    ];
    for (const way of ways) {
      const answer = await way();
      expect([answer.headers.get('range'), answer.headers.get('location')]).toEqual(['0-499', session.path]);
      expect(await refusal(answer)).toMatchObject({ status: 416, code: 'RANGE_INVALID' });
      expect(await session.offset()).toBe(500);
    }
    demand(await session.chunk(blob.bytes.subarray(500), 500), 202);
    await expectFinished(session, 'faults/order', blob);
  });

  it('that comes first gets 416 with 0-0', async () => {
    const session = await openSession('faults/order');
    const answer = await session.chunk(new Uint8Array(10), 10);
    expect(answer.headers.get('range')).toBe('0-0');
    expect((await refusal(answer)).status).toBe(416);
  });

  it.each(['bytes', '0', '9-0', 'a-b', '0-', '-5', '-1-5', 'bytes */10', '0-9/5', '0-99999999999999999', '0-9,10-19'])(
    'whose Content-Range is malformed (%s) gets 400, and not a byte of it is taken',
    async (range) => {
      const session = await openSession('faults/range');
      const body = new Uint8Array(10);
      for (const pending of [
        session.patch(body, { 'content-range': range }),
        session.put(`sha256:${'a'.repeat(64)}`, { body, headers: { 'content-range': range } }),
      ]) {
        expect(await refusal(pending)).toMatchObject({ status: 400, code: 'RANGE_INVALID' });
      }
      expect(await session.offset()).toBe(0);
    },
  );
});
