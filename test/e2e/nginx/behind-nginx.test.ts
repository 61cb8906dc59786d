/** The documented nginx file with a real nginx: docker through it, and what somebody may try who stands before it. */
import { createWriteStream, readdirSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { failure } from '../access/failure.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { runCommand } from '../clients/command.ts';
import { startDockerEngine, type DockerEngine } from '../clients/docker-daemon.ts';
import { parseJson } from '../clients/image-files.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { tarOf } from '../clients/tar.ts';
import { largeBody } from '../proxy/large-body.ts';
import { startNginx, type Nginx } from './nginx-process.ts';

const LAYER_BYTES = 300_000_000;
const TEST_LIMIT_MS = 240_000;
const SECRET = 'b'.repeat(64);
const PEOPLE = { alice: 'wonderland', bob: 'builder' };
const POLICY = {
  rules: [
    { name: 'team', subjects: ['proxy:alice'], repositories: ['team/**'], actions: ['*'] },
    { name: 'readers', subjects: ['proxy:bob'], repositories: ['team/**'], actions: ['pull'], message: 'ask alice' },
  ],
};

let scratch: Scratch;
let berth: BerthProcess;
let nginx: Availability<Nginx>;
let engine: Availability<DockerEngine>;
beforeAll(async () => {
  scratch = makeScratch();
  const policy = join(scratch.folder('files'), 'policy.json');
  writeFileSync(policy, JSON.stringify(POLICY));
  berth = await startBerth({ policy, environment: { BERTH_PROXY_SECRET: SECRET } });
  nginx = await startNginx(scratch, { port: berth.port, secret: SECRET, people: PEOPLE });
  engine = await startDockerEngine(scratch);
}, TEST_LIMIT_MS);
afterAll(async () => {
  if (engine.kind === 'available') await engine.value.stop();
  if (nginx.kind === 'available') await nginx.value.stop();
  await berth.discard();
  await scratch.remove();
}, TEST_LIMIT_MS);

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Through nginx, whose certificate is this test's own. */
async function ask(
  { host }: Nginx,
  method: string,
  path: string,
  headers: Readonly<Record<string, string | string[]>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(`https://${host}${path}`, { method, headers, rejectUnauthorized: false }, (answer) => {
      text(answer).then((body) => {
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      }, reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const basic = (name: keyof typeof PEOPLE, password: string = PEOPLE[name]) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
});

describe('behind nginx', { timeout: TEST_LIMIT_MS }, () => {
  test('docker signs in, and pushes and pulls a layer of 300 MB, none of which nginx keeps', async (context) => {
    const { host, folder: nginxFolder } = requireClient(context, 'nginx', nginx);
    const { env } = requireClient(context, 'docker', engine);
    const docker = (...words: string[]) => runCommand('docker', words, { env, limitMs: TEST_LIMIT_MS });
    const diffIds = async (name: string) =>
      v.parse(
        v.array(v.string()),
        parseJson((await docker('image', 'inspect', '--format', '{{json .RootFS.Layers}}', name)).stdout),
      );
    const login = (name: string, password: string) => docker('login', '--username', name, '--password', password, host);
    const folder = scratch.folder('layer');
    await finished(
      largeBody('nginx', LAYER_BYTES)
        .stream()
        .pipe(createWriteStream(join(folder, 'content'))),
    );
    const archive = join(scratch.folder('files'), 'layer.tar');
    await runCommand('tar', ['-c', '-f', archive, '-C', folder, '.'], { env: scratch.env });
    const image = `${host}/team/large:1`;
    await docker('import', archive, image);
    const pushed = await diffIds(image);

    // Of a registry on this machine docker then tries plain http, and shows what became of that.
    expect(await failure(login('alice', 'wrong'))).toMatch(/login attempt to .* failed with status/);
    await login('alice', PEOPLE.alice);
    await docker('push', image);
    await docker('image', 'rm', '--force', image);
    await login('bob', PEOPLE.bob);
    await docker('pull', image);
    expect(await diffIds(image)).toEqual(pushed);
    expect(await failure(docker('push', image))).toContain('denied: ask alice');

    const kept = readdirSync(join(nginxFolder, 'temporary'), { recursive: true, withFileTypes: true });
    expect(kept.filter((entry) => entry.isFile())).toEqual([]);
  });

  test('a wrong password is refused by nginx, and Berth hears nothing of it', async (context) => {
    const front = requireClient(context, 'nginx', nginx);
    const before = berth.lines.length;
    for (const headers of [{}, basic('alice', 'wrong')]) {
      const { status, headers: told } = await ask(front, 'GET', '/v2/', headers);
      expect(status).toBe(401);
      expect(told['www-authenticate']).toBe('Basic realm="Berth"');
      expect(told['server']).toMatch(/^nginx/);
      expect(told['docker-distribution-api-version']).toBe('registry/2.0');
      expect(told).not.toHaveProperty('x-request-id');
    }
    const answered = await ask(front, 'GET', '/v2/', basic('alice'));
    // Berth says it as well, and clients see it once.
    expect(answered.headers['docker-distribution-api-version']).toBe('registry/2.0');
    await berth.run.waitFor(({ id }) => id === answered.headers['x-request-id'], { from: before });
    expect(berth.lines.slice(before).filter(({ event }) => event === 'request')).toHaveLength(1);
  });

  test('whoever may not is refused by Berth, with 403 and no challenge', async (context) => {
    const front = requireClient(context, 'nginx', nginx);
    const { status, headers, body } = await ask(front, 'POST', '/v2/team/app/blobs/uploads/', basic('bob'));
    expect(status).toBe(403);
    expect(headers).not.toHaveProperty('www-authenticate');
    expect(JSON.parse(body)).toEqual({ errors: [{ code: 'DENIED', message: 'ask alice' }] });
  });

  test('Berth knows the address by which clients came, and where they are', async (context) => {
    const front = requireClient(context, 'nginx', nginx);
    const said = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.example', 'x-forwarded-for': '192.0.2.1' };
    const { status, headers } = await ask(front, 'POST', '/v2/team/app/blobs/uploads/', { ...basic('alice'), ...said });
    expect(status).toBe(202);
    expect(headers['location']).toMatch(new RegExp(`^https://${front.host}/v2/team/app/blobs/uploads/`));
  });

  test('forged words of the proxy are ignored, before nginx and past it', async (context) => {
    const front = requireClient(context, 'nginx', nginx);
    const before = berth.lines.length;
    const push = ['POST', '/v2/team/app/blobs/uploads/'] as const;
    for (const forged of [
      { 'X-Berth-User': 'alice' },
      { 'X-Berth-User': ['alice', 'alice'], 'X-Berth-Proxy-Secret': 'x'.repeat(64) },
      { 'x-berth-user': 'alice', 'X-BERTH-PROXY-SECRET': [SECRET.toUpperCase(), 'y'] },
      { X_Berth_User: 'alice', Connection: 'X-Berth-User, X-Berth-Proxy-Secret' },
    ]) {
      expect((await ask(front, ...push, { ...basic('bob'), ...forged })).status).toBe(403);
      expect((await ask(front, ...push, forged)).status).toBe(401);
    }
    for (const secret of [undefined, '', 'x'.repeat(64), `${SECRET}, ${SECRET}`]) {
      const headers = { 'X-Berth-User': 'alice', ...(secret === undefined ? {} : { 'X-Berth-Proxy-Secret': secret }) };
      const direct = await fetch(`${berth.url}${push[1]}`, { method: 'POST', headers });
      expect(direct.status).toBe(401);
      await direct.body?.cancel();
    }
    const told = await berth.run.waitFor(({ proxy }) => proxy === 'wrong secret', { from: before });
    expect(told).toMatchObject({ event: 'request', status: 401 });
    // The line of a request is info, which --quiet leaves out.
    const warned = await berth.run.waitFor(({ event }) => event === 'wrong proxy secret', { from: before });
    expect(warned.level).toBe('warn');
  });

  test('the secret stands in no log', (context) => {
    const front = requireClient(context, 'nginx', nginx);
    expect(berth.run.output.join('\n')).not.toContain(SECRET);
    expect(front.accessLog()).toContain('/v2/');
    expect(front.accessLog()).not.toContain(SECRET);
  });

  test('docker is told once that a registry is read-only, and pulls from it', async (context) => {
    const { host } = requireClient(context, 'nginx', nginx);
    const { env } = requireClient(context, 'docker', engine);
    const docker = (...words: string[]) => runCommand('docker', words, { env });
    const image = `${host}/team/small:1`;
    const archive = join(scratch.folder('files'), 'small.tar');
    writeFileSync(archive, tarOf([{ name: 'small', content: Buffer.from('small') }]));
    await docker('import', archive, image);
    await docker('login', '--username', 'alice', '--password', PEOPLE.alice, host);
    await docker('push', image);

    await berth.stop();
    berth = await berth.startAgain({ environment: { BERTH_PROXY_SECRET: SECRET, BERTH_READ_ONLY: 'on' } });
    await docker('import', '--change', 'LABEL again=yes', archive, image);
    expect(await failure(docker('push', image))).toContain('unsupported: this registry is read-only just now');
    const refused = berth.lines.filter(({ event, status }) => event === 'request' && status === 405);
    expect(refused).toHaveLength(1);
    await docker('pull', image);
  });
});
