/** What does not open the admin API, nor somebody else's tokens. */
import { generateKeyPair, SignJWT } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { ROUTES, type Method, type Route } from '../../../src/http/routes.ts';
import { sendWith, type Settings } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { objects } from '../world.ts';
import { admin, ADMIN, ask, basic, bearer, newAccount, newToken, PASSWORD, SETTINGS } from './administration.ts';
import { newSecret } from './people.ts';

const CASES = ROUTES.filter(({ right }) => right === 'admin').flatMap((route) =>
  [route.method].flat().map((method: Method) => ({ route, method, label: `${method} ${route.path}` })),
);
const pathOf = ({ path }: Route) =>
  path.replace(':account', 'root').replace(':robot', 'none').replace(':token', 'none');

/** Sends a request of every route of the admin API, and expects it to be refused. */
async function expectClosed(
  headers: Record<string, string>,
  settings: Settings = {},
  status: number[] = [401],
): Promise<void> {
  for (const { route, method, label } of CASES) {
    const sent = { headers, ...(method === 'GET' || method === 'HEAD' ? {} : { body: '{}' }) };
    const response = await sendWith({ ...SETTINGS, ...settings }, method, pathOf(route), sent);
    await response.body?.cancel();
    expect(status, label).toContain(response.status);
  }
}

let password: string;
let opening: { id: string; token: string };
beforeAll(async () => {
  password = await newAccount('root', { administrator: true });
  opening = await newToken('root', { administrator: true });
});

