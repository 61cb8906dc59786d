/** Several ranges of a blob in one request (RFC 9110 §14.6, §15.3.7.2), and what they are abused for (§17.15). */
import { Buffer } from 'node:buffer';
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { MOST_RANGES } from '../../src/oci/range.ts';
import { demand, getBlob, pushed, refusal, repositoryStub, send, sendWith } from './client.ts';
import { faults } from './faults.ts';
import { LogLines } from './log-lines.ts';
import { boundaryOf, partsOf } from './multipart.ts';
import { mapped, newBlob, type Blob } from './world.ts';

const name = 'byteranges/main';
const SIZE = 10_000;
const MIB = 1024 * 1024;

let log: LogLines;
let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(SIZE));
});
beforeEach(() => {
  log = new LogLines();
  faults.reset();
});
afterEach(() => {
  vi.restoreAllMocks();
  faults.reset();
});

/** First and last byte of each range, as the parts have them. */
type Ranges = readonly (readonly [first: number, last: number])[];

const header = (ranges: Ranges) =>
  `bytes=${ranges.map(([first, last]) => `${String(first)}-${String(last)}`).join(',')}`;
const ask = (range: string, headers: Record<string, string> = {}) => getBlob(name, blob.digest, { range, ...headers });
const reads = () => faults.trace.filter(({ point }) => point === 'front>store.get').length;

/** The parts are these ranges of the blob, to the byte. */
async function expectParts(response: Response, of: Blob, ranges: Ranges): Promise<void> {
  expect(response.status).toBe(206);
  const parts = await partsOf(response);
  const size = String(of.bytes.byteLength);
  expect(parts.map(({ headers }) => [...headers])).toEqual(
    ranges.map(([first, last]) => [
      ['Content-Range', `bytes ${String(first)}-${String(last)}/${size}`],
      ['Content-Type', 'application/octet-stream'],
    ]),
  );
  for (const [index, [first, last]] of ranges.entries()) {
    expect(Buffer.compare(parts[index]?.bytes ?? new Uint8Array(), of.bytes.subarray(first, last + 1))).toBe(0);
  }
}

async function expectWhole(response: Response, of: Blob): Promise<void> {
  expect([response.status, response.headers.get('content-range')]).toEqual([200, null]);
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), of.bytes)).toBe(0);
}

