/**
 * examples/deploy-on-push, whole: a client pushes to a Berth, whose webhook replaces a real container. Then the receiver alone,
 * with messages that the test signs, true ones and forged ones.
 */
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { startPodman, type ContainersStorageClient } from '../clients/podman-client.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';

import { DeployedService, runningPodman, shellContext } from './deployed-service.ts';

const TEST_LIMIT_MS = 180_000;
const KEYS = [Buffer.alloc(32, 5), Buffer.alloc(32, 6)] as const;
const SECRET = `whsec_${KEYS[0].toString('base64')}`;
/** It ends at once where it is asked to: the first process of a container gets no signal that it does not look for. */
const SERVES = (version: number): string =>
  `trap 'exit 0' TERM; echo version ${String(version)}; while :; do sleep 1; done`;

/** An engine of a machine that does not let it start a container, until the file `allowed` is beside it. */
const REFUSED_ENGINE = `#!/bin/sh
case "$1" in
  run) test -e "$(dirname "$0")/allowed" || {
    echo 'Error: crun: setrlimit \`RLIMIT_NOFILE\`: Operation not permitted: OCI permission denied' >&2
    exit 126
  } ;;
  inspect) echo true ;;
  version) echo 1 ;;
esac
`;

let scratch: Scratch;
let pusher: Availability<ContainersStorageClient>;
let engine: Availability<readonly string[]>;
let berth: BerthProcess;
let port: number;
let service: DeployedService | undefined;

beforeAll(async () => {
  scratch = makeScratch();
  pusher = await startPodman(scratch);
  engine = await runningPodman(scratch, await shellContext(scratch, 'probe', 'exit 0'));
  port = await freePort();
  const endpoint = {
    name: 'deploy',
    url: `http://127.0.0.1:${String(port)}/hook`,
    signingSecrets: [{ binding: 'DEPLOY_WEBHOOK_SECRET' }],
    events: ['manifest.push'],
    repositories: ['team/app'],
    tags: ['latest'],
    order: 'repository',
  };
  berth = await startBerth({
    environment: {
      BERTH_WEBHOOKS_PRIVATE: 'on',
      BERTH_ENDPOINTS: JSON.stringify({ endpoints: [endpoint] }),
      DEPLOY_WEBHOOK_SECRET: SECRET,
    },
  });
}, PREPARATION_LIMIT_MS);

afterEach(async () => {
  await service?.kill();
  await service?.removeContainers();
  service = undefined;
});

afterAll(async () => {
  await berth.discard();
  await scratch.remove();
}, PREPARATION_LIMIT_MS);

const host = (): string => new URL(berth.url).host;

async function push(client: ContainersStorageClient, repository: string, name: string, script: string) {
  const reference = `${host()}/${repository}:latest`;
  await client.run('build', '--quiet', '--tag', reference, await shellContext(scratch, name, script));
  return (await client.push(reference)).manifestDigest;
}

async function serve(words: readonly string[], repository: string, environment: Record<string, string> = {}) {
  const options = { engine: words, registry: host(), repository, secret: SECRET, environment };
  service = await DeployedService.start(scratch, options);
  return service;
}

/** A message of Berth's, as it would be signed. */
interface Message {
  readonly id: string;
  readonly digest: string;
  readonly sequence: number;
  readonly repository: string;
}

function bodyOf({ id, digest, sequence, repository }: Message): string {
  const event = {
    id,
    timestamp: new Date().toISOString(),
    action: 'push',
    target: { repository, tag: 'latest', digest },
    berth: { version: 1, incarnation: 'one', sequence },
  };
  return JSON.stringify({ events: [event] });
}

function headersOf(body: string, keys: readonly Buffer[], seconds = Math.floor(Date.now() / 1_000)) {
  const sign = (key: Buffer): string =>
    `v1,${createHmac('sha256', key)
      .update(`msg_1.${String(seconds)}.${body}`)
      .digest('base64')}`;
  return {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(seconds),
    'webhook-signature': keys.map(sign).join(' '),
  };
}

async function send(url: string, body: string, headers: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body, headers });
  return `${String(response.status)} ${(await response.text()).trim()}`;
}

describe('a push', { timeout: TEST_LIMIT_MS }, () => {
  test('replaces the container that runs, unless the new one does not come up', async (context) => {
    const client = requireClient(context, 'podman', pusher);
    const words = requireClient(context, 'podman run', engine);
    const deployed = await serve(words, 'team/app', {
      DEPLOY_PORT: String(port),
      DEPLOY_CHECK: `${words.join(' ')} logs $CONTAINER | grep -q version`,
      DEPLOY_UP_SECONDS: '60',
    });
    const first = await push(client, 'team/app', 'v1', SERVES(1));
    await deployed.line('deployed', { digest: first });
    expect(await deployed.running()).toEqual(['version 1']);

    const second = await push(client, 'team/app', 'v2', SERVES(2));
    await deployed.line('deployed', { digest: second });
    expect(await deployed.running()).toEqual(['version 2']);

    const third = await push(client, 'team/app', 'v3', 'echo no; exit 3');
    await deployed.line('did not come up', { digest: third });
    expect(await deployed.running()).toEqual(['version 2']);
    expect((await deployed.podman('ps', '--all', '--format', '{{.Names}}')).trim().split('\n')).toHaveLength(1);
  });
});

