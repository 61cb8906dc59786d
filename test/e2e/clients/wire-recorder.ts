/**
 * A plain forwarding server between a client and the registry that keeps a list of what went over
 * the wire: which blobs a push really sent and which a pull really fetched. It changes neither
 * header nor body, and streams. Clients are tested directly too; this is for counting.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { passThrough } from './pass-through.ts';

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly status: number;
  /** Bytes of the request's body. */
  readonly sentBytes: number;
}

export interface WireRecorder {
  /** `host:port` for image references. */
  readonly host: string;
  /** What went by since the last call, in the order of the answers. */
  take(): readonly Exchange[];
  stop(): Promise<void>;
}

const UPLOAD_PATH = '/blobs/uploads/';

/** @param registryUrl is asked for with each request: a registry may have to know the recorder's address before it starts */
export async function startRecorder(registryUrl: () => string): Promise<WireRecorder> {
  let exchanges: Exchange[] = [];
  const server = createServer((incoming, outgoing) => {
    forward(new URL(registryUrl()), incoming, outgoing, (exchange) => exchanges.push(exchange));
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('the recorder has no port'));
      else resolve(address.port);
    });
  });
  return {
    host: `127.0.0.1:${String(port)}`,
    take() {
      const taken = exchanges;
      exchanges = [];
      return taken;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Digests of the blobs that were uploaded whole, however the client cut them. */
export function uploadedDigests(exchanges: readonly Exchange[]): string[] {
  return exchanges
    .filter(({ method, path, status }) => path.includes(UPLOAD_PATH) && method !== 'GET' && status === 201)
    .map(({ query }) => query.get('digest'))
    .filter((digest) => digest !== null);
}

/** Bytes that went into upload sessions, finished or not. */
export function uploadedBytes(exchanges: readonly Exchange[]): number {
  return exchanges.filter(({ path }) => path.includes(UPLOAD_PATH)).reduce((sum, { sentBytes }) => sum + sentBytes, 0);
}

/** Digests of the blobs that were fetched. */
export function fetchedDigests(exchanges: readonly Exchange[]): string[] {
  return exchanges
    .filter(({ method, status }) => method === 'GET' && (status === 200 || status === 206))
    .map(({ path }) => /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1])
    .filter((digest) => digest !== undefined);
}

function forward(
  target: URL,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  record: (exchange: Exchange) => void,
): void {
  const { method = 'GET', url = '/' } = incoming;
  const asked = new URL(url, target);
  let sentBytes = 0;
  incoming.on('data', (bytes: Buffer) => {
    sentBytes += bytes.length;
  });
  passThrough(target, url, incoming, outgoing, (status) => {
    record({
      method,
      path: asked.pathname,
      query: asked.searchParams,
      status,
      get sentBytes() {
        return sentBytes;
      },
    });
  });
}
