/** The front as such: its base, its errors, the headers that every answer carries, and paths that lead nowhere. */
import { listDurableObjectIds } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROUTES } from '../../src/http/routes.ts';
import {
  getManifest,
  imageOf,
  openSession,
  pushed,
  putManifest,
  refusal,
  send,
  sendWith,
  type Settings,
  isOfOneAnswer,
} from './client.ts';
import { faults } from './faults.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, storedKeys, type Blob } from './world.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'] as const;
const SHA256 = `sha256:${'a'.repeat(64)}`;
const UPLOAD = 'b'.repeat(64);

let log: LogLines;
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  faults.reset();
});

/** A path that the route matches. */
function sample(path: string): string {
  return path
    .replace(':name+', 'base/sample')
    .replace(':reference', 'latest')
    .replace(':digest', SHA256)
    .replace(':upload', UPLOAD);
}

const PATHS = [...new Set(ROUTES.map(({ path }) => path))];
const allowedAt = (path: string): string[] =>
  ROUTES.filter((route) => route.path === path).flatMap(({ method }) => method);

async function objectCount(): Promise<number> {
  const ids = await Promise.all([
    listDurableObjectIds(env.REPOSITORY),
    listDurableObjectIds(env.UPLOAD),
    listDurableObjectIds(env.BLOB_DIRECTORY),
    listDurableObjectIds(env.CATALOG),
  ]);
  return ids.flat().length;
}

describe('the base of the API', () => {
  it('answers / and /healthz with 200, asking no object', async () => {
    for (const path of ['/', '/healthz']) {
      const response = await send('GET', path);
      expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
    }
    expect(log.requests.map(({ objectCalls, storeOperations }) => objectCalls + storeOperations)).toEqual([0, 0]);
  });

  it('answers /v2/ with an empty JSON object and the version of the API', async () => {
    const response = await send('GET', '/v2/');
    expect(response.headers.get('docker-distribution-api-version')).toBe('registry/2.0');
    expect([response.status, await response.json()]).toEqual([200, {}]);
  });

  it('sends a client that forgot the slash from /v2 to /v2/', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await send(method, '/v2');
      expect([response.status, response.headers.get('location')]).toEqual([301, '/v2/']);
    }
  });

  it('answers a path that is no route with 404 in the form of the specification', async () => {
    for (const path of ['/v1/', '/v2/_catalogue', '/v2/name', '/v2/name/tags', '/index.html', '/v3/', '/v2/a/blobs']) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        expect(await refusal(send(method, path)), `${method} ${path}`).toMatchObject({
          status: 404,
          code: 'UNSUPPORTED',
        });
      }
    }
  });

  it('answers a method that a path does not know with 405, and names those that it knows in Allow', async () => {
    for (const path of PATHS) {
      const allowed = allowedAt(path);
      for (const method of METHODS.filter((candidate) => !allowed.some((known) => known === candidate))) {
        const response = await send(method, sample(path));
        expect(response.status, `${method} ${path}`).toBe(405);
        expect(response.headers.get('allow'), `${method} ${path}`).toBe(allowed.join(', '));
        if (method !== 'HEAD') expect((await refusal(response)).code).toBe('UNSUPPORTED');
      }
    }
  });

  it('answers HEAD as it answers GET, without a body', async () => {
    const blob = await pushed('base/head', await newBlob(1_234));
    await putManifest('base/head', 'latest', imageOf(blob), 'application/vnd.oci.image.manifest.v1+json');
    const paths = [
      ...['/', '/healthz', '/v2/', '/v2/base/head/tags/list', '/v2/base/head/manifests/latest', '/nothing'],
      ...[`/v2/base/head/blobs/${blob.digest}`, `/v2/base/head/blobs/${SHA256}`, '/v2/base/head/manifests/none'],
    ];
    const told = (response: Response) => [
      response.status,
      [...response.headers].filter(([name]) => !isOfOneAnswer(name) && name !== 'content-length'),
    ];
    for (const path of paths) {
      const [get, head] = [await send('GET', path), await send('HEAD', path)];
      expect(told(head), path).toEqual(told(get));
      expect(await head.text()).toBe('');
      await get.body?.cancel();
    }
  });
});

