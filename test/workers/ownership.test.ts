/**
 * The histories that each rule of ownership is there to prevent (docs/architecture.md, "Who owns the bytes").
 * Each test fails when its rule is taken out of src/: test/long/rules.ts takes them out one by one and looks.
 */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { faults } from './faults.ts';
import {
  crash,
  manifestOf,
  mapped,
  newBlob,
  newWorld,
  objects,
  openUpload,
  passAllGraces,
  passEverything,
  passTime,
  pullManifest,
  pushBlob,
  pushManifest,
  putWhole,
  request,
  repositoryName,
  served,
  settle,
  storedKeys,
  type Blob,
} from './world.ts';

const CLAIM = 'Repository>BLOB_DIRECTORY.claim';
/** Longer than an intent stands without an answer. */
const INTENT_OVER_MS = 61_000;

const repositoryStub = (name: string) => objects.repository(repositoryName(name)) as DurableObjectStub;

/**
 * A push whose claim is held at the directory's door, or on its way back. Its session streams, so that its object may
 * crash or expire while the repository's call is still under way.
 */
async function pushHeldAtClaim(repository: string, blob: Blob, when: 'before' | 'after') {
  const claim = faults.pause(CLAIM, when);
  const upload = await openUpload(repository);
  const entered = await request(upload.path, { method: 'PATCH', body: new Uint8Array() });
  const answer = putWhole(entered.headers.get('location') ?? '', blob).then(
    (response) => response.status,
    () => 0,
  );
  await claim.reached();
  return { claim, upload, answer };
}

/** The manifest that keeps the blob is pushed, every grace passes, and the blob must still be there. */
async function expectKept(repository: string, blob: Blob): Promise<void> {
  expect(await pushManifest(repository, 'latest', manifestOf(blob))).toBe(201);
  await passAllGraces();
  expect(await served(repository, blob)).toBe('right');
  expect(await storedKeys()).toEqual([(await mapped(blob.digest))?.key]);
}

async function expectNothingLeft(blob: Blob): Promise<void> {
  await passAllGraces();
  expect(await mapped(blob.digest)).toBeUndefined();
  expect(await storedKeys()).toEqual([]);
}

beforeEach(newWorld);

describe('who owns the bytes', () => {
  it('tombstones, disown: a claim that arrives after its upload expired gets no bytes that are being deleted', async () => {
    const blob = await newBlob();
    const { claim, upload, answer } = await pushHeldAtClaim('a', blob, 'before');
    await crash(upload.stub);
    expect(await answer).toBeGreaterThanOrEqual(500);
    passEverything();
    await settle();
    expect(await storedKeys()).toEqual([]);
    claim.release();
    await expect.poll(() => faults.trace.filter(({ point }) => point === CLAIM).length).toBeGreaterThan(0);
    await settle();
    expect(await served('a', blob)).toBe(404);
    expect(await mapped(blob.digest)).toBeUndefined();
    await expectNothingLeft(blob);
  });

  it('recheck: a claim whose intent was ended meanwhile is not turned into a link', async () => {
    const blob = await newBlob();
    const { claim, answer } = await pushHeldAtClaim('a', blob, 'after');
    passTime(INTENT_OVER_MS);
    await settle();
    claim.release();
    expect(await answer).toBe(201);
    await expectKept('a', blob);
  });

  it('doom-first: a push that meets a deletion under way brings its own bytes', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    passEverything();
    await settle();
    passEverything();
    const deletion = faults.pause('BlobDirectory>store.delete');
    const settled = settle();
    await deletion.reached();
    expect(await pushBlob('b', blob)).toBe(201);
    deletion.release();
    await settled;
    await expectKept('b', blob);
  });

  it('claim ids: a release that comes late does not hurt the claim that took its place', async () => {
    const blob = await newBlob();
    const { claim, answer } = await pushHeldAtClaim('a', blob, 'after');
    const release = faults.pause('Repository>BLOB_DIRECTORY.release');
    passTime(INTENT_OVER_MS);
    const settled = settle();
    await release.reached();
    claim.release();
    expect(await answer).toBe(201);
    release.release();
    await settled;
    await expectKept('a', blob);
  });

  it('release guard: a claim that arrives after its own release leaves nothing behind', async () => {
    const blob = await newBlob();
    const { claim, answer } = await pushHeldAtClaim('a', blob, 'before');
    passTime(INTENT_OVER_MS);
    await settle();
    faults.inject(CLAIM, 'crash-after');
    claim.release();
    expect(await answer).toBeGreaterThanOrEqual(500);
    expect(faults.fired).toHaveLength(1);
    await expectNothingLeft(blob);
  });

  it.each(['a', 'b'])('swap: pushing again to %s heals a blob that the store has lost', async (second) => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    const lost = (await mapped(blob.digest))?.key ?? '';
    await env.BLOBS.delete(lost);
    expect(await pushBlob(second, blob)).toBe(201);
    expect(await served(second, blob)).toBe('right');
    expect((await mapped(blob.digest))?.key).not.toBe(lost);
    await expectKept(second, blob);
  });
});

