/** What web pages may read (BERTH_CORS_ORIGINS; Fetch Standard, "HTTP-CORS protocol"), and that it gives no other right. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseConfig, ConfigurationError } from '../../src/config.ts';
import { ROUTES } from '../../src/http/routes.ts';
import {
  demand,
  imageOf,
  openSession,
  pushed,
  putManifest,
  refusal,
  sendWith,
  type Sent,
  type Settings,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const name = 'cors/main';
const UI = 'https://ui.example';
const LOCAL_UI = 'http://localhost:8080';
const NOWHERE = `sha256:${'0'.repeat(64)}`;
const LISTED: Settings = { BERTH_CORS_ORIGINS: `${UI}, ${LOCAL_UI}` };
const ANY: Settings = { BERTH_CORS_ORIGINS: '*' };
const EXPOSED = [
  ...['Accept-Ranges', 'Allow', 'Content-Range', 'ETag', 'Link', 'Location', 'Range', 'Retry-After', 'Warning'],
  ...['WWW-Authenticate', 'X-Request-Id'],
  ...['Docker-Content-Digest', 'Docker-Distribution-API-Version', 'Docker-Upload-UUID'],
  ...['OCI-Chunk-Min-Length', 'OCI-Filters-Applied', 'OCI-Namespace', 'OCI-Subject', 'OCI-Tag'],
];
/** What browsers show every page, and what no script of a page has a use for. */
const NOT_EXPOSED = [
  'date',
  ...['cache-control', 'content-length', 'content-type', 'vary', 'x-content-type-options', 'content-security-policy'],
];

let log: LogLines;
let blob: Blob;
let upload: string;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(1_000));
  demand(await putManifest(name, 'latest', imageOf(blob)), 201);
  upload = (await openSession(name)).path;
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const sample = (path: string) =>
  path
    .replace(':name+', name)
    .replace(':reference', 'latest')
    .replace(':digest', blob.digest)
    .replace(/\/uploads\/:upload/, `/uploads/${upload.split('/').at(-1) ?? ''}`);
const API_PATHS = [...new Set(ROUTES.map(({ path }) => path))].filter((path) => path.startsWith('/v2/'));
const allowedAt = (path: string) => ROUTES.filter((route) => route.path === path).flatMap(({ method }) => method);

/** CORS headers alone, and Vary, which belongs to them. */
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([header]) => header.startsWith('access-control-') || header === 'vary'));
const readableBy = (origin: string) => ({
  'access-control-allow-origin': origin,
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': EXPOSED.join(', '),
  vary: 'Origin',
});
const readableByAll = { 'access-control-allow-origin': '*', 'access-control-expose-headers': EXPOSED.join(', ') };

const question = (origin: string, method = 'GET') => ({
  headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
});

/** Answers of every kind that a page may get. */
const KINDS: readonly [status: number, method: string, path: () => string, settings?: Settings, sent?: Sent][] = [
  [200, 'GET', () => '/v2/'],
  [301, 'GET', () => '/v2'],
  [200, 'GET', () => '/v2/_catalog'],
  [200, 'GET', () => `/v2/${name}/tags/list?n=0`],
  [200, 'GET', () => `/v2/${name}/referrers/${NOWHERE}?artifactType=a/b`],
  [200, 'GET', () => `/v2/${name}/manifests/latest`],
  [200, 'HEAD', () => `/v2/${name}/blobs/${blob.digest}`],
  [200, 'GET', () => `/v2/${name}/blobs/${blob.digest}`],
  [206, 'GET', () => `/v2/${name}/blobs/${blob.digest}`, {}, { headers: { range: 'bytes=0-9' } }],
  [206, 'GET', () => `/v2/${name}/blobs/${blob.digest}`, {}, { headers: { range: 'bytes=0-9,20-29' } }],
  [304, 'GET', () => `/v2/${name}/blobs/${blob.digest}`, {}, { headers: { 'if-none-match': '*' } }],
  [412, 'GET', () => `/v2/${name}/blobs/${blob.digest}`, {}, { headers: { 'if-match': '"x"' } }],
  [416, 'GET', () => `/v2/${name}/blobs/${blob.digest}`, {}, { headers: { range: 'bytes=1000-' } }],
  [202, 'POST', () => `/v2/${name}/blobs/uploads/`],
  [204, 'GET', () => upload],
  [400, 'GET', () => `/v2/${name}/blobs/none`],
  [401, 'GET', () => '/v2/', { BERTH_ANONYMOUS: 'none' }],
  [401, 'POST', () => `/v2/${name}/blobs/uploads/`, { BERTH_ANONYMOUS: 'read' }],
  [404, 'GET', () => `/v2/${name}/blobs/${NOWHERE}`],
  [404, 'GET', () => '/v2/nothing'],
  [405, 'POST', () => '/v2/_catalog'],
  [405, 'OPTIONS', () => '/v2/'],
  [414, 'GET', () => `/v2/${'x'.repeat(5_000)}`],
];

