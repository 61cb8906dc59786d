/** Every client of the matrix signs in, pushes, pulls and signs out, with each kind of credential and either challenge. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Credentials, RegistryClient } from '../clients/client.ts';
import { requireClient } from '../clients/client.ts';
import { CLIENT_NAMES, startAllClients, type RunningClients } from '../clients/clients.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { failure } from './failure.ts';
import { RULE_MESSAGE, startWithPeople, WAYS, type Challenge, type RegistryWithPeople } from './people.ts';

const TEST_LIMIT_MS = 240_000;
const CHALLENGES = ['Basic', 'Bearer'] as const satisfies readonly Challenge[];

/** What clients print that were not let in. */
const REFUSED =
  /unauthorized|denied|no basic auth credentials|basic credential not found|authentication required|authorization failed/i;

/** What Berth says of it. */
const WRONG = /the name or the password is wrong, or it has expired or was revoked/;
const INVALID = /invalid username\/password/;
/** What a client says of a wrong password, at the login or, where it asks nobody then, at the push; else it shows Berth's words. */
const OWN_WORDS: Readonly<Record<string, Partial<Record<Challenge, RegExp>>>> = {
  docker: { Basic: /failed with status: 401 Unauthorized/ },
  podman: { Basic: INVALID, Bearer: INVALID },
  buildah: { Basic: INVALID, Bearer: INVALID },
  skopeo: { Basic: INVALID, Bearer: INVALID },
  ctr: { Basic: /401 Unauthorized/, Bearer: /failed to fetch oauth token: unexpected status: 401 Unauthorized/ },
  // It asks with HEAD first, whose answer has no words.
  crane: { Basic: /unexpected status code 401 Unauthorized/ },
  regctl: { Basic: /: unauthorized/, Bearer: /: unauthorized/ },
};
/** Those that show no more of a refusal than its status. */
const STATUS_ALONE: Readonly<Record<string, RegExp>> = { ctr: /403 Forbidden/ };

let registries: Record<Challenge, RegistryWithPeople>;
let clients: RunningClients;
beforeAll(async () => {
  clients = await startAllClients();
  registries = { Basic: await startWithPeople('Basic'), Bearer: await startWithPeople('Bearer') };
}, PREPARATION_LIMIT_MS);
afterAll(async () => {
  await clients.stop();
  for (const registry of Object.values(registries)) await registry.discard();
}, TEST_LIMIT_MS);

const saysOfWrong = (name: string, challenge: Challenge): RegExp => OWN_WORDS[name]?.[challenge] ?? WRONG;

/** For a client that keeps a password without asking whether it is right, that is at the push. */
async function loginAndPush(
  client: RegistryClient,
  host: string,
  credentials: Credentials,
  reference: string,
): Promise<void> {
  await client.login(host, credentials);
  await client.push(reference);
}

describe.each(CHALLENGES)('with a challenge of %s', { timeout: TEST_LIMIT_MS }, (challenge) => {
  test.for(CLIENT_NAMES.flatMap((name) => WAYS[challenge].map((way) => ({ name, way }))))(
    '$name signs in by $way, pushes, pulls and signs out',
    async ({ name, way }, context) => {
      const client = requireClient(context, name, clients.get(name));
      const registry = registries[challenge];
      const { host } = registry;
      const reference = `${host}/team/${name}-${way.replace(' ', '-')}:v1`;
      const image = imagesSharingLayers(`access/${challenge}/${name}/${way}`).base;
      await client.load(image, reference);
      expect(await failure(client.push(reference))).toMatch(REFUSED);

      await client.login(host, await registry.credentials(way));
      const { manifestDigest } = await client.push(reference);
      await client.forgetAll();
      expect(await client.pull(reference)).toEqual({
        manifestDigest,
        configDigest: image.config.digest,
        diffIds: image.layers.map(({ diffId }) => diffId),
      });

      await client.logout(host);
      await client.forgetAll();
      expect(await failure(client.pull(reference))).toMatch(REFUSED);
    },
  );

  test.for(CLIENT_NAMES)(
    '%s says of a wrong password that it is wrong, and of a rule that refuses what the rule says',
    async (name, context) => {
      const client = requireClient(context, name, clients.get(name));
      const { host, people } = registries[challenge];
      const reference = `${host}/closed/${name}:v1`;
      await client.load(imagesSharingLayers(`access/${challenge}/${name}/closed`).base, reference);
      const wrong = { ...people.htpasswd, password: 'wrong' };
      expect(await failure(loginAndPush(client, host, wrong, reference))).toMatch(saysOfWrong(name, challenge));

      await client.login(host, people.token);
      onTestFinished(() => client.logout(host));
      const refused = await failure(client.push(reference));
      const status = STATUS_ALONE[name];
      expect(refused).toMatch(status ?? /denied/i);
      if (status === undefined) expect(refused).toContain(RULE_MESSAGE);
    },
  );

  test.for(CLIENT_NAMES)(
    '%s pushes what is public once it has signed in, and pulls it without',
    async (name, context) => {
      const client = requireClient(context, name, clients.get(name));
      const { host, people } = registries[challenge];
      const reference = `${host}/public/${name}:v1`;
      const image = imagesSharingLayers(`access/${challenge}/${name}/public`).base;
      await client.load(image, reference);
      expect(await failure(client.push(reference))).toMatch(REFUSED);
      await client.login(host, people.token);
      await client.push(reference);
      await client.logout(host);
      await client.forgetAll();
      // Docker takes a Basic challenge at /v2/ for the last word, and asks nobody else: docs/access.md says so.
      if (name === 'docker' && challenge === 'Basic') expect(await failure(client.pull(reference))).toMatch(REFUSED);
      else expect(await client.pull(reference)).toMatchObject({ configDigest: image.config.digest });
    },
  );
});

describe('a token that has expired since the login', { timeout: TEST_LIMIT_MS }, () => {
  const referenceOf = (name: string): string => `${registries.Bearer.host}/team/${name}-expired:v1`;

  beforeAll(async () => {
    const registry = registries.Bearer;
    const token = await registry.newToken();
    for (const name of CLIENT_NAMES) {
      const client = clients.get(name);
      if (client.kind === 'unavailable') continue;
      await client.value.load(imagesSharingLayers(`access/${name}/expired`).base, referenceOf(name));
      await client.value.login(registry.host, token);
    }
    await registry.expireTokens();
  }, TEST_LIMIT_MS);

  test.for(CLIENT_NAMES)('opens nothing any more, and %s says that it may have expired', async (name, context) => {
    const client = requireClient(context, name, clients.get(name));
    expect(await failure(client.push(referenceOf(name)))).toMatch(saysOfWrong(name, 'Bearer'));
    await client.logout(registries.Bearer.host);
  });
});
