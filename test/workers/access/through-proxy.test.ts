/** A proxy in front that has verified who asks: what its word opens, and what a forged one does not. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROUTES, type Method } from '../../../src/http/routes.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import { demand, imageOf, pushedTo, refusal, sendWith, type Sent, type Settings } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, settle, type Blob } from '../world.ts';
import { admin, PASSWORD } from './administration.ts';
import { basic, bearer, HTPASSWD, HUGO, newAccount, tokenFor } from './people.ts';

const SECRET = 'c0ffee'.repeat(8);
const PREVIOUS = 'decade'.repeat(8);
const POLICY = JSON.stringify({
  rules: [
    { name: 'team', subjects: ['proxy:alice'], repositories: ['team/**'], actions: ['*'] },
    { name: 'readers', subjects: ['authenticated'], repositories: ['shared/**'], actions: ['pull'] },
    { name: 'own', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] },
    { name: 'hugo', subjects: ['user:hugo'], repositories: ['private/**'], actions: ['*'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] },
    {
      name: 'office',
      subjects: ['authenticated'],
      repositories: ['office/**'],
      actions: ['pull'],
      when: { networks: ['10.0.0.0/8'] },
    },
  ],
});
const SETTINGS: Settings = {
  BERTH_ANONYMOUS: 'none',
  BERTH_ON_CLOUDFLARE: 'off',
  BERTH_PROXY_SECRET: SECRET,
  BERTH_POLICY: POLICY,
};
/** Where people may sign in at Berth too. */
const WITH_PEOPLE: Settings = { ...SETTINGS, BERTH_HTPASSWD: HTPASSWD, BERTH_ADMIN_PASSWORD: PASSWORD };

let blob: Blob;
let log: LogLines;
beforeAll(async () => {
  blob = await newBlob(300);
  await pushedTo(['team/app', 'private/app', 'public/app', 'shared/app', 'office/app'], blob);
  await settle();
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  expect(log.text).not.toMatch(new RegExp(`${SECRET}|${PREVIOUS}`));
  vi.restoreAllMocks();
});

const by = (name: string | undefined, secret = SECRET): Record<string, string> => ({
  'X-Berth-Proxy-Secret': secret,
  ...(name === undefined ? {} : { 'X-Berth-User': name }),
});
const ask = (
  method: string,
  path: string,
  headers: Record<string, string> = {},
  settings: Settings = SETTINGS,
  sent: Sent = {},
) => sendWith(settings, method, path, { headers, ...sent });

const CASES = ROUTES.flatMap((route) => [route.method].flat().map((method: Method) => ({ route, method })));
const pathOf = (path: string, name = 'team/app'): string =>
  path
    .replace(':name+', name)
    .replace(':reference', 'absent')
    .replace(':digest', `sha256:${'0'.repeat(64)}`)
    .replace(/:\w+/g, '0'.repeat(64));

