/**
 * A small registry client that speaks to the Worker's own front: it pushes a blob in every form that the specification
 * and the real clients know (end-4 to end-6), and reads what comes back. It judges nothing; tests do.
 */
import { Buffer } from 'node:buffer';
import { createExecutionContext, evictDurableObject, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import * as v from 'valibot';
import { expect } from 'vitest';
import { handle } from '../../src/http/app.ts';
import { formatDigest, type Digest } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import type { Blob } from './world.ts';

const ORIGIN = 'http://127.0.0.1';

export interface Sent {
  headers?: Record<string, string>;
  body?: Uint8Array<ArrayBuffer> | ReadableStream | string;
  signal?: AbortSignal;
}

export function send(method: string, path: string, sent: Sent = {}): Promise<Response> {
  return exports.default.fetch(new Request(`${ORIGIN}${path}`, { method, redirect: 'manual', ...sent }));
}

/** Settings of the front for one request; `undefined` takes one away. */
export type Settings = Record<string, string | undefined>;

/** Sends to a front with other settings, and waits for what it does after its answer. */
export async function sendWith(settings: Settings, method: string, path: string, sent: Sent = {}): Promise<Response> {
  const execution = createExecutionContext();
  const request = new Request(`${ORIGIN}${path}`, { method, redirect: 'manual', ...sent });
  const response = await handle(request, { ...env, ...settings }, execution);
  await waitOnExecutionContext(execution);
  return response;
}

/** A body without a length, in pieces of these sizes; what is left comes as the last piece. */
export function chunked(bytes: Uint8Array, ...sizes: number[]): ReadableStream<Uint8Array> {
  const { readable, writable } = new IdentityTransformStream();
  void writePieces(writable, bytes, sizes);
  return readable;
}

async function writePieces(writable: WritableStream<Uint8Array>, bytes: Uint8Array, sizes: number[]): Promise<void> {
  const writer = writable.getWriter();
  try {
    let offset = 0;
    for (const size of [...sizes, bytes.byteLength]) {
      if (offset < bytes.byteLength) await writer.write(bytes.subarray(offset, offset + size));
      offset += size;
    }
    await writer.close();
  } catch {
    // Whoever reads has stopped; its answer says why.
  }
}

/** One upload session, at the location that was told last, as the specification asks of clients. */
export class Session {
  #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get path(): string {
    return this.#path;
  }

  get stub(): DurableObjectStub {
    const id = this.path.split('/').at(-1) ?? '';
    return env.UPLOAD.get(env.UPLOAD.idFromString(id.slice(0, 64)));
  }

  /** The session's object loses its memory; one that nothing has woken has none. */
  async evict(): Promise<void> {
    await evictDurableObject(this.stub).catch((error: unknown) => {
      if (!String(error).includes('not currently running')) throw error;
    });
  }

  async patch(
    body: Uint8Array<ArrayBuffer> | ReadableStream,
    headers: Record<string, string> = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    const response = await send('PATCH', this.path, { body, headers, ...(signal === undefined ? {} : { signal }) });
    this.#path = response.headers.get('location') ?? this.#path;
    return response;
  }

  /** A chunk that says where it starts. */
  chunk(bytes: Uint8Array<ArrayBuffer>, start: number): Promise<Response> {
    return this.patch(bytes, contentRange(bytes, start));
  }

  put(digest: string, sent: Sent = {}): Promise<Response> {
    return send('PUT', `${this.path}?digest=${digest}`, sent);
  }

  /** A PUT whose body has a length. */
  putBody(digest: string, bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
    return this.put(digest, { body: bytes, headers: { ...contentLength(bytes), ...headers } });
  }

  status(): Promise<Response> {
    return send('GET', this.path);
  }

  /** The bytes that the session says it has, as its `Range` tells; a lone `0-0` is none in these tests. */
  async offset(): Promise<number> {
    return offsetOf(await this.status());
  }

  cancel(): Promise<Response> {
    return send('DELETE', this.path);
  }
}

