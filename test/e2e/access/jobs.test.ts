/** CI jobs without a stored secret: real clients sign in with the token of an issuer, and with the credential that it is exchanged for. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import * as v from 'valibot';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { refusal } from '../berths.ts';
import { requireClient, unavailable, type Availability } from '../clients/client.ts';
import { startAllClients, type RunningClients } from '../clients/clients.ts';
import { CommandFailure, runCommand } from '../clients/command.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { makeScratch } from '../clients/scratch.ts';
import { failure } from './failure.ts';
import { TokenIssuer } from './token-issuer.ts';

const TEST_LIMIT_MS = 240_000;
/** What people build with in a job. */
const NAMES = ['docker', 'podman', 'buildah', 'skopeo'];
const PAGE = join(import.meta.dirname, '../../../docs/workload-identity.md');
const POLICY = JSON.stringify({
  rules: [
    {
      ...{ name: 'main', subjects: ['workload:github'], repositories: ['{claim:repository}', '{claim:repository}/**'] },
      ...{ actions: ['pull', 'push'], when: { claims: { ref: ['refs/heads/main', 'refs/tags/*'] } } },
      message: 'only the main branch and tags push here',
    },
    { name: 'every job looks', subjects: ['workload:github'], repositories: ['acme/**'], actions: ['pull'] },
  ],
});

let issuer: TokenIssuer;
let berth: BerthProcess;
let clients: RunningClients;
const host = () => `127.0.0.1:${String(berth.port)}`;
const audience = () => `https://${host()}`;
const trusts = (claims: object) =>
  JSON.stringify({ trusts: [{ name: 'github', issuer: issuer.url, audience: audience(), claims }] });

beforeAll(async () => {
  clients = await startAllClients();
  issuer = await TokenIssuer.start();
  berth = await startBerth();
  // Its address is known once it has a port.
  await berth.stop();
  berth = await berth.startAgain({
    environment: {
      BERTH_POLICY: POLICY,
      BERTH_TRUSTS: trusts({ repository_owner_id: '7' }),
      BERTH_PUBLIC_URL: berth.url,
    },
  });
}, TEST_LIMIT_MS);
afterAll(async () => {
  await clients.stop();
  await berth.discard();
  await issuer.stop();
}, TEST_LIMIT_MS);

