/** Who has to sign in, how a client is told, and what it costs: `Authorization` on the registry's own routes. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KNOWN } from '../../../src/http/access/known.ts';
import { demand, imageOf, pushed, putManifest, refusal, send, sendWith, type Settings } from '../client.ts';
import { faults } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob } from '../world.ts';
import {
  accounts,
  basic,
  BASIC_SETTINGS,
  bearer,
  HTPASSWD,
  HUGO,
  newAccount,
  newRobot,
  newToken,
  SETTINGS,
  tokenFor,
  type Person,
} from './people.ts';

let log: LogLines;
let alice: Person;
beforeAll(async () => {
  for (const repository of ['team/app', 'public/app', 'secret/app']) {
    await putManifest(repository, 'latest', imageOf(await pushed(repository, await newBlob(100))));
  }
  alice = await newAccount('alice');
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const get = (path: string, headers: Record<string, string> = {}, settings: Settings = SETTINGS) =>
  sendWith(settings, 'GET', path, { headers });
const pull = (repository: string, headers?: Record<string, string>, settings?: Settings) =>
  get(`/v2/${repository}/manifests/latest`, headers, settings);
const openUpload = (repository: string, headers: Record<string, string> = {}, settings: Settings = SETTINGS) =>
  sendWith(settings, 'POST', `/v2/${repository}/blobs/uploads/`, { headers });
const challengeOf = (response: Response) => response.headers.get('www-authenticate');

describe('GET /v2/', () => {
  it('asks who comes once there is an account, a line or a policy, also where something is public', async () => {
    const response = await get('/v2/');
    expect(challengeOf(response)).toBe('Bearer realm="https://registry.example/token",service="registry.example"');
    expect(await refusal(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    // alice has an account: no setting is needed for that.
    for (const anonymous of ['none', 'read', 'read-write'])
      for (const more of [{}, { BERTH_HTPASSWD: HTPASSWD }])
        expect((await get('/v2/', {}, { BERTH_ANONYMOUS: anonymous, ...more })).status).toBe(401);
  });

  it('takes everybody in who has signed in, and whoever has a token of nobody', async () => {
    const robot = await newRobot('reader', { repositories: ['team/**'], actions: ['pull'] });
    const ways = [
      basic(HUGO),
      basic(alice),
      basic(await newToken('alice')),
      basic(robot),
      bearer(await tokenFor(HUGO, '')),
      bearer(await tokenFor(alice, 'repository:team/app:pull')),
      bearer(await tokenFor(undefined, '')),
    ];
    for (const headers of ways) expect((await get('/v2/', headers)).status).toBe(200);
    for (const headers of ways.slice(0, 4)) expect((await get('/v2/', headers, BASIC_SETTINGS)).status).toBe(200);
  });

  it('asks with Basic where there is no public URL, whatever the Host', async () => {
    for (const host of ['registry.example', 'attacker.example'])
      expect(challengeOf(await get('/v2/', { host }, BASIC_SETTINGS))).toBe('Basic realm="Berth"');
    expect(challengeOf(await get('/v2/', { host: 'attacker.example' }))).not.toContain('attacker');
  });
});

describe('a pull', () => {
  it('of what is public goes without signing in', async () => {
    expect((await pull('public/app')).status).toBe(200);
    expect((await pull('public/app', bearer(await tokenFor(undefined, 'repository:public/app:pull')))).status).toBe(
      200,
    );
  });

  it('of what is not asks with the scope that it needs, whether or not there is such a thing', async () => {
    for (const repository of ['team/app', 'team/absent']) {
      const response = await pull(repository);
      expect(response.status).toBe(401);
      expect(challengeOf(response)).toBe(
        `Bearer realm="https://registry.example/token",service="registry.example",scope="repository:${repository}:pull"`,
      );
    }
  });

  it('of what is public is refused with wrong credentials', async () => {
    for (const headers of [
      basic({ ...HUGO, password: 'wrong' }),
      basic({ ...alice, name: 'hugo' }),
      { authorization: 'x' },
    ]) {
      const response = await pull('public/app', headers);
      expect(response.status).toBe(401);
      expect(challengeOf(response)).toMatch(/^Bearer .*scope="repository:public\/app:pull"$/);
    }
    const response = await pull('public/app', bearer('e30.e30.e30'));
    expect(response.status).toBe(401);
    expect(challengeOf(response)).toMatch(/,error="invalid_token"$/);
  });

  it('by somebody whom the policy refuses is denied, the same whether or not there is such a thing', async () => {
    for (const headers of [basic(HUGO), basic(alice), bearer(await tokenFor(alice, 'repository:secret/app:pull'))])
      for (const repository of ['secret/app', 'secret/absent']) {
        const response = await pull(repository, headers);
        expect(challengeOf(response)).toBeNull();
        expect(await refusal(response)).toMatchObject({ status: 403, code: 'DENIED' });
      }
  });

  it('with a token that is too narrow is told so, and not denied', async () => {
    const response = await pull('team/app', bearer(await tokenFor(alice, 'repository:team/other:pull')));
    expect(response.status).toBe(401);
    expect(challengeOf(response)).toMatch(/scope="repository:team\/app:pull",error="insufficient_scope"$/);
  });

  it('with a token of nobody of what is not public is told so', async () => {
    const response = await pull('team/app', bearer(await tokenFor(undefined, 'repository:team/app:pull')));
    expect(challengeOf(response)).toMatch(/error="insufficient_scope"$/);
  });
});

describe('a push', () => {
  it('asks for pull and push, and is taken with either way to sign in', async () => {
    expect(challengeOf(await openUpload('team/app'))).toContain('scope="repository:team/app:pull,push"');
    const token = await tokenFor(alice, 'repository:team/app:pull,push');
    for (const headers of [basic(HUGO), basic(alice), bearer(token)])
      expect((await openUpload('team/app', headers)).status).toBe(202);
    expect((await openUpload('team/app', bearer(await tokenFor(alice, 'repository:team/app:pull')))).status).toBe(401);
  });

  it('with a robot that may only pull is denied', async () => {
    const robot = await newRobot('puller', { repositories: ['team/app'], actions: ['pull'] });
    expect((await pull('team/app', basic(robot))).status).toBe(200);
    expect(await refusal(openUpload('team/app', basic(robot)))).toMatchObject({ status: 403, code: 'DENIED' });
  });
});

describe('the catalog', () => {
  it('is listed with a token for it', async () => {
    const token = await tokenFor(alice, 'registry:catalog:*');
    expect((await get('/v2/_catalog', bearer(token))).status).toBe(200);
    const narrow = await get('/v2/_catalog', bearer(await tokenFor(alice, 'repository:team/app:pull')));
    expect(challengeOf(narrow)).toMatch(/scope="registry:catalog:\*",error="insufficient_scope"$/);
  });
});

describe('an account', () => {
  it('closes an open loopback', async () => {
    const loopback: Settings = { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' };
    // alice has an account.
    expect((await get('/v2/', { host: 'localhost' }, loopback)).status).toBe(401);
    expect((await get('/v2/', { host: 'localhost', ...basic(alice) }, loopback)).status).toBe(200);
  });
});

describe('on a warm isolate', () => {
  const calls = () => log.requests.map(({ objectCalls }) => objectCalls);

  it('authorisation makes no object call: of a public repository, by Basic of each kind, and by token', async () => {
    const robot = await newRobot('warm', { repositories: ['team/**'], actions: ['pull'] });
    const ways: [string, Record<string, string>][] = [
      ['public/app', {}],
      ['team/app', basic(HUGO)],
      ['team/app', basic(alice)],
      ['team/app', basic(await newToken('alice'))],
      ['team/app', basic(robot)],
      ['team/app', bearer(await tokenFor(HUGO, 'repository:team/app:pull'))],
      ['team/app', bearer(await tokenFor(alice, 'repository:team/app:pull'))],
    ];
    for (const [repository, headers] of ways) demand(await pull(repository, headers), 200);
    log.clear();
    for (const [repository, headers] of ways) demand(await pull(repository, headers), 200);
    // The manifest itself, and nothing else.
    expect(calls()).toEqual(ways.map(() => 1));
  });

  it('a cold one makes one for the snapshot, and one for a credential', async () => {
    KNOWN.forget();
    demand(await pull('team/app', basic(alice)), 200);
    expect(calls()).toEqual([3]);
  });

  it('what was revoked opens nothing a minute later', async () => {
    const token = await newToken('alice');
    const jwt = await tokenFor(token, 'repository:team/app:pull');
    expect((await pull('team/app', basic(token))).status).toBe(200);
    expect((await pull('team/app', bearer(jwt))).status).toBe(200);
    await accounts().revokeToken('alice', token.id, undefined);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
    try {
      expect((await pull('team/app', basic(token))).status).toBe(401);
      const response = await pull('team/app', bearer(jwt));
      expect(challengeOf(response)).toMatch(/error="invalid_token"$/);
    } finally {
      vi.useRealTimers();
    }
  });

  it('a token whose key is forgotten opens nothing from then on, though it was verified a moment before', async () => {
    const jwt = await tokenFor(alice, 'repository:team/app:pull');
    for (let time = 0; time < 2; time += 1) expect((await pull('team/app', bearer(jwt))).status).toBe(200);
    const headers = { authorization: 'Bearer correct-horse-battery-staple' };
    const settings = { ...SETTINGS, BERTH_ADMIN_PASSWORD: 'correct-horse-battery-staple' };
    const rotated = await sendWith(settings, 'POST', '/admin/keys/rotate', { headers, body: '{"forgetOld":true}' });
    expect(rotated.status).toBe(200);
    expect(challengeOf(await pull('team/app', bearer(jwt)))).toMatch(/error="invalid_token"$/);
    expect((await pull('team/app', bearer(await tokenFor(alice, 'repository:team/app:pull')))).status).toBe(200);
  });

  it('nobody comes in where it cannot be told who may, and it is tried again with the next request', async () => {
    KNOWN.forget();
    faults.reset();
    faults.inject('front>ACCOUNTS.snapshot', 'fail-before');
    const response = await send('GET', '/v2/');
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await refusal(response)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect(faults.fired).toHaveLength(1);
    expect((await send('GET', '/v2/')).status).toBe(401);
  });
});

describe('the log', () => {
  it('tells who sent a request, and who signed in from where', async () => {
    const person = await newAccount('bea');
    const headers = { ...basic(person), 'cf-connecting-ip': '192.0.2.7' };
    const settings = { ...SETTINGS, BERTH_ON_CLOUDFLARE: 'on' };
    log.clear();
    await get('/v2/', headers, settings);
    await get('/v2/', headers, settings);
    expect(log.requests.map(({ principal }) => principal)).toEqual(['user:bea', 'user:bea']);
    const signIns = log.events.filter(({ event }) => event === 'audit');
    expect(signIns).toMatchObject([
      { action: 'signed in', actor: 'user:bea', proof: 'password', network: '192.0.2.7' },
    ]);
  });

  it('tells why nobody was let in, and no name that may be a password', async () => {
    await get('/v2/', basic({ name: 'typed-in-the-wrong-place', password: 'wrong' }));
    const [line] = log.events.filter(({ event }) => event === 'audit');
    expect(line).toMatchObject({ level: 'warn', action: 'sign-in refused', reason: 'wrong password' });
    expect(log.text).not.toContain('typed-in-the-wrong-place');
  });

  it('has a line for what a known caller was refused, and for what was deleted, with who, whence and where', async () => {
    const blob = await pushed('team/deleted', await newBlob(100));
    await putManifest('team/deleted', 'old', imageOf(blob));
    const headers = { ...basic(alice), 'cf-connecting-ip': '192.0.2.8' };
    const settings = { ...SETTINGS, BERTH_ON_CLOUDFLARE: 'on' };
    await get('/v2/', headers, settings);
    log.clear();
    expect((await sendWith(settings, 'GET', '/v2/secret/app/manifests/latest', { headers })).status).toBe(403);
    expect((await sendWith(settings, 'GET', '/v2/secret/app/manifests/latest')).status).toBe(401);
    expect((await sendWith(settings, 'DELETE', '/v2/team/deleted/manifests/old', { headers })).status).toBe(202);
    const who = { actor: 'user:alice', network: '192.0.2.8' };
    expect(log.events.filter(({ event }) => event === 'audit')).toMatchObject([
      { ...who, level: 'warn', action: 'refused', right: 'pull', repository: 'secret/app', rule: 'no rule' },
      { ...who, level: 'info', action: 'deleted', repository: 'team/deleted', reference: 'old' },
    ]);
  });
});
