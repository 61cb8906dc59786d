/**
 * The whole chain: a client pushes, and a receiver on this machine is told, by outbox, durable queue, log and endpoint, with a
 * signature that it checks.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { startDocker, type DockerClient } from '../clients/docker-client.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { ADDED, eventsOf, type EnvelopeEvent } from './envelopes.ts';
import { byTurns, answering } from './reactions.ts';
import { Receiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const EVENTS = [
  'manifest.push',
  'manifest.pull',
  'manifest.delete',
  'blob.push',
  'blob.pull',
  'blob.mount',
  'tag.delete',
];

let scratch: Scratch;
let docker: Availability<DockerClient>;
let receiver: Receiver;
let berth: BerthProcess;

beforeAll(async () => {
  scratch = makeScratch();
  docker = await startDocker(scratch);
  receiver = await Receiver.start({ secret: SECRET });
  const endpoint = { name: 'chain', url: receiver.url, events: EVENTS, signingSecrets: [{ binding: 'CHAIN_SECRET' }] };
  berth = await startBerth({
    environment: {
      BERTH_WEBHOOKS_PRIVATE: 'on',
      BERTH_ENDPOINTS: JSON.stringify({ endpoints: [endpoint] }),
      CHAIN_SECRET: SECRET,
    },
  });
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  if (docker.kind === 'available') await docker.value.stop();
  await berth.discard();
  await receiver.close();
  await scratch.remove();
});

/** Each once, in the order of their arrival. */
function told(): EnvelopeEvent[] {
  return [...new Map(receiver.requests.flatMap(eventsOf).map((event) => [event.id, event])).values()];
}

function toldOf(action: string, repository: string, mediaType?: string): EnvelopeEvent[] {
  return told().filter(
    ({ action: one, target }) =>
      one === action && target.repository === repository && (mediaType === undefined || target.mediaType === mediaType),
  );
}

describe('a push by docker', () => {
  test('is told, blob by blob and then the manifest, and so are its pull, its mount and its deletes', async (context) => {
    const client = requireClient(context, 'docker', docker);
    const { base, derived } = imagesSharingLayers('events/chain');
    const host = new URL(berth.url).host;
    const first = `${host}/events/one:v1`;
    await client.load(base, first);
    const { manifestDigest } = await client.push(first);
    await receiver.until(() => toldOf('push', 'events/one', MANIFEST).length > 0);
    const [pushed] = toldOf('push', 'events/one', MANIFEST);
    expect(pushed?.target).toMatchObject({
      repository: 'events/one',
      digest: manifestDigest,
      tag: 'v1',
      url: `${berth.url}/v2/events/one/manifests/${manifestDigest}`,
    });
    const blobs = toldOf('push', 'events/one').filter(({ target }) => target.mediaType === 'application/octet-stream');
    expect(new Set(blobs.map(({ target }) => target.digest)).size).toBe(base.layers.length + 1);

    await client.forgetAll();
    await client.pull(first);
    await receiver.until(() =>
      toldOf('pull', 'events/one', MANIFEST).some(({ target }) => target.digest === manifestDigest),
    );

    const second = `${host}/events/two:v1`;
    await client.load(derived, second);
    await client.push(second);
    await receiver.until(() => toldOf('push', 'events/two', MANIFEST).length > 0);
    for (const { target } of toldOf('mount', 'events/two')) expect(target.fromRepository).toBe('events/one');

    const response = await fetch(`${berth.url}/v2/events/one/manifests/${manifestDigest}`, { method: 'DELETE' });
    expect(response.status).toBe(202);
    await receiver.until(() => toldOf('delete', 'events/one').some(({ target }) => target.tag === 'v1'));
    expect(toldOf('delete', 'events/one').map(({ target }) => target.tag ?? target.digest)).toEqual([
      manifestDigest,
      'v1',
    ]);

    expect(receiver.requests.filter(({ signatureProblem }) => signatureProblem !== undefined)).toEqual([]);
    expect(new Set(told().map(({ request }) => request.useragent.split(' ')[0]?.replace(/\/.*/, '')))).toContain(
      'docker',
    );
  });
});

describe('a mount', () => {
  test('is told with where it is from', async () => {
    const digest = await pushBlob('events/source', Buffer.from('mounted'));
    const path = `/v2/events/target/blobs/uploads/?mount=${digest}&from=events/source`;
    expect((await fetch(`${berth.url}${path}`, { method: 'POST' })).status).toBe(201);
    await receiver.until(() => toldOf('mount', 'events/target').length > 0);
    expect(toldOf('mount', 'events/target')[0]?.target).toMatchObject({ digest, fromRepository: 'events/source' });
  });
});

describe('the numbers of a repository', () => {
  test('count its events from 1, without a gap, also where the receiver fails and Berth is killed and started again', async () => {
    receiver.react = byTurns(answering(500), answering(200), answering(429, { 'retry-after': '1' }), answering(200));
    for (let blob = 0; blob < 5; blob += 1) await pushBlob('events/counted', Buffer.from(`blob ${String(blob)}`));
    await berth.killAll();
    berth = await berth.startAgain();
    for (let blob = 5; blob < 8; blob += 1) await pushBlob('events/counted', Buffer.from(`blob ${String(blob)}`));
    const numbers = (): unknown[] =>
      receiver.accepted
        .flatMap(eventsOf)
        .filter(({ target }) => target.repository === 'events/counted')
        .map((event) => event[ADDED]?.sequence);
    await receiver.until(() => new Set(numbers()).size >= 8);
    expect([...new Set(numbers())].toSorted((one, two) => Number(one) - Number(two))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    receiver.react = answering(200);
  });
});

async function pushBlob(repository: string, bytes: Buffer): Promise<string> {
  const digest = `sha256:${Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex')}`;
  const path = `/v2/${repository}/blobs/uploads/?digest=${digest}`;
  const { status } = await fetch(`${berth.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  expect(status).toBe(201);
  return digest;
}
