/** `GET` and `POST /token`: what is asked for, what is granted, and what is refused (distribution's token specifications). */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { demand, refusal, sendWith } from '../client.ts';
import {
  answerOf,
  basic,
  BASIC_SETTINGS,
  getToken,
  HUGO,
  newAccount,
  newRobot,
  newToken,
  postToken,
  PUBLIC_URL,
  refreshTokenOf,
  SERVICE,
  SETTINGS,
  tokenFor,
  type Person,
} from './people.ts';

let alice: Person;
let robot: Person;
beforeAll(async () => {
  alice = await newAccount('alice');
  robot = await newRobot('builder', { repositories: ['team/app'], actions: ['pull', 'push'] });
});

const granted = async (query: string, person?: Person) =>
  (await answerOf(getToken(query, person === undefined ? {} : basic(person)))).scope;

describe('GET /token', () => {
  it('answers no page of another origin, whose reader may be signed in', async () => {
    const query = `service=${SERVICE}&offline_token=true`;
    for (const foreign of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
      const asked = getToken(query, { ...basic(HUGO), ...foreign });
      expect(await refusal(asked)).toMatchObject({ status: 403, code: 'DENIED' });
    }
    expect((await getToken(query, { ...basic(HUGO), origin: PUBLIC_URL })).status).toBe(200);
  });

  it('answers with a token under both names, for at least a minute, that nothing keeps', async () => {
    const response = demand(
      await getToken(
        `service=${SERVICE}&scope=repository:team/app:pull,push&account=hugo&client_id=docker`,
        basic(HUGO),
      ),
      200,
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('content-type')).toBe('application/json');
    const answer = await answerOf(response);
    expect(answer).toMatchObject({
      access_token: answer.token,
      expires_in: 300,
      scope: 'repository:team/app:pull,push',
    });
    expect(answer.issued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const { kid, ...header } = decodeProtectedHeader(answer.token);
    expect(header).toEqual({ alg: 'ES256', typ: 'JWT' });
    expect(kid).toBeTypeOf('string');
    const claims = decodeJwt(answer.token);
    expect(claims).toMatchObject({
      iss: PUBLIC_URL,
      aud: SERVICE,
      sub: 'hugo',
      access: [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }],
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300);
  });

  it.each([
    ['scope=repository:team/app:pull,push', 'repository:team/app:pull,push'],
    ['scope=repository:team/app:*', 'repository:team/app:pull,push,delete'],
    ['scope=repository:team/a:pull&scope=repository:team/b:push', 'repository:team/a:pull repository:team/b:push'],
    ['scope=repository:team/a:pull%20repository:team/b:push', 'repository:team/a:pull repository:team/b:push'],
    ['scope=repository:other/app:pull', ''],
    ['scope=repository:public/app:pull,push', 'repository:public/app:pull'],
    ['scope=repository:team/app:pull&scope=repository:other/app:pull', 'repository:team/app:pull'],
    ['scope=registry:catalog:*', 'registry:catalog:*'],
    ['scope=repository:alice/app:push', 'repository:alice/app:push'],
    ['scope=', ''],
    ['', ''],
    ['scope=nonsense', ''],
  ])('grants what is asked for and allowed: %s gives "%s"', async (query, scope) => {
    expect(await granted(`service=${SERVICE}&${query}`, alice)).toBe(scope);
  });

  it('grants nobody what everybody may do', async () => {
    expect(await granted(`service=${SERVICE}&scope=repository:public/app:pull,push`)).toBe(
      'repository:public/app:pull',
    );
    expect(await granted(`service=${SERVICE}&scope=repository:team/app:pull`)).toBe('');
    expect(decodeJwt(await tokenFor(undefined, ''))).toMatchObject({ sub: '', access: [] });
  });

  it('grants no more than the credential is limited to', async () => {
    const both = `service=${SERVICE}&scope=repository:team/app:*&scope=repository:team/other:pull`;
    expect(await granted(both, robot)).toBe('repository:team/app:pull,push');
    const reading = await newToken('alice', { limit: { repositories: ['team/**'], actions: ['pull'] } });
    expect(await granted(both, reading)).toBe('repository:team/app:pull repository:team/other:pull');
  });

  it('does without a service, and makes tokens for its own alone (CVE-2026-123710)', async () => {
    expect(decodeJwt((await answerOf(getToken('', basic(HUGO)))).token).aud).toBe(SERVICE);
    for (const service of ['other.example', '', 'https://registry.example', 'registry.example:443'])
      expect(await refusal(getToken(`service=${encodeURIComponent(service)}`, basic(HUGO)))).toMatchObject({
        status: 400,
        message: 'this token endpoint is for the service registry.example alone',
      });
    expect((await getToken(`service=${SERVICE}&service=other.example`, basic(HUGO))).status).toBe(400);
  });

  it('refuses wrong credentials, whatever is asked for', async () => {
    const wrong = [
      basic({ ...HUGO, password: 'wrong' }),
      basic({ ...HUGO, name: 'nobody' }),
      basic({ ...alice, name: 'hugo' }),
      basic({ name: '', password: 'x' }),
      { authorization: 'Basic !' },
      { authorization: `Bearer ${await tokenFor(HUGO, '')}` },
    ];
    for (const headers of wrong) {
      const response = await getToken(`service=${SERVICE}&scope=repository:public/app:pull`, headers);
      expect(response.headers.get('www-authenticate')).toBe('Basic realm="Berth"');
      expect(await refusal(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    }
  });

  it('refuses more scopes than a token carries', async () => {
    const many = Array.from({ length: 65 }, (_, index) => `scope=repository:a${String(index)}:pull`).join('&');
    expect(await refusal(getToken(many, basic(HUGO)))).toMatchObject({ status: 400, code: 'UNSUPPORTED' });
  });

  it('is not there without a public URL, so that clients go on with Basic', async () => {
    expect(await refusal(getToken('', basic(HUGO), BASIC_SETTINGS))).toMatchObject({ status: 404 });
    expect((await postToken({ grant_type: 'password' }, BASIC_SETTINGS)).status).toBe(404);
  });
});

describe('a refresh token', () => {
  it('is given for a password, when it is asked for', async () => {
    for (const person of [HUGO, alice]) {
      const answer = await answerOf(getToken(`service=${SERVICE}&offline_token=true`, basic(person)));
      expect(answer.refresh_token).toMatch(/^berth_rt_[a-z2-7]{39}$/);
      for (const query of ['', '&offline_token=false', '&offline_token=1'])
        expect(await answerOf(getToken(`service=${SERVICE}${query}`, basic(person)))).not.toHaveProperty(
          'refresh_token',
        );
    }
    const form = {
      grant_type: 'password',
      service: SERVICE,
      client_id: 'c',
      username: 'alice',
      password: alice.password,
    };
    expect(await answerOf(postToken({ ...form, access_type: 'offline' }))).toHaveProperty('refresh_token');
    expect(await answerOf(postToken({ ...form, access_type: 'online' }))).not.toHaveProperty('refresh_token');
  });

  it('is not given for a personal access token, a robot and nobody', async () => {
    const token = await newToken('alice');
    for (const headers of [basic(token), basic(robot), {}])
      expect(await answerOf(getToken(`service=${SERVICE}&offline_token=true`, headers))).not.toHaveProperty(
        'refresh_token',
      );
  });

  it('is exchanged for tokens of its owner as often as one likes, and stays what it is', async () => {
    for (const person of [HUGO, alice]) {
      const refresh = await refreshTokenOf(person);
      for (let time = 0; time < 2; time += 1) {
        const answer = await answerOf(
          postToken({
            grant_type: 'refresh_token',
            service: SERVICE,
            client_id: 'docker',
            refresh_token: refresh,
            scope: 'repository:team/app:pull repository:other/app:pull',
          }),
        );
        expect(answer).toMatchObject({ refresh_token: refresh, scope: 'repository:team/app:pull' });
        expect(decodeJwt(answer.token).sub).toBe(person.name);
        const base = await sendWith(SETTINGS, 'GET', '/v2/', { headers: { authorization: `Bearer ${answer.token}` } });
        expect(base.status).toBe(200);
      }
    }
  });
});

describe('POST /token', () => {
  const form = { grant_type: 'password', service: SERVICE, client_id: 'containerd-client', username: HUGO.name };

  it('takes a name and a password', async () => {
    const answer = await answerOf(
      postToken({ ...form, password: HUGO.password, scope: 'repository:team/app:pull,push' }),
    );
    expect(answer).toMatchObject({ expires_in: 300, scope: 'repository:team/app:pull,push' });
  });

  it.each([
    [{ ...form, password: 'wrong' }, 401],
    [{ ...form }, 401],
    [{ ...form, password: 'a\u0000b' }, 400],
    [{ ...form, grant_type: 'authorization_code' }, 400],
    [{ service: SERVICE }, 400],
    [{ ...form, password: HUGO.password, service: 'other.example' }, 400],
    [{ grant_type: 'refresh_token', service: SERVICE }, 401],
    [{ grant_type: 'refresh_token', service: SERVICE, refresh_token: HUGO.password }, 401],
  ])('refuses %o with %i', async (given, status) => {
    expect((await postToken(given)).status).toBe(status);
  });

  it('takes no other form of body, and none that is larger than any form', async () => {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(form) };
    expect((await postToken({}, SETTINGS, json)).status).toBe(400);
    expect((await postToken({ ...form, scope: 'x'.repeat(40_000) })).status).toBe(413);
  });
});

describe('GET /.well-known/jwks.json', () => {
  it('has the public half of the key that signs, and nothing else', async () => {
    const response = demand(await sendWith(SETTINGS, 'GET', '/.well-known/jwks.json'), 200);
    const set = await response.json<{ keys: Record<string, unknown>[] }>();
    const { kid } = decodeProtectedHeader(await tokenFor(undefined, ''));
    expect(set.keys.map((key) => key['kid'])).toContain(kid);
    for (const key of set.keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
  });
});
