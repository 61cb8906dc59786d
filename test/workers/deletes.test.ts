/** Deleting tags, manifests and blobs (end-9, end-10), and what becomes of their bytes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  demand,
  descriptorOf,
  expectServed,
  expectUnknown,
  getBlob,
  getManifest,
  headBlob,
  imageOf,
  openSession,
  openStreaming,
  pushed,
  putManifest,
  refusal,
  send,
  sendWith,
  sha256,
  textBytes,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import {
  mapped,
  newBlob,
  newWorld,
  passAllGraces,
  repositoryName,
  settle,
  storedKeys,
  textBlob,
  type Blob,
} from './world.ts';
import { OCI_INDEX } from '../../src/oci/media-type.ts';

beforeEach(async () => {
  new LogLines();
  await newWorld();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const remove = (repository: string, reference: string) => send('DELETE', `/v2/${repository}/manifests/${reference}`);
const removeBlob = (repository: string, digest: string) => send('DELETE', `/v2/${repository}/blobs/${digest}`);
const tags = async (repository: string) =>
  (await (await send('GET', `/v2/${repository}/tags/list`)).json<{ tags: string[] }>()).tags;

/** An image of one blob under these tags. */
async function image(repository: string, ...names: string[]): Promise<{ blob: Blob; body: string; digest: string }> {
  const blob = await pushed(repository, await newBlob());
  const body = imageOf(blob);
  for (const name of names) demand(await putManifest(repository, name, body), 201);
  const digest = await sha256(body);
  if (names.length === 0) demand(await putManifest(repository, digest, body), 201);
  return { blob, body, digest };
}

async function expectGone(repository: string, reference: string): Promise<void> {
  for (const method of ['GET', 'HEAD', 'DELETE']) {
    expect((await send(method, `/v2/${repository}/manifests/${reference}`)).status, method).toBe(404);
  }
}

/** An index of these manifests. */
const indexOf = (children: readonly { body: string; digest: string }[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: children.map(({ body, digest }) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: body.length,
    })),
  });

describe('deleting a tag', () => {
  it('takes the tag away and leaves its manifest, its other tags and its blobs', async () => {
    const name = repositoryName('tag');
    const { blob, digest } = await image(name, 'one', 'two');
    const answer = await remove(name, 'one');
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    await expectGone(name, 'one');
    expect(await tags(name)).toEqual(['two']);
    expect((await getManifest(name, digest)).status).toBe(200);
    await passAllGraces();
    await expectServed(name, blob);
  });

  it('that is not there, in a repository that is there or not, is MANIFEST_UNKNOWN', async () => {
    const name = repositoryName('tag');
    await image(name, 'one');
    for (const repository of [name, repositoryName('unknown')]) {
      expect(await refusal(remove(repository, 'none'))).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' });
    }
    expect(await refusal(remove(name, '.none'))).toMatchObject({ status: 400, code: 'TAG_INVALID' });
  });
});

