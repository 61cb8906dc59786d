/** Uploads that are cut into chunks on their way, before a registry that fails on order. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { answerTo, ask, startProxy } from './proxies.ts';
import { answerOnce, cutAfter, startUploadServer, type UploadServer } from './upload-server.ts';

const MIB = 1024 * 1024;
const CHUNKED = { 'transfer-encoding': 'chunked' };
const BLOB = randomBytes(3 * MIB + 5);
const DIGEST = digestOf(BLOB);
const MANY_FAILURES = 9;

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** As docker writes: in pieces that have nothing to do with chunks. */
async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += 100_001) yield bytes.subarray(offset, offset + 100_001);
}

async function openSession(proxy: URL): Promise<URL> {
  const { status, headers } = await ask(new URL('/v2/a/b/blobs/uploads/', proxy), { method: 'POST' });
  expect(status).toBe(202);
  return new URL(headers.location ?? '', proxy);
}

function ranges({ asked }: UploadServer): (string | undefined)[] {
  return asked.filter(({ method }) => method === 'PATCH').map(({ headers }) => headers['content-range']);
}

function methods({ asked }: UploadServer): string[] {
  return asked.map(({ method }) => method);
}

describe('a PATCH of unknown length', () => {
  it('is sent in chunks, each to the address that the answer before named, and answered once', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    const answer = await ask(
      session,
      { method: 'PATCH', headers: { ...CHUNKED, authorization: 'Basic x' } },
      pieces(BLOB),
    );
    expect(answer).toMatchObject({ status: 202, body: '' });
    expect(answer.headers).toMatchObject({
      range: `0-${String(BLOB.length - 1)}`,
      location: `/v2/a/b/blobs/uploads/1?_state=${String(BLOB.length)}`,
    });
    expect(ranges(registry)).toEqual(['0-1048575', '1048576-2097151', '2097152-3145727', '3145728-3145732']);
    expect(registry.asked.slice(1).map(({ path }) => path)).toEqual(
      [0, 1, 2, 3].map((count) => `/v2/a/b/blobs/uploads/1?_state=${String(count * MIB)}`),
    );
    for (const { headers } of registry.asked.slice(1)) {
      expect(headers).toMatchObject({ authorization: 'Basic x', 'content-type': 'application/octet-stream' });
      expect(headers).not.toHaveProperty('transfer-encoding');
    }
    const closing = `${answer.headers.location ?? ''}&digest=${DIGEST}`;
    expect(await ask(new URL(closing, url), { method: 'PUT' })).toMatchObject({ status: 201 });
    expect(registry.blobs.get(DIGEST)?.equals(BLOB)).toBe(true);
  });

  it('that turns out to be small goes on in one piece, without a range', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB.subarray(0, 1_000)));
    expect(methods(registry)).toEqual(['POST', 'PATCH']);
    expect(ranges(registry)).toEqual([undefined]);
    expect(registry.asked[1]?.headers['content-length']).toBe('1000');
  });

  it('that is empty goes on empty', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    expect(await ask(session, { method: 'PATCH', headers: CHUNKED })).toMatchObject({ status: 202 });
    expect(registry.asked[1]?.headers['content-length']).toBe('0');
  });

  it('goes on where PATCHes before it have ended', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    let session = await openSession(url);
    for (const part of [BLOB.subarray(0, 1_000), BLOB.subarray(1_000, 2 * MIB), BLOB.subarray(2 * MIB)]) {
      const { headers } = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(part));
      session = new URL(headers.location ?? '', url);
    }
    expect(registry.sessions.get('1')?.equals(BLOB)).toBe(true);
    expect(methods(registry)).not.toContain('GET');
  });

  it('asks where a session stands that was filled elsewhere', async () => {
    const registry = await startUploadServer();
    registry.sessions.set('77', BLOB.subarray(0, 100));
    const { url } = await startProxy(registry.url);
    const session = new URL('/v2/a/b/blobs/uploads/77', url);
    await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB.subarray(100)));
    expect(methods(registry)).toEqual(['GET', 'PATCH', 'PATCH', 'PATCH']);
    expect(registry.sessions.get('77')?.equals(BLOB)).toBe(true);
  });

  it.each([0, 1])('lets the registry say where it begins when that may have %d bytes', async (held) => {
    const registry = await startUploadServer();
    registry.sessions.set('77', BLOB.subarray(0, held));
    const { url } = await startProxy(registry.url);
    const session = new URL('/v2/a/b/blobs/uploads/77', url);
    await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB.subarray(held)));
    expect(registry.sessions.get('77')?.equals(BLOB)).toBe(true);
    expect(ranges(registry)[0]).toBeUndefined();
  });

  it('is not misled by what somebody wrote to its session without passing here', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.sessions.set('1', BLOB.subarray(0, 100));
    const { status } = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB.subarray(100)));
    expect(status).toBe(202);
    expect(registry.sessions.get('1')?.equals(BLOB)).toBe(true);
  });

  it('keeps to the range that its client gives', async () => {
    const registry = await startUploadServer();
    registry.sessions.set('77', BLOB.subarray(0, 100));
    const { url } = await startProxy(registry.url);
    const session = new URL('/v2/a/b/blobs/uploads/77', url);
    const range = `100-${String(BLOB.length - 1)}`;
    const headers = { 'content-range': range, 'content-length': String(BLOB.length - 100) };
    expect(await ask(session, { method: 'PATCH', headers }, BLOB.subarray(100))).toMatchObject({ status: 202 });
    expect(registry.sessions.get('77')?.equals(BLOB)).toBe(true);
    expect(methods(registry)).not.toContain('GET');
    const again = await ask(session, { method: 'PATCH', headers }, BLOB.subarray(100));
    expect(again).toMatchObject({ status: 416, headers: { range: `0-${String(BLOB.length - 1)}` } });
  });

  it.each([
    ['shorter', BLOB.length + 1],
    ['longer', BLOB.length - 1],
  ])('that is %s than its own range is refused', async (_, announced) => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    const headers = { ...CHUNKED, 'content-range': `0-${String(announced - 1)}` };
    const { status, body } = await ask(session, { method: 'PATCH', headers }, pieces(BLOB));
    expect(status).toBe(400);
    expect(body).toContain('SIZE_INVALID');
    expect(registry.sessions.get('1')?.length).toBeLessThanOrEqual(announced);
  });
});

