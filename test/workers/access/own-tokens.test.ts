/** `/account/tokens`: what somebody who has signed in may see, make and revoke. */
import { beforeEach, describe, expect, it } from 'vitest';
import { hashOf } from '../../../src/auth/secret.ts';
import { objects } from '../world.ts';
import { admin, ADMIN, ask, basic, bearer, listed, newAccount, newToken, type Told } from './administration.ts';

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