describe('the admin API', () => {
  it('is opened by the admin password, as a user and as a Bearer token, and by an administrator’s token', async () => {
    const settings = { BERTH_ADMIN_PASSWORD: 'a-password-of-token-characters' };
    expect((await ask(bearer('a-password-of-token-characters'), 'GET', '/admin/accounts', { settings })).status).toBe(
      200,
    );
    for (const authorization of [ADMIN, bearer(opening.token), basic('root', opening.token)])
      expect((await ask(authorization, 'GET', '/admin/accounts')).status).toBe(200);
  });

  it.each(['none', 'read', 'read-write'])(
    'is closed to nobody in particular, with BERTH_ANONYMOUS=%s',
    async (anonymous) => {
      await expectClosed({}, { BERTH_ANONYMOUS: anonymous });
    },
  );

  it('makes no token for itself with such a token, which would outlive it', async () => {
    const path = '/admin/accounts/root/tokens';
    const refused = await ask(bearer(opening.token), 'POST', path, { body: { administrator: true } });
    expect(refused.status).toBe(403);
    expect((await ask(bearer(opening.token), 'POST', path, { body: { description: 'plain' } })).status).toBe(201);
  });

  it('is not open on loopback', async () => {
    await expectClosed({ host: '127.0.0.1:8787' }, { BERTH_OPEN_LOOPBACK: 'on', BERTH_ANONYMOUS: 'read-write' });
  });

  it('takes no token of the token endpoint, whoever signed it and whatever it says (CVE-2026-123710)', async () => {
    const { signingKey } = (await objects.accounts().snapshot()).result;
    const key = await crypto.subtle.importKey(
      'jwk',
      { ...signingKey.jwk, kty: 'EC' },
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['sign'],
    );
    const { privateKey } = await generateKeyPair('ES256');
    for (const [kid, signer] of [
      [signingKey.kid, key],
      ['other', privateKey],
    ] as const) {
      const token = await new SignJWT({
        access: [{ type: 'registry', name: 'catalog', actions: ['*'] }],
        opensAdmin: true,
      })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setSubject('user:root')
        .setAudience('admin')
        .setExpirationTime('5m')
        .sign(signer);
      await expectClosed({ authorization: bearer(token) });
      await expectClosed({ authorization: basic('root', token) });
      await expectClosed({ authorization: basic('admin', token) });
    }
  });

  it('takes nothing else that somebody may have', async () => {
    const plain = await newToken('root');
    const refresh = 'berth_rt_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa62a7vyi';
    for (const authorization of [
      basic('root', password),
      basic('admin', password),
      bearer(password),
      basic('root', PASSWORD),
      basic('', PASSWORD),
      basic('admin', ''),
      basic('admin', PASSWORD.toUpperCase()),
      basic('admin', `${PASSWORD} `),
      basic('admin', PASSWORD.slice(1)),
      basic('other', opening.token),
      bearer(refresh),
      bearer('undefined'),
      'Basic',
      'Bearer',
      `Digest ${opening.token}`,
      `Basic ${'A'.repeat(20_000)}`,
    ])
      await expectClosed({ authorization });
    await expectClosed({ authorization: bearer(plain.token) }, {}, [403]);
  });

  it('is closed to everybody where no password is set, but to an administrator’s token', async () => {
    const settings = { BERTH_ADMIN_PASSWORD: undefined };
    for (const authorization of [ADMIN, basic('admin', ''), basic('admin', 'undefined'), bearer('undefined')])
      await expectClosed({ authorization }, settings);
    expect((await ask(bearer(opening.token), 'GET', '/admin/accounts', { settings })).status).toBe(200);
  });

  it('does not start with a password of fewer than 16 characters', async () => {
    const settings = { BERTH_ADMIN_PASSWORD: 'fifteen letters' };
    const answer = await ask(basic('admin', 'fifteen letters'), 'GET', '/admin/accounts', { settings });
    expect(answer.status).toBe(503);
    expect(answer.text).not.toContain('fifteen');
  });

  it('is closed at once to a token that is revoked, or whose owner is no administrator or disabled now', async () => {
    for (const [name, close] of [
      ['gone', (id: string) => admin('DELETE', `/admin/accounts/gone/tokens/${id}`)],
      ['plain', () => admin('PATCH', '/admin/accounts/plain', { administrator: false })],
      ['off', () => admin('PATCH', '/admin/accounts/off', { disabled: true })],
      ['dead', () => admin('DELETE', '/admin/accounts/dead')],
    ] as const) {
      await newAccount(name, { administrator: true });
      const { id, token } = await newToken(name, { administrator: true });
      expect((await ask(bearer(token), 'GET', '/admin/accounts')).status).toBe(200);
      await close(id);
      expect([401, 403]).toContain((await ask(bearer(token), 'GET', '/admin/accounts')).status);
    }
  });

  it.each([
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['a page without one', { origin: 'null' }],
    ['a form of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['a page of this host with another port', { origin: 'http://127.0.0.1:9999', host: '127.0.0.1:8787' }],
  ] as const)('answers %s with 403, though the browser knows the password', async (_what, headers) => {
    await expectClosed({ authorization: ADMIN, ...headers }, {}, [403]);
    expect((await ask(basic('root', password), 'GET', '/account/tokens', { headers })).status).toBe(403);
  });

  it('answers a page of its own origin', async () => {
    const own = { origin: 'https://registry.example', host: 'registry.example' };
    expect((await ask(ADMIN, 'GET', '/admin/accounts', { headers: own })).status).toBe(200);
    const settings = { BERTH_PUBLIC_URL: 'https://registry.example' };
    expect((await ask(ADMIN, 'GET', '/admin/accounts', { headers: own, settings })).status).toBe(200);
    const headers = { origin: 'http://127.0.0.1', host: '127.0.0.1' };
    expect((await ask(ADMIN, 'GET', '/admin/accounts', { headers, settings })).status).toBe(403);
  });

  it('compares passwords of any length in one way, and tells nothing of how near one was (CVE-2023-20902)', async () => {
    const answers = await Promise.all(
      ['', 'x', PASSWORD.slice(0, -1), `${PASSWORD}x`, 'x'.repeat(4_000)].map(async (guess) => {
        const { status, text } = await ask(basic('admin', guess), 'GET', '/admin/accounts');
        return { status, text };
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });
});

describe('a guess at the admin password', () => {
  const settings = { BERTH_ON_CLOUDFLARE: 'on', GUESSES_FOR_NAME: undefined, GUESSES_FOR_NETWORK: undefined };
  const from = (address: string, password: string) =>
    ask(basic('admin', password), 'GET', '/admin/accounts', { settings, headers: { 'cf-connecting-ip': address } });

  it('waits after ten wrong ones from its network, and delays nobody from another one, nor a token', async () => {
    for (let guess = 0; guess < 10; guess += 1) expect((await from('203.0.113.9', `guess ${guess}`)).status).toBe(401);
    const waiting = await from('203.0.113.9', PASSWORD);
    expect(waiting).toMatchObject({ status: 429, code: 'TOOMANYREQUESTS' });
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await from('198.51.100.7', PASSWORD)).status).toBe(200);
    const headers = { 'cf-connecting-ip': '203.0.113.9' };
    expect((await ask(bearer(opening.token), 'GET', '/admin/accounts', { settings, headers })).status).toBe(200);
  });
});

describe('a field that nobody asked for (CVE-2019-16097)', () => {
  const privileged = [
    ...['isAdministrator', 'admin', 'has_admin_role', 'opensAdmin', 'sysadmin_flag', 'role', 'owner', 'id', 'secret'],
    ...['secretHash', 'password', 'created', '__proto__', 'constructor', 'toString', 'hasOwnProperty'],
  ];

  it.each(privileged)('is refused with its name, and nothing is done: %s', async (field) => {
    const account = await newAccount(`mass-${privileged.indexOf(field)}`);
    const name = `mass-${privileged.indexOf(field)}`;
    const own = basic(name, account);
    const body = (valid: Record<string, unknown>) =>
      `{${JSON.stringify(field)}:true,${JSON.stringify(valid).slice(1, -1)}}`.replace(',}', '}');
    for (const [by, method, path, valid] of [
      [ADMIN, 'POST', '/admin/accounts', { name: `${name}-new` }],
      [ADMIN, 'PATCH', `/admin/accounts/${name}`, {}],
      [ADMIN, 'POST', `/admin/accounts/${name}/password`, {}],
      [ADMIN, 'POST', `/admin/accounts/${name}/tokens`, {}],
      [ADMIN, 'POST', '/admin/robots', { name, repositories: ['a'], actions: ['pull'] }],
      [ADMIN, 'POST', '/admin/keys/rotate', {}],
      [ADMIN, 'POST', '/admin/access/explain', { subject: 'anonymous', repository: 'a', action: 'pull' }],
      [own, 'POST', '/account/tokens', {}],
    ] as const) {
      const answer = await ask(by, method, path, { body: body(valid) });
      expect({ path, status: answer.status }).toEqual({ path, status: 400 });
      expect(answer.message).toContain(`${field} is no field here`);
    }
    expect((await admin('GET', `/admin/accounts/${name}-new`)).status).toBe(404);
    expect((await admin('GET', `/admin/accounts/${name}`)).json).toMatchObject({ administrator: false });
    expect((await ask(own, 'GET', '/account/tokens')).json).toEqual({ tokens: [] });
  });
});

describe('a secret', () => {
  it('that nobody has is looked up a hundred times a minute for one network, at all doors together', async () => {
    const settings = { BERTH_ON_CLOUDFLARE: 'on' };
    const log = new LogLines();
    const knock = async (path: string, network: string, secret = newSecret('token')) =>
      (await ask(bearer(secret), 'GET', path, { settings, headers: { 'cf-connecting-ip': network } })).status;
    const paths = ['/account/tokens', '/admin/accounts'];
    const statuses = await Promise.all(
      Array.from({ length: 100 }, (_, index) => knock(paths[index % 2] ?? '', '192.0.2.70')),
    );
    expect(new Set(statuses)).toEqual(new Set([401]));
    log.clear();
    expect(await knock('/account/tokens', '192.0.2.70')).toBe(429);
    expect(await knock('/admin/accounts', '192.0.2.70')).toBe(429);
    expect(log.requests.map(({ objectCalls }) => objectCalls)).toEqual([0, 0]);
    expect(await knock('/admin/accounts', '192.0.2.71', opening.token)).toBe(200);
    vi.restoreAllMocks();
  });

  it('that is refused at either door is a line of the audit log, without the secret', async () => {
    const log = new LogLines();
    const canary = newSecret('token');
    await ask(bearer(canary), 'GET', '/account/tokens');
    await ask(bearer('canary-of-sixteen-characters'), 'GET', '/admin/accounts');
    await ask(undefined, 'GET', '/admin/accounts');
    const audited = log.events.filter(({ event }) => event === 'audit');
    expect(audited.map(({ reason }) => reason)).toEqual(['unknown secret', 'wrong admin password']);
    expect(log.text).not.toMatch(new RegExp(`${canary}|canary-of`));
    vi.restoreAllMocks();
  });

  it('of a wrong checksum or of no kind costs no lookup', async () => {
    const log = new LogLines();
    for (const secret of ['hunter2', `${opening.token.slice(0, -1)}${opening.token.endsWith('a') ? 'b' : 'a'}`]) {
      const response = await sendWith(SETTINGS, 'GET', '/account/tokens', {
        headers: { authorization: bearer(secret) },
      });
      expect(response.status).toBe(401);
    }
    expect(log.requests.map(({ objectCalls }) => objectCalls)).toEqual([0, 0]);
    vi.restoreAllMocks();
  });
});