/** As docs/workload-identity.md has it. */
function exchange(token: string): Promise<Response> {
  return fetch(`${berth.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      subject_token: token,
    }),
  });
}

async function credential(token: string): Promise<string> {
  const response = await exchange(token);
  if (response.status !== 200) throw new Error(`${String(response.status)}: ${await response.text()}`);
  return v.parse(v.object({ access_token: v.string() }), await response.json()).access_token;
}

describe('a job', () => {
  test.for(NAMES.flatMap((name) => (['token', 'credential'] as const).map((way) => ({ name, way }))))(
    'signs in with $name by its $way, pushes and pulls',
    { timeout: TEST_LIMIT_MS },
    async ({ name, way }, context) => {
      const client = requireClient(context, name, clients.get(name));
      const token = await issuer.token(audience());
      const password = way === 'token' ? token : await credential(token);
      // Its own repository, and one below it.
      const reference = `${host()}/acme/app${way === 'token' ? '' : '/image'}:${name}`;
      const image = imagesSharingLayers(`jobs/${name}/${way}`).base;
      await client.load(image, reference);
      await client.login(host(), { kind: 'password', name: 'github', password });
      onTestFinished(() => client.logout(host()));
      const { manifestDigest } = await client.push(reference);
      await client.forgetAll();
      expect(await client.pull(reference)).toMatchObject({ manifestDigest, configDigest: image.config.digest });
    },
  );

  test.for(NAMES)(
    'of another branch hears from %s what the rule says, and one of another tenant does not come in',
    { timeout: TEST_LIMIT_MS },
    async (name, context) => {
      const client = requireClient(context, name, clients.get(name));
      const stranger = await issuer.token(audience(), { repository_owner_id: '77' });
      expect(await failure(client.login(host(), { kind: 'password', name: 'github', password: stranger }))).toMatch(
        /this token of a job is not valid here|invalid username\/password/,
      );
      const feature = { ref: 'refs/heads/feature', sub: 'repo:acme/app:ref:refs/heads/feature' };
      await client.login(host(), {
        kind: 'password',
        name: 'github',
        password: await credential(await issuer.token(audience(), feature)),
      });
      onTestFinished(() => client.logout(host()));
      const reference = `${host()}/acme/app/${name}-feature:v1`;
      await client.load(imagesSharingLayers(`jobs/${name}/feature`).base, reference);
      expect(await failure(client.push(reference))).toContain('denied: only the main branch and tags push here');
    },
  );

  test('of which nothing but who it is stands in the log', async () => {
    const token = await issuer.token(audience(), { sub: 'repo:acme/app:environment:logged' });
    const from = berth.lines.length;
    const made = await credential(token);
    const line = await berth.run.waitFor(({ event }) => event === 'audit', { from });
    expect(line).toMatchObject({
      ...{ action: 'job credential made', proof: 'id-token', trust: 'github', issuer: issuer.url },
      actor: 'workload:github:repo:acme/app:environment:logged',
    });
    const said = berth.run.output.join('\n');
    for (const secret of [token, made]) for (const part of secret.split('.').slice(1)) expect(said).not.toContain(part);
  });

  test('whose issuer is gone goes on with the keys that are known', async () => {
    const other = await TokenIssuer.start();
    const both = {
      trusts: [
        { name: 'here', issuer: issuer.url, audience: audience(), claims: { repository_owner_id: '7' } },
        { name: 'gone', issuer: other.url, audience: audience(), claims: { repository_owner_id: '7' } },
      ],
    };
    const second = await startBerth({ environment: { BERTH_POLICY: POLICY, BERTH_TRUSTS: JSON.stringify(both) } });
    onTestFinished(() => second.discard());
    const base = async (name: string, by: TokenIssuer) => {
      const password = await by.token(audience());
      const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
      return (await fetch(`${second.url}/v2/`, { headers: { authorization } })).status;
    };
    expect(await base('gone', other)).toBe(200);
    await other.stop();
    expect(await base('gone', other)).toBe(200);
    expect(await base('here', issuer)).toBe(200);
  });
});

/** Programs that the page's script runs, but for docker. */
async function scriptPrograms(env: Readonly<Record<string, string>>): Promise<Availability<undefined>> {
  try {
    for (const program of ['bash', 'curl', 'jq', 'skopeo']) await runCommand(program, ['--version'], { env });
    return { kind: 'available', value: undefined };
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable('a program is missing', error);
    throw error;
  }
}

test(
  'the script of docs/workload-identity.md for GitHub Actions signs a job in',
  { timeout: TEST_LIMIT_MS },
  async (context) => {
    const scratch = makeScratch();
    onTestFinished(() => scratch.remove());
    requireClient(context, 'the script of the page', await scriptPrograms(scratch.env));
    const [, indented = ''] = /^ {4}run: \|\n((?: {6}.*\n)+)/m.exec(readFileSync(PAGE, 'utf8')) ?? [];
    // There is no TLS here, and docker would need a daemon.
    const script = indented.replace('"https://$REGISTRY/token"', '"http://$REGISTRY/token"');
    expect(script).toContain('http://$REGISTRY/token');
    const programs = scratch.folder('bin');
    writeFileSync(join(programs, 'docker'), '#!/bin/sh\nshift\nexec skopeo login --tls-verify=false "$@"\n', {
      mode: 0o755,
    });
    const env = {
      ...scratch.env,
      ...issuer.actions,
      PATH: `${programs}${delimiter}${scratch.env['PATH'] ?? ''}`,
      REGISTRY: host(),
      REGISTRY_AUTH_FILE: join(scratch.folder('auth'), 'auth.json'),
    };
    const { output } = await runCommand('bash', ['-e', '-c', script], { env });
    expect(output).toMatch(/^::add-mask::eyJ.*\nLogin Succeeded!/);
  },
);

test('a trust without a tenant ends the start with code 2, its path and reason', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-trusts-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'trusts.json');
  writeFileSync(file, trusts({ repository: '*' }));
  const { code, said } = await refusal({ words: ['--port', '0', '--data', join(folder, 'data'), '--trusts', file] });
  expect(code).toBe(2);
  expect(said.join('\n')).toContain(`trusts ${file}: trusts[0].claims must name whose jobs are meant`);
});
