/** Mounting a blob of another repository (end-11): without its bytes, or as an upload that tells nothing. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  demand,
  expectServed,
  getBlob,
  headBlob,
  imageOf,
  openSession,
  pushed,
  putManifest,
  refusal,
  repositoryStub,
  send,
  sendWith,
  Session,
  sha256,
  type Settings,
  isOfOneAnswer,
} from './client.ts';
import { faults } from './faults.ts';
import { LogLines } from './log-lines.ts';
import { mapped, newBlob, newWorld, passAllGraces, repositoryName, settle, storedKeys, type Blob } from './world.ts';

let log: LogLines;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const NOWHERE = `sha256:${'0'.repeat(64)}`;

function mount(repository: string, digest: string, from?: string, settings: Settings = {}): Promise<Response> {
  const source = from === undefined ? '' : `&from=${encodeURIComponent(from)}`;
  return sendWith(settings, 'POST', `/v2/${repository}/blobs/uploads/?mount=${digest}${source}`);
}

/** Expects the blob to be mounted, and no byte of it to be stored again. */
async function expectMounted(answer: Response, repository: string, blob: Blob): Promise<void> {
  expect(answer.status).toBe(201);
  expect(answer.headers.get('location')).toBe(`/v2/${repository}/blobs/${blob.digest}`);
  expect(answer.headers.get('docker-content-digest')).toBe(blob.digest);
  await expectServed(repository, blob);
  expect(await storedKeys()).toHaveLength(1);
}

describe('a mount', () => {
  it('makes a repository serve what the other one has', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    log.clear();
    await expectMounted(await mount(target, blob.digest, source), target, blob);
    // One look at the object: a client that is told that it is there will not bring it.
    expect(log.requests[0]).toMatchObject({ objectCalls: 3, storeOperations: 1 });
  });

  it('without a source takes it from wherever it is', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    log.clear();
    await expectMounted(await mount(target, blob.digest), target, blob);
    // Whether anybody has it is asked before anything is written.
    expect(log.requests[0]).toMatchObject({ objectCalls: 3, storeOperations: 1 });
  });

  it('of what the repository has already is one', async () => {
    const name = repositoryName('own');
    const blob = await pushed(name, await newBlob());
    await expectMounted(await mount(name, blob.digest, name), name, blob);
  });

  it('outlives its source: deleting the image there leaves it pullable here', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    const body = imageOf(blob);
    demand(await putManifest(source, 'image', body), 201);
    demand(await mount(target, blob.digest, source), 201);
    demand(await putManifest(target, 'image', body), 201);
    demand(await send('DELETE', `/v2/${source}/manifests/${await sha256(body)}`), 202);
    await passAllGraces();
    expect((await getBlob(source, blob.digest)).status).toBe(404);
    await expectServed(target, blob);
  });

  it('that no manifest comes for is collected like an upload', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    demand(await mount(target, blob.digest, source), 201);
    await passAllGraces();
    expect((await getBlob(target, blob.digest)).status).toBe(404);
    expect(await mapped(blob.digest)).toBeUndefined();
  });

  it('of what is no digest is an upload session, as of whatever else cannot be mounted', async () => {
    for (const digest of ['sha256:short', 'blake3:' + '0'.repeat(64), '']) {
      expect((await mount(repositoryName('target'), digest, repositoryName('source'))).status).toBe(202);
    }
  });
});