describe('a whole body', () => {
  it('in a PUT becomes chunks and a PUT without one', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    session.searchParams.set('digest', DIGEST);
    const headers = { 'content-length': String(BLOB.length), 'content-type': 'application/x-own' };
    const answer = await ask(session, { method: 'PUT', headers }, BLOB);
    expect(answer).toMatchObject({ status: 201, headers: { 'docker-content-digest': DIGEST } });
    expect(methods(registry)).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH', 'PATCH', 'PUT']);
    expect(registry.asked.at(-1)?.headers['content-length']).toBe('0');
    expect(registry.asked.at(-1)?.path).toContain(`_state=${String(BLOB.length)}`);
    expect(registry.asked[1]?.headers['content-type']).toBe('application/x-own');
    expect(registry.blobs.get(DIGEST)?.equals(BLOB)).toBe(true);
  });

  it('in a POST becomes a session, chunks and a PUT', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const target = new URL(`/v2/a/b/blobs/uploads/?digest=${DIGEST}`, url);
    expect(await ask(target, { method: 'POST', headers: CHUNKED }, pieces(BLOB))).toMatchObject({ status: 201 });
    expect(methods(registry)).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH', 'PATCH', 'PUT']);
    expect(registry.asked[0]?.path).toBe('/v2/a/b/blobs/uploads/');
    expect(registry.blobs.get(DIGEST)?.equals(BLOB)).toBe(true);
  });

  it('with another digest gets the refusal of the registry, and a session of its own is taken away', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const target = new URL(`/v2/a/b/blobs/uploads/?digest=${digestOf(Buffer.alloc(1))}`, url);
    const answer = await ask(target, { method: 'POST', headers: CHUNKED }, pieces(BLOB));
    expect(answer).toMatchObject({ status: 400, body: '{"errors":[{"code":"DIGEST_INVALID"}]}' });
    await expect.poll(() => methods(registry).at(-1)).toBe('DELETE');
    expect(registry.sessions.size).toBe(0);
  });

  it('that may not even begin is refused before its chunks', async () => {
    const registry = await startUploadServer();
    registry.interruptions.push(answerOnce('POST', 401, { 'www-authenticate': 'Basic realm="https://r.example"' }));
    const { url } = await startProxy(registry.url);
    const target = new URL(`/v2/a/b/blobs/uploads/?digest=${DIGEST}`, url);
    const answer = await ask(target, { method: 'POST', headers: CHUNKED }, pieces(BLOB));
    expect(answer).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="https://r.example"' } });
    expect(methods(registry)).toEqual(['POST']);
  });
});

