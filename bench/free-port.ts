/** A port that nobody listens on, for a program that wants one in its configuration. Another may take it before that does. */
import { once } from 'node:events';
import { createServer } from 'node:net';

const HOST = '127.0.0.1';

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
