/**
 * Stands where the registry does: upload sessions as the specification has them, in memory, and failures on order. What
 * it was asked for is on a list. It is stricter than registries are: a chunk is taken at its place and nowhere else.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the body that arrived. */
  bytes: number;
}

/** Answers in the place of the server; true when it did. It may read the body, and cut the connection. */
export type Interruption = (asked: Asked, request: IncomingMessage, response: ServerResponse) => boolean;

export interface UploadServer {
  readonly url: URL;
  readonly asked: Asked[];
  /** Each is offered every request that comes, until it takes one; then it is gone. */
  readonly interruptions: Interruption[];
  /** What sessions hold, by their number. */
  readonly sessions: Map<string, Buffer>;
  /** Blobs that were finished, by digest. */
  readonly blobs: Map<string, Buffer>;
}

const SESSION = /^\/v2\/(.+)\/blobs\/uploads\/(\d+)$/;

export async function startUploadServer(): Promise<UploadServer> {
  const asked: Asked[] = [];
  const interruptions: Interruption[] = [];
  const sessions = new Map<string, Buffer>();
  const blobs = new Map<string, Buffer>();
  let serial = 0;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://stand-in');
    const entry: Asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, bytes: 0 };
    asked.push(entry);
    const at = interruptions.findIndex((interrupt) => interrupt(entry, request, response));
    if (at >= 0) {
      interruptions.splice(at, 1);
      return;
    }
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => {
      pieces.push(piece);
      entry.bytes += piece.length;
    });
    await once(request, 'end');
    const body = Buffer.concat(pieces);
    const [, name = '', id = ''] = SESSION.exec(url.pathname) ?? [];
    const held = sessions.get(id);
    const answer = (status: number, headers: Record<string, string> = {}): void => {
      response.writeHead(status, headers).end();
    };
    const state = (number: string, bytes: Buffer, path: string): Record<string, string> => ({
      location: `${path}/${number}?_state=${String(bytes.length)}`,
      range: `0-${String(Math.max(0, bytes.length - 1))}`,
    });

    if (entry.method === 'POST') {
      serial += 1;
      sessions.set(String(serial), Buffer.alloc(0));
      answer(202, state(String(serial), Buffer.alloc(0), url.pathname.replace(/\/$/, '')));
    } else if (held === undefined) answer(404);
    else if (entry.method === 'GET') answer(204, state(id, held, `/v2/${name}/blobs/uploads`));
    else if (entry.method === 'DELETE') {
      sessions.delete(id);
      answer(204);
    } else {
      const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '');
      const isInPlace =
        range === null || (Number(range[1]) === held.length && Number(range[2]) === held.length + body.length - 1);
      if (!isInPlace) {
        answer(416, state(id, held, `/v2/${name}/blobs/uploads`));
        return;
      }
      const grown = Buffer.concat([held, body]);
      sessions.set(id, grown);
      if (entry.method === 'PATCH') {
        answer(202, state(id, grown, `/v2/${name}/blobs/uploads`));
        return;
      }
      const digest = `sha256:${createHash('sha256').update(grown).digest('hex')}`;
      if (digest !== url.searchParams.get('digest')) {
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"errors":[{"code":"DIGEST_INVALID"}]}');
        return;
      }
      sessions.delete(id);
      blobs.set(digest, grown);
      answer(201, { location: `/v2/${name}/blobs/${digest}`, 'docker-content-digest': digest });
    }
  }

  const server = createServer((request, response) => {
    // A client that breaks off is what some tests are about.
    serve(request, response).catch(() => response.destroy());
  });
  const url = await listening(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url, asked, interruptions, sessions, blobs };
}

export async function listening(server: ReturnType<typeof createServer>): Promise<URL> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('nobody listens');
  return new URL(`http://127.0.0.1:${String(address.port)}`);
}

/** Takes the first request of that method, lets so many bytes of its body arrive in the session, then cuts the connection. */
export function cutAfter(server: UploadServer, method: string, bytes: number): Interruption {
  return (asked, request) => {
    if (asked.method !== method) return false;
    const id = SESSION.exec(asked.path.split('?', 1)[0] ?? '')?.[2] ?? '';
    let left = bytes;
    request.on('data', (piece: Buffer) => {
      const kept = piece.subarray(0, left);
      left -= kept.length;
      asked.bytes += kept.length;
      server.sessions.set(id, Buffer.concat([server.sessions.get(id) ?? Buffer.alloc(0), kept]));
      if (left === 0) request.socket.destroy();
    });
    request.on('error', () => undefined);
    if (left === 0) request.socket.destroy();
    return true;
  };
}

/** Answers the first request of that method, once its body was read, and does nothing else with it. */
export function answerOnce(method: string, status: number, headers: Record<string, string> = {}): Interruption {
  return (asked, request, response) => {
    if (asked.method !== method) return false;
    request.resume().on('end', () => {
      response.writeHead(status, headers).end('refused here');
    });
    return true;
  };
}
