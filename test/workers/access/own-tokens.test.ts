/** `/account/tokens`: what somebody who has signed in may see, make and revoke. */
import { beforeEach, describe, expect, it } from 'vitest';
import { hashOf } from '../../../src/auth/secret.ts';
import { objects } from '../world.ts';
import type { Settings } from '../client.ts';
import { admin, ADMIN, ask, basic, bearer, listed, newAccount, newToken, type Told } from './administration.ts';
import { HTPASSWD, HUGO } from './people.ts';

let people = 0;
let name: string;
let own: string;
beforeEach(async () => {
  people += 1;
  name = `person-${people}`;
  own = basic(name, await newAccount(name));
});

const find = async (secret: string) => (await objects.accounts().findBySecret(hashOf(secret))).result;
const ids = (answer: Told) =>
  listed(answer, 'tokens')
    .map(({ id }) => String(id))
    .sort();

describe('a person', () => {
  it('lists, makes and revokes tokens, signed in with the password or with a token', async () => {
    const first = await newToken(name, { description: 'laptop' }, own);
    const second = await newToken(name, {}, bearer(first.token));
    for (const by of [own, bearer(first.token), basic(name, second.token)])
      expect(ids(await ask(by, 'GET', '/account/tokens'))).toEqual([first.id, second.id].sort());
    expect((await ask(bearer(second.token), 'DELETE', `/account/tokens/${first.id}`)).status).toBe(204);
    expect([await find(first.token), await find(second.token)]).toEqual([undefined, undefined]);
    expect((await ask(bearer(second.token), 'GET', '/account/tokens')).status).toBe(401);
  });

  it('sees and revokes nobody else’s', async () => {
    const other = `${name}-other`;
    const theirs = await newToken(other, {}, basic(other, await newAccount(other)));
    expect(ids(await ask(own, 'GET', '/account/tokens'))).toEqual([]);
    expect((await ask(own, 'DELETE', `/account/tokens/${theirs.id}`)).status).toBe(404);
    expect(await find(theirs.token)).toBeDefined();
  });

  it('does not come in with another name, a refresh token, a robot’s secret, the admin password, or nothing', async () => {
    const robot = await admin('POST', '/admin/robots', { name, repositories: ['**'], actions: ['pull'] });
    const secret = String(robot.json['secret']);
    const { token } = await newToken(name, {}, own);
    for (const by of [undefined, ADMIN, basic(`${name}x`, token), bearer(secret), basic(name, secret), basic(name, '')])
      expect((await ask(by, 'GET', '/account/tokens')).status).toBe(401);
  });

  it('does not come in once disabled', async () => {
    await admin('PATCH', `/admin/accounts/${name}`, { disabled: true });
    expect((await ask(own, 'GET', '/account/tokens')).status).toBe(401);
  });
});

describe('a token that makes a token', () => {
  const limit = { repositories: ['team/**'], actions: ['pull', 'push'], expiresInDays: 10 };

  it('makes none that may more, or for longer', async () => {
    const { token } = await newToken(name, limit, own);
    const by = bearer(token);
    for (const body of [
      { repositories: ['**'] },
      { repositories: ['team/**', 'other'], actions: ['pull'] },
      { repositories: ['team/app'], actions: ['delete'] },
      { actions: ['pull'] },
    ]) {
      const answer = await ask(by, 'POST', '/account/tokens', { body });
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    }
    const made = await ask(by, 'POST', '/account/tokens', { body: { expiresInDays: null } });
    const maker = listed(await ask(by, 'GET', '/account/tokens'), 'tokens').find(({ id }) => id !== made.json['id']);
    expect(made.json).toMatchObject({
      repositories: ['team/**'],
      actions: ['pull', 'push'],
      expires: maker?.['expires'],
    });
  });

  it('that is limited sees and revokes itself and what it made, and leaves the others alone', async () => {
    const wide = await newToken(name, {}, own);
    const limited = await newToken(name, limit, own);
    const child = await newToken(name, {}, bearer(limited.token));
    const by = bearer(limited.token);
    expect(ids(await ask(by, 'GET', '/account/tokens'))).toEqual([limited.id, child.id].sort());
    expect((await ask(by, 'DELETE', `/account/tokens/${wide.id}`)).status).toBe(404);
    expect((await ask(by, 'DELETE', `/account/tokens/${child.id}`)).status).toBe(204);
    expect((await ask(by, 'DELETE', `/account/tokens/${limited.id}`)).status).toBe(204);
    expect([await find(wide.token), await find(limited.token)]).toMatchObject([{ id: wide.id }, undefined]);
  });

  it('makes none that opens the admin API, though its owner is an administrator and it opens it itself', async () => {
    await admin('PATCH', `/admin/accounts/${name}`, { administrator: true });
    const opening = await newToken(name, { administrator: true }, own);
    const plain = await newToken(name, {}, own);
    for (const { token } of [opening, plain]) {
      const answer = await ask(bearer(token), 'POST', '/account/tokens', { body: { administrator: true } });
      expect(answer).toMatchObject({ status: 403, code: 'DENIED' });
    }
  });

  it('opens the admin API only for an administrator, who asks for it with the password', async () => {
    const body = { administrator: true };
    expect((await ask(own, 'POST', '/account/tokens', { body })).status).toBe(403);
    await admin('PATCH', `/admin/accounts/${name}`, { administrator: true });
    const { token } = await newToken(name, body, own);
    expect((await ask(bearer(token), 'GET', '/admin/accounts')).status).toBe(200);
  });
});

