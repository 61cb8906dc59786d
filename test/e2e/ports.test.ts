/** Every port that `npm start` opens, also those that Miniflare opens by itself: none may do more than serve the registry. */
import { expect, test } from 'vitest';
import { start } from './berths.ts';
import { tcpSockets } from './tcp-sockets.ts';

test.skipIf(process.platform !== 'linux')('no port writes files or lists objects for whoever asks', async () => {
  const berth = await start();
  const ports = tcpSockets([berth.pid, berth.workerdPid], 'listening').map(({ port }) => port);
  // The front's and workerd's own: Miniflare's own Worker has a Unix socket.
  expect(ports).toHaveLength(2);
  for (const port of ports) {
    for (const [method, path] of [
      ['POST', '/core/store-temp-file?extension=txt'],
      ['GET', '/core/do-storage/berth-Upload'],
      ['GET', '/browser/launch'],
    ] as const) {
      const body = method === 'POST' ? { body: 'x' } : {};
      const status = await fetch(`http://127.0.0.1:${String(port)}${path}`, { method, ...body }).then(
        (response) => response.status,
        () => 'refused',
      );
      expect([port, path, status]).not.toEqual([port, path, 200]);
    }
  }
});
