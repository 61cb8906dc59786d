/**
 * One token server, the same tokens, two registries: Berth and Debian's docker-registry (distribution 2.8.2) agree on what a
 * token opens. Where they do not, the difference stands in a table here, and in docs/token-server.md with its reason.
 */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { CATALOG, repository, type Access } from '../../outside-issuer.ts';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { startDistributionWith, type OutsideDistribution } from './outside-distribution.ts';
import { TokenServer, type TokenParts } from './token-server.ts';

const LIMIT_MS = 120_000;
const ABSENT = `sha256:${'0'.repeat(64)}`;
const UPLOAD = '00000000-0000-4000-8000-000000000000';

let server: TokenServer;
let berth: BerthProcess;
let found: Availability<OutsideDistribution>;
let urls: readonly [berth: string, distribution: string];
beforeAll(async () => {
  server = await TokenServer.start();
  // distribution looks at what a token brings, and verifies it by its bundle; Berth passes over that.
  const document = server.document({ ignoreEmbeddedKeys: true });
  berth = await startBerth({ environment: { BERTH_TOKEN_SERVER: document } });
  found = await startDistributionWith(server);
}, LIMIT_MS);
afterAll(async () => {
  if (found.kind === 'available') await found.value.stop();
  await berth.discard();
  await server.stop();
}, LIMIT_MS);
beforeEach((context: TestContext) => {
  urls = [berth.url, requireClient(context, 'docker-registry', found).url];
});

/** `opened`, or how it was refused. */
async function outcome(url: string, method: string, path: string, token: string | undefined): Promise<string> {
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    'content-type': 'application/vnd.oci.image.manifest.v1+json',
  };
  const body = ['PUT', 'PATCH'].includes(method) ? '{}' : null;
  const answer = await fetch(`${url}${path}`, { method, headers, body });
  await answer.body?.cancel();
  if (![401, 403].includes(answer.status)) return 'opened';
  const challenge = answer.headers.get('www-authenticate') ?? '';
  const [, error = 'no error'] = /,error="([a-z_]+)"/.exec(challenge) ?? [];
  const named = challenge.startsWith(`Bearer realm="${server.url}/token",service="registry.test"`);
  return `${String(answer.status)} ${error}${named ? '' : ' without the right challenge'}`;
}

async function both(method: string, path: string, token: string | undefined): Promise<[string, string]> {
  const [ours, theirs] = urls;
  return [await outcome(ours, method, path, token), await outcome(theirs, method, path, token)];
}

const REQUESTS: readonly (readonly [what: string, method: string, path: string])[] = [
  ['the base', 'GET', '/v2/'],
  ['the catalog', 'GET', '/v2/_catalog'],
  ['a manifest', 'GET', '/v2/team/app/manifests/latest'],
  ['a look at a manifest', 'HEAD', '/v2/team/app/manifests/latest'],
  ['a blob', 'GET', `/v2/team/app/blobs/${ABSENT}`],
  ['the tags', 'GET', '/v2/team/app/tags/list'],
  ['a push of a manifest', 'PUT', '/v2/team/app/manifests/latest'],
  ['a new upload', 'POST', '/v2/team/app/blobs/uploads/'],
  ['an upload that is gone on with', 'PATCH', `/v2/team/app/blobs/uploads/${UPLOAD}`],
  ['a look at an upload', 'GET', `/v2/team/app/blobs/uploads/${UPLOAD}`],
  ['an upload that is cancelled', 'DELETE', `/v2/team/app/blobs/uploads/${UPLOAD}`],
  ['a delete of a manifest', 'DELETE', `/v2/team/app/manifests/${ABSENT}`],
  ['a delete of a blob', 'DELETE', `/v2/team/app/blobs/${ABSENT}`],
  ['a mount', 'POST', `/v2/team/app/blobs/uploads/?mount=${ABSENT}&from=team/source`],
];

const TOKENS: readonly (readonly [what: string, access: readonly Access[]])[] = [
  ['nothing', []],
  ['pull', [repository('team/app', 'pull')]],
  ['push', [repository('team/app', 'push')]],
  ['pull and push', [repository('team/app', 'pull', 'push')]],
  ['delete', [repository('team/app', 'delete')]],
  ['pull, push and delete in two entries', [repository('team/app', 'pull', 'push'), repository('team/app', 'delete')]],
  ['everything', [repository('team/app', '*')]],
  [
    'pull and push, and pull of the source',
    [repository('team/app', 'pull', 'push'), repository('team/source', 'pull')],
  ],
  ['everything elsewhere', [repository('team', '*'), repository('team/app/x', '*'), repository('*', '*')]],
  ['the catalog', [CATALOG]],
  ['a kind that nobody knows', [{ type: 'chart', name: 'team/app', actions: ['*'] }]],
  ['a kind with a class', [{ type: 'repository(plugin)', name: 'team/app', actions: ['pull'] }]],
  ['no actions', [{ type: 'repository', name: 'team/app', actions: null }]],
];

type Told = readonly [berth: string, distribution: string];
const INSUFFICIENT = '401 insufficient_scope';
const ONLY_HERE: Told = ['opened', INSUFFICIENT];
const ONLY_THERE: Told = [INSUFFICIENT, 'opened'];