describe('every answer', () => {
  it('carries the version of the API, a request id of its own, and the headers that keep browsers and caches off', async () => {
    const { path } = await openSession('base/headers');
    const answers = [
      ...[await send('GET', '/'), await send('GET', '/v2/'), await send('GET', '/v2'), await send('GET', '/nothing')],
      ...[await send('POST', '/v2/'), await send('GET', '/v2/base/headers/manifests/none'), await send('GET', path)],
      ...[await send('PUT', `${path}?digest=none`), await sendWith({ BERTH_ANONYMOUS: 'none' }, 'GET', '/v2/')],
      await sendWith({ BERTH_ANONYMOUS: 'perhaps' }, 'GET', '/v2/'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 301, 404, 405, 404, 204, 400, 401, 503]);
    for (const { headers } of answers) {
      expect(headers.get('docker-distribution-api-version')).toBe('registry/2.0');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
      expect(headers.get('cache-control')).toBe('no-store, no-transform');
    }
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    expect(new Set(ids).size).toBe(answers.length);
    expect(log.requests.slice(1).map(({ id }) => id)).toEqual(ids);
  });

  it('to an unexpected failure has a request id and nothing else, and the log has the rest', async () => {
    faults.inject('front>REPOSITORY.getManifest', 'fail-before');
    const response = await getManifest('base/failing', 'latest');
    const id = response.headers.get('x-request-id');
    expect(await refusal(response)).toMatchObject({ status: 500, code: 'UNKNOWN', detail: { requestId: id } });
    const [failure] = log.events.filter(({ event }) => event === 'unexpected failure');
    expect(failure).toMatchObject({ level: 'error', id });
    expect(String(failure?.['error'])).toContain('front>REPOSITORY.getManifest');
  });

  it('of an object that was reset says that another try is worth it', async () => {
    const blob = await pushed('base/reset', await newBlob(100));
    faults.inject('Repository>store.put', 'crash-before');
    const large = imageOf(blob, { annotations: { padding: 'x'.repeat(70_000) } });
    const response = await putManifest('base/reset', 'latest', large);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await refusal(response)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect((await putManifest('base/reset', 'latest', large)).status).toBe(201);
  });
});

describe('the log', () => {
  it('has one line a request, with what was asked, what was answered and what it cost', async () => {
    await getManifest('base/log', 'latest');
    const line = { level: 'info', event: 'request', method: 'GET', route: 'manifest', repository: 'base/log' };
    const answer = { reference: 'latest', status: 404, error: 'MANIFEST_UNKNOWN', objectCalls: 1, storeOperations: 0 };
    expect(log.events).toHaveLength(1);
    expect(log.events[0]).toMatchObject({ ...line, ...answer });
  });

  it('never has a header, a query or a body in it (CVE-2025-48374)', async () => {
    const canary = 'canary-8a7f3c';
    const headers = { authorization: `Basic ${canary}`, cookie: canary, 'x-api-key': canary, 'content-type': canary };
    const session = await openSession('base/secrets');
    for (const method of METHODS) {
      const body = method === 'GET' || method === 'HEAD' ? {} : { body: canary };
      for (const path of [...PATHS.map(sample), session.path, '/nothing']) {
        const response = await send(method, `${path}?digest=${canary}&token=${canary}&n=${canary}`, {
          headers,
          ...body,
        });
        await response.body?.cancel();
      }
    }
    expect(log.requests.length).toBeGreaterThan(50);
    expect(log.text).not.toContain(canary);
  });
});