describe('a chunk that breaks off', () => {
  it.each([0, 1, 300_000, MIB])('after %d bytes goes on from there, also twice', async (kept) => {
    const registry = await startUploadServer();
    const { url, waits } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push(cutAfter(registry, 'PATCH', kept), cutAfter(registry, 'PATCH', 0));
    session.searchParams.set('digest', DIGEST);
    const answer = await ask(session, { method: 'PUT', headers: { 'content-length': String(BLOB.length) } }, BLOB);
    expect(answer.status).toBe(201);
    expect(waits.length).toBeGreaterThanOrEqual(2);
    expect(registry.blobs.get(DIGEST)?.equals(BLOB)).toBe(true);
    expect(ranges(registry)).toContain(`${String(kept)}-${String(kept === MIB ? 2 * MIB - 1 : MIB - 1)}`);
  });

  it('is all that a small PATCH was, and goes on too', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push(cutAfter(registry, 'PATCH', 400));
    const small = BLOB.subarray(0, 1_000);
    expect(await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(small))).toMatchObject({ status: 202 });
    expect(ranges(registry)).toEqual([undefined, '400-999']);
    expect(registry.sessions.get('1')?.equals(small)).toBe(true);
  });

  it('and had arrived whole is not sent again', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push(cutAfter(registry, 'PATCH', 1_000));
    const small = BLOB.subarray(0, 1_000);
    const answer = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(small));
    expect(answer).toMatchObject({ status: 202, headers: { range: '0-999' } });
    expect(methods(registry)).toEqual(['POST', 'PATCH', 'GET']);
  });

  it.each([408, 429, 500, 503])('with %d is sent again after the pause that the registry asks for', async (status) => {
    const registry = await startUploadServer();
    const { url, waits } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push(answerOnce('PATCH', status, { 'retry-after': '7' }));
    expect(await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB))).toMatchObject({ status: 202 });
    expect(waits).toEqual([7_000]);
    expect(registry.sessions.get('1')?.equals(BLOB)).toBe(true);
  });

  it('again and again ends with the last answer of the registry', async () => {
    const registry = await startUploadServer();
    const { url, waits, said } = await startProxy(registry.url);
    const session = await openSession(url);
    for (let count = 0; count < MANY_FAILURES; count += 1) registry.interruptions.push(answerOnce('PATCH', 503));
    const answer = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB));
    expect(answer).toMatchObject({ status: 503, body: 'refused here' });
    expect(waits).toHaveLength(MANY_FAILURES - 1);
    expect(said()).toContain('the registry answered 503; going on in');
  });

  it('again and again without an answer ends with 502 in the form of the specification', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    for (let count = 0; count < MANY_FAILURES; count += 1) registry.interruptions.push(cutAfter(registry, 'PATCH', 0));
    const { status, headers, body } = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB));
    expect({ status, type: headers['content-type'] }).toEqual({ status: 502, type: 'application/json' });
    expect(JSON.parse(body)).toEqual({
      errors: [{ code: 'UNAVAILABLE', message: `berth proxy: ${registry.url.origin} broke the connection off` }],
    });
  });

  it('that makes progress each time is never given up', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    for (let count = 0; count < 2 * MANY_FAILURES; count += 1)
      registry.interruptions.push(cutAfter(registry, 'PATCH', 50_000));
    expect(await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB))).toMatchObject({ status: 202 });
    expect(registry.sessions.get('1')?.equals(BLOB)).toBe(true);
  });

  it('and whose session has vanished meanwhile is told so', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push((asked, incoming) => {
      if (asked.method !== 'PATCH') return false;
      registry.sessions.clear();
      incoming.socket.destroy();
      return true;
    });
    expect(await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB))).toMatchObject({ status: 404 });
  });

  it('and whose session others have written to is given up', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push((asked, incoming) => {
      if (asked.method !== 'PATCH') return false;
      registry.sessions.set('1', Buffer.alloc(2 * MIB));
      incoming.socket.destroy();
      return true;
    });
    const { status, body } = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB));
    expect(status).toBe(502);
    expect(body).toContain('the registry has 2097152 bytes, where 0 to 1048576 could be');
  });

  it('may also be the PUT that ends it all', async () => {
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    session.searchParams.set('digest', DIGEST);
    registry.interruptions.push(cutAfter(registry, 'PUT', 0), answerOnce('PUT', 503), answerOnce('PUT', 409));
    const answer = await ask(session, { method: 'PUT', headers: { 'content-length': String(BLOB.length) } }, BLOB);
    expect(answer.status).toBe(201);
  });
});

