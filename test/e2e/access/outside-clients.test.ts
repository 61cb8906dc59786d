/** docker, podman, skopeo and crane with an outside token server: it is the one that they go to, and that Berth believes. */
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { startAllClients, type RunningClients } from '../clients/clients.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { startCrane, type LayoutClient } from '../clients/layout-clients.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { failure } from './failure.ts';
import { startDistributionWith, type OutsideDistribution } from './outside-distribution.ts';
import { ALICE, READER, SERVICE, TokenServer, type Person } from './token-server.ts';

const TEST_LIMIT_MS = 240_000;
const REFUSED = /unauthorized|denied|no basic auth credentials|authentication required|insufficient_scope/i;

const NAMES = ['docker', 'podman', 'skopeo'];
const asPassword = ({ name, password }: Person) => ({ kind: 'password', name, password }) as const;

let server: TokenServer;
let berth: BerthProcess;
let host: string;
let clients: RunningClients;
let scratch: Scratch;
let crane: Availability<LayoutClient>;
let distribution: Availability<OutsideDistribution>;
beforeAll(async () => {
  server = await TokenServer.start();
  berth = await startBerth({ environment: { BERTH_TOKEN_SERVER: server.document() } });
  host = `127.0.0.1:${String(berth.port)}`;
  clients = await startAllClients();
  scratch = makeScratch();
  crane = await startCrane(scratch);
  distribution = await startDistributionWith(server);
}, PREPARATION_LIMIT_MS);
afterAll(async () => {
  await clients.stop();
  await scratch.remove();
  if (distribution.kind === 'available') await distribution.value.stop();
  await berth.discard();
  await server.stop();
}, TEST_LIMIT_MS);
beforeEach(() => {
  server.asked.length = 0;
});

describe('with an outside token server', { timeout: TEST_LIMIT_MS }, () => {
  test.for(NAMES)('%s signs in there, pushes, pulls and signs out', async (name, context) => {
    const client = requireClient(context, name, clients.get(name));
    const reference = `${host}/team/${name}:v1`;
    const image = imagesSharingLayers(`outside/${name}`).base;
    await client.load(image, reference);
    expect(await failure(client.login(host, asPassword({ ...ALICE, password: 'wrong' })))).toMatch(
      /401|unauthorized|invalid username/i,
    );
    await client.login(host, asPassword(ALICE));
    const { manifestDigest } = await client.push(reference);
    await client.forgetAll();
    expect(await client.pull(reference)).toMatchObject({ manifestDigest, configDigest: image.config.digest });
    expect(server.asked.some((asked) => asked.includes(` alice repository:team/${name}:`))).toBe(true);
    await client.logout(host);
    await client.forgetAll();
    expect(await failure(client.pull(reference))).toMatch(REFUSED);
  });

  test.for(NAMES)('%s says of a push that the server did not allow why it is refused', async (name, context) => {
    const client = requireClient(context, name, clients.get(name));
    await client.login(host, asPassword(READER));
    const reference = `${host}/team/${name}-refused:v1`;
    await client.load(imagesSharingLayers(`outside/${name}/refused`).base, reference);
    const said = await failure(client.push(reference));
    await client.logout(host);
    expect(said).toContain(`the token server did not give reader a token for repository:team/${name}-refused:push`);
  });

  test.for(NAMES)('%s pulls signed out what the server gives to nobody', async (name, context) => {
    const client = requireClient(context, name, clients.get(name));
    const reference = `${host}/public/${name}:v1`;
    const image = imagesSharingLayers(`outside/${name}/public`).base;
    await client.load(image, reference);
    await client.login(host, asPassword(ALICE));
    await client.push(reference);
    await client.logout(host);
    await client.forgetAll();
    expect(await client.pull(reference)).toMatchObject({ configDigest: image.config.digest });
  });

  test('crane pushes, pulls, mounts and lists', async (context) => {
    const client = requireClient(context, 'crane', crane);
    const reference = `${host}/team/crane:v1`;
    await client.load(imagesSharingLayers('outside/crane').base, reference);
    expect(await failure(client.push(reference))).toMatch(REFUSED);
    await client.login(host, asPassword(ALICE));
    const { manifestDigest } = await client.push(reference);
    await client.run(['copy', reference, `${host}/team/crane-copy:v1`]);
    expect((await client.run(['digest', `${host}/team/crane-copy:v1`])).stdout.toString().trim()).toBe(manifestDigest);
    expect((await client.run(['ls', `${host}/team/crane`])).stdout.toString().trim()).toBe('v1');
    await client.run(['delete', `${host}/team/crane@${manifestDigest}`]);
    expect(await failure(client.run(['digest', reference]))).toMatch(/MANIFEST_UNKNOWN|404/);
    // Whoever may not even look hears no reason: crane asks with HEAD first.
    await client.login(host, asPassword(READER));
    const refused = `${host}/team/crane-refused:v1`;
    await client.load(imagesSharingLayers('outside/crane').base, refused);
    expect(await failure(client.push(refused))).toContain('the token server did not give reader a token');
  });

  test('skopeo does the same at distribution, with tokens of the same server', async (context) => {
    const client = requireClient(context, 'skopeo', clients.get('skopeo'));
    const { url } = requireClient(context, 'docker-registry', distribution);
    const there = new URL(url).host;
    const reference = `${there}/team/skopeo:v1`;
    const image = imagesSharingLayers('outside/distribution').base;
    await client.load(image, reference);
    await client.login(there, asPassword(ALICE));
    const { manifestDigest } = await client.push(reference);
    await client.forgetAll();
    expect(await client.pull(reference)).toMatchObject({ manifestDigest, configDigest: image.config.digest });
    await client.logout(there);
  });

  test('a token is the same by GET and by POST', async () => {
    const asked = { service: SERVICE, scope: 'repository:team/app:pull,push' };
    const basic = { authorization: `Basic ${Buffer.from(`${ALICE.name}:${ALICE.password}`).toString('base64')}` };
    const form = { grant_type: 'password', username: ALICE.name, password: ALICE.password, ...asked };
    for (const answer of [
      await fetch(`${server.url}/token?${new URLSearchParams(asked).toString()}`, { headers: basic }),
      await fetch(`${server.url}/token`, { method: 'POST', body: new URLSearchParams(form) }),
    ]) {
      const { access_token: token } = v.parse(v.looseObject({ access_token: v.string() }), await answer.json());
      const headers = { authorization: `Bearer ${token}` };
      const opened = await fetch(`${berth.url}/v2/team/app/blobs/uploads/`, { method: 'POST', headers });
      expect(opened.status).toBe(202);
    }
  });
});