describe('a mount that cannot be (CVE-2024-39897, CVE-2026-117685)', () => {
  /** All that a client can see of an answer, but for what names this very session. */
  const seen = async (answer: Response, log: LogLines) => ({
    status: answer.status,
    headers: [...answer.headers].flatMap(([name, value]) => {
      if (isOfOneAnswer(name)) return [];
      return [[name, value.replace(/[a-f0-9]{64}\.[a-z0-9]+\.[a-f0-9]{64}/, '<id>')]];
    }),
    body: await answer.text(),
    objectCalls: log.requests.at(-1)?.objectCalls,
  });

  it('is an upload session, and the same one whatever the reason', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    const reasons: [digest: string, from: string][] = [
      [NOWHERE, source],
      [blob.digest, repositoryName('unknown')],
      [NOWHERE, repositoryName('unknown')],
      [blob.digest, target],
      [blob.digest, 'No/Name'],
      [blob.digest, '../..'],
      [blob.digest, ''],
    ];
    const answers = [];
    for (const [digest, from] of reasons) answers.push(await seen(await mount(target, digest, from), log));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 202, body: '', objectCalls: 1 });
    expect((await getBlob(target, blob.digest)).status).toBe(404);
  });

  it('is that same session for every digest and every source, of whatever form', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    const hex = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map((number) => number.toString(16).padStart(64, '0'));
    const absent = hex.map((text) => `sha256:${text}`).filter((digest) => digest !== blob.digest);
    const anything = fc.string({ unit: 'binary', maxLength: 40 });
    const elsewhere = fc
      .oneof(fc.constantFrom(target, 'NO/name', '', '../..'), anything)
      .filter((name) => name !== source);
    const asked = fc.oneof(
      fc.tuple(absent, fc.constant(source)),
      fc.tuple(fc.oneof(absent, fc.constant(blob.digest)), elsewhere),
    );
    const plain = await seen(await mount(target, NOWHERE, source), log);
    await fc.assert(
      fc.asyncProperty(asked, async ([digest, from]) => {
        expect(await seen(await mount(target, digest, from), log)).toEqual(plain);
      }),
      { numRuns: 60 },
    );
  });

  it('without a source is the session that any POST opens', async () => {
    const answer = await seen(await mount(repositoryName('target'), NOWHERE), log);
    const plain = await seen(await send('POST', `/v2/${repositoryName('target')}/blobs/uploads/`), log);
    expect({ ...answer, objectCalls: 0 }).toEqual({ ...plain, objectCalls: 0 });
  });

  it('leaves no trace in a repository that has nothing, however it is asked for', async () => {
    const blob = await pushed(repositoryName('source'), await newBlob());
    demand(await send('DELETE', `/v2/${repositoryName('source')}/blobs/${blob.digest}`), 202);
    await settle();
    const target = repositoryName('target');
    // What nobody has any more is there for a while, and what nobody ever had is not.
    for (const digest of [blob.digest, NOWHERE]) {
      for (const from of [undefined, target, repositoryName('source')]) {
        demand(await mount(target, digest, from), 202);
      }
    }
    const tables = await runInDurableObject(repositoryStub(target), (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  it('writes no row where the repository is there', async () => {
    const target = repositoryName('target');
    await pushed(target, await newBlob());
    const written = () =>
      runInDurableObject(repositoryStub(target), (_object, { storage }) =>
        storage.sql.exec<{ changes: number }>('SELECT total_changes() AS changes').one(),
      );
    const before = await written();
    demand(await mount(target, NOWHERE), 202);
    expect(await written()).toEqual(before);
  });

  it('takes the bytes then', async () => {
    const target = repositoryName('target');
    const blob = await newBlob();
    const session = new Session(demand(await mount(target, blob.digest, target), 202).headers.get('location') ?? '');
    demand(await session.putBody(blob.digest, blob.bytes), 201);
    await expectServed(target, blob);
  });

  it('takes nothing from a blob whose bytes are gone, so that its client pushes and heals it', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    demand(await mount(target, blob.digest, source), 201);
    await env.BLOBS.delete(await storedKeys());
    expect((await getBlob(target, blob.digest)).status).toBe(404);
    for (const other of [target, repositoryName('third')]) {
      expect((await mount(other, blob.digest, source)).status).toBe(202);
      expect((await headBlob(other, blob.digest)).status).toBe(404);
    }
    expect(await refusal(putManifest(target, 'lost', imageOf(blob)))).toMatchObject({
      status: 404,
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: { digests: [blob.digest] },
    });
    const session = await openSession(target);
    demand(await session.putBody(blob.digest, blob.bytes), 201);
    await expectServed(target, blob);
    demand(await putManifest(target, 'found', imageOf(blob)), 201);
  });

  it('because something failed is an upload too', async () => {
    const [source, target] = [repositoryName('source'), repositoryName('target')];
    const blob = await pushed(source, await newBlob());
    faults.reset();
    faults.inject('Repository>BLOB_DIRECTORY.claim', 'fail-before');
    expect((await mount(target, blob.digest, source)).status).toBe(202);
    expect(faults.fired).toHaveLength(1);
    await expectMounted(await mount(target, blob.digest, source), target, blob);
  });
});