describe('a registry that refuses', () => {
  it.each([401, 403, 404, 409, 413])(
    'a chunk with %d is heard at once, however much was still to come',
    async (status) => {
      const registry = await startUploadServer();
      const { url, waits } = await startProxy(registry.url);
      const session = await openSession(url);
      registry.interruptions.push((asked, _, response) => {
        if (asked.method !== 'PATCH') return false;
        // Before it has read a byte.
        response.writeHead(status).end('too much');
        return true;
      });
      const answer = await ask(
        session,
        { method: 'PATCH', headers: CHUNKED },
        pieces(Buffer.concat(Array<Buffer>(10).fill(BLOB))),
      );
      expect(answer).toMatchObject({ status, body: 'too much' });
      expect(waits).toEqual([]);
    },
  );

  it('to go on at its own host gets no password sent elsewhere', async () => {
    const elsewhere = await startUploadServer();
    const registry = await startUploadServer();
    const { url } = await startProxy(registry.url);
    const session = await openSession(url);
    registry.interruptions.push(
      answerOnce('PATCH', 202, { location: `${elsewhere.url.origin}/v2/a/b/blobs/uploads/1`, range: '0-1048575' }),
    );
    const { status, body } = await ask(session, { method: 'PATCH', headers: CHUNKED }, pieces(BLOB));
    expect(status).toBe(502);
    expect(body).toContain('goes on with the upload at another host');
    expect(elsewhere.asked).toEqual([]);
  });
});

it('a client that goes away takes its upload with it', async () => {
  const registry = await startUploadServer();
  const { url, said } = await startProxy(registry.url);
  const session = await openSession(url);
  const gone = new Promise<void>((settle) => {
    registry.interruptions.push((asked, incoming) => {
      if (asked.method !== 'PATCH') return false;
      client.destroy();
      incoming.resume();
      incoming.once('close', settle);
      return true;
    });
  });
  const client = request(session, { method: 'PATCH', headers: CHUNKED });
  client.on('error', () => undefined);
  // A chunk and a little: who has more to send is heard of once that is taken.
  client.write(BLOB.subarray(0, MIB + 1_000));
  await gone;
  await expect.poll(() => said()).toContain('--- PATCH /v2/a/b/blobs/uploads/1');
});

it('a client that waits to be told sends its body once it is', async () => {
  const registry = await startUploadServer();
  const { url } = await startProxy(registry.url);
  const session = await openSession(url);
  const client = request(session, { method: 'PATCH', headers: { ...CHUNKED, expect: '100-continue' } });
  await once(client, 'continue');
  client.end(BLOB);
  const answer = await answerTo(client);
  answer.resume();
  expect(answer.statusCode).toBe(202);
  for (const { headers } of registry.asked) expect(headers).not.toHaveProperty('expect');
});
