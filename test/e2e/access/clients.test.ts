/** docker, podman, buildah and skopeo sign in, push, pull and sign out, with each kind of credential and either challenge. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { requireClient } from '../clients/client.ts';
import { CommandFailure } from '../clients/command.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { SIGNING_CLIENTS, startSigningClients, type RunningSigningClients } from './logins.ts';
import { RULE_MESSAGE, startWithPeople, WAYS, type RegistryWithPeople } from './people.ts';

const TEST_LIMIT_MS = 240_000;
/** Basic straight on /v2/ is the same for all that Berth made; the token endpoint knows them apart. */
const ROWS = (['Basic', 'Bearer'] as const).flatMap((challenge) =>
  SIGNING_CLIENTS.flatMap((name) =>
    WAYS.filter((way) => challenge === 'Bearer' || ['htpasswd', 'token'].includes(way)).map((way) => ({
      challenge,
      name,
      way,
    })),
  ),
);

/** What clients print that were not let in. */
const REFUSED = /unauthorized|denied|no basic auth credentials|authentication required/i;

let registries: Record<'Basic' | 'Bearer', RegistryWithPeople>;
let clients: RunningSigningClients;
beforeAll(async () => {
  clients = await startSigningClients();
  registries = { Basic: await startWithPeople('Basic'), Bearer: await startWithPeople('Bearer') };
}, TEST_LIMIT_MS);
afterAll(async () => {
  await clients.stop();
  for (const { berth } of Object.values(registries)) await berth.discard();
}, TEST_LIMIT_MS);

/** What a client printed that did not succeed. */
async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof CommandFailure) return error.message;
    throw error;
  }
  throw new Error('it succeeded');
}

describe('with a challenge of', () => {
  test.for(ROWS)(
    '$challenge, $name signs in by $way, pushes, pulls and signs out',
    { timeout: TEST_LIMIT_MS },
    async ({ challenge, name, way }, context) => {
      const { client, login, logout } = requireClient(context, name, clients.get(name));
      const { host, people } = registries[challenge];
      const reference = `${host}/team/${name}-${way}:v1`;
      const image = imagesSharingLayers(`access/${challenge}/${name}/${way}`).base;
      await client.load(image, reference);
      expect(await failure(client.push(reference))).toMatch(REFUSED);

      expect((await login(host, people[way])).output).toMatch(/Login Succeeded/i);
      const { manifestDigest } = await client.push(reference);
      await client.forgetAll();
      expect(await client.pull(reference)).toMatchObject({
        manifestDigest,
        configDigest: image.config.digest,
        diffIds: image.layers.map(({ diffId }) => diffId),
      });

      await logout(host);
      await client.forgetAll();
      expect(await failure(client.pull(reference))).toMatch(REFUSED);
    },
  );
});

describe.each(['Basic', 'Bearer'] as const)('with a challenge of %s', (challenge) => {
  test.for(SIGNING_CLIENTS)(
    '%s says of a wrong password that it is wrong, and of a rule that refuses what the rule says',
    { timeout: TEST_LIMIT_MS },
    async (name, context) => {
      const { client, login, logout } = requireClient(context, name, clients.get(name));
      const { host, people } = registries[challenge];
      expect(await failure(login(host, { ...people.htpasswd, password: 'wrong' }))).toMatch(
        name === 'docker' && challenge === 'Basic'
          ? /failed with status: 401 Unauthorized/
          : /unauthorized: the name or the password is wrong|invalid username\/password/,
      );
      await login(host, people.password);
      onTestFinished(async () => {
        await logout(host);
      });
      const reference = `${host}/closed/${name}:v1`;
      await client.load(imagesSharingLayers(`access/${challenge}/${name}/closed`).base, reference);
      const refused = await failure(client.push(reference));
      expect(refused).toContain(`denied: ${RULE_MESSAGE}`);
    },
  );

  test.for(SIGNING_CLIENTS)(
    '%s pushes what is public once it has signed in, and pulls it without',
    { timeout: TEST_LIMIT_MS },
    async (name, context) => {
      const { client, login, logout } = requireClient(context, name, clients.get(name));
      const { host, people } = registries[challenge];
      const reference = `${host}/public/${name}:v1`;
      const image = imagesSharingLayers(`access/${challenge}/${name}/public`).base;
      await client.load(image, reference);
      expect(await failure(client.push(reference))).toMatch(REFUSED);
      await login(host, people.token);
      await client.push(reference);
      await logout(host);
      await client.forgetAll();
      // Docker takes a Basic challenge at /v2/ for the last word, and asks nobody else: docs/access.md says so.
      if (name === 'docker' && challenge === 'Basic') expect(await failure(client.pull(reference))).toMatch(REFUSED);
      else expect(await client.pull(reference)).toMatchObject({ configDigest: image.config.digest });
    },
  );
});
