/** One request and its answer (tools/registry/exchange.ts). */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Connections } from '../../../../tools/registry/exchange.ts';

it('waits for no server that only ever says that its answer is coming', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      const speak = (): void => {
        if (socket.write('HTTP/1.1 103 Early Hints\r\n\r\n')) setImmediate(speak);
      };
      speak();
    });
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  const url = new URL(`http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}/v2/`);
  const outcome = await new Connections('test').send({
    ...{ method: 'GET', url, headers: {} },
    signal: new AbortController().signal,
  });
  expect(outcome).toMatchObject({ ok: false });
  expect(JSON.stringify(outcome)).toContain('again and again');
});
