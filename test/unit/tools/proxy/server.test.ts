/** What goes through the proxy unchanged, and what does not get through at all. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerTo, ask, startProxy } from './proxies.ts';
import { listening } from './upload-server.ts';

const LARGE = randomBytes(20_000_000);
/** How a TLS 1.3 hello begins (RFC 8446 §5.1), far from whole. */
const TLS_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);

async function startRegistry(serve: RequestListener): Promise<{ url: URL; server: ReturnType<typeof createServer> }> {
  const server = createServer(serve);
  const url = await listening(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url, server };
}

/** What the registry gets of one request, and the answer to it. */
async function seenOf(
  options: Parameters<typeof ask>[1],
  body?: Buffer,
): Promise<{ headers: Record<string, unknown>; url: string | undefined; method: string | undefined; body: string }> {
  let seen: IncomingMessage | undefined;
  let arrived = '';
  const { url } = await startRegistry((incoming, response) => {
    seen = incoming;
    void text(incoming).then((whole) => {
      arrived = whole;
      response.end();
    });
  });
  const proxy = await startProxy(url);
  const path = options?.path ?? '/v2/a/manifests/latest?n=1&last=%C3%A4';
  await ask(proxy.url, { ...options, path }, body);
  return { headers: seen?.headers ?? {}, url: seen?.url, method: seen?.method, body: arrived };
}

describe('a request', () => {
  it('keeps its method, path, query, headers and body, and names the registry as its host', async () => {
    const headers = { authorization: 'Basic x', 'x-own': '1', accept: 'a/b', 'user-agent': 'docker/1' };
    const seen = await seenOf({ method: 'PUT', headers: { ...headers, 'content-length': '4' } }, Buffer.from('body'));
    expect(seen).toMatchObject({ method: 'PUT', url: '/v2/a/manifests/latest?n=1&last=%C3%A4', body: 'body' });
    expect(seen.headers).toMatchObject({ ...headers, 'content-length': '4', via: '1.1 berth-proxy' });
    expect(seen.headers['host']).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('leaves behind what concerns its own connection', async () => {
    const headers = { connection: 'close, x-hop', 'x-hop': '1', te: 'trailers', 'proxy-authorization': 'Basic x' };
    const seen = await seenOf({ headers });
    for (const name of ['x-hop', 'te', 'proxy-authorization']) expect(seen.headers).not.toHaveProperty(name);
    expect(seen.headers['connection']).toBe('keep-alive');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET'])('%s without a body gets none on its way', async (method) => {
    const seen = await seenOf({ method });
    expect(seen.headers).not.toHaveProperty('transfer-encoding');
    expect(seen.body).toBe('');
  });

  it.each(['PUT', 'DELETE'])('%s with a body of unknown length arrives whole', async (method) => {
    const seen = await seenOf({ method, headers: { 'transfer-encoding': 'chunked' } }, Buffer.from('body'));
    expect(seen.body).toBe('body');
    expect(seen.headers).not.toHaveProperty('content-length');
  });
});

describe('an answer', () => {
  it('keeps its status, headers and body, and leads back here', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(401, [
        ...['Location', `${url.origin}/v2/x?a=%2F`, 'Link', `<${url.origin}/v2/y>; rel="next"`],
        ...['WWW-Authenticate', `Bearer realm="${url.origin}/token",service="r"`],
        ...['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Keep-Alive', 'timeout=1', 'Content-Length', '5'],
      ]);
      response.end('no, no');
    });
    const proxy = await startProxy(url);
    const { status, headers, body } = await ask(new URL('/v2/', proxy.url));
    expect({ status, body }).toEqual({ status: 401, body: 'no, n' });
    expect(headers).toMatchObject({
      location: `${proxy.url.origin}/v2/x?a=%2F`,
      link: `<${proxy.url.origin}/v2/y>; rel="next"`,
      'www-authenticate': `Bearer realm="${url.origin}/token",service="r"`,
      'set-cookie': ['a=1', 'b=2'],
    });
  });

  it('that sends a client elsewhere is not followed, and not changed', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(307, { location: 'https://store.example/blob?signature=x' }).end();
    });
    const proxy = await startProxy(url);
    const answer = await ask(new URL('/v2/a/blobs/sha256:0', proxy.url));
    expect(answer).toMatchObject({ status: 307, headers: { location: 'https://store.example/blob?signature=x' } });
  });

  it('to HEAD keeps the length of what is not sent', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(200, { 'content-length': '123456' }).end();
    });
    const proxy = await startProxy(url);
    const answer = await ask(new URL('/v2/', proxy.url), { method: 'HEAD' });
    expect(answer).toMatchObject({ status: 200, body: '', headers: { 'content-length': '123456' } });
  });

  it('is not taken from the registry faster than the client reads it, and arrives whole', async () => {
    let sent: ServerResponse | undefined;
    const { url } = await startRegistry((_, response) => {
      sent = response;
      response.end(LARGE);
    });
    const proxy = await startProxy(url);
    const client = request(new URL('/v2/', proxy.url), { agent: false }).end();
    const incoming = await answerTo(client);
    expect(sent?.writableFinished).toBe(false);
    expect((await buffer(incoming)).equals(LARGE)).toBe(true);
  });

  it('that breaks off breaks off at the client too', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => response.destroy());
    });
    const proxy = await startProxy(url);
    await expect(ask(new URL('/v2/', proxy.url))).rejects.toThrow('aborted');
  });

  it('that comes early reaches a client that still sends', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(413).end('too large');
    });
    const proxy = await startProxy(url);
    const answer = await ask(new URL('/v2/a/manifests/b', proxy.url), { method: 'PUT' }, LARGE);
    expect(answer).toMatchObject({ status: 413, body: 'too large' });
  });
});

