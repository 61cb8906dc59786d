/** Large blobs on their way through the proxy to a Berth that stands behind a limit of 100 MB for a body. */
import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { start } from '../berths.ts';
import { fetchDigest, largeBody, openSession, send, withDigest } from './large-body.ts';
import { LimitingFront } from './limiting-front.ts';
import { startProxy, type ProxyProcess } from './proxy-process.ts';

const MIB = 1024 * 1024;
const CHUNK_BYTES = 8 * MIB;
const MEMORY_LIMIT_BYTES = 120_000_000;

async function startAll(): Promise<{ front: LimitingFront; proxy: ProxyProcess }> {
  // A request that came through a proxy is not one of this machine.
  const berth = await start({ environment: { BERTH_ANONYMOUS: 'read-write' } });
  const front = await LimitingFront.start(berth.url);
  return { front, proxy: await startProxy(front.url) };
}

test('a PUT with a whole body of 250 MB is taken, and refused without the proxy', async () => {
  const { front, proxy } = await startAll();
  const body = largeBody('put', 250_000_000);
  const refused = await send(withDigest(await openSession(front.url), body.digest), 'PUT', body);
  expect(refused.status).toBe(413);
  front.passed.length = 0;

  const taken = await send(withDigest(await openSession(proxy.url), body.digest), 'PUT', body);
  expect(taken).toMatchObject({ status: 201, headers: { 'docker-content-digest': body.digest } });
  expect(await fetchDigest(`${proxy.url}/v2/large/blobs/${body.digest}`)).toBe(body.digest);
  expect(front.of('PATCH').map(({ bytes, status }) => ({ bytes, status }))).toEqual([
    ...Array.from({ length: 29 }, () => ({ bytes: CHUNK_BYTES, status: 202 })),
    { bytes: 250_000_000 - 29 * CHUNK_BYTES, status: 202 },
  ]);
  expect(proxy.peakMemory()).toBeLessThan(MEMORY_LIMIT_BYTES);
});

test('five PATCHes of unknown length at once are taken in the memory of one', async () => {
  const { front, proxy } = await startAll();
  const bodies = [1, 2, 3, 4, 5].map((number) => largeBody(`patch ${String(number)}`, 30_000_000 + number));
  await Promise.all(
    bodies.map(async (body) => {
      const appended = await send(await openSession(proxy.url), 'PATCH', body, 'chunked');
      expect(appended).toMatchObject({ status: 202, headers: { range: `0-${String(body.sizeBytes - 1)}` } });
      const session = new URL(appended.headers.location ?? '', proxy.url);
      expect(await send(withDigest(session, body.digest), 'PUT', undefined)).toMatchObject({ status: 201 });
      expect(await fetchDigest(`${proxy.url}/v2/large/blobs/${body.digest}`)).toBe(body.digest);
    }),
  );
  for (const { bytes } of front.passed) expect(bytes).toBeLessThanOrEqual(CHUNK_BYTES);
  expect(proxy.peakMemory()).toBeLessThan(MEMORY_LIMIT_BYTES);
});

test('uploads that trickle, however many, hold up no other one, and come to their end', async () => {
  const { front, proxy } = await startAll();
  const slow = await Promise.all(Array.from({ length: 12 }, async () => trickle(await openSession(proxy.url))));
  await Promise.all(slow.map(({ begun }) => begun));
  const body = largeBody('fast', 50_000_000);
  const appended = await send(await openSession(proxy.url), 'PATCH', body, 'chunked');
  expect(appended).toMatchObject({ status: 202, headers: { range: '0-49999999' } });
  // As many as if it were alone.
  expect(front.of('PATCH').filter(({ bytes }) => bytes === CHUNK_BYTES)).toHaveLength(
    Math.floor(50_000_000 / CHUNK_BYTES),
  );
  for (const { end } of slow) expect(await end()).toBe(202);
  expect(proxy.peakMemory()).toBeLessThan(MEMORY_LIMIT_BYTES);
});

/** A PATCH that brings enough to ask for a large buffer, and then a byte each tenth of a second. */
function trickle(session: URL): { begun: Promise<unknown>; end: () => Promise<number | undefined> } {
  const asked = request(session, { method: 'PATCH', agent: false });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    asked.once('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.on('error', reject);
  });
  answered.catch(() => undefined);
  const begun = new Promise((resolve) => asked.write(Buffer.alloc(100_000), resolve));
  const timer = setInterval(() => asked.write('.'), 100);
  const stop = (): void => {
    clearInterval(timer);
  };
  onTestFinished(() => {
    stop();
    asked.destroy();
  });
  return {
    begun,
    end: () => {
      stop();
      asked.end();
      return answered;
    },
  };
}

test('a chunk whose connection breaks twice goes on from the byte that arrived', async () => {
  const { front, proxy } = await startAll();
  const body = largeBody('cut', 50_000_000);
  const moments = [5 * MIB, 1];
  front.cutAfter = ({ method, range = '' }) =>
    method === 'PATCH' && Number.parseInt(range) >= CHUNK_BYTES ? moments.shift() : undefined;
  const appended = await send(await openSession(proxy.url), 'PATCH', body, 'chunked');
  expect(appended).toMatchObject({ status: 202, headers: { range: '0-49999999' } });
  const session = new URL(appended.headers.location ?? '', proxy.url);
  expect(await send(withDigest(session, body.digest), 'PUT', undefined)).toMatchObject({ status: 201 });
  expect(await fetchDigest(`${proxy.url}/v2/large/blobs/${body.digest}`)).toBe(body.digest);

  const patches = front.of('PATCH');
  expect(patches.filter(({ status }) => status === undefined)).toHaveLength(2);
  // The second of them did not begin anew.
  expect(Number.parseInt(patches[2]?.range ?? '')).toBeGreaterThan(CHUNK_BYTES);
  expect(proxy.run.errors).toEqual([
    expect.stringMatching(/^Warning: large .* broke the connection off; going on in \d\.\d s$/),
    expect.stringMatching(/^Warning: large .* broke the connection off; going on in \d\.\d s$/),
  ]);
});

test('a wrong digest is refused in the words of the registry', async () => {
  const { proxy } = await startAll();
  const body = largeBody('digest', 40_000_000);
  const wrong = `sha256:${'0'.repeat(64)}`;
  const refused = await send(withDigest(await openSession(proxy.url), wrong), 'PUT', body);
  expect({ status: refused.status, type: refused.headers['content-type'] }).toMatchObject({
    status: 400,
    type: expect.stringContaining('application/json') as unknown,
  });
  expect(JSON.parse(refused.body)).toMatchObject({ errors: [{ code: 'DIGEST_INVALID' }] });
  // The proxy adds nothing of its own.
  expect(refused.body).not.toContain('proxy');
});
