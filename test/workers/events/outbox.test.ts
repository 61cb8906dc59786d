/**
 * The outbox of a repository: every change writes its events with it, or none, in one order without a gap; a change that
 * is refused writes none, and past the bound none is made.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import {
  chunked,
  contentLength,
  demand,
  descriptorOf,
  imageOf,
  putManifest,
  refusal,
  repositoryStub,
  sendWith,
  sha256,
  textBytes,
} from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { mapped, newBlob, newWorld, objects, passTime, repositoryName, settle, type Blob } from '../world.ts';
import { deleteOn, EVENTS_ON, inShort, outboxOf, postBlob, pushImageOn, putOn, sendOn } from './eventful.ts';

let log: LogLines;
let blob: Blob;
let name: string;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  // Ahead of the machine's clock no alarm rings by itself, so nothing is sent.
  passTime(3_600_000);
  blob = await newBlob(100);
  name = repositoryName('app');
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const shorts = async (repository: string) => (await outboxOf(repository)).map(inShort);

describe('what a change writes', () => {
  it('is an event for each blob and tag of a push, numbered from 1', async () => {
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    expect(await shorts(name)).toEqual(['1 blob.push', '2 repository.create', '3 manifest.push latest']);
  });

  it('is what distribution tells of it, and who asked', async () => {
    const manifest = imageOf(blob, { annotations: { team: 'blue' } });
    await pushImageOn(name, 'latest', blob, manifest);
    const [push, , tagged] = await outboxOf(name);
    expect(push).toMatchObject({
      version: 1,
      at: Date.now(),
      repository: name,
      target: { mediaType: 'application/octet-stream', digest: blob.digest, size: 100 },
      cause: { method: 'POST', origin: 'http://127.0.0.1', userAgent: 'test/1', actor: { kind: 'anonymous' } },
    });
    expect(push?.cause.deployment).not.toBe('');
    expect(push?.cause.requestId).toBe(log.requests[0]?.id);
    expect(tagged?.target).toEqual({
      ...{ mediaType: OCI_MANIFEST, digest: await sha256(manifest), size: textBytes(manifest).byteLength },
      ...{ tag: 'latest', annotations: { team: 'blue' }, references: [descriptorOf(blob)] },
      artifactType: 'application/vnd.oci.image.config.v1+json',
    });
    expect(tagged?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('names what the tag led to before, and is there for the same digest again', async () => {
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    const other = imageOf(blob, { annotations: { build: '2' } });
    demand(await putOn(name, 'latest', other), 201);
    demand(await putOn(name, 'latest', other), 201);
    const previous = (await outboxOf(name)).slice(2).map(({ target }) => target.previousDigest);
    expect(previous).toEqual([undefined, await sha256(imageOf(blob)), await sha256(other)]);
  });

  it('is one event for each tag of a push by digest, and one where it has none', async () => {
    const manifest = imageOf(blob);
    const digest = await sha256(manifest);
    demand(await postBlob(name, blob), 201);
    demand(await putOn(name, digest, manifest), 201);
    demand(await putOn(name, `${digest}?tag=a&tag=b`, manifest), 201);
    expect((await shorts(name)).slice(2)).toEqual(['3 manifest.push', '4 manifest.push a', '5 manifest.push b']);
  });

  it('is an event of each blob again where it was there already', async () => {
    demand(await postBlob(name, blob), 201);
    demand(await postBlob(name, blob), 201);
    expect(await shorts(name)).toEqual(['1 blob.push', '2 blob.push']);
  });

  it('is one event for an upload in chunks, however often its end is repeated', async () => {
    const opened = demand(await sendOn('POST', `/v2/${name}/blobs/uploads/`), 202);
    let path = opened.headers.get('location') ?? '';
    for (const start of [0, 50]) {
      const piece = blob.bytes.subarray(start, start + 50);
      const headers = { ...contentLength(piece), 'content-range': `${String(start)}-${String(start + 49)}` };
      path = demand(await sendOn('PATCH', path, { body: piece, headers }), 202).headers.get('location') ?? path;
    }
    for (let time = 0; time < 2; time += 1) demand(await sendOn('PUT', `${path}?digest=${blob.digest}`), 201);
    expect(await shorts(name)).toEqual(['1 blob.push']);
  });

  it('is one event for an upload whose repository adopts it more than once', async () => {
    demand(await postBlob(name, blob), 201);
    // Bytes that are lost, in a directory that has forgotten them: adopting goes round, and comes to nothing.
    await env.BLOBS.delete((await mapped(blob.digest))?.key ?? '');
    await runInDurableObject(objects.directory(blob.digest), (_object, { storage }) => {
      storage.sql.exec('DELETE FROM claims; DELETE FROM blobs');
    });
    expect((await postBlob(name, blob)).status).toBe(503);
    expect(await shorts(name)).toEqual(['1 blob.push', '2 blob.push']);
  });

  it('has what a client says of itself also where the upload went through its own object, whatever the letters', async () => {
    const agent = 'caf\u00e9/1';
    const opened = demand(await sendOn('POST', `/v2/${name}/blobs/uploads/`), 202);
    const path = `${opened.headers.get('location') ?? ''}?digest=${blob.digest}`;
    demand(await sendOn('PUT', path, { body: chunked(blob.bytes, 10), headers: { 'user-agent': agent } }), 201);
    expect((await outboxOf(name))[0]?.cause.userAgent).toBe(agent);
  });

  it('of a mount names where from', async () => {
    const target = repositoryName('mounted');
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    demand(await sendOn('POST', `/v2/${target}/blobs/uploads/?mount=${blob.digest}&from=${name}`), 201);
    const [mount] = await outboxOf(target);
    expect(mount?.kind).toBe('blob.mount');
    expect(mount?.target).toMatchObject({ digest: blob.digest, size: 100, fromRepository: name });
  });

  it('of a mount without a source names none', async () => {
    const target = repositoryName('mounted');
    demand(await postBlob(name, blob), 201);
    demand(await sendOn('POST', `/v2/${target}/blobs/uploads/?mount=${blob.digest}`), 201);
    const [mount] = await outboxOf(target);
    expect(mount?.kind).toBe('blob.mount');
    expect(mount?.target.fromRepository).toBeUndefined();
  });

  it('of a deleted manifest is that, then each of its tags, then that the repository is empty', async () => {
    const manifest = imageOf(blob);
    await pushImageOn(name, 'b', blob, manifest);
    demand(await putOn(name, 'a', manifest), 201);
    const digest = await sha256(manifest);
    demand(await deleteOn(name, `manifests/${digest}`), 202);
    expect((await shorts(name)).slice(4)).toEqual([
      '5 manifest.delete',
      '6 tag.delete a',
      '7 tag.delete b',
      '8 repository.empty',
    ]);
    expect((await outboxOf(name))[4]?.target).toEqual({ digest });
  });

  it('of a deleted tag names what it led to', async () => {
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    demand(await deleteOn(name, 'manifests/latest'), 202);
    expect((await outboxOf(name)).at(-1)).toMatchObject({
      kind: 'tag.delete',
      target: { tag: 'latest', previousDigest: await sha256(imageOf(blob)) },
    });
  });

  it('of a deleted blob is one event', async () => {
    demand(await postBlob(name, blob), 201);
    demand(await deleteOn(name, `blobs/${blob.digest}`), 202);
    expect(await shorts(name)).toEqual(['1 blob.push', '2 blob.delete']);
  });

  it('goes on counting in a repository that was emptied and made anew', async () => {
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    demand(await deleteOn(name, `manifests/${await sha256(imageOf(blob))}`), 202);
    await pushImageOn(name, 'latest', blob, imageOf(blob));
    const written = await outboxOf(name);
    expect(written.map(({ sequence }) => sequence?.number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(written.slice(6).map(inShort)).toEqual(['7 blob.push', '8 repository.create', '9 manifest.push latest']);
    expect(new Set(written.map(({ sequence }) => sequence?.incarnation)).size).toBe(1);
  });

  it('is nothing where it was refused', async () => {
    demand(await postBlob(name, blob), 201);
    const absent = await newBlob(10);
    demand(await putOn(name, 'latest', imageOf(absent)), 404);
    const matching = { headers: { 'if-match': `"${blob.digest}"` }, body: textBytes(imageOf(blob)) };
    demand(await sendOn('PUT', `/v2/${name}/manifests/latest`, matching), 412);
    demand(await deleteOn(name, 'manifests/latest'), 404);
    demand(await deleteOn(name, `blobs/${absent.digest}`), 404);
    expect(await shorts(name)).toEqual(['1 blob.push']);
  });

  it('is nothing at all where events are off', async () => {
    const before = { method: 'POST', path: `/v2/${name}/blobs/uploads/?digest=${blob.digest}` };
    const sent = { body: blob.bytes, headers: contentLength(blob.bytes) };
    demand(await sendWith({}, before.method, before.path, sent), 201);
    demand(await putManifest(name, 'latest', imageOf(blob)), 201);
    expect(await outboxOf(name)).toEqual([]);
    const tasks = await runInDurableObject(repositoryStub(name), (_object, { storage }) =>
      storage.sql.exec<{ kind: string }>("SELECT kind FROM tasks WHERE kind = 'drain'").toArray(),
    );
    expect(tasks).toEqual([]);
  });

  it('is cut to what a message may hold, however long the client makes it', async () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 200 }, (_, key) => [`key-${String(key)}`, '€'.repeat(500)]),
    );
    const layers = await Promise.all(Array.from({ length: 120 }, () => newBlob(10)));
    for (const layer of layers) demand(await postBlob(name, layer), 201);
    const manifest = imageOf(layers[0] ?? blob, { annotations, layers: layers.map((layer) => descriptorOf(layer)) });
    const sent = { body: textBytes(manifest), headers: { 'user-agent': 'u'.repeat(5_000) } };
    demand(await sendOn('PUT', `/v2/${name}/manifests/latest`, sent), 201);
    const event = (await outboxOf(name)).at(-1);
    expect(event?.target.annotations).toBeUndefined();
    expect(event?.target.references).toBeUndefined();
    expect(event?.cause.userAgent).toHaveLength(512);
    expect(textBytes(JSON.stringify(event)).byteLength).toBeLessThan(2_000);
  });
});

describe('an outbox that is full', () => {
  const full = { ...EVENTS_ON };
  /** As many as the setting allows by default. */
  const fill = (repository: string, rows: string) =>
    runInDurableObject(repositoryStub(repository), (_object, { storage }) => {
      storage.sql.exec(rows);
    });
  const YOUNG = `INSERT INTO outbox (number, at, body) VALUES (1000000, ${String(Number.MAX_SAFE_INTEGER)}, '{}')`;

  it.each([
    ['many', YOUNG],
    ['old', 'UPDATE outbox SET at = at - 86400001'],
  ])('refuses every change that would write an event, and changes nothing: %s', async (_reason, rows) => {
    const manifest = imageOf(blob);
    await pushImageOn(name, 'latest', blob, manifest);
    const other = await newBlob(50);
    demand(await postBlob(name, other), 201);
    await fill(name, rows);
    const before = await outboxRows(name);
    const digest = await sha256(manifest);
    const changes = [
      () => postBlob(name, blob),
      () => putOn(name, 'latest', imageOf(blob, { annotations: { build: '2' } })),
      () => putOn(name, 'latest', imageOf(blob, { annotations: { padding: 'x'.repeat(70_000) } })),
      () => deleteOn(name, 'manifests/latest'),
      () => deleteOn(name, `manifests/${digest}`),
      () => deleteOn(name, `blobs/${other.digest}`),
    ];
    for (const change of changes) {
      const response = await change();
      expect(response.headers.get('retry-after')).toBe('60');
      const { status, code, message } = await refusal(response);
      expect({ status, code }).toEqual({ status: 503, code: 'UNAVAILABLE' });
      expect(message).toContain('too many events of this repository wait to be sent');
    }
    expect(await outboxRows(name)).toEqual(before);
    const kept = await sendWith(full, 'HEAD', `/v2/${name}/manifests/latest`);
    expect(kept.headers.get('docker-content-digest')).toBe(digest);
    demand(await sendOn('HEAD', `/v2/${name}/blobs/${other.digest}`), 200);
  });

  it('lets a mount become an upload', async () => {
    demand(await postBlob(name, blob), 201);
    const source = repositoryName('source');
    const other = await newBlob(20);
    demand(await postBlob(source, other), 201);
    await fill(name, YOUNG);
    demand(await sendOn('POST', `/v2/${name}/blobs/uploads/?mount=${other.digest}&from=${source}`), 202);
  });

  it('refuses nothing of other repositories, nor where events are off', async () => {
    demand(await postBlob(name, blob), 201);
    await fill(name, YOUNG);
    demand(await postBlob(repositoryName('other'), blob), 201);
    const sent = { body: blob.bytes, headers: contentLength(blob.bytes) };
    demand(await sendWith({}, 'POST', `/v2/${name}/blobs/uploads/?digest=${blob.digest}`, sent), 201);
  });

  it('has collection wait', async () => {
    demand(await postBlob(name, blob), 201);
    await fill(name, YOUNG.replace(String(Number.MAX_SAFE_INTEGER), String(Date.now() + 10 * 86_400_000)));
    // What waits cannot be sent either, so that the outbox stays as it is.
    await runInDurableObject(repositoryStub(name), (_object, { storage }) => {
      storage.sql.exec("DELETE FROM tasks WHERE kind = 'drain'");
    });
    passTime(2 * 86_400_000);
    await settle();
    expect(await linksOf(name)).toBe(1);
    await fill(name, 'DELETE FROM outbox');
    passTime(120_000);
    await settle();
    expect(await linksOf(name)).toBe(0);
  });
});