describe('a client that waits to be told to send its body', () => {
  const options = {
    method: 'PUT',
    path: '/v2/a/manifests/b',
    headers: { expect: '100-continue', 'content-length': '4' },
  };

  it('is told by the registry', async () => {
    const { url, server } = await startRegistry(() => expect.fail('it did not wait'));
    server.on('checkContinue', (incoming: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      void text(incoming).then((body) => response.end(body));
    });
    const proxy = await startProxy(url);
    const client = request(proxy.url, { agent: false, ...options });
    await once(client, 'continue');
    client.end('body');
    const incoming = await answerTo(client);
    expect(await text(incoming)).toBe('body');
  });

  it('hears a refusal instead', async () => {
    const { url, server } = await startRegistry(() => expect.fail('it did not wait'));
    server.on('checkContinue', (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(401).end();
    });
    const proxy = await startProxy(url);
    const client = request(proxy.url, { agent: false, ...options });
    client.flushHeaders();
    const incoming = await answerTo(client);
    incoming.resume();
    expect(incoming.statusCode).toBe(401);
    expect(incoming.headers.connection).toBe('close');
    client.destroy();
  });
});

describe('a registry', () => {
  it('hears when a client goes away', async () => {
    const heard = Promise.withResolvers<undefined>();
    const { url } = await startRegistry((_, response) => {
      response.once('close', () => {
        heard.resolve(undefined);
      });
      client.destroy();
    });
    const proxy = await startProxy(url);
    const client = request(new URL('/v2/', proxy.url), { agent: false }).end();
    client.on('error', () => undefined);
    await heard.promise;
  });

  it('that is not there is a 502 in the form of the specification, and one line', async () => {
    const { url, server } = await startRegistry(() => undefined);
    server.close();
    await once(server, 'close');
    const proxy = await startProxy(url);
    const { status, headers, body } = await ask(new URL('/v2/', proxy.url));
    expect({ status, type: headers['content-type'] }).toEqual({ status: 502, type: 'application/json' });
    const why = `${url.origin} can't be reached: nobody listens there; look at the name and the port`;
    expect(JSON.parse(body)).toEqual({ errors: [{ code: 'UNAVAILABLE', message: `berth proxy: ${why}` }] });
    expect(proxy.said()).toContain(`Error: GET /v2/: ${why}\n`);
  });

  it('that closes a connection which was kept open is asked again on another one', async () => {
    let count = 0;
    const { url } = await startRegistry((incoming, response) => {
      count += 1;
      if (count === 2) incoming.socket.destroy();
      else response.end('here');
    });
    const proxy = await startProxy(url);
    expect(await ask(new URL('/v2/', proxy.url))).toMatchObject({ status: 200 });
    expect(await ask(new URL('/v2/', proxy.url))).toMatchObject({ status: 200, body: 'here' });
    expect(count).toBe(3);
  });

  it('that is this proxy itself is found out', async () => {
    const { url, server } = await startRegistry((incoming, response) => {
      // As if the address led back: what arrives there is sent to the proxy once more.
      void ask(new URL('/v2/', proxy.url), { headers: { via: incoming.headers.via ?? '' } }).then(({ status, body }) =>
        response.writeHead(status ?? 0).end(body),
      );
    });
    expect(server.listening).toBe(true);
    const proxy = await startProxy(url);
    expect(await ask(new URL('/v2/', proxy.url))).toMatchObject({ status: 508 });
  });
});