describe('somebody with a line of htpasswd', () => {
  const lines = HTPASSWD;
  const settings = { BERTH_HTPASSWD: lines };
  const hugo = basic(HUGO.name, HUGO.password);
  const asked = (by: string, method: string, path = '', body?: unknown, more: Settings = settings) =>
    ask(by, method, `/account/tokens${path}`, { body, settings: more });
  const made = async (body: Record<string, unknown> = {}) => {
    const { status, json, text } = await asked(hugo, 'POST', '', body);
    if (status !== 201) throw new Error(text);
    return { id: String(json['id']), token: String(json['token']) };
  };
  const base = async (token: string, more: Settings = settings) =>
    (await ask(basic(HUGO.name, token), 'GET', '/v2/', { settings: more })).status;

  it('has tokens as an account has: lists, makes, uses and revokes them', async () => {
    const first = await made({ description: 'laptop' });
    const second = await made();
    for (const by of [hugo, bearer(first.token), basic(HUGO.name, second.token)])
      expect(ids(await asked(by, 'GET'))).toEqual([first.id, second.id].sort());
    expect(await base(first.token)).toBe(200);
    expect((await asked(hugo, 'DELETE', `/${first.id}`)).status).toBe(204);
    expect(await base(first.token)).toBe(401);
    expect((await asked(bearer(second.token), 'DELETE', `/${second.id}`)).status).toBe(204);
    expect(ids(await asked(hugo, 'GET'))).toEqual([]);
  });

  it('has none any more once the line is gone or has another password', async () => {
    const { token } = await made();
    const other = lines.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    for (const changed of [other, lines.replace(HUGO.name, 'ida')]) {
      expect(await base(token, { BERTH_HTPASSWD: changed })).toBe(401);
      expect((await asked(bearer(token), 'GET', '', undefined, { BERTH_HTPASSWD: changed })).status).toBe(401);
    }
    expect(await base(token)).toBe(200);
  });

  it('makes none with a token, and none that opens the admin API', async () => {
    for (const limit of [{}, { repositories: ['team/**'], actions: ['pull'] }]) {
      const { token } = await made(limit);
      expect(await asked(bearer(token), 'POST', '', {})).toMatchObject({ status: 403, code: 'DENIED' });
      expect((await ask(bearer(token), 'GET', '/admin/accounts', { settings })).status).toBe(403);
    }
    expect(await asked(hugo, 'POST', '', { administrator: true })).toMatchObject({ status: 403, code: 'DENIED' });
  });

  it('with a limited one sees that alone', async () => {
    const wide = await made();
    const limited = await made({ repositories: ['team/**'], actions: ['pull'] });
    expect(ids(await asked(bearer(limited.token), 'GET'))).toEqual([limited.id]);
    expect((await asked(bearer(limited.token), 'DELETE', `/${wide.id}`)).status).toBe(404);
  });

  it('has nothing to do with an account of the same name', async () => {
    const account = basic(HUGO.name, await newAccount(HUGO.name));
    const line = await made();
    const own = await newToken(HUGO.name, {}, account);
    expect(ids(await asked(account, 'GET'))).toEqual([own.id]);
    expect(ids(await asked(hugo, 'GET'))).toContain(line.id);
    expect(ids(await asked(hugo, 'GET'))).not.toContain(own.id);
    expect((await asked(hugo, 'DELETE', `/${own.id}`)).status).toBe(404);
    expect((await asked(account, 'DELETE', `/${line.id}`)).status).toBe(404);
  });

  it('with a wrong password is told what is asked for, as is a name that is in no line', async () => {
    const answers = await Promise.all(
      [HUGO.name, 'nobody'].map((name) =>
        asked(basic(name, 'wrong'), 'GET').then(({ status, text }) => ({ status, text })),
      ),
    );
    expect(answers[0]).toMatchObject({ status: 401 });
    expect(answers[0]).toEqual(answers[1]);
  });
});
