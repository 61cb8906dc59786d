/** Reading blobs (end-2): whole, in ranges (RFC 9110 §14), conditionally, and only where a repository has them. */
import { Buffer } from 'node:buffer';
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Location } from '../../src/objects/blob-directory/blob-directory.ts';
import {
  demand,
  getBlob,
  headBlob,
  imageOf,
  pushed,
  putManifest,
  refusal,
  repositoryStub,
  send,
  sendWith,
  sha512,
  type Settings,
  isOfOneAnswer,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { mapped, newBlob, objects, type Blob } from './world.ts';

const name = 'blobs/main';
const SIZE = 10_000;
const NOWHERE = `sha256:${'0'.repeat(64)}`;

let log: LogLines;
let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(SIZE));
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const bytesOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(actual.byteLength).toBe(expected.byteLength);
  expect(Buffer.compare(actual, expected)).toBe(0);
}

describe('a blob', () => {
  it('comes with its size, its digest, its entity tag and a type that nothing compresses', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await send(method, `/v2/${name}/blobs/${blob.digest}`);
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'accept-ranges': 'bytes',
        'cache-control': 'public, max-age=31536000, immutable, no-transform',
        'content-length': String(SIZE),
        'content-type': 'application/octet-stream',
        'docker-content-digest': blob.digest,
        etag: `"${blob.digest}"`,
      });
      expectBytes(await bytesOf(response), method === 'HEAD' ? new Uint8Array() : blob.bytes);
    }
  });

  it('is private to caches unless everybody may read it', async () => {
    const headers = { host: 'localhost' };
    const settings: Settings = { BERTH_ANONYMOUS: 'none', BERTH_OPEN_LOOPBACK: 'on' };
    const response = await sendWith(settings, 'HEAD', `/v2/${name}/blobs/${blob.digest}`, { headers });
    expect(response.headers.get('cache-control')).toBe('private, max-age=31536000, immutable, no-transform');
  });

  it('is not sent again to who has it already (If-None-Match)', async () => {
    for (const tag of [`"${blob.digest}"`, `W/"${blob.digest}"`, `"x", "${blob.digest}"`, '*']) {
      const response = await getBlob(name, blob.digest, { 'if-none-match': tag });
      expect([response.status, await response.text()], tag).toEqual([304, '']);
      expect(response.headers.get('etag')).toBe(`"${blob.digest}"`);
      expect(response.headers.get('content-type')).toBeNull();
      expect(log.requests.at(-1)?.storeOperations).toBe(0);
    }
    for (const tag of ['"x"', blob.digest, '']) {
      const response = await getBlob(name, blob.digest, { 'if-none-match': tag });
      expect(response.status, tag).toBe(200);
      await response.body?.cancel();
    }
    const unknown = await refusal(getBlob(name, NOWHERE, { 'if-none-match': '*' }));
    expect(unknown).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
  });

  it('that is unknown gets 404 with its digest, and 400 when the digest is none', async () => {
    expect(await refusal(getBlob(name, NOWHERE))).toMatchObject({
      status: 404,
      code: 'BLOB_UNKNOWN',
      detail: { digest: NOWHERE },
    });
    const answer = await refusal(getBlob(name, 'sha256:none'));
    expect(answer).toMatchObject({ status: 400, code: 'DIGEST_INVALID', detail: { digest: 'sha256:none' } });
  });

  it('is known by the digest that it was pushed under, and by no other', async () => {
    const digest = await sha512(blob.bytes);
    expect((await headBlob(name, digest)).status).toBe(404);
    await pushed(name, { bytes: blob.bytes, digest });
    expectBytes(await bytesOf(await getBlob(name, digest)), blob.bytes);
  });
});

