/**
 * Somebody signs in, pushes, and pushes again when the token of that has long expired: docker and podman fetch another one by
 * what they kept of the login. Helm does too (clients/helm.test.ts).
 */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { requireClient, type Availability, type RegistryClient } from '../clients/client.ts';
import { startDocker } from '../clients/docker-client.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { startPodman } from '../clients/podman-client.ts';
import { readImage } from '../clients/registry-reader.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { startAgeing, tokenAnswers, type AgeingRegistry } from './ageing-registry.ts';
import { basic } from './one-person.ts';
import { WAYS } from './people.ts';

const TEST_LIMIT_MS = 120_000;
const NAMES = ['docker', 'podman'] as const;

let scratch: Scratch;
let clients: Record<(typeof NAMES)[number], Availability<RegistryClient>>;
let ageing: Availability<AgeingRegistry>;
beforeAll(async () => {
  scratch = makeScratch();
  clients = { docker: await startDocker(scratch), podman: await startPodman(scratch) };
  ageing = await startAgeing(scratch);
}, PREPARATION_LIMIT_MS);
afterAll(async () => {
  if (ageing.kind === 'available') await ageing.value.discard();
  if (clients.docker.kind === 'available') await clients.docker.value.stop();
  await scratch.remove();
}, TEST_LIMIT_MS);

describe('twenty minutes after the first push', { timeout: TEST_LIMIT_MS }, () => {
  test.for(NAMES.flatMap((name) => WAYS.Bearer.map((way) => ({ name, way }))))(
    '$name pushes another image with no new login, where it signed in by $way',
    async ({ name, way }, context) => {
      const client = requireClient(context, name, clients[name]);
      const registry = requireClient(context, 'a clock that moves', ageing);
      const { host, recorder, people } = registry;
      const images = imagesSharingLayers(`access/later/${name}/${way}`);
      const reference = (tag: string) => `${host}/team/${name}-${way.replace(' ', '-')}:${tag}`;
      await client.load(images.base, reference('first'));
      await client.load(images.derived, reference('later'));
      await client.login(host, await registry.credentials(way));
      onTestFinished(() => client.logout(host));
      await client.push(reference('first'));

      await registry.twentyMinutesPass();
      const { manifestDigest } = await client.push(reference('later'));
      expect(tokenAnswers(recorder.take())).toEqual(new Set([200]));
      expect(await readImage(reference('later'), basic(people.token))).toMatchObject({
        manifestDigest,
        diffIds: images.derived.layers.map(({ diffId }) => diffId),
      });
    },
  );
});
