/**
 * A push and a pull of one layer as clients make them (end-4a, end-5, end-6, end-2): POST and PUT with the whole body, as
 * containerd and BuildKit push; POST, one PATCH of unknown length and an empty PUT, as docker, skopeo and podman do.
 */
import { createHash } from 'node:crypto';
import type { Answer, Call, HttpConnection, Pieces, Port } from './http-client.ts';
import { timedCalls, timedParallel } from './timing.ts';

export type PushForm = 'whole' | 'chunked';

/** Of an answer that nobody expected. */
const SAID_AT_MOST = 500;

export interface Layer {
  readonly bytes: Buffer | Pieces;
  readonly digest: string;
}

export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';

export function layerOf(bytes: Buffer): Layer {
  return { bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${sha256Hex(bytes)}`;
}

export function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Milliseconds. */
export function pushLayer(port: Port, repository: string, layer: Layer, form: PushForm): Promise<number> {
  return timedCalls(port, (connection) => pushOn(connection, repository, layer, form));
}

/** Milliseconds. The layers of one image as clients push them: each is asked for first, and several are under way at once. */
export function pushLayers(
  port: Port,
  repository: string,
  layers: readonly Layer[],
  { form, connections }: { readonly form: PushForm; readonly connections: number },
): Promise<number> {
  return timedParallel(port, connections, layers, async (connection, layer) => {
    await ask(connection, 404, { method: 'HEAD', path: blobPath(repository, layer.digest) });
    await pushOn(connection, repository, layer, form);
  });
}

async function pushOn(connection: HttpConnection, repository: string, layer: Layer, form: PushForm): Promise<void> {
  const opened = await ask(connection, 202, { method: 'POST', path: `/v2/${repository}/blobs/uploads/` });
  let session = locationOf(opened);
  if (form === 'chunked') {
    const call: Call = { method: 'PATCH', path: pathOf(session), body: layer.bytes, chunked: true };
    session = locationOf(await ask(connection, 202, call));
  }
  session.searchParams.set('digest', layer.digest);
  const call: Call = { method: 'PUT', path: pathOf(session) };
  await ask(connection, 201, form === 'whole' ? { ...call, body: layer.bytes } : call);
}

export async function pushManifest(
  connection: HttpConnection,
  repository: string,
  reference: string,
  manifest: Buffer,
): Promise<void> {
  await ask(connection, 201, {
    method: 'PUT',
    path: manifestPath(repository, reference),
    headers: { 'content-type': MANIFEST_TYPE },
    body: manifest,
  });
}

/** An image manifest (image-spec, manifest.md) of these bytes, whatever they are. */
export function manifestOf(config: Layer, layers: readonly Layer[]): Buffer {
  const descriptor = (mediaType: string, { bytes, digest }: Layer): object => ({
    mediaType,
    digest,
    size: bytes.byteLength,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor('application/vnd.oci.image.config.v1+json', config),
      layers: layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar+gzip', layer)),
    }),
  );
}

/** Milliseconds. */
export function pullLayer(port: Port, repository: string, layer: Layer): Promise<number> {
  return timedCalls(port, (connection) => pullOn(connection, repository, layer));
}

/** Milliseconds. */
export function pullLayers(
  port: Port,
  repository: string,
  layers: readonly Layer[],
  connections: number,
): Promise<number> {
  return timedParallel(port, connections, layers, (connection, layer) => pullOn(connection, repository, layer));
}

async function pullOn(connection: HttpConnection, repository: string, { bytes, digest }: Layer): Promise<void> {
  const { bodyBytes } = await ask(connection, 200, { method: 'GET', path: blobPath(repository, digest) });
  if (bodyBytes !== bytes.byteLength) throw new Error(`${bodyBytes} bytes came of ${bytes.byteLength}`);
}

/** A pull whose bytes are looked at. That takes the client longer than to get them, so it is not measured. */
export async function verifyLayer(port: Port, repository: string, { digest }: Layer): Promise<void> {
  const hash = createHash('sha256');
  const onBody = (piece: Uint8Array): void => {
    hash.update(piece);
  };
  await timedCalls(port, async (connection) => {
    await ask(connection, 200, { method: 'GET', path: blobPath(repository, digest), onBody });
  });
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error('the layer that came back is another one');
}

/** What the server says is part of the mistake when it answers something else. */
export async function ask(connection: HttpConnection, status: number, call: Call): Promise<Answer> {
  let said = '';
  const onBody = (piece: Uint8Array): void => {
    if (said.length < SAID_AT_MOST) said += Buffer.from(piece.subarray(0, SAID_AT_MOST)).toString('latin1');
  };
  const answer = await connection.call({ onBody, ...call });
  if (answer.status !== status)
    throw new Error(`${call.method} ${call.path} was answered with ${answer.status}, not ${status}: ${said}`);
  return answer;
}

export function blobPath(repository: string, digest: string): string {
  return `/v2/${repository}/blobs/${digest}`;
}

export function manifestPath(repository: string, reference: string): string {
  return `/v2/${repository}/manifests/${reference}`;
}

/** A Location may be relative, and may carry a query of its own. */
function locationOf({ headers }: Answer): URL {
  return new URL(headers.get('location') ?? '', 'http://registry.invalid');
}

function pathOf({ pathname, search }: URL): string {
  return pathname + search;
}
