/**
 * The way out of the machine as clients see it: a proxy (HTTPS_PROXY, HTTP_PROXY) that lets nothing out and notes which host was
 * wanted. So a test sees where a name leads, and nobody is asked. Addresses of this machine are never asked of a proxy.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface Outside {
  readonly environment: Readonly<Record<string, string>>;
  /** Hosts, with ports where they were named, that were wanted since the last call. */
  wanted(): string[];
  stop(): Promise<void>;
}

export async function startOutside(): Promise<Outside> {
  let wanted = new Set<string>();
  const server = createServer((request, response) => {
    wanted.add(new URL(request.url ?? '').host);
    response.writeHead(502).end();
  });
  server.on('connect', (request, socket) => {
    wanted.add(request.url ?? '');
    socket.on('error', () => undefined);
    socket.end('HTTP/1.1 502 Nothing goes out\r\nContent-Length: 0\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const listening = server.address();
  if (listening === null || typeof listening === 'string') throw new Error('the way out has no port');
  const address = `http://127.0.0.1:${String(listening.port)}`;
  return {
    environment: { HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: '' },
    wanted() {
      const hosts = [...wanted];
      wanted = new Set();
      return hosts;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