describe('a range of a blob', () => {
  it.each([
    ['bytes=0-99', 0, 100],
    ['bytes=0-0', 0, 1],
    ['bytes=9999-9999', 9_999, 1],
    ['bytes=9990-', 9_990, 10],
    ['bytes=0-', 0, SIZE],
    ['bytes=-1', 9_999, 1],
    ['bytes=-10000', 0, SIZE],
    ['bytes=-99999', 0, SIZE],
    ['bytes=5000-99999', 5_000, 5_000],
    ['Bytes=5-6', 5, 2],
  ])('%s is answered with 206 and those bytes', async (range, offset, length) => {
    const response = await getBlob(name, blob.digest, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(
      `bytes ${String(offset)}-${String(offset + length - 1)}/${String(SIZE)}`,
    );
    expect(response.headers.get('content-length')).toBe(String(length));
    expect(response.headers.get('docker-content-digest')).toBe(blob.digest);
    expectBytes(await bytesOf(response), blob.bytes.subarray(offset, offset + length));
  });

  it.each(['bytes=10000-', 'bytes=10000-10001', 'bytes=99999999999-', 'bytes=-0', 'bytes=9-5'])(
    '%s lies outside: 416 with the size',
    async (range) => {
      const response = await getBlob(name, blob.digest, { range });
      expect(response.headers.get('content-range')).toBe(`bytes */${String(SIZE)}`);
      expect(response.headers.get('cache-control')).toBe('no-store, no-transform');
      expect(await refusal(response)).toMatchObject({ status: 416, code: 'RANGE_INVALID' });
      expect(log.requests.at(-1)?.storeOperations).toBe(0);
    },
  );

  it.each(['bytes=', 'bytes=-', 'lines=0-9', '0-99', 'bytes 0-9/10000', 'bytes=a-b'])(
    '%s is none: the whole blob comes',
    async (range) => {
      const response = await getBlob(name, blob.digest, { range });
      expect([response.status, response.headers.get('content-range')]).toEqual([200, null]);
      expectBytes(await bytesOf(response), blob.bytes);
    },
  );

  it('means nothing to HEAD, which always tells the whole size', async () => {
    const response = await send('HEAD', `/v2/${name}/blobs/${blob.digest}`, { headers: { range: 'bytes=0-9' } });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(SIZE)]);
  });

  it('counts only while the client has the same bytes (If-Range), and a date never says so', async () => {
    const status = async (ifRange: string) =>
      (await getBlob(name, blob.digest, { range: 'bytes=0-9', 'if-range': ifRange })).status;
    expect(await status(`"${blob.digest}"`)).toBe(206);
    for (const other of [`W/"${blob.digest}"`, `"${NOWHERE}"`, blob.digest, new Date().toUTCString()]) {
      expect(await status(other), other).toBe(200);
    }
  });

  it('gives way to If-None-Match', async () => {
    const headers = { range: 'bytes=0-9', 'if-none-match': `"${blob.digest}"` };
    expect((await getBlob(name, blob.digest, headers)).status).toBe(304);
  });

  it('is cut from the object, not from a copy in memory: the store is asked for those bytes alone', async () => {
    const large = await pushed(name, await newBlob(20 * 1_024 * 1_024));
    const response = await getBlob(name, large.digest, { range: 'bytes=10000000-10000009' });
    expectBytes(await bytesOf(response), large.bytes.subarray(10_000_000, 10_000_010));
    expect(log.requests.at(-1)).toMatchObject({ bytes: 10, storeOperations: 1 });
  });
});

describe('a blob of another repository (CVE-2024-39897)', () => {
  it('is as unknown as one that nobody has, to every method and form', async () => {
    const theirs = await pushed('blobs/theirs', await newBlob(100));
    // In every cache that could tell of it, too.
    await (await getBlob('blobs/theirs', theirs.digest)).body?.cancel();
    const told = async (method: string, digest: string, headers: Record<string, string>) => {
      const response = await send(method, `/v2/${name}/blobs/${digest}`, { headers });
      const seen = [...response.headers].filter(([header]) => !isOfOneAnswer(header));
      return { status: response.status, seen, body: (await response.text()).replaceAll(digest, '<digest>') };
    };
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
      for (const headers of [{}, { range: 'bytes=0-9' }, { 'if-none-match': `"${theirs.digest}"` }]) {
        const answer = await told(method, theirs.digest, headers);
        expect(answer).toEqual(await told(method, NOWHERE, headers));
        expect([404, 405]).toContain(answer.status);
      }
    }
  });

  it('becomes readable only to who pushes its bytes', async () => {
    const theirs = await pushed('blobs/theirs', await newBlob(100));
    const open = await send('POST', `/v2/${name}/blobs/uploads/?mount=${theirs.digest}&from=blobs/none`);
    expect(open.status).toBe(202);
    const location = open.headers.get('location') ?? '';
    expect((await send('PUT', `${location}?digest=${theirs.digest}`)).status).toBe(400);
    expect((await headBlob(name, theirs.digest)).status).toBe(404);
    await pushed(name, theirs);
    expectBytes(await bytesOf(await getBlob(name, theirs.digest)), theirs.bytes);
  });
});

