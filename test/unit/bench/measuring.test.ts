/** How the bench measures: medians, what is pushed, what is deleted, and what a load generator reports. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { headsPerSecond } from '../../../bench/peer/head-client.ts';
import { LargeLayers, LayerSource } from '../../../bench/peer/layers.ts';
import { forgetPayload } from '../../../bench/peer/payload.ts';
import { parseWrk } from '../../../bench/peer/request-rate.ts';
import { digestOf } from '../../../bench/registry-client.ts';
import { alternate, median, quantile, timedParallel } from '../../../bench/timing.ts';

describe('samples', () => {
  test('have the median that a half of them is below', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test('have quartiles between them', () => {
    expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
    expect(quantile([1, 2], 0.75)).toBe(1.75);
  });

  test('are taken in turn, who begins changes, and the first round is thrown away', async () => {
    const order: string[] = [];
    const contender = (name: string): { name: string; run: () => Promise<number> } => ({
      name,
      run: () => Promise.resolve(order.push(name)),
    });
    const samples = await alternate([contender('a'), contender('b')], 2, () => Promise.resolve());
    expect(order.join('')).toBe('abbaab');
    expect(samples).toEqual([
      { name: 'a', milliseconds: [4, 5] },
      { name: 'b', milliseconds: [3, 6] },
    ]);
  });
});

describe('layers', () => {
  test('are as many and as large as their shape says, and new each time', () => {
    const source = new LayerSource({ name: '', layers: 3, layerBytes: 1_000, connections: 1, pushLimit: 1 }, 10);
    const first = source.fresh();
    expect(first.map(({ bytes }) => bytes.byteLength)).toEqual([100, 100, 100]);
    const digests = [...first, ...source.fresh()].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(6);
  });

  test('that are large come in pieces of the length and digest that they say', () => {
    const size = 70_000_001;
    const { bytes, digest } = new LargeLayers().fresh(size);
    const pieces = 'pieces' in bytes ? [...bytes.pieces()] : [bytes];
    const hash = createHash('sha256');
    for (const piece of pieces) hash.update(piece);
    expect(pieces.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(size);
    expect(`sha256:${hash.digest('hex')}`).toBe(digest);
  });

  test('have the digest of their bytes', () => {
    expect(digestOf(Buffer.from(''))).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});

describe('what was pushed', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'berth-bench-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  test('is deleted, and nothing that a registry has of its own', async () => {
    const names = ['blobs/ab/data', 'objects/x.sqlite', 'server.log', 'blobs/ab/link'];
    mkdirSync(join(folder, 'blobs', 'ab'), { recursive: true });
    mkdirSync(join(folder, 'objects'));
    for (const name of names) writeFileSync(join(folder, name), Buffer.alloc(name.endsWith('link') ? 71 : 100_000));
    await forgetPayload(folder);
    expect(names.filter((name) => existsSync(join(folder, name)))).toEqual(names.slice(1));
  });
});

describe('the report of wrk', () => {
  const FINE = [
    'Running 1s test @ http://127.0.0.1:5000/v2/bench/manifests/latest',
    '  1 threads and 16 connections',
    '  2673 requests in 1.00s, 4.11MB read',
    'Requests/sec:   2671.94',
    'Transfer/sec:      4.11MB',
    '',
  ];

  test('gives requests a second', () => {
    expect(parseWrk(FINE.join('\n'))).toBe(2_671.94);
  });

  test.each(['  Non-2xx or 3xx responses: 12', '  Socket errors: connect 0, read 3, write 0, timeout 0'])(
    'gives none where there was "%s"',
    (line) => {
      expect(parseWrk([...FINE.slice(0, 3), line, ...FINE.slice(3)].join('\n'))).toBe(line.trim());
    },
  );

  test('gives none where no answer came', () => {
    expect(parseWrk(FINE.join('\n').replace('2671.94', '0.00'))).toContain('wrk has counted nothing');
  });
});

describe('a client over connections of its own', () => {
  let server: Server;
  let port: number;

  beforeEach(async () => {
    server = createServer((request, response) => {
      response.writeHead(request.url === '/there' ? 200 : 404, { 'content-length': 1_234 }).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  });

  afterEach(() => {
    server.close();
  });

  test('counts answers to HEAD, which have no body', async () => {
    expect(await headsPerSecond(port, ['/there'], { connections: 3, seconds: 0.2 })).toBeGreaterThan(10);
  });

  test('counts no refusals', async () => {
    await expect(headsPerSecond(port, ['/away'], { connections: 3, seconds: 10 })).rejects.toThrow('HTTP/1.1 404');
  });

  test('does every item once, whoever of several takes it', async () => {
    const done: number[] = [];
    await timedParallel(port, 3, [1, 2, 3, 4, 5, 6, 7], async (connection, item) => {
      const { status } = await connection.call({ method: 'HEAD', path: '/there' });
      done.push(status + item);
    });
    expect(done.sort()).toEqual([201, 202, 203, 204, 205, 206, 207]);
  });
});