/** Of all pairs of a token and a request, those that are answered otherwise: a row of docs/token-server.md each. */
const DIFFERENCES: ReadonlyMap<string, Told> = new Map([
  // distribution asks whoever pushes for pull as well.
  ...pairs(
    ['push'],
    ['a push of a manifest', 'a new upload', 'an upload that is gone on with', 'a look at an upload', 'a mount'],
    ONLY_HERE,
  ),
  // An upload is its pusher's here: to look at it is a push, and to cancel it.
  ...pairs(['pull'], ['a look at an upload'], ONLY_THERE),
  ...pairs(
    ['push', 'pull and push', 'pull and push, and pull of the source'],
    ['an upload that is cancelled'],
    ONLY_HERE,
  ),
  ...pairs(['delete'], ['an upload that is cancelled'], ONLY_THERE),
  // A mount whose source may not be read is an upload here.
  ...pairs(['pull and push', 'pull, push and delete in two entries', 'everything'], ['a mount'], ONLY_HERE),
  // distribution takes the class for a part of the kind.
  ...pairs(['a kind with a class'], ['a manifest', 'a look at a manifest', 'a blob', 'the tags'], ONLY_HERE),
]);

function pairs(tokens: readonly string[], requests: readonly string[], told: Told): [string, Told][] {
  return tokens.flatMap((token) => requests.map((request): [string, Told] => [`${token}: ${request}`, told]));
}

describe('a token', { timeout: LIMIT_MS }, () => {
  test.each(TOKENS)('for %s opens the same at both, but for the differences that are listed', async (what, access) => {
    const token = server.token(access);
    for (const [request, method, path] of REQUESTS) {
      const told = await both(method, path, token);
      const difference = DIFFERENCES.get(`${what}: ${request}`);
      if (difference === undefined) expect(told[0], `${what}: ${request}`).toBe(told[1]);
      else expect(told, `${what}: ${request}`).toEqual(difference);
    }
  });

  test('that is none opens nothing at either', async () => {
    for (const [request, method, path] of REQUESTS)
      expect(await both(method, path, undefined), request).toEqual(['401 no error', '401 no error']);
  });

  const seconds = () => Math.floor(Date.now() / 1_000);
  const PULL = [repository('team/app', 'pull')];
  test.each<[what: string, parts: () => TokenParts, told: string]>([
    ['by the fingerprint of its key', () => ({}), 'opened'],
    ['with its certificate', () => ({ header: { x5c: server.x5c } }), 'opened'],
    ['with its certificate and no name of its key', () => ({ header: { x5c: server.x5c, kid: undefined } }), 'opened'],
    ['that says no time but its end', () => ({ claims: { nbf: undefined, iat: undefined, jti: undefined } }), 'opened'],
    ['that ended half a minute ago', () => ({ claims: { exp: seconds() - 30 } }), 'opened'],
    ['that begins in half a minute', () => ({ claims: { nbf: seconds() + 30 } }), 'opened'],
    ['of nobody', () => ({ sub: '' }), 'opened'],
    ['that ended long ago', () => ({ claims: { exp: seconds() - 90 } }), '401 invalid_token'],
    ['that never ends', () => ({ claims: { exp: undefined } }), '401 invalid_token'],
    ['that begins later', () => ({ claims: { nbf: seconds() + 90 } }), '401 invalid_token'],
    ['for another service', () => ({ claims: { aud: 'other' } }), '401 invalid_token'],
    ['for no service', () => ({ claims: { aud: undefined } }), '401 invalid_token'],
    ['by another issuer', () => ({ claims: { iss: 'other' } }), '401 invalid_token'],
    ['of an unknown key', () => ({ header: { kid: 'other' } }), '401 invalid_token'],
    ['by another algorithm than it says', () => ({ header: { alg: 'RS384' } }), '401 invalid_token'],
    ['without an algorithm', () => ({ header: { alg: 'none' } }), '401 invalid_token'],
    ['with access that is none', () => ({ claims: { access: 'team/app' } }), '401 invalid_token'],
  ])('%s is answered the same by both', async (_, parts, told) => {
    const [ours, theirs] = await both('GET', '/v2/team/app/manifests/latest', server.token(PULL, parts()));
    expect(ours).toBe(told);
    expect(theirs).toBe(told);
  });

  test('for several services is for each of them here, and for none at distribution 2', async () => {
    const token = server.token(PULL, { claims: { aud: ['other', 'registry.test'] } });
    expect(await both('GET', '/v2/team/app/manifests/latest', token)).toEqual(['opened', '401 invalid_token']);
  });

  test('whose claims were changed is refused by both', async () => {
    const [header, , signature] = server.token(PULL).split('.');
    const [, payload] = server.token([repository('team/app', '*')]).split('.');
    const token = `${String(header)}.${String(payload)}.${String(signature)}`;
    expect(await both('GET', '/v2/team/app/manifests/latest', token)).toEqual([
      '401 invalid_token',
      '401 invalid_token',
    ]);
  });

  test('with a key of its own is refused by both, whichever key signed it (CVE-2025-24976)', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const jwk = publicKey.export({ format: 'jwk' });
    const header = { jwk: { ...jwk, kid: 'other' }, kid: 'other' };
    expect(await both('GET', '/v2/team/app/manifests/latest', server.token(PULL, { header }))).toEqual([
      '401 invalid_token',
      '401 invalid_token',
    ]);
  });
});