describe('deleting a manifest', () => {
  it('takes away every tag that leads to it, and no other', async () => {
    const name = repositoryName('manifest');
    const { digest } = await image(name, 'one', 'two');
    await image(name, 'other');
    expect((await remove(name, digest)).status).toBe(202);
    for (const reference of ['one', 'two', digest]) await expectGone(name, reference);
    expect(await tags(name)).toEqual(['other']);
  });

  it('lets go of blobs that no other manifest needs, and of nothing else', async () => {
    const name = repositoryName('manifest');
    const shared = await pushed(name, await newBlob());
    const own = await pushed(name, await newBlob());
    const [both, one] = [imageOf(shared, { layers: [descriptorOf(own)] }), imageOf(shared)];
    for (const body of [both, one]) demand(await putManifest(name, await sha256(body), body), 201);
    expect((await remove(name, await sha256(both))).status).toBe(202);
    await passAllGraces();
    expect((await getBlob(name, own.digest)).status).toBe(404);
    expect(await mapped(own.digest)).toBeUndefined();
    await expectServed(name, shared);
    expect(await storedKeys()).toHaveLength(1);
  });

  it('that is large lets go of its own bytes too', async () => {
    const name = repositoryName('large');
    const blob = await pushed(name, await newBlob());
    const body = imageOf(blob, { annotations: { padding: 'x'.repeat(100_000) } });
    const { digest } = await textBlob(body);
    demand(await putManifest(name, 'large', body), 201);
    expect(await storedKeys()).toHaveLength(2);
    expect((await remove(name, digest)).status).toBe(202);
    await expectGone(name, digest);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('leaves the blobs to a push that was told that they are there', async () => {
    const name = repositoryName('race');
    const { blob, body, digest } = await image(name, 'one');
    await passAllGraces();
    expect((await headBlob(name, blob.digest)).status).toBe(200);
    expect((await remove(name, digest)).status).toBe(202);
    await settle();
    expect((await putManifest(name, 'again', body)).status).toBe(201);
    await passAllGraces();
    await expectServed(name, blob);
  });

  it('can be pushed again, and is then there', async () => {
    const name = repositoryName('again');
    const { body, digest } = await image(name, 'one');
    expect((await remove(name, digest)).status).toBe(202);
    demand(await putManifest(name, 'one', body), 201);
    expect(await (await getManifest(name, 'one')).text()).toBe(body);
  });

  it('of an index leaves its children; of a child leaves the index, which keeps the child once it is back', async () => {
    const name = repositoryName('index');
    const child = await image(name);
    const index = indexOf([child]);
    demand(await putManifest(name, 'index', index, OCI_INDEX), 201);
    expect((await remove(name, child.digest)).status).toBe(202);
    expect(await (await getManifest(name, 'index')).text()).toBe(index);
    await expectGone(name, child.digest);
    demand(await putManifest(name, child.digest, child.body), 201);
    expect((await remove(name, await sha256(index))).status).toBe(202);
    expect(await (await getManifest(name, child.digest)).text()).toBe(child.body);
  });

  it('the last one of a repository empties it: no tags, no name in the catalog; and a push makes it anew', async () => {
    const name = repositoryName('emptied');
    const { body, digest } = await image(name, 'one');
    await settle();
    const listed = async () => {
      const answer = await send('GET', `/v2/_catalog?last=${name.slice(0, -1)}&n=1`);
      return (await answer.json<{ repositories: string[] }>()).repositories.includes(name);
    };
    expect(await listed()).toBe(true);
    expect((await remove(name, digest)).status).toBe(202);
    await settle();
    expect(await listed()).toBe(false);
    expect(await refusal(send('GET', `/v2/${name}/tags/list`))).toMatchObject({ status: 404, code: 'NAME_UNKNOWN' });
    demand(await putManifest(name, 'one', body), 201);
    await settle();
    expect(await listed()).toBe(true);
    expect(await tags(name)).toEqual(['one']);
  });

  it('that is deleted is not served by a cache either (CVE-2026-35172)', async () => {
    const cached = { BERTH_EXISTENCE_CACHE_SECONDS: '60' };
    const [here, there] = [repositoryName('here'), repositoryName('there')];
    const { body, blob, digest } = await image(here, 'one');
    await pushed(there, blob);
    demand(await putManifest(there, 'one', body), 201);
    const read = async (repository: string) =>
      (await sendWith(cached, 'GET', `/v2/${repository}/manifests/${digest}`)).status;
    expect([await read(here), await read(there)]).toEqual([200, 200]);
    expect((await sendWith(cached, 'DELETE', `/v2/${here}/manifests/${digest}`)).status).toBe(202);
    expect([await read(here), await read(there), await read(here)]).toEqual([404, 200, 404]);
  });
});

describe('deleting a blob', () => {
  it('that no manifest needs takes it away at once, and its bytes after a grace', async () => {
    const name = repositoryName('blob');
    const blob = await pushed(name, await newBlob());
    const answer = await removeBlob(name, blob.digest);
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      expect((await send(method, `/v2/${name}/blobs/${blob.digest}`)).status).toBe(404);
    }
    await settle();
    expect(await storedKeys()).toHaveLength(1);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it.each([
    ['at once', openSession],
    ['as a stream', openStreaming],
  ])('ends the upload that brought it %s: a repeated PUT is not told that it is there', async (_, open) => {
    const name = repositoryName('repeated');
    const blob = await newBlob();
    const session = await open(name);
    demand(await session.putBody(blob.digest, blob.bytes), 201);
    expect((await removeBlob(name, blob.digest)).status).toBe(202);
    await expectUnknown(session, blob);
    await pushed(name, blob);
    await expectServed(name, blob);
  });

  it('leaves it to other repositories', async () => {
    const [here, there] = [repositoryName('here'), repositoryName('there')];
    const blob = await pushed(here, await newBlob());
    await pushed(there, blob);
    demand(await putManifest(there, 'kept', imageOf(blob)), 201);
    expect((await removeBlob(here, blob.digest)).status).toBe(202);
    await passAllGraces();
    expect((await getBlob(here, blob.digest)).status).toBe(404);
    await expectServed(there, blob);
  });

  it('that a manifest needs is refused, and says which one', async () => {
    const name = repositoryName('used');
    const { blob, digest } = await image(name, 'one');
    const answer = await removeBlob(name, blob.digest);
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
    expect(await refusal(answer)).toMatchObject({
      status: 405,
      code: 'UNSUPPORTED',
      detail: { digest: blob.digest, manifest: digest },
    });
    await passAllGraces();
    await expectServed(name, blob);
    expect((await remove(name, digest)).status).toBe(202);
    expect((await removeBlob(name, blob.digest)).status).toBe(202);
  });

  it('that is a large manifest is refused as well', async () => {
    const name = repositoryName('large');
    const blob = await pushed(name, await newBlob());
    const body = imageOf(blob, { annotations: { padding: 'x'.repeat(100_000) } });
    demand(await putManifest(name, 'large', body), 201);
    expect(await refusal(removeBlob(name, await sha256(body)))).toMatchObject({ status: 405 });
    expect(await (await getManifest(name, 'large')).text()).toBe(body);
  });

  it('that is deleted is not served by a cache either (CVE-2026-35172)', async () => {
    const cached = { BERTH_EXISTENCE_CACHE_SECONDS: '60' };
    const name = repositoryName('cached');
    const blob = await pushed(name, await newBlob());
    const path = `/v2/${name}/blobs/${blob.digest}`;
    await (await sendWith(cached, 'GET', path)).arrayBuffer();
    expect((await sendWith(cached, 'DELETE', path)).status).toBe(202);
    expect((await sendWith(cached, 'GET', path)).status).toBe(404);
  });

  it('needs a digest that is one', async () => {
    expect(await refusal(removeBlob(repositoryName('a'), 'sha256:short'))).toMatchObject({
      status: 400,
      code: 'DIGEST_INVALID',
    });
  });
});

describe('what a manifest refers to and was not there', () => {
  const foreign = 'application/vnd.oci.image.layer.nondistributable.v1.tar';

  it('is kept from the moment that it comes: a foreign layer', async () => {
    const name = repositoryName('foreign');
    const config = await pushed(name, await newBlob());
    const layer = await newBlob();
    const body = imageOf(config, { layers: [descriptorOf(layer, foreign)] });
    demand(await putManifest(name, 'foreign', body), 201);
    await pushed(name, layer);
    await passAllGraces();
    await expectServed(name, layer);
    expect((await remove(name, await sha256(body))).status).toBe(202);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('may be a blob where a manifest is expected: the cache that BuildKit pushes', async () => {
    const name = repositoryName('buildkit');
    const [layer, config] = [await pushed(name, await newBlob()), await pushed(name, await newBlob())];
    const cache = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [
        descriptorOf(layer, 'application/vnd.oci.image.layer.v1.tar+gzip'),
        descriptorOf(config, 'application/vnd.buildkit.cacheconfig.v0'),
      ],
    });
    demand(await putManifest(name, 'cache', cache, OCI_INDEX), 201);
    await passAllGraces();
    for (const blob of [layer, config]) await expectServed(name, blob);
    expect(await refusal(removeBlob(name, layer.digest))).toMatchObject({ status: 405 });
    expect((await remove(name, await sha256(cache))).status).toBe(202);
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('is kept as a blob too where it was awaited as a manifest', async () => {
    const name = repositoryName('late-cache');
    await pushed(name, await newBlob());
    const layer = await newBlob();
    const cache = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptorOf(layer)] });
    const sent = { body: textBytes(cache) };
    const settings = { BERTH_MANIFESTS_ALLOW_MISSING: 'on' };
    expect((await sendWith(settings, 'PUT', `/v2/${name}/manifests/cache`, sent)).status).toBe(201);
    await pushed(name, layer);
    await passAllGraces();
    await expectServed(name, layer);
  });

  it('is used by each of the manifests that waited for it, and goes with the last of them', async () => {
    const name = repositoryName('awaited-by-many');
    const [there, later] = [await pushed(name, await newBlob()), await newBlob()];
    const waiting = ['one', 'two', 'three'].map((word) =>
      imageOf(there, { layers: [descriptorOf(later)], annotations: { word } }),
    );
    for (const body of waiting) {
      const sent = { body: textBytes(body) };
      const path = `/v2/${name}/manifests/${await sha256(body)}`;
      expect((await sendWith({ BERTH_MANIFESTS_ALLOW_MISSING: 'on' }, 'PUT', path, sent)).status).toBe(201);
    }
    await pushed(name, later);
    for (const body of waiting) {
      await passAllGraces();
      await expectServed(name, later);
      expect((await remove(name, await sha256(body))).status).toBe(202);
    }
    await passAllGraces();
    expect(await storedKeys()).toEqual([]);
  });

  it('is allowed by a setting: blobs and children, which are kept once they come', async () => {
    const name = repositoryName('sparse');
    const [there, later] = [await pushed(name, await newBlob()), await newBlob()];
    const child = imageOf(there, { annotations: { child: 'yes' } });
    const sparse = imageOf(there, { layers: [descriptorOf(later)] });
    const index = indexOf([{ body: child, digest: await sha256(child) }]);
    for (const [tag, body] of [
      ['sparse', sparse],
      ['index', index],
    ] as const) {
      const path = `/v2/${name}/manifests/${tag}`;
      const sent = { body: textBytes(body) };
      expect(await refusal(send('PUT', path, sent))).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN' });
      const taken = await sendWith({ BERTH_MANIFESTS_ALLOW_MISSING: 'on' }, 'PUT', path, sent);
      expect([taken.status, taken.headers.get('warning')]).toEqual([
        201,
        '299 - "some of what the manifest refers to is not in this repository"',
      ]);
    }
    await pushed(name, later);
    demand(await putManifest(name, await sha256(child), child), 201);
    await passAllGraces();
    await expectServed(name, later);
    await expectServed(name, there);
  });
});