describe('the life of bytes', () => {
  it('a blob that no manifest refers to goes after its graces, and its repository forgets it', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    await expectNothingLeft(blob);
    expect(await served('a', blob)).toBe(404);
  });

  it('a blob that a manifest refers to stays, and an upload of it that was not needed goes', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await pushBlob('b', blob)).toBe(201);
    await expectKept('a', blob);
  });

  it('two repositories that push one digest at once share one object', async () => {
    const blob = await newBlob();
    expect(await Promise.all(['a', 'b', 'c', 'a', 'b'].map((name) => pushBlob(name, blob)))).toEqual(
      Array.from({ length: 5 }, () => 201),
    );
    await settle();
    expect(await storedKeys()).toHaveLength(1);
    await expectKept('c', blob);
  });

  it('a mount that races with the collection of its source has the bytes or is refused', async () => {
    const mount = async (blob: Blob) =>
      (await objects.repository(repositoryName('b')).mount(repositoryName('b'), blob.digest, true)).result;
    const late = await newBlob();
    expect(await pushBlob('a', late)).toBe(201);
    const claim = faults.pause(CLAIM, 'before');
    const mounting = mount(late);
    await claim.reached();
    await passAllGraces();
    claim.release();
    expect(await mounting).toBe(false);
    expect(await served('b', late)).toBe(404);

    const early = await newBlob();
    expect(await pushBlob('a', early)).toBe(201);
    expect(await mount(early)).toBe(true);
    expect(await pushManifest('b', 'kept', manifestOf(early))).toBe(201);
    await passAllGraces();
    expect(await served('a', early)).toBe(404);
    expect(await served('b', early)).toBe('right');
  });

  it('bytes that nobody claims any more can be mounted from nowhere', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    passEverything();
    await settle();
    expect(await mapped(blob.digest)).toBeDefined();
    const name = repositoryName('b');
    expect((await objects.repository(name).mount(name, blob.digest, true)).result).toBe(false);
  });

  it('an adopt that crashes at any place is repeated by the same PUT', async () => {
    for (const kind of ['crash-before', 'crash-after'] as const) {
      const blob = await newBlob();
      faults.reset();
      faults.inject(CLAIM, kind);
      const { path } = await openUpload('a');
      expect((await putWhole(path, blob)).status).toBe(503);
      expect((await putWhole(path, blob)).status).toBe(201);
      expect(await served('a', blob)).toBe('right');
    }
    await crash(repositoryStub('a'));
  });

  it('a large manifest that is overtaken by its own give-up is pushed again', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    const body = manifestOf(blob, 100_000);
    faults.inject('Repository>store.put', 'crash-after');
    expect(await pushManifest('a', 'latest', body)).toBeGreaterThanOrEqual(500);
    await passTimeAndSettle();
    expect(await storedKeys()).toHaveLength(1);
    expect(await pushManifest('a', 'latest', body)).toBe(201);
    expect(await pullManifest('a', 'latest')).toBe(body);
    await passAllGraces();
    expect(await storedKeys()).toHaveLength(2);
  });
});

async function passTimeAndSettle(): Promise<void> {
  passTime(11 * 60_000);
  await settle();
}