async function everyKind(settings: Settings, headers: Record<string, string>): Promise<Response[]> {
  const answers = [];
  for (const [status, method, path, others = {}, sent = {}] of KINDS) {
    const merged = { ...sent, headers: { ...sent.headers, ...headers } };
    const answer = await sendWith({ ...settings, ...others }, method, path(), merged);
    expect(answer.status, `${method} ${path()}`).toBe(status);
    await answer.body?.cancel();
    answers.push(answer);
  }
  return answers;
}

describe('without BERTH_CORS_ORIGINS', () => {
  it('no answer says anything to a browser', async () => {
    for (const answer of await everyKind({}, { origin: UI })) expect(corsOf(answer)).toEqual({});
  });

  it('OPTIONS is 405 with Allow, as for any method that a route does not have', async () => {
    for (const path of API_PATHS) {
      const answer = await sendWith({}, 'OPTIONS', sample(path), question(UI));
      expect([answer.status, answer.headers.get('allow')], path).toEqual([405, allowedAt(path).join(', ')]);
      expect(corsOf(answer)).toEqual({});
    }
  });
});

describe('a page of an origin that BERTH_CORS_ORIGINS lists', () => {
  it('may ask with each method of each route (OPTIONS): 204 before any right is looked at, and no work', async () => {
    for (const settings of [LISTED, { ...LISTED, BERTH_ANONYMOUS: 'none' }]) {
      for (const path of API_PATHS) {
        log.clear();
        const answer = await sendWith(settings, 'OPTIONS', sample(path), question(UI, 'DELETE'));
        expect([answer.status, await answer.text()], path).toEqual([204, '']);
        expect(corsOf(answer), path).toEqual({
          ...readableBy(UI),
          'access-control-allow-methods': allowedAt(path).join(', '),
          'access-control-allow-headers':
            'Accept, Authorization, Cache-Control, Content-Range, Content-Type, If-Match, If-None-Match, If-Range, Range',
          'access-control-max-age': '7200',
        });
        expect(log.requests[0]).toMatchObject({ route: 'preflight', objectCalls: 0, storeOperations: 0 });
      }
    }
  });

  it('reads every answer, refusals too, with each of its headers', async () => {
    for (const origin of [UI, LOCAL_UI])
      for (const answer of await everyKind(LISTED, { origin })) expect(corsOf(answer)).toEqual(readableBy(origin));
  });

  it('gets 405 with Allow for an OPTIONS that is no question of a browser', async () => {
    const answer = await sendWith(LISTED, 'OPTIONS', '/v2/', { headers: { origin: UI } });
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
    expect(corsOf(answer)).toEqual(readableBy(UI));
    expect(await refusal(answer)).toMatchObject({ status: 405, code: 'UNSUPPORTED' });
  });

  it('asks in vain for a path that is no route', async () => {
    const answer = await sendWith(LISTED, 'OPTIONS', '/v2/nothing', question(UI));
    expect(await refusal(answer)).toMatchObject({ status: 404 });
  });

  it('has no more rights than anybody', async () => {
    const headers = { origin: UI, 'sec-fetch-site': 'cross-site' };
    const path = `/v2/${name}/manifests/latest`;
    for (const [settings, method, status] of [
      [{ BERTH_ANONYMOUS: 'none' }, 'GET', 401],
      [{ BERTH_ANONYMOUS: 'read' }, 'GET', 200],
      [{ BERTH_ANONYMOUS: 'read' }, 'DELETE', 401],
    ] as const) {
      const answer = await sendWith({ ...LISTED, ...settings }, method, path, { headers });
      expect([answer.status, corsOf(answer)]).toEqual([status, readableBy(UI)]);
    }
  });
});

