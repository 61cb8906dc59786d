/**
 * A server before a registry that keeps a list of what went by, and that a test may have answer some requests itself: it
 * lies, asks for a token, gives short pages, or keeps somebody waiting. What it does not answer passes unchanged.
 */
import { once } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { CERTIFICATE, KEY } from '../../unit/tools/proxy/certificate.ts';
import { passThrough } from '../clients/pass-through.ts';

export interface Passed {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly status: number;
  readonly authorization: string | undefined;
  /** Bytes of the request's body. */
  readonly sentBytes: number;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly authorization: string | undefined;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** True when it has seen to the answer; a path to ask the registry for instead; false to pass it on as it is. */
export type Intercept = (asked: Asked) => boolean | string;

export interface Front {
  readonly url: string;
  readonly host: string;
  /** In the order of the answers. */
  readonly passed: readonly Passed[];
}

export async function startFront(registryUrl: string, intercept: Intercept = () => false): Promise<Front> {
  const passed: Passed[] = [];
  const registry = new URL(registryUrl);
  const server = createServer((incoming, response) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const { pathname, searchParams } = new URL(url, registry);
    const { authorization } = headers;
    let sentBytes = 0;
    incoming.on('data', (bytes: Buffer) => {
      sentBytes += bytes.byteLength;
    });
    const record = (status: number): void => {
      passed.push({
        method,
        path: pathname,
        query: searchParams,
        status,
        authorization,
        get sentBytes() {
          return sentBytes;
        },
      });
    };
    const asked = { method, path: pathname, query: searchParams, authorization, request: incoming, response };
    const taken = intercept(asked);
    if (taken === true) {
      incoming.resume();
      response.once('finish', () => {
        record(response.statusCode);
      });
    } else passThrough(registry, taken === false ? url : taken, incoming, response, record);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front has no port');
  const host = `127.0.0.1:${address.port}`;
  return { url: `http://${host}`, host, passed };
}

/** A server whose certificate, for `localhost`, nobody trusts. */
export async function startSecure(): Promise<{ readonly url: string }> {
  const server = createSecureServer({ key: KEY, cert: CERTIFICATE });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return { url: `https://localhost:${address.port}` };
}

/** For an `Intercept` that sees to it itself. */
export function answer(
  { response }: Asked,
  status: number,
  headers: Record<string, string>,
  body: string | Buffer = '',
): true {
  response.writeHead(status, headers).end(body);
  return true;
}

/** Digests of blobs with their repositories, as `name@digest`, that were uploaded and stored, or mounted. */
export function uploads(passed: readonly Passed[]): string[] {
  return passed
    .filter(({ path, status }) => path.includes('/blobs/uploads/') && status === 201)
    .map(({ path, query }) => `${repositoryOf(path)}@${query.get('digest') ?? query.get('mount') ?? ''}`);
}

/** Manifests and tags that were stored, as `name@digest` and `name@tag`, in their order. */
export function puts(passed: readonly Passed[]): string[] {
  return passed
    .filter(({ method, path, status }) => method === 'PUT' && path.includes('/manifests/') && status === 201)
    .map(({ path }) => `${repositoryOf(path)}@${path.slice(path.lastIndexOf('/') + 1)}`);
}

function repositoryOf(path: string): string {
  return /^\/v2\/(.+)\/(?:blobs|manifests)\//.exec(path)?.[1] ?? path;
}
