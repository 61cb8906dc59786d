/** Requests that workerd takes, or takes and stumbles over, though they are the client's mistake: hosts, paths, framing. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { start } from './berths.ts';

async function statusLine(port: number, host: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  // workerd keeps a connection open for a while, also one that it was asked to close; the first line is all that counts.
  const head = String(await once(socket.setEncoding('utf8'), 'data'));
  socket.destroy();
  return head.split('\r\n', 1)[0] ?? '';
}

test('a Host that is a number beyond every address is 400, and the log holds no failure', async () => {
  const berth = await start();
  for (const host of ['99999999999999999999', 'localhost:99999']) {
    expect(await statusLine(berth.port, host), host).toBe('HTTP/1.1 400 Bad Request');
  }
  expect(await statusLine(berth.port, '127.0.0.1')).toBe('HTTP/1.1 200 OK');
  await berth.stop();
  expect(berth.lines.filter(({ event }) => event === 'unexpected failure')).toEqual([]);
});

test('a path with a backslash is refused, and so is a body whose end is a guess', async () => {
  const berth = await start();
  const asked = (path: string): Promise<string> =>
    answered(berth.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`);
  for (const path of ['/v2/..\\healthz', '/v2\\', '\\v2/', '/v2\\..\\healthz?n=1']) {
    const answer = await asked(path);
    expect(answer, path).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer, path).toContain('UNSUPPORTED');
  }
  expect(await asked('/healthz?a=b\\c')).toMatch(/^HTTP\/1\.1 200 /);
  for (const framing of ['Content-Length: +5', 'Content-Length: 5\r\nTransfer-Encoding: chunked', 'X: a\rY: b'])
    expect(
      await answered(berth.port, `POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: 127.0.0.1\r\n${framing}\r\n\r\nhello`),
    ).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  await berth.stop();
  expect(berth.lines.filter(({ level }) => level === 'error')).toEqual([]);
});

/** Until the server closes. */
function answered(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(request, 'latin1');
  return text(socket);
}

test('a Host that workerd can not write is 400 in the form of the specification, and the log holds nothing of it', async () => {
  const berth = await start();
  for (const host of ['a b', 'a"b', 'user@127.0.0.1', 'a/b', '%41', 'ä', '127.0.0.1\r\nHost: 127.0.0.1']) {
    const socket = connect(berth.port, '127.0.0.1');
    socket.write(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n\r\n`);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    expect(head, host).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(head, host).toContain('Content-Type: application/json');
    expect(JSON.parse(body), host).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
  }
  // The second request on a connection passes the front unseen.
  const socket = connect(berth.port, '127.0.0.1');
  socket.write('GET /v2/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /v2/ HTTP/1.1\r\nHost: a b\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*HTTP\/1\.1 500 /);
  await berth.stop();
  expect(berth.lines.filter(({ level }) => level === 'error')).toEqual([]);
});
