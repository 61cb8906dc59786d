/**
 * The file store as an HTTP service on a Unix socket, for the Worker's filesystem driver (src/storage/filesystem.ts) and
 * nobody else: the socket lies in a directory of this user's. It runs in a thread of its own (thread.ts), beside workerd,
 * so that hashing and writing take another core than the registry's own work.
 *
 *   GET    /objects/<key>?length=<n>          would a PUT be taken?   204, or 409 exists; 408 after one that was too slow
 *   PUT    /objects/<key>?length=<n>&sha256=  a whole object     201, or 409 exists, 422 another digest
 *   DELETE /objects                           JSON list of keys  204
 *   POST   /uploads?key=<key>                                    201 {"id"}
 *   PUT    /uploads/<id>/<number>?offset=<n>  one part           201 {"token"}
 *   POST   /uploads/<id>                      JSON, see Ending   201, or 409 exists
 *   DELETE /uploads/<id>                                         204
 *   GET    /space                                                204, or 507
 *
 * Otherwise 400 for what makes no sense, 404 for a multipart write that is over, 408 for a body that comes too slowly, 507
 * for a full disk, 500 for the rest, with the reason as text. Objects are read from workerd's own disk service.
 *
 * workerd hears an answer only once its own body has gone, and nothing but a lost connection when that is cut off. So who
 * has a long body asks first, and who lost a connection asks why; of the body of a refused request no more is read than an answer is worth.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { isDiskFull, NoSuchUpload, SlowBody, WrongBody } from './failures.ts';
import type { Digest, FileStore } from './file-store.ts';

/** A layer may take hours on a slow line; how long is the Worker's to decide. */
const NO_LIMIT = 0;
/** Of a body that nobody wants: a part always fits, so that its write hears why. Compare src/objects/upload/drain.ts. */
const DRAINED_MOST_BYTES = 32 * 1024 * 1024;
const LONGEST_DRAIN_MS = 5_000;
/** Node's default of 64 KiB makes for many small turns. */
const READ_BYTES = 256 * 1024;

const Keys = v.pipe(v.string(), v.parseJson(), v.array(v.string()));
const WholeNumber = v.pipe(v.number(), v.integer(), v.minValue(0));
const Ending = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    key: v.string(),
    parts: v.array(v.object({ number: WholeNumber, offset: WholeNumber, size: WholeNumber, token: v.string() })),
  }),
);
const Count = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

export function serveFiles(store: FileStore): Server {
  const server = createServer({ highWaterMark: READ_BYTES, requestTimeout: NO_LIMIT }, (request, response) => {
    void answer(store, request, response);
  });
  server.keepAliveTimeout = NO_LIMIT;
  return server;
}

async function answer(store: FileStore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let result: Answer;
  try {
    result = await route(store, request);
  } catch (error) {
    result = { status: statusOf(error), body: error instanceof Error ? error.message : String(error) };
  }
  const { status, body } = result;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body === undefined ? undefined : JSON.stringify(body));
  drain(request);
}

/** Reads the rest of a body and throws it away; hangs up on one that is too long for that. */
function drain(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  const hangUp = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(hangUp, LONGEST_DRAIN_MS);
  let drained = 0;
  request.on('data', (piece: Buffer) => {
    drained += piece.byteLength;
    if (drained > DRAINED_MOST_BYTES) hangUp();
  });
  request.once('close', () => {
    clearTimeout(timer);
  });
  // That somebody hung up is no news any more.
  request.on('error', () => undefined);
  request.resume();
}

function statusOf(error: unknown): number {
  if (isDiskFull(error)) return 507;
  if (error instanceof NoSuchUpload) return 404;
  if (error instanceof SlowBody) return 408;
  return error instanceof WrongBody || v.isValiError(error) ? 400 : 500;
}

async function route(store: FileStore, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://files');
  const [, collection, ...rest] = pathname.split('/');
  const name = rest.join('/');
  const [id = '', number] = rest;
  switch (`${request.method ?? ''} ${collection ?? ''}${rest.length === 0 ? '' : '/'}`) {
    case 'GET objects/': {
      const outcome = await store.expect(name, v.parse(Count, searchParams.get('length')));
      return { status: { free: 204, exists: 409 }[outcome] };
    }
    case 'PUT objects/':
      return put(store, name, request, searchParams);
    case 'DELETE objects':
      await store.delete(v.parse(Keys, await text(request)));
      return { status: 204 };
    case 'POST uploads':
      return { status: 201, body: { id: await store.begin(searchParams.get('key') ?? '') } };
    case 'PUT uploads/': {
      const offset = v.parse(Count, searchParams.get('offset'));
      const part = { offset, body: request, length: lengthOf(request) };
      return { status: 201, body: { token: await store.writePart(id, v.parse(Count, number), part) } };
    }
    case 'POST uploads/': {
      const { key, parts } = v.parse(Ending, await text(request));
      return { status: (await store.complete(id, key, parts)) === 'stored' ? 201 : 409 };
    }
    case 'DELETE uploads/':
      await store.abort(id);
      return { status: 204 };
    case 'GET space':
      await store.demandSpace();
      return { status: 204 };
    default:
      throw new WrongBody('there is no such route');
  }
}

async function put(store: FileStore, key: string, request: IncomingMessage, search: URLSearchParams): Promise<Answer> {
  const outcome = await store.put(key, request, v.parse(Count, search.get('length')), digestIn(search));
  return { status: { stored: 201, exists: 409, 'digest-mismatch': 422 }[outcome] };
}

function digestIn(search: URLSearchParams): Digest | undefined {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const hex = search.get(algorithm);
    if (hex !== null) return { algorithm, hex };
  }
  return undefined;
}

function lengthOf(request: IncomingMessage): number {
  return v.parse(Count, request.headers['content-length']);
}