describe('a blob whose object has moved', () => {
  const link = (digest: string, key: string) =>
    runInDurableObject(repositoryStub(name), (_object, state) => {
      state.storage.sql.exec('UPDATE links SET key = ? WHERE digest = ?', key, digest);
    });

  it('is found through the directory, and the next reader finds it at once', async () => {
    const moved = await pushed(name, await newBlob(1_000));
    await link(moved.digest, 'blobs/00/stale');
    const settings: Settings = { BERTH_EXISTENCE_CACHE_SECONDS: '0' };
    const path = `/v2/${name}/blobs/${moved.digest}`;
    for (const [objectCalls, storeOperations] of [
      [3, 2],
      [1, 1],
    ]) {
      const response = demand(await sendWith(settings, 'GET', path), 200);
      expectBytes(await bytesOf(response), moved.bytes);
      expect(log.requests.at(-1)).toMatchObject({ objectCalls, storeOperations });
    }
  });

  it('is found in the same way when a cache believes the old place, also a range of it', async () => {
    const moved = await pushed(name, await newBlob(1_000));
    const path = `/v2/${name}/blobs/${moved.digest}`;
    await bytesOf(await sendWith({}, 'GET', path));
    const location = await mapped(moved.digest);
    await relocate(moved, location);
    const response = demand(await sendWith({}, 'GET', path, { headers: { range: 'bytes=10-19' } }), 206);
    expectBytes(await bytesOf(response), moved.bytes.subarray(10, 20));
    expectBytes(await bytesOf(demand(await sendWith({}, 'GET', path), 200)), moved.bytes);
  });

  const damages: Record<string, (key: string) => Promise<unknown>> = {
    'is nowhere any more': (key) => env.BLOBS.delete(key),
    'was cut short': (key) => env.BLOBS.put(key, new Uint8Array(500)),
    'has grown': (key) => env.BLOBS.put(key, new Uint8Array(1_500)),
  };
  it.each(Object.entries(damages))(
    'and %s is BLOB_UNKNOWN, is logged, and is healed by another push',
    async (_label, damage) => {
      const lost = await pushed(name, await newBlob(1_000));
      await damage((await mapped(lost.digest))?.key ?? '');
      expect(await refusal(getBlob(name, lost.digest))).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
      expect(log.events.filter(({ event }) => event === 'blob bytes missing')).toHaveLength(1);
      await pushed(name, lost);
      expectBytes(await bytesOf(demand(await getBlob(name, lost.digest), 200)), lost.bytes);
    },
  );

  /** Gives the digest another object, as a swap after damage does. */
  async function relocate({ bytes, digest }: Blob, old: Location | undefined): Promise<void> {
    const own = { store: 'r2', key: `blobs/ff/${crypto.randomUUID()}`, size: bytes.byteLength };
    await env.BLOBS.put(own.key, bytes);
    await objects.directory(digest).swap(digest, old?.key ?? '', own);
    await env.BLOBS.delete(old?.key ?? '');
  }
});

describe('that a repository has a blob or manifest', () => {
  const settings: Settings = { BERTH_EXISTENCE_CACHE_SECONDS: '60' };
  const calls = () => log.requests.at(-1)?.objectCalls;

  it('is believed for a while, after it was told once', async () => {
    const cached = await pushed(name, await newBlob(500));
    const body = imageOf(cached, { annotations: { cached: 'yes' } });
    const pushedManifest = demand(await putManifest(name, 'cached', body), 201);
    const addresses = [
      `blobs/${cached.digest}`,
      `manifests/${pushedManifest.headers.get('docker-content-digest') ?? ''}`,
    ];
    for (const address of addresses) {
      const seen: unknown[] = [];
      for (let round = 0; round < 3; round += 1) {
        const response = await sendWith(settings, 'GET', `/v2/${name}/${address}`);
        const body = Buffer.from(await response.arrayBuffer()).toString('base64');
        seen.push([response.status, response.headers.get('content-type'), body, calls()]);
      }
      const [first, ...later] = seen.map((entry) => JSON.stringify(entry));
      expect(later).toEqual(later.map(() => first?.replace(/1\]$/, '0]')));
    }
  });

  it('is asked each time when the setting is 0, also of what was believed before', async () => {
    const known = await pushed(name, await newBlob(500));
    const path = `/v2/${name}/blobs/${known.digest}`;
    await bytesOf(await sendWith(settings, 'GET', path));
    for (let round = 0; round < 3; round += 1) {
      await bytesOf(await sendWith({ BERTH_EXISTENCE_CACHE_SECONDS: '0' }, 'GET', path));
      expect(calls()).toBe(1);
    }
  });

  it('is asked by every HEAD of a blob, since its answer makes a client skip the push', async () => {
    const path = `/v2/${name}/blobs/${blob.digest}`;
    for (let round = 0; round < 3; round += 1) {
      await sendWith(settings, 'HEAD', path);
      expect(calls()).toBe(1);
    }
  });

  it('is never believed of what is not there', async () => {
    const late = await newBlob(500);
    const path = `/v2/blobs/late/blobs/${late.digest}`;
    expect((await sendWith(settings, 'GET', path)).status).toBe(404);
    await pushed('blobs/late', late);
    expectBytes(await bytesOf(demand(await sendWith(settings, 'GET', path), 200)), late.bytes);
  });

  it('is not believed of a caller who may not read', async () => {
    const path = `/v2/${name}/blobs/${blob.digest}`;
    await bytesOf(await sendWith(settings, 'GET', path));
    expect((await sendWith({ ...settings, BERTH_ANONYMOUS: 'none' }, 'GET', path)).status).toBe(401);
  });
});