it('writes them down for good: an object that wakes anew has them', async () => {
  await pushImageOn(name, 'latest', blob, imageOf(blob));
  const before = await outboxOf(name);
  await evictDurableObject(repositoryStub(name));
  expect(await outboxOf(name)).toEqual(before);
});

it('makes no more calls on the path of a push', async () => {
  const work = async (settings: object) => {
    const repository = repositoryName(`work-${String(Math.random()).slice(2)}`);
    const sent = { body: blob.bytes, headers: contentLength(blob.bytes) };
    const push = () =>
      sendWith({ ...settings }, 'POST', `/v2/${repository}/blobs/uploads/?digest=${blob.digest}`, sent);
    const tag = () =>
      sendWith({ ...settings }, 'PUT', `/v2/${repository}/manifests/a`, { body: textBytes(imageOf(blob)) });
    return [await log.workOf(push), await log.workOf(tag)];
  };
  // An isolate asks once who may come in.
  await sendWith({}, 'GET', '/v2/');
  await work({});
  expect(await work(EVENTS_ON)).toEqual(await work({}));
});

function outboxRows(repository: string): Promise<unknown[]> {
  return runInDurableObject(repositoryStub(repository), (_object, { storage }) =>
    storage.sql.exec('SELECT number, at FROM outbox ORDER BY number').toArray(),
  );
}

function linksOf(repository: string): Promise<number> {
  return runInDurableObject(
    repositoryStub(repository),
    (_object, { storage }) => storage.sql.exec('SELECT id FROM links').toArray().length,
  );
}
