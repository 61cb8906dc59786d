/** What was pushed before the registry's process ended is there when it runs again, for every client. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import { CLIENT_NAMES, startAllClients } from './clients.ts';
import type { RunningClients } from './clients.ts';
import { imagesSharingLayers } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import type { PulledImage } from './client.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';

const TEST_LIMIT_MS = 120_000;

let registry: RegistryUnderTest;
let clients: RunningClients;
/** What each available client pushed before the restart. */
const pushed = new Map<string, PulledImage>();

beforeAll(async () => {
  registry = await registryUnderTest();
  clients = await startAllClients();
  if (registry.restart === undefined) return;
  await Promise.all(CLIENT_NAMES.map(pushBeforeRestart));
  await registry.restart();
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  await clients.stop();
  await registry.stop();
}, TEST_LIMIT_MS);

/** All clients push at once, as a team does; one that is not there is told of by its test. */
async function pushBeforeRestart(name: string): Promise<void> {
  const client = clients.get(name);
  if (client.kind === 'unavailable') return;
  const image = imagesSharingLayers(`restart/${name}`).derived;
  const reference = registry.reference(`restart-${name}`, 'kept');
  await client.value.load(image, reference);
  const { manifestDigest } = await client.value.push(reference);
  await client.value.forgetAll();
  pushed.set(name, {
    manifestDigest,
    configDigest: image.config.digest,
    diffIds: image.layers.map((layer) => layer.diffId),
  });
}

test.for(CLIENT_NAMES)(
  'what %s pushed before a restart of the registry is pulled with the same digests after it',
  { timeout: TEST_LIMIT_MS },
  async (name, context) => {
    if (registry.restart === undefined)
      return context.skip('BERTH_TEST_REGISTRY_URL names a registry that is not ours to restart');
    const client = requireClient(context, name, clients.get(name));
    expect(await client.pull(registry.reference(`restart-${name}`, 'kept'))).toEqual(pushed.get(name));
  },
);
