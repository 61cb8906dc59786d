/** An index of two platforms goes out and comes back byte for byte, and engines find their own platform in it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { startAllClients } from './clients.ts';
import type { RunningClients } from './clients.ts';
import { blobsOf, HOST_PLATFORM, multiPlatformIndex } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { layoutBlobs, layoutEntry, readLayoutBlob, writeIndexLayout } from './image-files.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import { startSkopeo } from './skopeo-client.ts';
import type { SkopeoClient } from './skopeo-client.ts';

const TEST_LIMIT_MS = 120_000;
const fixture = multiPlatformIndex('multi-platform');

let registry: RegistryUnderTest;
let scratch: Scratch;
let clients: RunningClients;
let skopeo: Availability<SkopeoClient>;
let sourceLayout: string;

beforeAll(async () => {
  registry = await registryUnderTest();
  clients = await startAllClients();
  scratch = makeScratch();
  skopeo = await startSkopeo(scratch);
  sourceLayout = scratch.folder('source');
  writeIndexLayout(sourceLayout, fixture, 'both');
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  await clients.stop();
  await scratch.remove();
  await registry.stop();
}, TEST_LIMIT_MS);

/** Every blob of the index, with its bytes, as a layout ought to hold them. */
function expectWholeIndexIn(layout: string): void {
  const blobs = new Map([fixture.index, ...fixture.images.flatMap(blobsOf)].map((blob) => [blob.digest, blob.bytes]));
  expect(layoutEntry(layout)).toMatchObject({ digest: fixture.index.digest, mediaType: fixture.index.mediaType });
  expect(layoutBlobs(layout).sort()).toEqual([...blobs.keys()].sort());
  for (const [digest, bytes] of blobs) expect(readLayoutBlob(layout, digest).equals(bytes), digest).toBe(true);
}

describe('a multi-platform index', { timeout: TEST_LIMIT_MS }, () => {
  test('survives skopeo copy --all out and back byte for byte', async (context) => {
    const client = requireClient(context, 'skopeo', skopeo);
    const reference = registry.reference('index', 'both');
    await client.copy('--all', `oci:${sourceLayout}:both`, `docker://${reference}`);
    const back = scratch.folder('back');
    await client.copy('--all', `docker://${reference}`, `oci:${back}:both`);
    expectWholeIndexIn(back);
  });

  test('is copied from one repository to another and is the same there', async (context) => {
    const client = requireClient(context, 'skopeo', skopeo);
    const first = registry.reference('index-source', 'both');
    const second = registry.reference('index-target', 'both');
    await client.copy('--all', `oci:${sourceLayout}:both`, `docker://${first}`);
    await client.copy('--all', `docker://${first}`, `docker://${second}`);
    const back = scratch.folder('copied');
    await client.copy('--all', `docker://${second}`, `oci:${back}:both`);
    expectWholeIndexIn(back);
  });

  test.for(['docker', 'podman', 'buildah'])(
    "gives %s the image of the machine's own platform",
    async (name, context) => {
      const pusher = requireClient(context, 'skopeo', skopeo);
      const puller = requireClient(context, name, clients.get(name));
      const own = fixture.images.find((image) => image.platform.architecture === HOST_PLATFORM.architecture);
      if (own === undefined) return context.skip(`the index has no image for ${HOST_PLATFORM.architecture}`);
      const reference = registry.reference(`index-for-${name}`, 'both');
      await pusher.copy('--all', `oci:${sourceLayout}:both`, `docker://${reference}`);
      expect(await puller.pull(reference)).toMatchObject({
        configDigest: own.config.digest,
        diffIds: own.layers.map((layer) => layer.diffId),
      });
    },
  );
});
