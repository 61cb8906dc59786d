/** Sessions that need no object of their own: what their repository remembers of them, and what their id may not be bent to. */
import { env } from 'cloudflare:workers';
import { listDurableObjectIds } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseUploadId } from '../../src/oci/upload-id.ts';
import { HOLDER_DEAD_MS } from '../../src/objects/upload/memory-budget.ts';
import { WRITE_LEASE_MS } from '../../src/objects/upload/messages.ts';
import {
  Session,
  chunked,
  contentRange,
  demand,
  expectServed,
  expectUnknown,
  headBlob,
  openSession,
  refusal,
  repositoryStub,
  send,
  sha512,
} from './client.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { faults } from './faults.ts';
import { LogLines } from './log-lines.ts';
import {
  config,
  crash,
  newBlob,
  objects,
  newWorld,
  passAllGraces,
  passTime,
  settle,
  storedKeys,
  type Blob,
} from './world.ts';

const KIB = 1_024;
const UNKNOWN = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' };
let worlds = 0;
let name: string;

beforeEach(async () => {
  await newWorld();
  worlds += 1;
  name = `sessions/${String(worlds)}`;
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const uploadObjects = async () => (await listDurableObjectIds(env.UPLOAD)).length;

describe('a blob that comes whole', () => {
  it.each<[string, (session: Session, blob: Blob) => Promise<Response>]>([
    ['in one PUT', (session, { bytes, digest }) => session.putBody(digest, bytes)],
    [
      'in one short PATCH',
      async (session, { bytes, digest }) => {
        demand(await session.patch(chunked(bytes, 7)), 202);
        return session.put(digest);
      },
    ],
  ])('%s needs no object of its own, and its repeated PUT gets its answer again', async (_way, push) => {
    const objects = await uploadObjects();
    const blob = await newBlob(100 * KIB);
    const session = await openSession(name);
    expect((await push(session, blob)).status).toBe(201);
    await expectServed(name, blob);
    await crash(repositoryStub(name));
    expect((await session.put(blob.digest)).status).toBe(201);
    expect((await session.putBody(blob.digest, blob.bytes)).status).toBe(201);
    expect(await refusal(session.put((await newBlob()).digest))).toMatchObject({ code: 'DIGEST_INVALID' });
    expect(await refusal(session.status())).toMatchObject(UNKNOWN);
    expect(await refusal(session.cancel())).toMatchObject(UNKNOWN);
    expect(await uploadObjects()).toBe(objects);
    expect(await refusal(session.patch(blob.bytes))).toMatchObject(UNKNOWN);
    await settle();
    expect(await storedKeys()).toHaveLength(1);
  });
});

describe('a short PATCH', () => {
  it('is told by GET, also after the repository lost its memory', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession(name);
    demand(await session.patch(blob.bytes), 202);
    await crash(repositoryStub(name));
    expect(await session.offset()).toBe(1_000);
    expect((await session.put(blob.digest)).status).toBe(201);
  });

  it('and a second one make one blob', async () => {
    const blob = await newBlob(3_000);
    const session = await openSession(name);
    for (const start of [0, 1_000, 2_000]) {
      demand(await session.patch(blob.bytes.subarray(start, start + 1_000)), 202);
      expect(await session.offset()).toBe(start + 1_000);
    }
    expect((await session.put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('and one that comes by the first location make one blob', async () => {
    const blob = await newBlob(600 * KIB);
    const first = (await openSession(name)).path;
    for (const start of [0, 300 * KIB]) {
      demand(await new Session(first).patch(blob.bytes.subarray(start, start + 300 * KIB)), 202);
    }
    expect(await new Session(first).offset()).toBe(600 * KIB);
    expect((await new Session(first).put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
  });

  it.each(['fail-before', 'crash-before', 'crash-after'] as const)(
    'is taken over once, whatever becomes of the request that does it: %s',
    async (fault) => {
      const blob = await newBlob(4_000 * KIB);
      const [first, rest] = [blob.bytes.subarray(0, 3_000 * KIB), blob.bytes.subarray(3_000 * KIB)];
      const session = await openSession(name);
      demand(await session.patch(first), 202);
      faults.inject('Upload>store.get', fault);
      expect((await session.chunk(rest, first.byteLength)).status).toBeGreaterThanOrEqual(500);
      expect(faults.fired).toHaveLength(1);
      expect(await session.offset()).toBe(first.byteLength);
      demand(await session.chunk(rest, first.byteLength), 202);
      expect((await session.put(blob.digest)).status).toBe(201);
      await expectServed(name, blob);
    },
  );

  it('is closed with SHA-512 by its object, which reads the bytes', async () => {
    const { bytes } = await newBlob(1_000);
    const session = await openSession(name);
    demand(await session.patch(bytes), 202);
    const blob = { bytes, digest: await sha512(bytes) };
    expect((await session.put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
  });

  it('is closed by a PUT that brings the last chunk', async () => {
    const blob = await newBlob(2_000);
    const session = await openSession(name);
    demand(await session.patch(blob.bytes.subarray(0, 1_500)), 202);
    expect((await session.putBody(blob.digest, blob.bytes.subarray(1_500))).status).toBe(201);
    await expectServed(name, blob);
  });

  it('does not begin anew a session that has bytes', async () => {
    const blob = await newBlob(1_000);
    const session = await openSession(name);
    demand(await session.patch(blob.bytes.subarray(0, 400)), 202);
    const again = await session.chunk(blob.bytes.subarray(0, 400), 0);
    expect(await refusal(again)).toMatchObject({ status: 416 });
    expect(await session.offset()).toBe(400);
  });

  it('with another digest ends the session, and leaves nothing', async () => {
    const [blob, other] = [await newBlob(), await newBlob()];
    const session = await openSession(name);
    demand(await session.patch(blob.bytes), 202);
    expect(await refusal(session.put(other.digest))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    await expectUnknown(session, blob);
    expect((await headBlob(name, blob.digest)).status).toBe(404);
    await settle();
    expect(await storedKeys()).toEqual([]);
  });

  it('twice at once is one too many', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    const statuses = await Promise.all([1, 2].map(async () => (await session.patch(blob.bytes)).status));
    expect(statuses.filter((status) => status === 202)).not.toHaveLength(0);
    const offset = await session.offset();
    expect(offset).toBe(blob.bytes.byteLength * statuses.filter((status) => status === 202).length);
  });

  it('that is never closed is gone once its session has expired', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    demand(await session.patch(blob.bytes), 202);
    passTime(config.uploadExpiryMs - 1);
    expect(await session.offset()).toBe(blob.bytes.byteLength);
    expect(await storedKeys()).toHaveLength(1);
    passTime(1);
    await expectUnknown(session, blob);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });
});

describe('two requests at once', () => {
  const sessionOf = (session: Session) => {
    const id = parseUploadId(session.path.split('/').at(-1) ?? '');
    const repository = parseRepositoryName(name);
    const found = id && repository && objects.session(repository, 'anonymous', id);
    if (found === undefined) throw new Error(`${session.path} is no session of this repository`);
    return { session: found, repository: objects.repository(found.repository) };
  };

  /** A push that the directory has not answered yet. */
  async function heldAtClaim(push: () => Promise<Response>) {
    const claim = faults.pause('Repository>BLOB_DIRECTORY.claim', 'before');
    const answer = push();
    await claim.reached();
    return { claim, answer };
  }

  it('a cancel comes too late for a whole PUT that is being adopted', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    const { claim, answer } = await heldAtClaim(() => session.putBody(blob.digest, blob.bytes));
    expect((await session.cancel()).status).toBe(409);
    expect((await session.patch(blob.bytes)).status).toBe(409);
    claim.release();
    expect((await answer).status).toBe(201);
    expect((await session.put(blob.digest)).status).toBe(201);
  });

  it('a close with another digest does not end a session whose bytes are being adopted', async () => {
    const [blob, other] = [await newBlob(), await newBlob()];
    const session = await openSession(name);
    demand(await session.patch(blob.bytes), 202);
    const { claim, answer } = await heldAtClaim(() => session.put(blob.digest));
    expect((await session.put(other.digest)).status).toBe(409);
    claim.release();
    expect((await answer).status).toBe(201);
    expect((await session.put(blob.digest)).status).toBe(201);
  });

  it('a whole PUT gives way to chunks that came meanwhile', async () => {
    const blob = await newBlob(2_000);
    const session = await openSession(name);
    const first = new Session(session.path);
    const { session: own, repository } = sessionOf(session);
    const { result: begun } = await repository.beginWrite(own, blob.digest, 2_000);
    demand(await session.chunk(blob.bytes.subarray(0, 1_000), 0), 202);
    const key = begun.kind === 'direct' ? begun.key : '';
    expect(key).not.toBe('');
    expect((await repository.endWrite(own, key, 'stored')).result).toEqual({ kind: 'busy' });
    expect((await first.putBody(blob.digest, blob.bytes.subarray(1_000))).status).toBe(201);
    await expectServed(name, blob);
  });

  it('a session that its object has not opened can be cancelled', async () => {
    const blob = await newBlob();
    const session = await openSession(name);
    const { session: own, repository } = sessionOf(session);
    expect((await repository.enterUpload(own)).result).toMatchObject({ kind: 'open' });
    expect((await session.cancel()).status).toBe(204);
    await expectUnknown(session, blob);
  });
});

describe('clients that vanish while their first bytes are held', () => {
  it('take no room from others for long', async () => {
    const piece = (await newBlob(256 * KIB)).bytes;
    for (let gone = 0; gone < 110; gone += 1) {
      const session = await openSession(name);
      const client = new AbortController();
      const { readable, writable } = new IdentityTransformStream();
      session.patch(readable, {}, client.signal).catch(() => undefined);
      await writable.getWriter().write(piece);
      client.abort();
    }
    passTime(HOLDER_DEAD_MS + 1);
    const session = await openSession(name);
    demand(await session.patch((await newBlob()).bytes), 202);
    expect(parseUploadId(session.path.split('/').at(-1) ?? '')).toMatchObject({ streams: false });
  });
});

describe('a session that is cancelled', () => {
  it.each<[string, (session: Session, blob: Blob) => Promise<unknown>]>([
    ['with nothing', () => Promise.resolve()],
    ['with a short PATCH', (session, { bytes }) => session.patch(bytes)],
    ['with a chunk', (session, { bytes }) => session.chunk(bytes, 0)],
    ['with a long PATCH', async (session) => session.patch((await newBlob(300 * KIB)).bytes)],
  ])('%s takes nothing more, and leaves nothing', async (_state, fill) => {
    const blob = await newBlob();
    const session = await openSession(name);
    await fill(session, blob);
    expect((await session.cancel()).status).toBe(204);
    await expectUnknown(session, blob);
    await settle();
    expect(await storedKeys()).toEqual([]);
  });
});

describe('a whole body that stops coming', () => {
  it('blocks nobody: another PUT of its session is answered, and what it wrote is swept', async () => {
    const blob = await newBlob(2_000);
    const session = await openSession(name);
    const { readable, writable } = new FixedLengthStream(2_000);
    const client = new AbortController();
    const stalled = send('PUT', `${session.path}?digest=${blob.digest}`, {
      body: readable,
      headers: { 'content-length': '2000' },
      signal: client.signal,
    });
    stalled.catch(() => undefined);
    await writable.getWriter().write(blob.bytes.subarray(0, 1_000));
    expect((await session.putBody(blob.digest, blob.bytes)).status).toBe(201);
    client.abort();
    passTime(WRITE_LEASE_MS);
    await settle();
    await expectServed(name, blob);
    expect(await storedKeys()).toHaveLength(1);
  });
});

describe('what comes by chunks', () => {
  it('begins with the first of them, whatever its size', async () => {
    const blob = await newBlob(10);
    const session = await openSession(name);
    demand(await session.patch(blob.bytes.subarray(0, 3), contentRange(blob.bytes.subarray(0, 3), 0)), 202);
    demand(await session.chunk(blob.bytes.subarray(3), 3), 202);
    expect((await session.put(blob.digest)).status).toBe(201);
    await expectServed(name, blob);
  });
});