describe('a page of an origin that BERTH_CORS_ORIGINS does not list', () => {
  const others = [
    ...['https://ui.example.evil.example', 'https://evil-ui.example', 'https://x.ui.example', 'http://ui.example'],
    ...['https://ui.example:444', 'https://ui.example/', 'https://UI.example', 'https://ui.example, https://b.example'],
    ...['null', '*', '', 'ui.example', 'http://localhost', 'http://localhost:80800', 'http://127.0.0.1:8080'],
  ];
  it.each(others)('%s: no answer says anything to its browser', async (origin) => {
    for (const answer of await everyKind(LISTED, { origin })) expect(corsOf(answer)).toEqual({ vary: 'Origin' });
    const answer = await sendWith(LISTED, 'OPTIONS', '/v2/', question(origin));
    expect([answer.status, corsOf(answer)]).toEqual([405, { vary: 'Origin' }]);
  });

  it('is not answered what a cache holds for one that is listed, nor the other way round', async () => {
    for (const answer of await everyKind(LISTED, {})) expect(corsOf(answer)).toEqual({ vary: 'Origin' });
  });
});

describe('with BERTH_CORS_ORIGINS=*', () => {
  it('pages of every origin may ask and read, and never with credentials', async () => {
    for (const origin of [UI, 'http://anything.example', 'null']) {
      const asked = await sendWith(ANY, 'OPTIONS', sample('/v2/:name+/manifests/:reference'), question(origin));
      expect([asked.status, asked.headers.get('access-control-allow-methods')]).toEqual([
        204,
        'GET, HEAD, PUT, DELETE',
      ]);
      expect(corsOf(asked)).toMatchObject(readableByAll);
      for (const answer of [asked, ...(await everyKind(ANY, { origin }))])
        expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
    }
  });

  it('every answer says the same to everybody, so a cache may give it to anybody', async () => {
    for (const headers of [{}, { origin: UI }])
      for (const answer of await everyKind(ANY, headers)) expect(corsOf(answer)).toEqual(readableByAll);
  });
});

describe('headers that pages may read', () => {
  it('are all that an answer ever has, but those that no page has a use for', async () => {
    const push = { headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json' } };
    const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: NOWHERE, size: 10 };
    const answers = [
      ...(await everyKind({}, {})),
      await sendWith({}, 'GET', `/v2/${name}/tags/list?n=1&ns=127.0.0.1`, { headers: { host: '127.0.0.1' } }),
      await sendWith({}, 'PUT', `/v2/${name}/manifests/two`, { ...push, body: imageOf(blob, { subject }) }),
      await sendWith({}, 'GET', `/v2/${name}/tags/list?n=1`),
    ];
    const seen = new Set(answers.flatMap(({ headers }) => [...headers.keys()]));
    const known = [...NOT_EXPOSED, ...EXPOSED.map((header) => header.toLowerCase())];
    expect([...seen].filter((header) => !known.includes(header))).toEqual([]);
    for (const header of ['link', 'oci-subject', 'oci-namespace', 'docker-upload-uuid']) expect(seen).toContain(header);
  });
});

describe('what is beside the API', () => {
  it.each(['/', '/healthz', '/v1/', '/v20/'])('%s says nothing to browsers', async (path) => {
    for (const settings of [LISTED, ANY]) {
      for (const sent of [{ headers: { origin: UI } }, question(UI)]) {
        const method = 'access-control-request-method' in sent.headers ? 'OPTIONS' : 'GET';
        const answer = await sendWith(settings, method, path, sent);
        expect(answer.status).not.toBe(204);
        expect(corsOf(answer)).toEqual({});
      }
    }
  });
});

