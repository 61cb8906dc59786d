/** Who may do what: every route and method under every policy, and the registry that opens on loopback alone. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { withoutCredentials } from '../../src/auth/open-loopback.ts';
import { ROUTES, type Method, type Route } from '../../src/http/routes.ts';
import {
  imageOf,
  openSession,
  pushed,
  putManifest,
  refusal,
  sendWith,
  type Sent,
  type Settings,
  isOfOneAnswer,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob } from './world.ts';

const POLICIES = ['none', 'read', 'read-write'] as const;
const NOTHING = { body: new Uint8Array() };

let log: LogLines;
let paths: { existing: (route: Route) => string; missing: (route: Route) => string };

/** Ways into a repository that is there, and into one that is not. */
beforeAll(async () => {
  const blob = await pushed('access/there', await newBlob(500));
  await putManifest('access/there', 'latest', imageOf(blob));
  const upload = (await openSession('access/there')).path.split('/').at(-1) ?? '';
  const fill = (name: string, reference: string, digest: string, session: string) => (route: Route) =>
    route.path
      .replace(':name+', name)
      .replace(':reference', reference)
      .replace(':digest', digest)
      .replace(':upload', session);
  paths = {
    existing: fill('access/there', 'latest', blob.digest, upload),
    missing: fill('access/absent', 'none', `sha256:${'0'.repeat(64)}`, '0'.repeat(64)),
  };
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** What is nobody's by policy is the business of access/admin-attacks.test.ts and access/own-tokens.test.ts. */
const CASES = ROUTES.filter(({ right }) => right !== 'admin' && right !== 'own-tokens').flatMap((route) =>
  [route.method].flat().map((method: Method) => ({ route, method, label: `${method} ${route.path}` })),
);

function bodyFor(method: Method): Sent {
  return method === 'GET' || method === 'HEAD' ? {} : NOTHING;
}

function isGranted(policy: (typeof POLICIES)[number], { right }: Route): boolean {
  if (right === 'anyone' || right === 'sign-in' || policy === 'read-write') return true;
  return policy === 'read' && ['ping', 'catalog', 'pull'].includes(right);
}

/** What a caller can tell one answer from another by. */
async function told(response: Response): Promise<unknown> {
  const headers = [...response.headers].filter(([name]) => !isOfOneAnswer(name));
  return { status: response.status, headers, body: await response.text() };
}

describe('the table of routes', () => {
  it('asks for pull to read, for push to write or to see a push, and for delete to delete what is there', () => {
    for (const { route, method, label } of CASES) {
      const isRead = method === 'GET' || method === 'HEAD';
      if (route.path === '/v2/_catalog') expect(route.right, label).toBe('catalog');
      else if (!route.path.includes(':name+')) expect(['anyone', 'sign-in', 'ping'], label).toContain(route.right);
      else if (route.path.includes('/uploads/')) expect(route.right, label).toBe('push');
      else expect(route.right, label).toBe(isRead ? 'pull' : method === 'DELETE' ? 'delete' : 'push');
    }
  });
});

describe.each(POLICIES)('with BERTH_ANONYMOUS=%s', (policy) => {
  const settings = { BERTH_ANONYMOUS: policy };

  it('each method of each route is open or closed as the right that it needs says', async () => {
    for (const { route, method, label } of CASES) {
      const response = await sendWith(settings, method, paths.existing(route), bodyFor(method));
      await response.body?.cancel();
      if (isGranted(policy, route)) expect([401, 403], label).not.toContain(response.status);
      else expect(response.status, label).toBe(401);
    }
  });

  it('what is closed does no work, and says with a challenge what its operator can do', async () => {
    for (const { route, method, label } of CASES.filter(({ route }) => !isGranted(policy, route))) {
      log.clear();
      const response = await sendWith(settings, method, paths.existing(route), bodyFor(method));
      expect(response.headers.get('www-authenticate'), label).toMatch(/^Basic realm="/);
      expect(log.requests[0], label).toMatchObject({ status: 401, objectCalls: 0, storeOperations: 0 });
      if (method === 'HEAD') continue;
      const answer = await refusal(response);
      expect(answer.code, label).toBe('UNAUTHORIZED');
      expect(answer.message, label).toContain(
        policy === 'none' ? 'BERTH_ANONYMOUS=read' : 'BERTH_ANONYMOUS=read-write',
      );
    }
  });

  it('what is closed answers the same whether or not the repository exists, or could', async () => {
    for (const { route, method, label } of CASES.filter(({ route }) => !isGranted(policy, route))) {
      const answer = async (path: string) => told(await sendWith(settings, method, path, bodyFor(method)));
      const existing = await answer(paths.existing(route));
      expect(await answer(paths.missing(route)), label).toEqual(existing);
      expect(await answer(paths.missing(route).replace('access/absent', 'NO/name')), label).toEqual(existing);
    }
  });

  it('credentials that nobody gave out change nothing', async () => {
    for (const authorization of ['Basic YWRtaW46YWRtaW4=', 'Bearer e30.e30.', 'Basic', 'x'.repeat(10_000)]) {
      for (const { route, method, label } of CASES) {
        const sent = { ...bodyFor(method), headers: { authorization } };
        const response = await sendWith(settings, method, paths.missing(route), sent);
        await response.body?.cancel();
        expect(response.status === 401, label).toBe(!isGranted(policy, route));
      }
    }
  });
});

describe('a registry that nobody has configured', () => {
  const unset: Settings = { BERTH_ANONYMOUS: undefined, BERTH_OPEN_LOOPBACK: undefined };

  it('is closed, also to callers from loopback', async () => {
    for (const { route, method, label } of CASES.filter(({ route }) => !['anyone', 'sign-in'].includes(route.right))) {
      const sent = { ...bodyFor(method), headers: { host: '127.0.0.1:8787' } };
      expect((await sendWith(unset, method, paths.existing(route), sent)).status, label).toBe(401);
    }
  });

  it('says which setting opens it', async () => {
    const answer = await refusal(sendWith(unset, 'GET', '/v2/'));
    expect(answer.message).toBe(
      'this registry is closed: the setting BERTH_ANONYMOUS is "none". ' +
        'Its operator can open it for everyone who reaches it with BERTH_ANONYMOUS=read or read-write.',
    );
  });

  it('tells a load balancer all the same that it is alive', async () => {
    expect((await sendWith(unset, 'GET', '/healthz')).status).toBe(200);
  });
});

describe('a wrong setting', () => {
  const wrong: Settings[] = [
    ...['yes', '', 'NONE', 'write', 'read-write '].map((value) => ({ BERTH_ANONYMOUS: value })),
    ...['yes', 'true', '1', ''].map((value) => ({ BERTH_OPEN_LOOPBACK: value })),
    ...['4 MiB', '-1', '1e9', '99999999999', '10'].map((value) => ({ BERTH_MAX_MANIFEST_BYTES: value })),
    ...['-1', '1.5', 'never', '99999999'].map((value) => ({ BERTH_GRACE_SECONDS: value })),
    { BERTH_GRACE_SECONDS: '60', BERTH_UPLOAD_EXPIRY_SECONDS: '61' },
    ...[{ BERTH_UPLOAD_EXPIRY_SECONDS: '0' }, { BERTH_EXISTENCE_CACHE_SECONDS: '3601' }],
    ...['', 'ui.example', 'https://ui.example/path', 'https://*.ui.example', 'null'].map((value) => ({
      BERTH_CORS_ORIGINS: value,
    })),
    ...[{ BERTH_JURISDICTION: 'mars' }, { BERTH_LOCATION_HINT: 'home' }],
  ];

  it.each(wrong)('%o opens nothing: every route answers 503', async (settings) => {
    for (const { route, method, label } of CASES) {
      log.clear();
      const sent = { ...bodyFor(method), headers: { host: 'localhost' } };
      const response = await sendWith(
        { BERTH_ANONYMOUS: 'read-write', ...settings },
        method,
        paths.existing(route),
        sent,
      );
      if (method !== 'HEAD') expect(await refusal(response), label).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
      expect(log.requests[0], label).toMatchObject({ status: 503, objectCalls: 0, storeOperations: 0 });
    }
  });

  it('is named in the log and not to the client', async () => {
    const response = await sendWith({ BERTH_ANONYMOUS: 'a-secret-in-the-wrong-place' }, 'GET', '/v2/');
    expect(await response.text()).not.toContain('BERTH_ANONYMOUS');
    const [line] = log.events.filter(({ event }) => event === 'wrong settings');
    expect(line?.['problems']).toContain('BERTH_ANONYMOUS must be one of none, read, read-write');
    expect(log.text).not.toContain('a-secret-in-the-wrong-place');
  });
});

describe('a registry that is open on loopback', () => {
  const settings: Settings = { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' };
  const principal = (headers: Record<string, string>, openLoopback = true) =>
    withoutCredentials(new Request('http://127.0.0.1/v2/', { headers }), { openLoopback, corsOrigins: [] });
  const kind = (headers: Record<string, string>, openLoopback = true) => principal(headers, openLoopback).kind;

  it.each(['localhost', 'LocalHost:8787', '127.0.0.1', '127.0.0.1:8787', '127.8.9.10:80', '[::1]', '[::1]:8787'])(
    'takes a request for the host %s as local',
    async (host) => {
      expect(kind({ host })).toBe('local');
      for (const { route, method, label } of CASES) {
        const response = await sendWith(settings, method, paths.missing(route), {
          ...bodyFor(method),
          headers: { host },
        });
        await response.body?.cancel();
        expect(response.status, label).not.toBe(401);
      }
    },
  );

  const foreignHosts = [
    ...[
      'registry.example',
      'localhost.example',
      'example.localhost.com',
      '127.0.0.1.nip.example',
      'localhost.',
      'local',
    ],
    ...['128.0.0.1', '10.0.0.1', '192.168.1.1', '0.0.0.0', '[::]', '[::2]:80', '[fe80::1]', '::1', '169.254.169.254'],
    ...['localhost:8787@evil.example', 'evil.example:localhost', 'localhost:port', '127.1', '2130706433', '0x7f000001'],
    ...['127.0.0.1, evil.example', '127.0.0.1 evil.example', 'xlocalhost', 'localhost/', '017700000001', '127.0.0.1:'],
  ];
  it.each(foreignHosts)('does not take a request for the host %s as local', async (host) => {
    expect(kind({ host })).toBe('anonymous');
    expect((await sendWith(settings, 'GET', '/v2/', { headers: { host } })).status).toBe(401);
  });

  it('does not take a request without a host as local', () => {
    expect(kind({})).toBe('anonymous');
  });

  const markedByOthers = [
    ...['Origin', 'Forwarded', 'Via', 'X-Real-IP', 'Sec-Fetch-Site', 'CF-Connecting-IP', 'CF-Ray', 'CF-Worker', 'cf-x'],
    ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X-Forwarded-Port', 'x-forwarded-anything'],
    ...['X-Berth-User', 'X-Berth-Proxy-Secret'],
  ];
  it.each(markedByOthers)('does not take a request with %s as local, whatever its value', async (name) => {
    for (const value of ['', 'null', '127.0.0.1', 'http://127.0.0.1:8787', 'for=127.0.0.1', 'same-origin']) {
      const headers = { host: '127.0.0.1:8787', [name]: value };
      expect(kind(headers)).toBe('anonymous');
      expect((await sendWith(settings, 'GET', '/v2/', { headers })).status).toBe(401);
    }
  });

  it('takes no request as local unless it is switched on', async () => {
    const headers = { host: '127.0.0.1' };
    expect(kind(headers, false)).toBe('anonymous');
    for (const value of ['off', undefined]) {
      expect((await sendWith({ ...settings, BERTH_OPEN_LOOPBACK: value }, 'GET', '/v2/', { headers })).status).toBe(
        401,
      );
    }
  });

  it.each([
    [{ host: 'registry.example' }, 'host'],
    [{}, 'host'],
    [{ host: 'localhost', Origin: 'http://a-page.example' }, 'origin'],
    [{ host: 'localhost', 'Sec-Fetch-Site': 'none' }, 'sec-fetch-site'],
    [{ host: 'localhost', 'X-Forwarded-For': '10.9.8.7' }, 'x-forwarded*'],
    [{ host: 'localhost', 'CF-Connecting-IP': '10.9.8.7' }, 'cf-*'],
  ])(
    'tells a request with %o that it is not taken as local, and logs %s and nothing of the request',
    async (headers, sign) => {
      expect(principal(headers)).toEqual({ kind: 'anonymous', notLocal: sign });
      // Without a host of its own a Request gets that of its address.
      if (!('host' in headers)) return;
      for (const [policy, open, opens] of [
        ['none', 'is open to programs on its own machine only', 'BERTH_ANONYMOUS=read or read-write'],
        ['read', 'takes pushes from programs on its own machine only', 'BERTH_ANONYMOUS=read-write'],
      ] as const) {
        log.clear();
        const answer = await refusal(
          sendWith({ ...settings, BERTH_ANONYMOUS: policy }, 'POST', '/v2/access/there/blobs/uploads/', { headers }),
        );
        expect(answer).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
        for (const words of [open, 'names another host', 'a header that a proxy or a browser adds', opens])
          expect(answer.message).toContain(words);
        expect(log.requests[0]).toMatchObject({ status: 401, notLocal: sign, objectCalls: 0, storeOperations: 0 });
        expect(log.text).not.toMatch(/example|10\.9\.8\.7/);
      }
    },
  );

  it('says the same of each sign, whether or not the repository exists, or could', async () => {
    const answer = async (headers: Record<string, string>, name: string) =>
      told(await sendWith(settings, 'GET', `/v2/${name}/tags/list`, { headers }));
    const first = await answer({ host: 'registry.example' }, 'access/there');
    for (const headers of [{ host: 'registry.example' }, { host: 'localhost', origin: 'null' }])
      for (const name of ['access/there', 'access/absent', 'NO/name'])
        expect(await answer(headers, name), name).toEqual(first);
  });

  it('says nothing of it, and logs nothing, where loopback is not open or the request is granted', async () => {
    const headers = { host: 'registry.example' };
    expect(principal(headers, false)).toEqual({ kind: 'anonymous' });
    const closed = await refusal(sendWith({ ...settings, BERTH_OPEN_LOOPBACK: 'off' }, 'GET', '/v2/', { headers }));
    expect(closed.message).toMatch(/^this registry is closed:/);
    await sendWith({ ...settings, BERTH_ANONYMOUS: 'read' }, 'GET', '/v2/', { headers });
    expect(log.requests.map(({ status }) => status)).toEqual([401, 200]);
    expect(log.text).not.toContain('notLocal');
  });

  it('gives those that it does not take as local what BERTH_ANONYMOUS says', async () => {
    const headers = { host: 'registry.example' };
    const get = (policy: string) => sendWith({ ...settings, BERTH_ANONYMOUS: policy }, 'GET', '/v2/', { headers });
    expect([(await get('none')).status, (await get('read')).status]).toEqual([401, 200]);
  });
});

describe('upload sessions', () => {
  it('of a local caller are unknown to everybody else, and the other way round (CVE-2026-32589)', async () => {
    const local = { host: '127.0.0.1' };
    const anybody = { host: 'registry.example' };
    const open: Settings = { BERTH_ANONYMOUS: 'read-write', BERTH_OPEN_LOOPBACK: 'on' };
    for (const [mine, theirs] of [
      [local, anybody],
      [anybody, local],
    ] as const) {
      const opened = await sendWith(open, 'POST', '/v2/access/there/blobs/uploads/', { headers: mine });
      const path = opened.headers.get('location') ?? '';
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'] as const) {
        const address = method === 'PUT' ? `${path}?digest=sha256:${'0'.repeat(64)}` : path;
        const sent = { ...bodyFor(method), headers: theirs };
        const answer = await refusal(sendWith(open, method, address, sent));
        expect(answer, method).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
      }
      expect((await sendWith(open, 'GET', path, { headers: mine })).status).toBe(204);
    }
  });
});