describe('a name that the proxy verified', () => {
  it('pushes, pulls and deletes what the policy gives it', async () => {
    const opened = demand(await ask('POST', '/v2/team/new/blobs/uploads/', by('alice')), 202);
    const path = opened.headers.get('location') ?? '';
    const length = { 'content-length': String(blob.bytes.byteLength) };
    const body = { body: blob.bytes };
    demand(await ask('PUT', `${path}?digest=${blob.digest}`, { ...by('alice'), ...length }, SETTINGS, body), 201);
    const type = { 'content-type': OCI_MANIFEST };
    const manifest = { body: imageOf(blob) };
    demand(await ask('PUT', '/v2/team/new/manifests/v1', { ...by('alice'), ...type }, SETTINGS, manifest), 201);
    demand(await ask('GET', '/v2/team/new/manifests/v1', by('alice')), 200);
    demand(await ask('DELETE', '/v2/team/new/manifests/v1', by('alice')), 202);
  });

  it('is refused with 403 and the reason, whatever it asks for, and is never challenged', async () => {
    for (const [method, path] of [
      ['POST', '/v2/team/app/blobs/uploads/'],
      ['GET', '/v2/private/app/manifests/latest'],
      ['DELETE', '/v2/shared/app/manifests/latest'],
      ['GET', '/v2/none/such/tags/list'],
    ] as const) {
      const response = await ask(method, path, by('bob'));
      expect(response.headers.has('www-authenticate')).toBe(false);
      const { status, code, message } = await refusal(response);
      expect({ status, code }, path).toEqual({ status: 403, code: 'DENIED' });
      expect(message).toMatch(/^proxy:bob may not .* lets proxy:bob (pull|push|delete) there\.$/);
    }
  });

  it("is nobody of Berth's: no rule for a user or a home of that name is for it", async () => {
    for (const path of ['/v2/private/app/manifests/latest', '/v2/hugo/app/tags/list'])
      expect((await ask('GET', path, by('hugo'))).status, path).toBe(403);
    demand(await ask('GET', '/v2/private/app/manifests/latest', basic(HUGO), WITH_PEOPLE), 200);
  });

  it('has signed in: it pulls what is for everybody who has, and lists what it may pull', async () => {
    demand(await ask('GET', '/v2/shared/app/manifests/latest', by('bob')), 200);
    const response = demand(await ask('GET', '/v2/_catalog', by('bob')), 200);
    const { repositories } = await response.json<{ repositories: string[] }>();
    expect(repositories).toEqual(['public/app', 'shared/app']);
  });

  it('goes on with its own uploads and with nobody else’s (CVE-2026-32589)', async () => {
    const opened = demand(await ask('POST', '/v2/team/app/blobs/uploads/', by('alice')), 202);
    const path = opened.headers.get('location') ?? '';
    demand(await ask('GET', path, by('alice')), 204);
    const everybody = JSON.stringify({
      rules: [{ name: 'all', subjects: ['anonymous'], repositories: ['**'], actions: ['*'] }],
    });
    for (const headers of [by('bob'), by(undefined), {}])
      demand(await ask('GET', path, headers, { ...SETTINGS, BERTH_POLICY: everybody }), 404);
  });

  it('is told in the log, its arrival once', async () => {
    await ask('GET', '/v2/shared/app/tags/list', by('newcomer'));
    await ask('GET', '/v2/private/app/tags/list', by('newcomer'));
    expect(log.requests).toMatchObject([
      { principal: 'proxy:newcomer', status: 200 },
      { principal: 'proxy:newcomer', status: 403, refusedBy: 'no rule' },
    ]);
    const arrivals = log.events.filter(({ action }) => action === 'signed in');
    expect(arrivals).toMatchObject([{ event: 'audit', actor: 'proxy:newcomer', proof: 'proxy' }]);
  });

  it('that could be mistaken for another is refused, and so is one that comes twice', async () => {
    for (const name of ['alice bob', 'alice, bob', '"alice"', 'élise']) {
      const answer = await refusal(ask('GET', '/v2/public/app/manifests/latest', by(name)));
      expect(answer, name).toMatchObject({ status: 403, code: 'DENIED' });
      expect(answer.message).toContain('in a way that this registry does not take');
    }
    const twice = new Headers(by('alice'));
    twice.append('X-Berth-User', 'bob');
    expect((await ask('GET', '/v2/team/app/tags/list', Object.fromEntries(twice))).status).toBe(403);
  });
});

describe('nobody, of whom the proxy says so', () => {
  it('comes in, gets what is open to everybody, and is refused the rest with 403', async () => {
    demand(await ask('GET', '/v2/', by(undefined)), 200);
    for (const headers of [by(undefined), by('')]) {
      demand(await ask('GET', '/v2/public/app/manifests/latest', headers), 200);
      const response = await ask('GET', '/v2/shared/app/manifests/latest', headers);
      expect(response.headers.has('www-authenticate')).toBe(false);
      expect(await refusal(response)).toMatchObject({ status: 403, code: 'DENIED' });
    }
  });
});

