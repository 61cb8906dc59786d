/** The admin API as an administrator uses it: accounts, robots, tokens and keys. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashOf, parseSecret } from '../../../src/auth/secret.ts';
import { LogLines } from '../log-lines.ts';
import { objects } from '../world.ts';
import {
  admin,
  ADMIN,
  ask,
  basic,
  listed,
  newAccount,
  newToken,
  PASSWORD,
  SETTINGS,
  type Told,
} from './administration.ts';
import { sendWith } from '../client.ts';

let log: LogLines;
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const find = async (secret: unknown) => (await objects.accounts().findBySecret(hashOf(String(secret)))).result;
const told = ({ status, code }: Told) => ({ status, code });

describe('an account', () => {
  it('is created with a password that is shown once, changed, and deleted for good', async () => {
    const created = await admin('POST', '/admin/accounts', { name: 'amy', groups: ['builders'] });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/admin/accounts/amy');
    expect(created.headers.get('cache-control')).toContain('no-store');
    const { password, created: since } = created.json;
    expect(parseSecret(String(password))).toBe('password');
    expect(await find(password)).toMatchObject({ owner: { name: 'amy' } });

    const shown = { name: 'amy', groups: ['builders'], administrator: false, disabled: false, created: since };
    expect((await admin('GET', '/admin/accounts/amy')).json).toEqual(shown);
    const changed = await admin('PATCH', '/admin/accounts/amy', { disabled: true, groups: [] });
    expect(changed.json).toEqual({ ...shown, disabled: true, groups: [] });
    expect(await find(password)).toBeUndefined();

    expect((await admin('DELETE', '/admin/accounts/amy')).status).toBe(204);
    expect(told(await admin('DELETE', '/admin/accounts/amy'))).toEqual({ status: 404, code: 'NOT_FOUND' });
    const again = await admin('POST', '/admin/accounts', { name: 'amy' });
    expect(told(again)).toEqual({ status: 409, code: 'CONFLICT' });
    expect(again.message).toMatch(/was deleted, and its name is not given again before \d{4}-\d\d-\d\d/);
  });

  it('is not created twice, and the one that is there keeps its password', async () => {
    const password = await newAccount('ben');
    expect(told(await admin('POST', '/admin/accounts', { name: 'ben' }))).toEqual({ status: 409, code: 'CONFLICT' });
    expect(await find(password)).toBeDefined();
  });

  it('has its password renewed', async () => {
    const old = await newAccount('cara');
    const { status, json } = await admin('POST', '/admin/accounts/cara/password');
    expect(status).toBe(200);
    expect([await find(old), (await find(json['password']))?.owner.name]).toEqual([undefined, 'cara']);
  });

  it('is one of a list that comes in pages', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await newAccount(name);
    const first = await admin('GET', '/admin/accounts?n=2&last=page-');
    const names = (answer: Told) => listed(answer, 'accounts').map(({ name }) => name);
    expect(names(first)).toEqual(['page-1', 'page-2']);
    const [, next = ''] = /^<(.+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    expect(names(await admin('GET', next))[0]).toBe('page-3');
    expect(first.text).not.toMatch(/password|berth_/);
  });

  it.each(['UPPER', 'with space', 'a/b', '../x', 'a..b', '-a', 'a'.repeat(65), '%00', 'ü'])(
    'cannot be called %s, and nobody of that name is there',
    async (name) => {
      expect(told(await admin('POST', '/admin/accounts', { name }))).toEqual({ status: 400, code: 'REQUEST_INVALID' });
      expect((await admin('GET', `/admin/accounts/${encodeURIComponent(name)}`)).status).toBe(404);
    },
  );
});

describe('a robot', () => {
  it('is created with a secret and a limit of its own, changed, renewed and deleted', async () => {
    const given = { name: 'ci', description: 'builds', repositories: ['team/**'], actions: ['pull', 'push'] };
    const created = await admin('POST', '/admin/robots', { ...given, expiresInDays: 30 });
    expect(created.status).toBe(201);
    const { secret, ...shown } = created.json;
    expect(parseSecret(String(secret))).toBe('robot');
    expect(shown).toMatchObject({ ...given, disabled: false, lastUsed: null });
    expect(await find(secret)).toMatchObject({
      owner: { kind: 'robot', name: 'ci' },
      limit: { actions: ['pull', 'push'] },
    });
    const { json } = await admin('GET', '/admin/robots/ci');
    expect(json).toMatchObject({ ...given, lastUsed: new Date().toISOString().slice(0, 10) });

    const changed = await admin('PATCH', '/admin/robots/ci', { actions: ['pull'] });
    expect(changed.json).toMatchObject({ ...given, actions: ['pull'] });
    const renewed = await admin('POST', '/admin/robots/ci/secret');
    expect(renewed.json).toMatchObject({ name: 'ci', expires: null });
    expect([await find(secret), (await find(renewed.json['secret']))?.limit?.actions]).toEqual([undefined, ['pull']]);
    expect((await admin('GET', '/admin/robots')).text).not.toContain('berth_');
    expect((await admin('DELETE', '/admin/robots/ci')).status).toBe(204);
    expect(await find(renewed.json['secret'])).toBeUndefined();
    expect((await admin('POST', '/admin/robots', given)).status).toBe(409);
  });

  it('has to say for which repositories and actions it is', async () => {
    const { status, message } = await admin('POST', '/admin/robots', { name: 'all', actions: [] });
    expect(status).toBe(400);
    expect(message).toContain('repositories is missing');
    expect(message).toContain('actions must name at least one of pull, push and delete');
  });
});

describe('a token of an account', () => {
  it('is made, listed and revoked by an administrator', async () => {
    await newAccount('dan');
    const wanted = { description: 'laptop', repositories: ['dan/**'], expiresInDays: null };
    const { id, token } = await newToken('dan', wanted);
    expect(await find(token)).toMatchObject({
      kind: 'token',
      limit: { repositories: ['dan/**'] },
      expiresAt: undefined,
    });
    const listed = await admin('GET', '/admin/accounts/dan/tokens');
    expect(listed.json['tokens']).toMatchObject([
      { id, description: 'laptop', repositories: ['dan/**'], actions: ['pull', 'push', 'delete'], expires: null },
    ]);
    expect(listed.text).not.toContain('berth_');
    expect((await admin('DELETE', `/admin/accounts/dan/tokens/${id}`)).status).toBe(204);
    expect((await admin('DELETE', `/admin/accounts/dan/tokens/${id}`)).status).toBe(404);
    expect(await find(token)).toBeUndefined();
  });

  it('ends after 90 days unless something else is asked for', async () => {
    await newAccount('eve');
    const { token } = await newToken('eve');
    const ends = (await find(token))?.expiresAt ?? 0;
    expect(Math.round((ends - Date.now()) / 86_400_000)).toBe(90);
  });

  it('is not made for nobody, nor to open the admin API for somebody who is no administrator', async () => {
    await newAccount('fay');
    expect((await admin('POST', '/admin/accounts/nobody/tokens', {})).status).toBe(404);
    const refused = await admin('POST', '/admin/accounts/fay/tokens', { administrator: true });
    expect(told(refused)).toEqual({ status: 403, code: 'DENIED' });
  });
});

describe('the signing keys', () => {
  it('are rotated, softly or at once', async () => {
    const before = (await objects.accounts().snapshot()).result.signingKey.kid;
    const soft = await admin('POST', '/admin/keys/rotate');
    expect(soft.status).toBe(200);
    expect((await objects.accounts().snapshot()).result.signingKey.kid).toBe(before);
    const hard = await admin('POST', '/admin/keys/rotate', { forgetOld: true });
    const { signingKey, publicKeys } = (await objects.accounts().snapshot()).result;
    expect([signingKey.kid, publicKeys.length]).toEqual([hard.json['kid'], 1]);
  });
});

describe('a body', () => {
  const paths = ['/admin/accounts', '/admin/robots', '/admin/keys/rotate'] as const;

  it.each([
    ['no JSON', '{', 'the body is not JSON'],
    ['a list', '[]', 'the body must be a JSON object'],
    ['null', 'null', 'the body must be a JSON object'],
    ['text', '"name"', 'the body must be a JSON object'],
  ])('that is %s is refused', async (_what, body, message) => {
    for (const path of paths) {
      const answer = await admin('POST', path, body);
      expect({ status: answer.status, message: answer.message }, path).toEqual({ status: 400, message });
    }
  });

  it('that is larger than 64 KiB is refused with 413', async () => {
    const answer = await admin('POST', '/admin/accounts', { name: 'x'.repeat(65_536) });
    expect(told(answer)).toEqual({ status: 413, code: 'SIZE_INVALID' });
  });

  it('with many mistakes names some of them, and no more of the body than a line each', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 500 }, (_unused, n) => [`${'x'.repeat(90)}${n}`, 1]));
    const answer = await admin('POST', '/admin/accounts', unknown);
    expect(answer.status).toBe(400);
    expect(answer.text.length).toBeLessThan(8_000);
  });
});

describe('the log', () => {
  it('has one line for each change, with who made it and in which request, and never a secret (CVE-2025-48374)', async () => {
    const secrets = [PASSWORD, ADMIN.slice('Basic '.length)];
    const amy = await admin('POST', '/admin/accounts', { name: 'audited', administrator: true });
    secrets.push(String(amy.json['password']));
    const token = await newToken('audited', { administrator: true, description: 'canary-description' });
    secrets.push(token.token);
    const by = `Bearer ${token.token}`;
    await ask(by, 'PATCH', '/admin/accounts/audited', { body: { groups: ['canary-group'] } });
    const renewed = await ask(by, 'POST', '/admin/accounts/audited/password');
    secrets.push(String(renewed.json['password']));
    const robot = await ask(by, 'POST', '/admin/robots', {
      body: { name: 'audited', repositories: ['**'], actions: ['pull'] },
    });
    secrets.push(String(robot.json['secret']));
    await ask(by, 'DELETE', '/admin/robots/audited');
    await ask(by, 'DELETE', `/admin/accounts/audited/tokens/${token.id}`);
    await admin('DELETE', '/admin/accounts/audited');
    await sendWith(SETTINGS, 'GET', '/admin/accounts', { headers: { authorization: 'Basic canary-credentials' } });

    const lines = log.events.filter(({ event, action }) => event === 'audit' && action !== 'signed in');
    expect(lines.map(({ action, actor, subject }) => ({ action, actor, subject }))).toEqual([
      { action: 'account created', actor: 'admin password', subject: 'user:audited' },
      { action: 'token created', actor: 'admin password', subject: 'user:audited' },
      { action: 'account changed', actor: 'user:audited', subject: 'user:audited' },
      { action: 'password renewed', actor: 'user:audited', subject: 'user:audited' },
      { action: 'robot created', actor: 'user:audited', subject: 'robot:audited' },
      { action: 'robot deleted', actor: 'user:audited', subject: 'robot:audited' },
      { action: 'token revoked', actor: 'user:audited', subject: 'user:audited' },
      { action: 'account deleted', actor: 'admin password', subject: 'user:audited' },
      { action: 'sign-in refused', actor: undefined, subject: undefined },
    ]);
    const requests = new Set(log.requests.map(({ id }) => id));
    for (const { id } of lines) expect(requests).toContain(id);
    expect(lines.find(({ action }) => action === 'token revoked')?.['credential']).toBe(token.id);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(10);
      expect(log.text).not.toContain(secret);
      expect(log.text).not.toContain(hashOf(secret));
    }
    expect(log.text).not.toMatch(/berth_(pw|pat|robot|rt)_|canary/);
  });

  it('has a line for whoever opens the administration or their own tokens, once in a while for each network', async () => {
    const password = await newAccount('arrives', { administrator: true });
    const opening = await newToken('arrives', { administrator: true });
    log.clear();
    const settings = { BERTH_ON_CLOUDFLARE: 'on' };
    const come = async (authorization: string, path: string, network: string): Promise<void> => {
      const headers = { 'cf-connecting-ip': network };
      expect((await ask(authorization, 'GET', path, { settings, headers })).status).toBe(200);
    };
    for (const network of ['192.0.2.91', '192.0.2.91', '192.0.2.92']) await come(ADMIN, '/admin/robots', network);
    for (let time = 0; time < 2; time += 1) {
      await come(`Bearer ${opening.token}`, '/admin/robots', '192.0.2.91');
      await come(`Bearer ${opening.token}`, '/account/tokens', '192.0.2.91');
      await come(basic('arrives', password), '/account/tokens', '192.0.2.91');
    }
    const lines = log.events.filter(({ event }) => event === 'audit');
    expect(lines.map(({ action, actor, proof, door, network }) => ({ action, actor, proof, door, network }))).toEqual(
      [
        ['admin password', 'admin password', 'admin', '192.0.2.91'],
        ['admin password', 'admin password', 'admin', '192.0.2.92'],
        ['user:arrives', 'token', 'admin', '192.0.2.91'],
        ['user:arrives', 'token', 'account', '192.0.2.91'],
        ['user:arrives', 'password', 'account', '192.0.2.91'],
      ].map(([actor, proof, door, network]) => ({ action: 'signed in', actor, proof, door, network })),
    );
  });
});
