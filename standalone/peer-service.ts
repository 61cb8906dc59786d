/**
 * Tells the Worker where a client is (src/http/peer.ts), which sees nothing but the served port's own connections. An HTTP
 * service on a Unix socket, which lies where this user alone may come.
 *
 *   GET /live/<port of this machine>    200 and the address, or 404 where no client is connected by it
 *   GET /known/<port of this machine>   the same, also of a connection that has ended a moment ago
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PEERS_SOCKET } from './data-directory.ts';
import type { Peers } from './peers.ts';
import { socketPath } from './socket-path.ts';

/** As many as there may be clients (descriptors.ts), each of which is asked about at once. The system may allow fewer. */
const BACKLOG = 4_096;
const QUESTION = /^\/(live|known)\/(\d{1,5})$/;

type Asked = Pick<Peers, 'addressOf' | 'liveAddressOf'>;

export interface PeerService {
  /** Of its socket. */
  readonly path: string;
  /** Takes the socket away; who has asked is answered. */
  readonly close: () => void;
}

/** Fulfilled when it serves. */
export async function servePeers(peers: Asked, root: string): Promise<PeerService> {
  const server = createServer((request, response) => {
    answer(peers, request, response);
  });
  // No limit: workerd ends its connections itself, and a request on one that ends just then would be lost.
  server.keepAliveTimeout = 0;
  const path = socketPath(root, PEERS_SOCKET);
  server.listen({ path, backlog: BACKLOG });
  await once(server, 'listening');
  server.unref();
  return {
    path,
    close: () => {
      server.close();
    },
  };
}

function answer(peers: Asked, { url = '' }: IncomingMessage, response: ServerResponse): void {
  const address = addressOf(peers, url);
  response.writeHead(address === undefined ? 404 : 200, { 'content-type': 'text/plain' });
  response.end(address);
}

function addressOf(peers: Asked, url: string): string | undefined {
  const [, what, port] = QUESTION.exec(url) ?? [];
  if (port === undefined) return undefined;
  return what === 'live' ? peers.liveAddressOf(Number(port)) : peers.addressOf(Number(port));
}
