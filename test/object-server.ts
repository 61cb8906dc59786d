/**
 * The HTTP server that the worked example of a storage driver stores its objects on (examples/storage-driver/), for as
 * long as the tests run: what object stores have in common, kept in memory. Names and bytes are all it knows.
 *
 *   PUT    /<name>    201 once the whole body is here; 412 if the name is taken, as `If-None-Match: *` asks
 *   GET    /<name>    200, or 206 with Range; 404, or 416 for a range that starts beyond the end
 *   HEAD   /<name>    200 or 404
 *   DELETE /<name>    204, or 404; a name with `/` at its end stands for all below it
 *   GET    /          200 with all names, as JSON
 */
import { createServer, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';

/** store-bindings.ts names the socket and binds it to the Worker. */
const SOCKET = process.env['BERTH_TEST_OBJECTS'] ?? '';

interface StoredObject {
  readonly type: string;
  readonly bytes: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Buffer | string;
}

const objects = new Map<string, StoredObject>();

export async function setup(): Promise<() => void> {
  const server = createServer((request, response) => {
    void answer(request).then(
      ({ status, headers = {}, body = '' }) => response.writeHead(status, headers).end(body),
      // A body that broke off: there is nobody left to tell.
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(SOCKET, resolve));
  return () => {
    server.close();
    server.closeAllConnections();
  };
}

async function answer(request: IncomingMessage): Promise<Answer> {
  const name = (request.url ?? '').slice(1);
  switch (request.method) {
    case 'PUT':
      return create(name, request);
    case 'GET':
      return name === ''
        ? { status: 200, body: JSON.stringify([...objects.keys()]) }
        : read(name, request.headers.range);
    case 'HEAD':
      return read(name, undefined);
    case 'DELETE':
      return { status: remove(name) ? 204 : 404 };
    default:
      return { status: 405 };
  }
}

async function create(name: string, request: IncomingMessage): Promise<Answer> {
  if (request.headers['if-none-match'] !== '*') return { status: 428, body: 'this server only creates' };
  if (request.headers['content-length'] === undefined) return { status: 411, body: 'say how long it is' };
  // As object stores do: who comes too late may hear it before the body was read, and hears it at the latest after.
  if (objects.has(name)) return { status: 412 };
  const bytes = await buffer(request);
  if (objects.has(name)) return { status: 412 };
  objects.set(name, { type: request.headers['content-type'] ?? '', bytes });
  return { status: 201 };
}

function read(name: string, range: string | undefined): Answer {
  const object = objects.get(name);
  if (object === undefined) return { status: 404 };
  const { type, bytes } = object;
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  const headers = { 'content-type': type, 'content-length': bytes.byteLength };
  if (from === undefined) return { status: 200, headers, body: bytes };
  const slice = bytes.subarray(Number(from), Number(to) + 1);
  if (slice.byteLength === 0) return { status: 416 };
  return { status: 206, headers: { ...headers, 'content-length': slice.byteLength }, body: slice };
}

function remove(name: string): boolean {
  if (!name.endsWith('/')) return objects.delete(name);
  const below = [...objects.keys()].filter((each) => each.startsWith(name));
  return below.map((each) => objects.delete(each)).length > 0;
}