export function offsetOf(response: Response): number {
  const last = Number((response.headers.get('range') ?? '0-NaN').split('-')[1]);
  return last === 0 ? 0 : last + 1;
}

export function contentLength(bytes: Uint8Array): Record<string, string> {
  return { 'content-length': String(bytes.byteLength) };
}

export function contentRange(bytes: Uint8Array, start: number): Record<string, string> {
  return { 'content-range': `${String(start)}-${String(start + bytes.byteLength - 1)}` };
}

export async function openSession(repository: string): Promise<Session> {
  const response = await send('POST', `/v2/${repository}/blobs/uploads/`);
  return new Session(demand(response, 202).headers.get('location') ?? '');
}

/** A session whose object is there already, as after a first long PATCH. */
export async function openStreaming(repository: string): Promise<Session> {
  const session = await openSession(repository);
  demand(await session.patch(new Uint8Array()), 202);
  return session;
}

/** The response, which must have this status: for the steps that lead to what a test is about. */
export function demand(response: Response, status: number): Response {
  if (response.status !== status) throw new Error(`${String(response.status)} instead of ${String(status)}`);
  return response;
}

export type PushForm = (repository: string, blob: Blob) => Promise<Response>;

/** Every form of a push, each ending with the answer that says 201. */
export const PUSH_FORMS: Readonly<Record<string, PushForm>> = {
  'POST, then PUT with the body': async (repository, { bytes, digest }) =>
    (await openSession(repository)).putBody(digest, bytes),
  'POST, one PATCH of unknown length, then an empty PUT': async (repository, { bytes, digest }) => {
    const session = await openSession(repository);
    demand(await session.patch(chunked(bytes, 10, 1_000)), 202);
    return session.put(digest);
  },
  'POST, one PATCH of known length, then an empty PUT': async (repository, { bytes, digest }) => {
    const session = await openSession(repository);
    demand(await session.patch(bytes, contentLength(bytes)), 202);
    return session.put(digest, { headers: { 'content-length': '0' } });
  },
  'POST, chunks with Content-Range, then an empty PUT': async (repository, { bytes, digest }) => {
    const session = await openSession(repository);
    for (const { start, piece } of thirds(bytes)) demand(await session.chunk(piece, start), 202);
    return session.put(digest);
  },
  'POST, chunks, and the last one in the PUT': async (repository, { bytes, digest }) => {
    const session = await openSession(repository);
    const [first, second, last] = thirds(bytes);
    for (const { start, piece } of [first, second]) demand(await session.chunk(piece, start), 202);
    return session.putBody(digest, last.piece, contentRange(last.piece, last.start));
  },
  'POST, then PUT with a body of unknown length': async (repository, { bytes, digest }) =>
    (await openSession(repository)).put(digest, { body: chunked(bytes, 10, 1_000) }),
  'a single POST with the digest': (repository, { bytes, digest }) =>
    send('POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, { body: bytes, headers: contentLength(bytes) }),
};

type Chunk = { start: number; piece: Uint8Array<ArrayBuffer> };

function thirds(bytes: Uint8Array<ArrayBuffer>): [Chunk, Chunk, Chunk] {
  const [one, two] = [Math.floor(bytes.byteLength / 3), Math.floor((bytes.byteLength * 2) / 3)];
  const cut = (start: number, end: number): Chunk => ({ start, piece: bytes.subarray(start, end) });
  return [cut(0, one), cut(one, two), cut(two, bytes.byteLength)];
}

/** The object that holds a repository. */
export function repositoryStub(name: string): DurableObjectStub {
  return env.REPOSITORY.get(env.REPOSITORY.idFromName(name));
}

/** Has the repository own the blob, by the shortest way. */
export async function pushed(repository: string, blob: Blob): Promise<Blob> {
  const session = await openSession(repository);
  demand(await session.putBody(blob.digest, blob.bytes), 201);
  return blob;
}

/** An image under `latest` in each of them, all of the one blob. */
export async function pushedTo(repositories: readonly string[], blob: Blob): Promise<void> {
  for (const name of repositories) {
    await pushed(name, blob);
    demand(await putManifest(name, 'latest', imageOf(blob)), 201);
  }
}

export function getBlob(repository: string, digest: string, headers: Record<string, string> = {}): Promise<Response> {
  return send('GET', `/v2/${repository}/blobs/${digest}`, { headers });
}

export function headBlob(repository: string, digest: string): Promise<Response> {
  return send('HEAD', `/v2/${repository}/blobs/${digest}`);
}

export function getManifest(repository: string, reference: string, headers: Record<string, string> = {}) {
  return send('GET', `/v2/${repository}/manifests/${reference}`, { headers });
}

export function putManifest(repository: string, reference: string, body: string, mediaType?: string) {
  const headers = mediaType === undefined ? {} : { 'content-type': mediaType };
  return send('PUT', `/v2/${repository}/manifests/${reference}`, { body: textBytes(body), headers });
}

/** A text that is sent as a string would bring a content type of its own. */
export function textBytes(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

export async function sha512(bytes: Uint8Array<ArrayBuffer>): Promise<Digest> {
  return formatDigest('sha512', hex(await crypto.subtle.digest('SHA-512', bytes)));
}

export async function sha256(bytes: Uint8Array<ArrayBuffer> | string): Promise<Digest> {
  const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
  return formatDigest('sha256', hex(await crypto.subtle.digest('SHA-256', data)));
}

function hex(buffer: ArrayBuffer): string {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

export function descriptorOf(
  { bytes, digest }: Blob,
  mediaType = 'application/vnd.oci.image.layer.v1.tar',
): Descriptor {
  return { mediaType, digest, size: bytes.byteLength };
}

/** An image manifest with one blob as config and layer. `extra` comes last, so it may replace what is there. */
export function imageOf(blob: Blob, extra: Record<string, unknown> = {}): string {
  const config = descriptorOf(blob, 'application/vnd.oci.image.config.v1+json');
  return JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [descriptorOf(blob)], ...extra });
}

const ErrorSchema = v.strictObject({
  errors: v.pipe(
    v.array(v.strictObject({ code: v.string(), message: v.string(), detail: v.optional(v.unknown()) })),
    v.length(1),
  ),
});

export interface RefusedAnswer {
  status: number;
  code: string;
  message: string;
  detail: unknown;
}

/** A refusal in the form that the specification gives errors; throws where it has another one. */
export async function refusal(pending: Response | Promise<Response>): Promise<RefusedAnswer> {
  const response = await pending;
  const type = response.headers.get('content-type');
  if (type !== 'application/json') throw new Error(`an error of type ${String(type)}: docker would print it raw`);
  const [error] = v.parse(ErrorSchema, await response.json()).errors;
  if (error === undefined) throw new Error('an answer without an error');
  return { status: response.status, detail: undefined, ...error };
}

/** Every request of the session is answered as if it had never been. */
export async function expectUnknown(session: Session, blob: Blob): Promise<void> {
  for (const way of [
    () => session.status(),
    () => session.patch(blob.bytes),
    () => session.chunk(blob.bytes, 0),
    () => session.putBody(blob.digest, blob.bytes),
    () => session.put(blob.digest),
    () => session.cancel(),
  ]) {
    expect(await refusal(way())).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
  }
}

/** The repository serves the blob, to the byte. */
export async function expectServed(repository: string, { bytes, digest }: Blob): Promise<void> {
  const response = demand(await getBlob(repository, digest), 200);
  expect(response.headers.get('content-length')).toBe(String(bytes.byteLength));
  expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes)).toBe(0);
}

/** Headers that are another answer's another time. */
export function isOfOneAnswer(header: string): boolean {
  return header === 'x-request-id' || header === 'date';
}
