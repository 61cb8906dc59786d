/**
 * A push and a pull of one layer as clients make them (end-4a, end-5, end-6, end-2): POST and PUT with the whole body, as
 * containerd and BuildKit push; POST, one PATCH of unknown length and an empty PUT, as docker, skopeo and podman do.
 */
import { createHash } from 'node:crypto';
import type { Answer, Call, HttpConnection } from './http-client.ts';
import { timedCalls } from './timing.ts';

export type PushForm = 'whole' | 'chunked';

export interface Layer {
  readonly bytes: Buffer;
  readonly digest: string;
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${sha256Hex(bytes)}`;
}

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Milliseconds. */
export function pushLayer(port: number, repository: string, layer: Layer, form: PushForm): Promise<number> {
  return timedCalls(port, async (connection) => {
    const opened = await ask(connection, 202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
    let session = locationOf(opened);
    if (form === 'chunked') {
      const call: Call = { method: 'PATCH', path: pathOf(session), body: layer.bytes, chunked: true };
      session = locationOf(await ask(connection, 202, call));
    }
    session.searchParams.set('digest', layer.digest);
    const call: Call = { method: 'PUT', path: pathOf(session) };
    await ask(connection, 201, form === 'whole' ? { ...call, body: layer.bytes } : call);
  });
}

/** Milliseconds. */
export function pullLayer(port: number, repository: string, { bytes, digest }: Layer): Promise<number> {
  return timedCalls(port, async (connection) => {
    const { bodyBytes } = await ask(connection, 200, { method: 'GET', path: blobPath(repository, digest) });
    if (bodyBytes !== bytes.byteLength) throw new Error(`${bodyBytes} bytes came of ${bytes.byteLength}`);
  });
}

/** A pull whose bytes are looked at. That takes the client longer than to get them, so it is not measured. */
export async function verifyLayer(port: number, repository: string, { digest }: Layer): Promise<void> {
  const hash = createHash('sha256');
  const onBody = (piece: Uint8Array): void => {
    hash.update(piece);
  };
  await timedCalls(port, async (connection) => {
    await ask(connection, 200, { method: 'GET', path: blobPath(repository, digest), onBody });
  });
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error('the layer that came back is another one');
}

async function ask(connection: HttpConnection, status: number, call: Call): Promise<Answer> {
  const answer = await connection.call(call);
  if (answer.status !== status) throw new Error(`${call.method} ${call.path} was answered with ${answer.status}`);
  return answer;
}

function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`;
}

/** A Location may be relative, and may carry a query of its own. */
function locationOf({ headers }: Answer): URL {
  return new URL(headers.get('location') ?? '', 'http://registry.invalid');
}

function pathOf({ pathname, search }: URL): string {
  return pathname + search;
}
