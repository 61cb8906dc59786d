/** A `Host` that names no host reaches the Worker all the same (workerd takes it): it is the client's mistake. */
import { once } from 'node:events';
import { connect } from 'node:net';
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
