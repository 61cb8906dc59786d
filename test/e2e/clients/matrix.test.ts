/**
 * Each real client pushes to a running registry and pulls back, in the ways that people do every day: to one that is open, and,
 * signed in, to one that asks who comes.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestContext } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability, RegistryClient } from './client.ts';
import { CLIENTS } from './clients.ts';
import { imagesSharingLayers, largeImage } from './fixtures.ts';
import type { Image } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { readImage } from './registry-reader.ts';
import { openRegistry, registryOfPeople } from './recorded-registry.ts';
import type { RecordedRegistry } from './recorded-registry.ts';
import { givenRegistry } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import { fetchedDigests, uploadedBytes, uploadedDigests } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;

const OPEN = ['to a registry that is open', openRegistry] as const;
const SIGNED_IN = ['signed in, to a registry that asks who comes', registryOfPeople] as const;
/** One that runs already asks whom it likes. */
const KINDS = givenRegistry() === undefined ? [OPEN, SIGNED_IN] : [OPEN];

describe.each(KINDS)('%s', (_, startRegistry) => {
  let setup: RecordedRegistry;
  beforeAll(async () => {
    setup = await startRegistry();
  }, TEST_LIMIT_MS);
  afterAll(async () => {
    await setup.stop();
  }, TEST_LIMIT_MS);

  describe.each(CLIENTS)('%s', { timeout: TEST_LIMIT_MS }, (name, startClient) => {
    let scratch: Scratch;
    let started: Availability<RegistryClient>;

    beforeAll(async () => {
      scratch = makeScratch();
      started = await startClient(scratch);
      const { person, recorder } = setup;
      if (started.kind === 'available' && person !== undefined) await started.value.login(recorder.host, person);
    }, PREPARATION_LIMIT_MS);

    afterAll(async () => {
      if (started.kind === 'available') await started.value.stop();
      await scratch.remove();
    }, TEST_LIMIT_MS);

    const clientFor = (context: TestContext): RegistryClient => requireClient(context, name, started);

    // It takes half of the time of all five, and its size has nothing to do with who sends it.
    if (startRegistry === openRegistry)
      test('pushes an image of seven layers and pulls it back with the same digests', async (context) => {
        const client = clientFor(context);
        const { registry } = setup;
        const image = largeImage('matrix');
        const reference = registry.reference(name, 'large');
        await client.load(image, reference);
        const { manifestDigest } = await client.push(reference);
        if (client.keepsManifest) expect(manifestDigest).toBe(image.manifest.digest);

        const expected = { manifestDigest, configDigest: image.config.digest, diffIds: diffIdsOf(image) };
        expect(await readImage(reference)).toMatchObject(expected);
        await client.forgetAll();
        expect(await client.pull(reference)).toEqual(expected);
      });

    test('uploads nothing when it pushes the same image again, and fetches every blob after it forgot it', async (context) => {
      const client = clientFor(context);
      const { registry, recorder, headers } = setup;
      const { derived } = imagesSharingLayers(`${name}/twice`);
      const reference = `${recorder.host}/${registry.repository(name)}/twice:one`;
      await client.load(derived, reference);
      recorder.take();
      const first = await client.push(reference);
      const stored = await readImage(reference, headers);
      const blobs = [stored.configDigest, ...stored.layerDigests];
      expect(uploadedDigests(recorder.take()).sort()).toEqual([...blobs].sort());

      const second = await client.push(reference);
      const again = recorder.take();
      expect(second.manifestDigest).toBe(first.manifestDigest);
      expect(uploadedDigests(again)).toEqual([]);
      expect(uploadedBytes(again)).toBe(0);
      if (client.layerExists !== undefined) expect(second.output).toMatch(client.layerExists);

      await client.forgetAll();
      const pulled = await client.pull(reference);
      expect(pulled).toEqual({
        manifestDigest: first.manifestDigest,
        configDigest: derived.config.digest,
        diffIds: diffIdsOf(derived),
      });
      expect([...new Set(fetchedDigests(recorder.take()))].sort()).toEqual([...blobs].sort());
    });

    test('uploads only the new layers of an image that shares layers with another one', async (context) => {
      const client = clientFor(context);
      const { registry, recorder, headers } = setup;
      const { base, derived } = imagesSharingLayers(`${name}/shared`);
      const repository = `${recorder.host}/${registry.repository(name)}/shared`;
      await client.load(base, `${repository}:base`);
      await client.push(`${repository}:base`);
      const held = await readImage(`${repository}:base`, headers);
      await client.load(derived, `${repository}:derived`);
      recorder.take();
      const { manifestDigest } = await client.push(`${repository}:derived`);
      const uploaded = uploadedDigests(recorder.take());
      const stored = await readImage(`${repository}:derived`, headers);
      const fresh = stored.layerDigests.filter((digest) => !held.layerDigests.includes(digest));
      expect(fresh).toHaveLength(derived.layers.length - base.layers.length);
      expect(uploaded.sort()).toEqual([stored.configDigest, ...fresh].sort());

      await client.forgetAll();
      expect(await client.pull(`${repository}:derived`)).toEqual({
        manifestDigest,
        configDigest: derived.config.digest,
        diffIds: diffIdsOf(derived),
      });
    });

    test('pushes an image whose layers another repository holds, and it arrives whole', async (context) => {
      const client = clientFor(context);
      const { registry, headers } = setup;
      const { base, derived } = imagesSharingLayers(`${name}/elsewhere`);
      const source = registry.reference(`${name}/source`, 'one');
      const target = registry.reference(`${name}/target`, 'one');
      await client.load(base, source);
      await client.push(source);
      await client.load(derived, target);
      // Docker asks for a mount here. Mounted or uploaded, the bytes must be the same.
      const { manifestDigest } = await client.push(target);
      const expected = { manifestDigest, configDigest: derived.config.digest, diffIds: diffIdsOf(derived) };
      expect(await readImage(target, headers)).toMatchObject(expected);
      await client.forgetAll();
      expect(await client.pull(target)).toEqual(expected);
    });

    test('says that a tag is not there', async (context) => {
      const client = clientFor(context);
      const { registry } = setup;
      const { base } = imagesSharingLayers(`${name}/unknown-tag`);
      await client.load(base, registry.reference(`${name}/known`, 'here'));
      await client.push(registry.reference(`${name}/known`, 'here'));
      await expect(client.pull(registry.reference(`${name}/known`, 'not-here'))).rejects.toThrow(client.notFound);
    });
  });
});

function diffIdsOf(image: Image): string[] {
  return image.layers.map((layer) => layer.diffId);
}