describe('an address that is not quite one (CVE-2020-29662, GHSA-qj39-pjf2-wmrc)', () => {
  const hostileNames = [
    ...[
      'A',
      'a//b',
      '/a',
      'a/',
      '-a',
      'a-',
      '.a',
      'a..b',
      'a___b',
      'a%2fb',
      'a%2Fb',
      'a%252fb',
      'a%5cb',
      'a%00',
      '%00',
    ],
    ...['%2e%2e', 'a%2f..%2fb', '..%2f..%2fetc', 'é', '%C3%A9', 'a%20b', 'a+b', 'a@b', 'a:b', 'a;b', 'a,b', 'a~', '*'],
    ...['ａ', 'ß', 'a\u200bb', 'a\u202eb', '🐳', 'a'.repeat(256), 'a/'.repeat(200) + 'a'],
  ];
  const hostileReferences = ['%00', '..%2f..', '%2e%2e', '-x', '.x', 'a%2fb', 'é', 'x'.repeat(129), 'sha256:', 'a:b'];
  const hostileDigests = [
    ...[
      'sha256:',
      'sha256:..%2f..',
      `sha256:${'A'.repeat(64)}`,
      `sha256:${'a'.repeat(63)}`,
      `SHA256:${'a'.repeat(64)}`,
    ],
    ...[`sha256:${'a'.repeat(65)}`, `md5:${'a'.repeat(32)}`, `sha256%3A${'a'.repeat(64)}x`, `sha512:${'a'.repeat(64)}`],
    ...['..%2f..%2fblobs', '%00', `sha256:${'a'.repeat(63)}%00`, 'uploads'],
  ];
  const hostileUploads = ['%00', '..%2f..', 'x', 'B'.repeat(64), 'b'.repeat(63), UPLOAD, `${'b'.repeat(63)}%00`];
  const misspelt = [
    ...['/V2/', '/v2//', '//v2/', '//', '/healthz/', '/HEALTHZ', '/%76%32/', '/v2/base/sample/tags/list/', '/v2%2f'],
    ...[
      '/v2/base/sample/TAGS/list',
      '/v2//base/sample/tags/list',
      '/v2/base/sample//tags/list',
      '/v2%2fbase/tags/list',
    ],
    ...['/v2/base/sample/tags%2flist', '/v2/base/sample/manifests/latest/', '/v2/base/sample/manifests//latest'],
    ...[`/v2/base/sample/blobs/${SHA256}/`, `/v2/base/sample/blobs//${SHA256}`, '/v2/base/sample/blobs/uploads'],
    ...[`/v2/base/sample/blobs/uploads/${UPLOAD}/`, '/v2/base/sample/blobs/uploads//', '/v2/_catalog', '/v2/tags/list'],
  ];
  const paths = [
    ...misspelt,
    ...hostileNames.flatMap((name) => PATHS.map((path) => sample(path.replace(':name+', name)))),
    ...hostileReferences.map((reference) => `/v2/base/sample/manifests/${reference}`),
    ...hostileDigests.map((digest) => `/v2/base/sample/blobs/${digest}`),
    ...hostileUploads.map((upload) => `/v2/base/sample/blobs/uploads/${upload}`),
  ].filter((path) => !PATHS.includes(path));

  it.each(['GET', 'PUT', 'POST', 'PATCH', 'DELETE'])('%s reaches no object and no key', async (method) => {
    const [objects, keys] = [await objectCount(), await storedKeys()];
    for (const path of paths) {
      log.clear();
      const body = method === 'GET' ? {} : { body: new Uint8Array(10) };
      const answer = await refusal(send(method, path, body));
      expect([400, 404, 405], `${method} ${path}`).toContain(answer.status);
      expect(log.requests[0], `${method} ${path}`).toMatchObject({ objectCalls: 0, storeOperations: 0 });
    }
    expect(await objectCount()).toBe(objects);
    expect(await storedKeys()).toEqual(keys);
  });

  it('with dots in it is its normal form, with the right that this form needs', async () => {
    for (const dots of ['..', '%2e%2e', '%2E.', '.%2e']) {
      const response = await sendWith({ BERTH_ANONYMOUS: 'none' }, 'GET', `/v2/base/${dots}/sample/tags/list`);
      expect(response.status).toBe(401);
      expect(log.requests.at(-1)).toMatchObject({ repository: 'sample', objectCalls: 0 });
    }
  });

  it('whatever stands in it reaches only what its grammar allows', async () => {
    const segment = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    const written = fc.oneof(segment.map(encodeURIComponent), fc.constantFrom(...hostileNames, ...hostileDigests));
    const name = fc.array(written, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(name, written, async (repository, last) => {
        for (const kind of ['manifests', 'blobs', 'blobs/uploads']) {
          log.clear();
          const response = await send('GET', `/v2/${repository}/${kind}/${last}`);
          await response.body?.cancel();
          expect([301, 400, 404, 405]).toContain(response.status);
          const [line] = log.requests;
          if (line?.objectCalls !== 0) expect(line?.['repository']).toMatch(/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('a pull that names its source (ns=)', () => {
  const told = async (settings: Settings, ns: string, forwarded: Readonly<Record<string, string>> = {}) => {
    const headers = { host: 'registry.example:5000', ...forwarded };
    const answer = await sendWith(settings, 'GET', `/v2/base/ns/blobs/${there.digest}?ns=${ns}`, { headers });
    return [answer.status, answer.headers.get('oci-namespace')];
  };
  let there: Blob;
  beforeAll(async () => {
    there = await pushed('base/ns', await newBlob(100));
  });

  it('is told that this is it, where it is', async () => {
    expect(await told({}, 'registry.example:5000')).toEqual([200, 'registry.example:5000']);
    const named = { BERTH_PUBLIC_URL: 'https://berth.example' };
    expect(await told(named, 'berth.example')).toEqual([200, 'berth.example']);
  });

  it('is told so by the name that a trusted proxy is reached under', async () => {
    const behind = { BERTH_TRUSTED_PROXY: 'on' };
    const forwarded = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'outer.example' };
    expect(await told(behind, 'outer.example', forwarded)).toEqual([200, 'outer.example']);
    expect(await told({}, 'outer.example', forwarded)).toEqual([200, null]);
  });

  it('gets the same content and no such word where it names another', async () => {
    expect(await told({}, 'docker.io')).toEqual([200, null]);
    expect(await told({ BERTH_PUBLIC_URL: 'https://berth.example' }, 'registry.example:5000')).toEqual([200, null]);
  });
});
