/**
 * Every client pulls what every other one pushed: schema 2 manifests of Docker's, OCI manifests of
 * the others, and layers that each compressed in its own way.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import { CLIENT_NAMES, startAllClients } from './clients.ts';
import type { RunningClients } from './clients.ts';
import { imagesSharingLayers } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';

const TEST_LIMIT_MS = 120_000;

let registry: RegistryUnderTest;
let clients: RunningClients;

beforeAll(async () => {
  registry = await registryUnderTest();
  clients = await startAllClients();
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  await clients.stop();
  await registry.stop();
}, TEST_LIMIT_MS);

describe.each(CLIENT_NAMES)('%s', { timeout: TEST_LIMIT_MS }, (pusher) => {
  const others = CLIENT_NAMES.filter((name) => name !== pusher);
  const image = imagesSharingLayers(`interop/${pusher}`).derived;
  let pushed: Promise<string> | undefined;

  test.for(others)('pushes an image that %s pulls with the same digests', async (puller, context) => {
    const source = requireClient(context, pusher, clients.get(pusher));
    const target = requireClient(context, puller, clients.get(puller));
    const reference = registry.reference(`from-${pusher}`, 'one');
    pushed ??= source.load(image, reference).then(async () => (await source.push(reference)).manifestDigest);
    const manifestDigest = await pushed;
    await target.forgetAll();
    expect(await target.pull(reference)).toEqual({
      manifestDigest,
      configDigest: image.config.digest,
      diffIds: image.layers.map((layer) => layer.diffId),
    });
  });
});
