/**
 * Counted work: the Durable Object calls and store operations of each request, as its log line tells them. They are what
 * a user pays for, and exact, so they are held to bounds, in a small repository and in one ten times as large.
 */
import { formatDigest } from '../../src/oci/digest.ts';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PUSH_FORMS, demand, headBlob, imageOf, pushed, putManifest, send, sendWith, type Settings } from './client.ts';
import { LogLines, type Work } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const UNCACHED: Settings = { BERTH_EXISTENCE_CACHE_SECONDS: '0' };
const CACHED: Settings = { BERTH_EXISTENCE_CACHE_SECONDS: '60' };
const LARGE_MANIFEST_BYTES = 70 * KIB;

let log: LogLines;
/** An isolate asks once who may come in, and again each minute. */
beforeAll(async () => {
  await send('GET', '/v2/');
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function workOf(action: () => Promise<Response>): Promise<Work> {
  return log.workOf(async () => {
    const response = await action();
    expect(response.ok).toBe(true);
    return response;
  });
}

const read = (settings: Settings, method: string, path: string) => workOf(() => sendWith(settings, method, path));

/** A manifest of its own, of at least this size. */
function manifest(blob: Blob, size = 0): string {
  return imageOf(blob, { annotations: { own: crypto.randomUUID(), padding: 'x'.repeat(size) } });
}

async function pushManifest(repository: string, tag: string, body: string): Promise<string> {
  return demand(await putManifest(repository, tag, body), 201).headers.get('docker-content-digest') ?? '';
}

describe('pushing a blob below 5 MiB', () => {
  const forms = Object.entries(PUSH_FORMS).map(([form, push]) => ({ form, push }));
  /** Each chunk is a request of its own, and costs its call. */
  const callsFor = (form: string) => (form.includes('chunks') ? 6 + 2 : 6);

  it.each(forms)(
    'costs one store write and at most six object calls, the HEAD included: $form',
    async ({ form, push }) => {
      for (const size of [0, 1, 100 * KIB, 5 * MIB - 1].filter((bytes) => bytes > 2 || !form.includes('chunks'))) {
        const blob = await newBlob(size);
        await headBlob('work/push', blob.digest);
        const before = log.requests.at(-1);
        const { objectCalls, storeOperations } = await workOf(() => push(`work/push${String(size)}`, blob));
        // Blobs of so few bytes are often the same: a second upload looks whether the first one's object is sound.
        expect(storeOperations).toBeLessThanOrEqual(size <= 1 ? 2 : 1);
        expect(objectCalls + (before?.objectCalls ?? 0), String(size)).toBeLessThanOrEqual(callsFor(form));
      }
    },
  );

  it('costs no write of its bytes when its client only asks whether it is there', async () => {
    const blob = await pushed('work/head', await newBlob(1_000));
    expect(await workOf(() => headBlob('work/head', blob.digest))).toEqual({ objectCalls: 1, storeOperations: 0 });
  });

  it('that another repository has costs one look at the object there, besides', async () => {
    const blob = await pushed('work/first', await newBlob(1_000));
    for (const [form, push] of Object.entries(PUSH_FORMS)) {
      const repository = `work/second${String(Object.keys(PUSH_FORMS).indexOf(form))}`;
      const { objectCalls, storeOperations } = await workOf(() => push(repository, blob));
      expect(storeOperations, form).toBe(2);
      expect(objectCalls, form).toBeLessThanOrEqual(callsFor(form) - 1);
    }
  });
});

describe('a push of many parts', () => {
  it('costs a write for each part, and one operation each to begin and to complete', async () => {
    const blob = await newBlob(17 * MIB);
    const push = PUSH_FORMS['POST, one PATCH of unknown length, then an empty PUT'];
    const work = await workOf(async () => (push === undefined ? Response.error() : push('work/parts', blob)));
    expect(work).toEqual({ objectCalls: 5, storeOperations: 3 + 2 });
  });
});

/** The work of each kind of request, in a repository as it is now. */
async function workTable(repository: string): Promise<Record<string, Work>> {
  const blob = await newBlob(1_000);
  const table: Record<string, Work> = {};
  const push = PUSH_FORMS['POST, then PUT with the body'];
  table['push of a blob'] = await workOf(async () => (push === undefined ? Response.error() : push(repository, blob)));
  const [small, large] = [manifest(blob), manifest(blob, LARGE_MANIFEST_BYTES)];
  table['push of a small manifest'] = await workOf(() => putManifest(repository, 'small', small));
  table['push of a large manifest'] = await workOf(() => putManifest(repository, 'large', large));
  const digests = {
    small: await pushManifest(repository, 'small', small),
    large: await pushManifest(repository, 'large', large),
  };
  for (const method of ['HEAD', 'GET']) {
    for (const size of ['small', 'large'] as const) {
      for (const [what, reference] of [
        ['tag', size],
        ['digest', digests[size]],
      ] as const) {
        const path = `/v2/${repository}/manifests/${reference}`;
        table[`${method} of a ${size} manifest by ${what}`] = await read(UNCACHED, method, path);
      }
    }
    table[`${method} of a blob`] = await read(UNCACHED, method, `/v2/${repository}/blobs/${blob.digest}`);
  }
  table['list of tags'] = await read(UNCACHED, 'GET', `/v2/${repository}/tags/list?n=10`);
  return table;
}

describe('the work of a request', () => {
  const bounds: Record<string, Work> = {
    'push of a blob': { objectCalls: 3, storeOperations: 1 },
    'push of a small manifest': { objectCalls: 1, storeOperations: 0 },
    'push of a large manifest': { objectCalls: 2, storeOperations: 1 },
    'HEAD of a small manifest by tag': { objectCalls: 1, storeOperations: 0 },
    'HEAD of a large manifest by tag': { objectCalls: 1, storeOperations: 0 },
    'HEAD of a small manifest by digest': { objectCalls: 1, storeOperations: 0 },
    'HEAD of a large manifest by digest': { objectCalls: 1, storeOperations: 0 },
    'HEAD of a blob': { objectCalls: 1, storeOperations: 0 },
    'GET of a small manifest by tag': { objectCalls: 1, storeOperations: 0 },
    'GET of a large manifest by tag': { objectCalls: 1, storeOperations: 1 },
    'GET of a small manifest by digest': { objectCalls: 1, storeOperations: 0 },
    'GET of a large manifest by digest': { objectCalls: 1, storeOperations: 1 },
    'GET of a blob': { objectCalls: 1, storeOperations: 1 },
    'list of tags': { objectCalls: 1, storeOperations: 0 },
  };

  it('is what it is meant to be, and the same with ten times the tags, manifests and blobs', async () => {
    for (const [repository, many] of [
      ['work/small', 12],
      ['work/large', 120],
    ] as const) {
      for (let index = 0; index < many; index += 1) {
        const blob = await pushed(repository, await newBlob(100));
        await pushManifest(repository, `tag${String(index)}`, manifest(blob));
      }
      expect(await workTable(repository), repository).toEqual(bounds);
    }
  });

  it('is no object call for what was read by its digest a moment ago', async () => {
    const blob = await pushed('work/cached', await newBlob(1_000));
    const digest = await pushManifest('work/cached', 'latest', manifest(blob));
    const cases = [
      [`/v2/work/cached/blobs/${blob.digest}`, { objectCalls: 0, storeOperations: 1 }],
      [`/v2/work/cached/manifests/${digest}`, { objectCalls: 0, storeOperations: 0 }],
    ] as const;
    for (const [path, work] of cases) {
      await read(CACHED, 'GET', path);
      expect(await read(CACHED, 'GET', path)).toEqual(work);
    }
    expect(await read(CACHED, 'GET', '/v2/work/cached/manifests/latest')).toEqual({
      objectCalls: 1,
      storeOperations: 0,
    });
  });

  it('of a refusal is no more than that of a success', async () => {
    const missing = formatDigest('sha256', '0'.repeat(64));
    const body = imageOf({ bytes: new Uint8Array(1), digest: missing });
    log.clear();
    for (const path of ['manifests/none', `manifests/${missing}`, `blobs/${missing}`, 'tags/list']) {
      await sendWith(UNCACHED, 'GET', `/v2/work/refused/${path}`);
    }
    await putManifest('work/refused', 'none', body);
    expect(log.requests.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    for (const { objectCalls, storeOperations } of log.requests) expect([objectCalls, storeOperations]).toEqual([1, 0]);
  });
});