describe('a registry that is open on loopback', () => {
  const OPEN: Settings = { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' };
  const page = (origin: string, more: Record<string, string> = {}) => ({
    ...{ host: '127.0.0.1:8787', origin, referer: `${origin}/`, 'sec-fetch-site': 'cross-site' },
    ...{ 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors', ...more },
  });
  const statuses = async (settings: Settings, headers: Record<string, string>) => {
    const read = await sendWith({ ...OPEN, ...settings }, 'GET', `/v2/${name}/tags/list`, { headers });
    const write = await sendWith({ ...OPEN, ...settings }, 'POST', `/v2/${name}/blobs/uploads/`, { headers });
    return [read.status, write.status];
  };

  it('lets a page in whose origin is listed', async () => {
    for (const origin of [UI, LOCAL_UI]) expect(await statuses(LISTED, page(origin))).toEqual([200, 202]);
    const answer = await sendWith({ ...OPEN, ...LISTED }, 'GET', '/v2/', { headers: page(UI) });
    expect(corsOf(answer)).toEqual(readableBy(UI));
  });

  it('lets no other page in, by any setting', async () => {
    for (const settings of [{}, LISTED, ANY])
      for (const origin of ['https://evil.example', 'null', '']) {
        expect(await statuses(settings, page(origin))).toEqual([401, 401]);
      }
    for (const settings of [{}, ANY]) expect(await statuses(settings, page(UI))).toEqual([401, 401]);
  });

  it('lets no page in that hides where it comes from', async () => {
    const { origin: _, ...nameless } = page(UI);
    expect(await statuses(LISTED, nameless)).toEqual([401, 401]);
  });

  it.each([
    ['a name that was rebound to this machine', { host: 'rebound.example:8787' }],
    ['a proxy', { 'x-forwarded-for': '10.9.8.7' }],
    ['a proxy of another kind', { via: '1.1 proxy' }],
  ])('lets no listed page in through %s', async (_label, more) => {
    expect(await statuses(LISTED, page(UI, more))).toEqual([401, 401]);
  });

  it('reads to a page that is kept out why that is, if it may read at all', async () => {
    const answer = await sendWith({ ...OPEN, ...ANY }, 'GET', '/v2/', { headers: page('https://evil.example') });
    expect(corsOf(answer)).toEqual(readableByAll);
    expect(await refusal(answer)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });
});

describe('BERTH_CORS_ORIGINS', () => {
  it.each([
    ['*', '*'],
    [' * ', '*'],
    ['https://ui.example', ['https://ui.example']],
    ['HTTPS://UI.Example:443/', ['https://ui.example']],
    [
      ' https://a.example ,http://localhost:8080,http://[::1]:9000',
      ['https://a.example', 'http://localhost:8080', 'http://[::1]:9000'],
    ],
  ])('%s is read as %o', (given, expected) => {
    expect(parseConfig({ BERTH_CORS_ORIGINS: given }).corsOrigins).toEqual(expected);
  });

  it('is nobody when it is not set', () => {
    expect(parseConfig({}).corsOrigins).toEqual([]);
  });

  const wrong = [
    ...[
      '',
      ',',
      'https://a.example,',
      '*, https://a.example',
      '*,*',
      'https://*.example',
      'https://*',
      'http://*:8080',
    ],
    ...[
      'ui.example',
      'null',
      'https://a.example/path',
      'https://a.example?x',
      'https://a.example#x',
      'ftp://a.example',
    ],
    ...['https://user@a.example', 'chrome-extension://abcdef', 'https://a.example https://b.example', 'http://'],
    Array.from({ length: 101 }, (_, index) => `https://ui${String(index)}.example`).join(','),
  ];
  it.each(wrong.map((given) => [given.slice(0, 60), given]))('refuses %s', (_label, given) => {
    expect(() => parseConfig({ BERTH_CORS_ORIGINS: given })).toThrow(ConfigurationError);
    expect(() => parseConfig({ BERTH_CORS_ORIGINS: given })).toThrow(
      /^BERTH_CORS_ORIGINS must be \*, or up to 100 origins/,
    );
  });

  it('opens nothing when it is wrong, and no page reads that', async () => {
    for (const sent of [{ headers: { origin: UI } }, question(UI)]) {
      const answer = await sendWith({ BERTH_CORS_ORIGINS: `${UI},*` }, 'GET', '/v2/', sent);
      expect(corsOf(answer)).toEqual({});
      expect(await refusal(answer)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    }
  });
});