describe('several ranges of a blob', () => {
  it('come as multipart/byteranges, with the length of all of it and the headers that every blob has', async () => {
    const response = await ask('bytes=0-1,9998-');
    const boundary = boundaryOf(response);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'cache-control': 'public, max-age=31536000, immutable, no-transform',
      'docker-content-digest': blob.digest,
      etag: `"${blob.digest}"`,
    });
    expect(response.headers.get('content-range')).toBeNull();
    const head = (range: string) =>
      `--${boundary}\r\nContent-Range: bytes ${range}/10000\r\nContent-Type: application/octet-stream\r\n\r\n`;
    const written = Buffer.concat([
      Buffer.from(head('0-1')),
      blob.bytes.subarray(0, 2),
      Buffer.from(`\r\n${head('9998-9999')}`),
      blob.bytes.subarray(9_998),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    expect(response.headers.get('content-length')).toBe(String(written.byteLength));
    expect(Buffer.compare(Buffer.from(await response.arrayBuffer()), written)).toBe(0);
    expect(log.requests.at(-1)).toMatchObject({ status: 206, bytes: written.byteLength });
  });

  it.each<[string, Ranges]>([
    [
      'bytes=0-0,-1',
      [
        [0, 0],
        [9_999, 9_999],
      ],
    ],
    [
      'bytes=5000-5999,0-99',
      [
        [5_000, 5_999],
        [0, 99],
      ],
    ],
    [
      'bytes=0-99,100-199,200-299',
      [
        [0, 99],
        [100, 199],
        [200, 299],
      ],
    ],
    [
      'bytes=0-99,50-149',
      [
        [0, 99],
        [50, 149],
      ],
    ],
    [
      'bytes=0-4999,5000-9999',
      [
        [0, 4_999],
        [5_000, 9_999],
      ],
    ],
    [
      'bytes=0-9,20000-,-5,99999-100000',
      [
        [0, 9],
        [9_995, 9_999],
      ],
    ],
    [
      'bytes= 0-9 , ,5000-99999',
      [
        [0, 9],
        [5_000, 9_999],
      ],
    ],
  ])('%s: each is a part of its own, in the order in which it was asked for', async (range, ranges) => {
    await expectParts(await ask(range), blob, ranges);
  });

  it('have a boundary of their own in every answer', async () => {
    const boundaries = [];
    for (let round = 0; round < 5; round += 1) {
      const response = await ask('bytes=0-0,2-2');
      boundaries.push(boundaryOf(response));
      await response.body?.cancel();
    }
    expect(new Set(boundaries).size).toBe(5);
  });

  it('of which one alone lies within the blob are answered as that one', async () => {
    const response = await ask('bytes=20000-,5-6,-0');
    expect([response.status, response.headers.get('content-range')]).toEqual([206, 'bytes 5-6/10000']);
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), blob.bytes.subarray(5, 7))).toBe(0);
  });

  it.each(['bytes=10000-,20000-20001,-0', 'bytes=0-1,9-5'])('%s: 416 with the size', async (range) => {
    const response = await ask(range);
    expect(response.headers.get('content-range')).toBe('bytes */10000');
    expect(await refusal(response)).toMatchObject({ status: 416, code: 'RANGE_INVALID' });
    expect(reads()).toBe(0);
  });

  it.each(['bytes=0-1,a-b', 'bytes=,', 'bytes=0-1;5-6', 'lines=0-1,5-6'])(
    '%s is none: the whole blob comes',
    async (range) => {
      await expectWhole(await ask(range), blob);
    },
  );

  it('mean nothing to HEAD, nor of an empty blob', async () => {
    const head = await send('HEAD', `/v2/${name}/blobs/${blob.digest}`, { headers: { range: 'bytes=0-1,5-6' } });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(SIZE)]);
    const nothing = await pushed(name, await newBlob(0));
    await expectWhole(await getBlob(name, nothing.digest, { range: 'bytes=0-0,-1' }), nothing);
  });

  it('count only while the client has the same bytes (If-Range), and give way to If-None-Match', async () => {
    await expectParts(await ask('bytes=0-1,5-6', { 'if-range': `"${blob.digest}"` }), blob, [
      [0, 1],
      [5, 6],
    ]);
    await expectWhole(await ask('bytes=0-1,5-6', { 'if-range': '"other"' }), blob);
    expect((await ask('bytes=0-1,5-6', { 'if-none-match': `"${blob.digest}"` })).status).toBe(304);
  });

  it('are the very bytes, whatever is asked for: the body read back gives each range', async () => {
    const first = fc.nat(SIZE + 100);
    const range = fc.oneof(
      fc
        .tuple(first, fc.nat(2_000))
        .map(([start, more]) => ({ text: `${String(start)}-${String(start + more)}`, start, end: start + more })),
      first.map((start) => ({ text: `${String(start)}-`, start, end: SIZE - 1 })),
      fc
        .integer({ min: 1, max: 2_000 })
        .map((last) => ({ text: `-${String(last)}`, start: SIZE - last, end: SIZE - 1 })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(range, { minLength: 2, maxLength: 12 }), async (asked) => {
        const within = asked
          .filter(({ start }) => start < SIZE)
          .map(({ start, end }): [number, number] => [start, Math.min(end, SIZE - 1)]);
        const together = within.reduce((sum, [start, end]) => sum + end - start + 1, 0);
        const response = await ask(`bytes=${asked.map(({ text }) => text).join(',')}`);
        if (within.length > 1 && together <= SIZE) return expectParts(response, blob, within);
        if (within.length > 1) return expectWhole(response, blob);
        expect(response.status).toBe(within.length === 1 ? 206 : 416);
        await response.body?.cancel();
      }),
      { numRuns: 150 },
    );
  });
});