describe('a request through the proxy', () => {
  it('has no Authorization that is read, be it right, wrong, malformed or a token', async () => {
    const token = await tokenFor(HUGO, 'repository:private/app:pull');
    const headers = [
      basic(HUGO),
      basic({ name: 'hugo', password: 'wrong' }),
      bearer(token),
      bearer('e30.e30.e30'),
      { authorization: 'Basic !' },
      { authorization: 'x'.repeat(20_000) },
    ];
    for (const authorization of headers) {
      const asked = { ...authorization, ...by('alice') };
      demand(await ask('GET', '/v2/team/app/manifests/latest', asked, WITH_PEOPLE), 200);
      expect((await ask('GET', '/v2/private/app/manifests/latest', asked, WITH_PEOPLE)).status).toBe(403);
    }
  });

  it('is never challenged, on any route, whoever sends it', async () => {
    const settings = { ...WITH_PEOPLE, BERTH_PUBLIC_URL: 'https://registry.example' };
    for (const { route, method } of CASES) {
      for (const headers of [
        by('alice'),
        by('bob'),
        by(undefined),
        by('an odd name'),
        { ...by('bob'), ...basic(HUGO) },
      ]) {
        const body = ['GET', 'HEAD'].includes(method) ? {} : { body: new Uint8Array() };
        const response = await ask(method, pathOf(route.path, 'private/app'), headers, settings, body);
        await response.body?.cancel();
        const what = `${method} ${route.path}`;
        expect(response.status, what).not.toBe(401);
        expect(response.headers.has('www-authenticate'), what).toBe(false);
        if (route.right === 'admin' || route.right === 'own-tokens') expect(response.status, what).toBe(403);
        if (route.right === 'sign-in') expect(response.status, what).toBe(404);
      }
    }
  });

  it('opens no administration and no tokens, whatever it brings and whomever it names', async () => {
    for (const name of ['admin', 'root', undefined]) {
      const headers = { ...by(name), ...basic({ name: 'admin', password: PASSWORD }) };
      const response = await ask('GET', '/admin/accounts', headers, WITH_PEOPLE);
      expect((await refusal(response)).message).toContain("credentials of the registry's own");
    }
    demand(await ask('GET', '/admin/accounts', basic({ name: 'admin', password: PASSWORD }), WITH_PEOPLE), 200);
  });

  it('has its scheme, host and client believed, as no other request has', async () => {
    const said = {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'registry.example',
      'x-forwarded-for': '192.0.2.1, 10.1.2.3',
    };
    const opened = demand(await ask('POST', '/v2/team/app/blobs/uploads/', { ...by('alice'), ...said }), 202);
    expect(opened.headers.get('location')).toMatch(/^https:\/\/registry\.example\/v2\//);
    demand(await ask('GET', '/v2/office/app/manifests/latest', { ...by('bob'), ...said }), 200);
    expect((await ask('GET', '/v2/office/app/manifests/latest', by('bob'))).status).toBe(403);
    const direct = demand(
      await ask('POST', '/v2/team/app/blobs/uploads/', said, {
        ...SETTINGS,
        BERTH_POLICY: undefined,
        BERTH_ANONYMOUS: 'read-write',
      }),
      202,
    );
    expect(direct.headers.get('location')).toMatch(/^\/v2\//);
    const hugo = { ...basic(HUGO), ...said };
    expect((await ask('GET', '/v2/office/app/manifests/latest', hugo, WITH_PEOPLE)).status).toBe(403);
  });

  it('is let in with the secret before, while it is replaced', async () => {
    const both = { ...SETTINGS, BERTH_PROXY_SECRET_PREVIOUS: PREVIOUS };
    demand(await ask('GET', '/v2/team/app/tags/list', by('alice', PREVIOUS), both), 200);
    demand(await ask('GET', '/v2/team/app/tags/list', by('alice'), both), 200);
    expect((await ask('GET', '/v2/team/app/tags/list', by('alice', PREVIOUS))).status).toBe(401);
  });
});

describe('a forged word of the proxy', () => {
  const FORGED = {
    'X-Berth-User': 'alice',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-for': '10.1.2.3',
  };
  it.each<[what: string, headers: Record<string, string>]>([
    ['without a secret', FORGED],
    ['with an empty secret', { ...FORGED, ...by('alice', '') }],
    ['with a wrong secret', { ...FORGED, ...by('alice', '0'.repeat(48)) }],
    ['with a part of the secret', { ...FORGED, ...by('alice', SECRET.slice(0, 40)) }],
    ['with the secret twice', { ...FORGED, ...by('alice', `${SECRET}, ${SECRET}`) }],
  ])('%s changes nothing on any route', async (_, headers) => {
    for (const { route, method } of CASES.filter(({ route }) => route.right !== 'anyone')) {
      const body = ['GET', 'HEAD'].includes(method) ? {} : { body: new Uint8Array() };
      const told = async (given: Record<string, string>) => {
        const response = await ask(method, pathOf(route.path), given, WITH_PEOPLE, body);
        const text = (await response.text()).replaceAll(/"requestId":"[^"]*"/g, '');
        return { status: response.status, challenge: response.headers.get('www-authenticate'), text };
      };
      expect(await told(headers), `${method} ${route.path}`).toEqual(await told({}));
    }
    expect(log.text).not.toContain('alice');
    expect(log.text).not.toContain('evil.example');
  });

  it('leaves who asks to be told by Authorization', async () => {
    const forged = { ...by('alice', '0'.repeat(48)), ...basic(HUGO) };
    demand(await ask('GET', '/v2/private/app/manifests/latest', forged, WITH_PEOPLE), 200);
    expect((await ask('GET', '/v2/team/app/manifests/latest', forged, WITH_PEOPLE)).status).toBe(403);
  });

  it('is told by the log where it has a secret, which the log does not', async () => {
    await ask('GET', '/v2/', by('alice', `${SECRET}0`));
    await ask('GET', '/v2/', { 'X-Berth-User': 'alice' });
    expect(log.requests).toMatchObject([{ status: 401, proxy: 'wrong secret' }, { status: 401 }]);
    expect(log.requests[1]).not.toHaveProperty('proxy');
  });

  it('is nothing at all where no secret is set', async () => {
    const settings = { ...SETTINGS, BERTH_PROXY_SECRET: undefined };
    for (const headers of [by('alice'), by('alice', '')])
      expect((await ask('GET', '/v2/team/app/tags/list', headers, settings)).status).toBe(401);
  });
});

describe('a registry with a secret of a proxy', () => {
  const OPEN = { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' };
  const LOCAL = { host: '127.0.0.1:8787' };

  it('is not open to its own machine, nor is one without to what says that it is a proxy', async () => {
    demand(await ask('GET', '/v2/', LOCAL, OPEN), 200);
    expect((await ask('GET', '/v2/', LOCAL, { ...OPEN, BERTH_PROXY_SECRET: SECRET })).status).toBe(401);
    expect((await ask('GET', '/v2/', { ...LOCAL, ...by('alice') }, OPEN)).status).toBe(401);
  });

  it('and without a policy says of a name that nothing is given to it yet', async () => {
    const settings = { ...SETTINGS, BERTH_POLICY: undefined };
    demand(await ask('GET', '/v2/', by('alice'), settings), 200);
    const { status, message } = await refusal(ask('GET', '/v2/team/app/tags/list', by('alice'), settings));
    expect(status).toBe(403);
    expect(message).toContain('proxy:alice has no rights of its own here');
  });

  it('beside an outside token server opens nothing', async () => {
    const settings = { ...SETTINGS, BERTH_POLICY: undefined, BERTH_TOKEN_SERVER: '{}' };
    expect((await ask('GET', '/v2/', by('alice'), settings)).status).toBe(503);
  });
});

describe('/admin/access/explain', () => {
  it('answers of a name of the proxy what its requests are answered', async () => {
    const question = { subject: 'proxy:alice', repository: 'team/app', action: 'push' };
    const explained = await admin('POST', '/admin/access/explain', question, { settings: WITH_PEOPLE });
    expect(explained.json).toMatchObject({ allowed: true, rule: 'team', signsIn: true });
    const without = { ...WITH_PEOPLE, BERTH_PROXY_SECRET: undefined };
    const kept = await admin('POST', '/admin/access/explain', question, { settings: without });
    expect(kept.json).toMatchObject({ allowed: true, signsIn: false });
    expect(kept.json['why']).toContain('BERTH_PROXY_SECRET is not set');
    await newAccount('bob');
    const other = { ...question, subject: 'proxy:bob' };
    expect((await admin('POST', '/admin/access/explain', other, { settings: WITH_PEOPLE })).json).toMatchObject({
      allowed: false,
      message:
        'proxy:bob may not push to team/app. Whoever runs this registry can add a rule to its policy that lets proxy:bob push there.',
    });
  });
});
