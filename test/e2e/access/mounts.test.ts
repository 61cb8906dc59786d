/**
 * docker and crane ask for a mount of a layer that they know in another repository of the registry (end-11). Where its owner
 * alone may read it, the answer is that of a mount that can't be, and the layer is uploaded.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from '../clients/client.ts';
import type { Availability } from '../clients/client.ts';
import { dockerConfig, keepPassword, keptFor } from '../clients/docker-config.ts';
import { startDocker, type DockerClient } from '../clients/docker-client.ts';
import { blobsOf, imagesSharingLayers } from '../clients/fixtures.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { startCrane, type LayoutClient } from '../clients/layout-clients.ts';
import { readImage } from '../clients/registry-reader.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { uploadedDigests } from '../clients/wire-recorder.ts';
import { basic } from './one-person.ts';
import { startWithPeople, type RegistryWithPeople } from './people.ts';

const TEST_LIMIT_MS = 120_000;

let registry: RegistryWithPeople;
let scratch: Scratch;
let docker: Availability<DockerClient>;
let crane: Availability<LayoutClient>;
beforeAll(async () => {
  scratch = makeScratch();
  crane = await startCrane(scratch);
  docker = await startDocker(scratch);
  registry = await startWithPeople('Bearer');
}, PREPARATION_LIMIT_MS);
afterAll(async () => {
  if (docker.kind === 'available') await docker.value.stop();
  await registry.discard();
  await scratch.remove();
}, TEST_LIMIT_MS);

/** How mounts from a repository were answered. */
function mountsFrom(source: string, exchanges: ReturnType<RegistryWithPeople['recorder']['take']>): Set<number> {
  const asked = exchanges.filter(({ query }) => query.has('mount') && query.get('from') === source);
  return new Set(asked.map(({ status }) => status));
}

describe('a layer that another repository holds', { timeout: TEST_LIMIT_MS }, () => {
  test('is uploaded by docker where its user may not read that repository, and mounted where he may', async (context) => {
    const client = requireClient(context, 'docker', docker);
    const { host, recorder, people } = registry;
    const image = imagesSharingLayers('access/mounts/docker').base;
    const layers = image.layers.length;
    const push = async (repository: string) => {
      await client.load(image, `${host}/${repository}:v1`);
      recorder.take();
      await client.push(`${host}/${repository}:v1`);
      return recorder.take();
    };
    await client.login(host, people.htpasswd);
    await push('hugo/docker');
    const own = await push('hugo/docker-too');
    expect(mountsFrom('hugo/docker', own)).toEqual(new Set([201]));
    // What is new of an image that is pushed under another name is its configuration at most.
    expect(uploadedDigests(own).length).toBeLessThan(layers);
    await client.logout(host);

    await client.login(host, people.token);
    const others = await push('alice/docker');
    const answers = [...mountsFrom('hugo/docker', others), ...mountsFrom('hugo/docker-too', others)];
    expect(new Set(answers)).toEqual(new Set([202]));
    const stored = await readImage(`${host}/alice/docker:v1`, basic(people.token));
    expect(stored.diffIds).toEqual(image.layers.map(({ diffId }) => diffId));
    expect(uploadedDigests(others)).toEqual(expect.arrayContaining([...stored.layerDigests]));
    await client.logout(host);
  });

  test('is uploaded by crane where whoever pushes may not read that repository', async (context) => {
    const client = requireClient(context, 'crane', crane);
    const { host, recorder, people } = registry;
    const image = imagesSharingLayers('access/mounts/crane').base;
    // crane's login takes a host; its file may name a repository, so that it pulls as hugo and pushes as alice.
    keepPassword(dockerConfig(scratch), `${host}/hugo/crane`, people.htpasswd);
    keepPassword(dockerConfig(scratch), host, people.token);
    await client.load(image, `${host}/hugo/crane:v1`);
    await client.push(`${host}/hugo/crane:v1`);
    recorder.take();
    await client.run(['copy', `${host}/hugo/crane:v1`, `${host}/alice/crane:v1`]);
    const copied = recorder.take();
    expect(mountsFrom('hugo/crane', copied)).toEqual(new Set([202]));
    const [, ...blobs] = blobsOf(image).toReversed();
    expect(uploadedDigests(copied).sort()).toEqual(blobs.map(({ digest }) => digest).sort());
    const stored = await readImage(`${host}/alice/crane:v1`, basic(people.token));
    expect(stored.manifestDigest).toBe(image.manifest.digest);
  });
});

test(
  'docker keeps a refresh token in place of a password, and a token or the secret of a robot as it is',
  { timeout: TEST_LIMIT_MS },
  async (context) => {
    const client = requireClient(context, 'docker', docker);
    const { host, people } = registry;
    await client.login(host, people.htpasswd);
    const kept = keptFor(dockerConfig(scratch), host);
    expect(kept?.identitytoken).toMatch(/^berth_rt_/);
    expect(Buffer.from(kept?.auth ?? '', 'base64').toString()).not.toContain(people.htpasswd.password);
    for (const person of [people.token, people.robot]) {
      await client.login(host, person);
      const { name, password } = person;
      const auth = Buffer.from(`${name}:${password}`).toString('base64');
      expect(keptFor(dockerConfig(scratch), host)).toEqual({ auth });
    }
    await client.logout(host);
  },
);