describe('many ranges (CVE-2011-3192)', () => {
  it('that are longer together than the blob get the blob once', async () => {
    const killer = `bytes=0-${Array.from({ length: MOST_RANGES - 1 }, (_, index) => `,5-${String(index + 5)}`).join('')}`;
    for (const range of [
      killer,
      `bytes=0-${',0-'.repeat(100)}`,
      'bytes=0-,1-',
      'bytes=0-4999,4999-9999',
      'bytes=-10000,0-0',
    ]) {
      faults.reset();
      await expectWhole(await ask(range), blob);
      expect(reads(), range).toBe(1);
    }
  });

  it('are served up to the limit, and refused beyond it without a look at the store', async () => {
    const ranges = Array.from({ length: MOST_RANGES }, (_, index): [number, number] => [index * 2, index * 2]);
    await expectParts(await ask(header(ranges)), blob, ranges);
    expect(log.requests.at(-1)).toMatchObject({ storeOperations: MOST_RANGES });
    faults.reset();
    const answer = await refusal(ask(header([...ranges, [9_000, 9_001]])));
    expect(answer).toMatchObject({ status: 400, code: 'RANGE_INVALID', detail: { limit: MOST_RANGES } });
    expect(answer.message).toContain(`may ask for ${String(MOST_RANGES)} ranges`);
    expect(reads()).toBe(0);
  });

  it('cost one call, and a read each', async () => {
    const path = `/v2/${name}/blobs/${blob.digest}`;
    const headers = { range: 'bytes=0-9,20-29,40-49' };
    const response = await sendWith({ BERTH_EXISTENCE_CACHE_SECONDS: '0' }, 'GET', path, { headers });
    await expectParts(response, blob, [
      [0, 9],
      [20, 29],
      [40, 49],
    ]);
    expect(log.requests.at(-1)).toMatchObject({ objectCalls: 1, storeOperations: 3 });
  });
});

describe('ranges that are read one after another', () => {
  const ranges: Ranges = [0, 4, 8, 12].map((start) => [start * MIB, (start + 3) * MIB - 1]);
  let large: Blob;
  beforeAll(async () => {
    large = await pushed(name, await newBlob(16 * MIB));
  });
  const askLarge = () => getBlob(name, large.digest, { range: header(ranges) });

  it('are whole, also where each is larger than what is held of it', async () => {
    await expectParts(await askLarge(), large, ranges);
    expect(reads()).toBe(ranges.length);
  });

  it('are not read before the client has taken those before them, nor after it has gone', async () => {
    const response = await askLarge();
    const reader = response.body?.getReader();
    await reader?.read();
    expect(reads()).toBe(1);
    await reader?.cancel();
    // Another answer, to its end: by then the first one's next read would have been made.
    await expectParts(await askLarge(), large, ranges);
    expect(reads()).toBe(1 + ranges.length);
  });

  it('break off where the store fails on the way, and the log says so', async () => {
    faults.inject('front>store.get', 'fail-before', 2);
    const response = await askLarge();
    expect(response.status).toBe(206);
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(log.events.filter(({ event }) => event === 'a range could not be read')).toHaveLength(1);
  });

  it('of which the first cannot be read are no 206', async () => {
    faults.inject('front>store.get', 'fail-before', 0);
    expect((await askLarge()).status).toBe(500);
    const lost = await pushed(name, await newBlob(1_000));
    await env.BLOBS.delete((await mapped(lost.digest))?.key ?? '');
    const answer = await refusal(getBlob(name, lost.digest, { range: 'bytes=0-1,5-6' }));
    expect(answer).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
  });

  it('of a blob whose object has moved are found through the directory once for all of them', async () => {
    const moved = await pushed(name, await newBlob(1_000));
    await runInDurableObject(repositoryStub(name), (_object, state) => {
      state.storage.sql.exec('UPDATE links SET key = ? WHERE digest = ?', 'blobs/00/stale', moved.digest);
    });
    const response = demand(await getBlob(name, moved.digest, { range: 'bytes=0-9,20-29,40-49' }), 206);
    await expectParts(response, moved, [
      [0, 9],
      [20, 29],
      [40, 49],
    ]);
    expect(reads()).toBe(1 + 3);
  });
});