describe('the receiver', { timeout: TEST_LIMIT_MS }, () => {
  test('deploys an event once, leaves out what a newer one has followed, and knows it after a crash', async (context) => {
    const client = requireClient(context, 'podman', pusher);
    const words = requireClient(context, 'podman run', engine);
    const repository = 'team/alone';
    let deployed = await serve(words, repository);
    const digest = await push(client, repository, 'alone', SERVES(1));
    const message = bodyOf({ id: 'second', digest, sequence: 2, repository });
    expect(await send(deployed.url, message, headersOf(message, [KEYS[0]]))).toMatch(
      /^(200 deployed|202 written down)$/,
    );
    await deployed.line('deployed', { id: 'second' });
    const containers = await deployed.podman('ps', '--quiet');

    expect(await send(deployed.url, message, headersOf(message, [KEYS[0]]))).toBe('200 deployed');
    const older = bodyOf({ id: 'first', digest: `sha256:${'0'.repeat(64)}`, sequence: 1, repository });
    expect(await send(deployed.url, older, headersOf(older, [KEYS[0]]))).toBe('200 a newer push has followed');

    await deployed.kill();
    deployed = await serve(words, repository);
    expect(await send(deployed.url, message, headersOf(message, [KEYS[1], KEYS[0]]))).toBe('200 deployed');
    expect(await deployed.podman('ps', '--quiet')).toBe(containers);
  });

  test('goes on with a deployment that a crash broke off', async (context) => {
    const client = requireClient(context, 'podman', pusher);
    const words = requireClient(context, 'podman run', engine);
    const repository = 'team/broken-off';
    let deployed = await serve(words, repository, { DEPLOY_CHECK: 'false', DEPLOY_UP_SECONDS: '600' });
    const digest = await push(client, repository, 'broken-off', SERVES(1));
    const message = bodyOf({ id: 'only', digest, sequence: 1, repository });
    // The check never succeeds: the answer is that of a deployment which takes long.
    expect(await send(deployed.url, message, headersOf(message, [KEYS[0]]))).toBe('202 written down');
    await deployed.kill();
    deployed = await serve(words, repository);
    await deployed.line('deployed', { id: 'only' });
    expect(await deployed.running()).toEqual(['version 1']);
  });

  test('tries again what the engine was not allowed to start: that is no fault of the image', async () => {
    const folder = scratch.folder('refused');
    const engineFile = join(folder, 'engine');
    writeFileSync(engineFile, REFUSED_ENGINE, { mode: 0o755 });
    const repository = 'team/refused';
    const deployed = await serve([engineFile], repository, { DEPLOY_UP_SECONDS: '0' });
    const body = bodyOf({ id: 'refused', digest: `sha256:${'0'.repeat(64)}`, sequence: 1, repository });
    expect(await send(deployed.url, body, headersOf(body, [KEYS[0]]))).toBe('202 written down');
    await deployed.line('deployment failed', { id: 'refused' });
    writeFileSync(join(folder, 'allowed'), '');
    await deployed.line('deployed', { id: 'refused' });
  });

  test('takes no message that is forged, old, too long, or no message, and deploys nothing', async (context) => {
    const words = requireClient(context, 'podman run', engine);
    const repository = 'team/forged';
    const { url, lines } = await serve(words, repository);
    const body = bodyOf({ id: 'forged', digest: `sha256:${'0'.repeat(64)}`, sequence: 9, repository });
    const now = Math.floor(Date.now() / 1_000);
    const signed = headersOf(body, [KEYS[0]]);
    expect(await send(url, body, headersOf(body, [KEYS[1]]))).toBe('401 its signature is wrong');
    expect(await send(url, body.replace('forged', 'forgot'), signed)).toBe('401 its signature is wrong');
    expect(await send(url, body, { ...signed, 'webhook-id': 'msg_2' })).toBe('401 its signature is wrong');
    for (const seconds of [now - 400, now + 400])
      expect(await send(url, body, headersOf(body, [KEYS[0]], seconds))).toMatch(/^401 it was not signed in the last/);
    expect(await send(url, body, {})).toBe('401 it is not signed');
    expect(await send(url, 'x'.repeat(1024 * 1024 + 1), {}).catch(() => '413')).toMatch(/^413/);
    expect(await send(url, '[]', headersOf('[]', [KEYS[0]]))).toBe('400 it is no envelope of events');
    const elsewhere = bodyOf({ id: 'a', digest: `sha256:${'0'.repeat(64)}`, sequence: 9, repository: 'team/other' });
    expect(await send(url, elsewhere, headersOf(elsewhere, [KEYS[0]]))).toBe('200 nothing to deploy');
    const option = bodyOf({ id: 'b', digest: '--privileged', sequence: 9, repository });
    expect(await send(url, option, headersOf(option, [KEYS[0]]))).toBe('200 nothing to deploy');
    expect(lines.filter(({ event }) => event === 'wanted')).toEqual([]);
  });
});