describe('on loopback', () => {
  it.each([
    ['another name, as of a page that rebinds its own', { host: 'evil.example:5050' }],
    ['a page of another origin', { origin: 'https://evil.example' }],
    ['an image of another site', { 'sec-fetch-site': 'cross-site' }],
    ['whoever comes from a page', { referer: 'https://evil.example/' }],
  ])('%s is turned away before the registry hears of it', async (_, headers) => {
    const { url } = await startRegistry(() => expect.fail('it was passed on'));
    const proxy = await startProxy(url);
    const { status, body } = await ask(new URL('/v2/', proxy.url), { headers });
    expect(status).toBe(403);
    expect(body).toContain('DENIED');
  });

  it.each(['localhost', '127.0.0.1:5050', '127.8.9.1', '[::1]:5050', 'LocalHost:1'])('%s is taken', async (host) => {
    const { url } = await startRegistry((_, response) => response.end());
    const proxy = await startProxy(url);
    expect(await ask(new URL('/v2/', proxy.url), { headers: { host } })).toMatchObject({ status: 200 });
  });

  it('every name is taken by a proxy that is open', async () => {
    const { url } = await startRegistry((_, response) => {
      response.writeHead(202, { location: `${url.origin}/v2/x` }).end();
    });
    const proxy = await startProxy(url, { isOpen: true });
    const answer = await ask(new URL('/v2/', proxy.url), { headers: { host: 'host.docker.internal:5050' } });
    expect(answer).toMatchObject({ status: 202, headers: { location: 'http://host.docker.internal:5050/v2/x' } });
  });

  it('a request for another host is not carried out', async () => {
    const { url } = await startRegistry(() => expect.fail('it was passed on'));
    const proxy = await startProxy(url);
    expect(await ask(proxy.url, { path: 'http://other.example/v2/' })).toMatchObject({ status: 400 });
  });

  it('what this machine does itself is taken, also by a browser', async () => {
    const { url } = await startRegistry((_, response) => response.end());
    const proxy = await startProxy(url);
    for (const site of ['none', 'same-origin']) {
      expect(await ask(new URL('/v2/', proxy.url), { headers: { 'sec-fetch-site': site } })).toMatchObject({
        status: 200,
      });
    }
  });

  it('a TLS hello is answered at once, in HTTP', async () => {
    const { url } = await startRegistry(() => expect.fail('it was passed on'));
    const proxy = await startProxy(url);
    const client = connect({ host: '127.0.0.1', port: Number(proxy.url.port), allowHalfOpen: true });
    client.write(TLS_HELLO);
    expect(await text(client)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*This port speaks HTTP, not HTTPS\.\n$/);
    client.end();
  });
});

it('a registry that changes the protocol gives no answer, and the client hears of it', async () => {
  const registry = createSocketServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    );
  }).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  onTestFinished(() => {
    registry.close();
  });
  const address = registry.address();
  if (address === null || typeof address === 'string') throw new Error('nobody listens');
  const proxy = await startProxy(new URL(`http://127.0.0.1:${String(address.port)}`));
  expect(await ask(new URL('/v2/', proxy.url))).toMatchObject({ status: 502 });
  const upload = new URL('/v2/a/blobs/uploads/1', proxy.url);
  const pieces = Readable.from([Buffer.alloc(2 * 1024 * 1024)]);
  expect(await ask(upload, { method: 'PATCH' }, pieces)).toMatchObject({ status: 502 });
});

it('to stop lets finish what runs, and closes what is kept open', async () => {
  const reached = Promise.withResolvers<ServerResponse>();
  const { url } = await startRegistry((_, response) => {
    reached.resolve(response);
  });
  const proxy = await startProxy(url);
  const answered = ask(new URL('/v2/', proxy.url));
  const response = await reached.promise;
  const stopped = proxy.server.stop();
  response.end('the end');
  expect(await answered).toMatchObject({ status: 200, body: 'the end' });
  await stopped;
});

it('neither a query nor a password is printed', async () => {
  const { url } = await startRegistry((_, response) => response.end());
  const proxy = await startProxy(url);
  await ask(new URL('/v2/?secret=1', proxy.url), { headers: { authorization: 'Basic secret' } });
  expect(proxy.said()).toMatch(/^200 GET \/v2\/ \d+\.\d s\n$/);
});
