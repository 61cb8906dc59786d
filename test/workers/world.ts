/**
 * The registry as a whole, for tests of ownership: its clock, its objects, its alarms and its bucket.
 * Looks at what is stored from outside; nothing of Berth is replaced.
 */
import { Buffer } from 'node:buffer';
import {
  abortAllDurableObjects,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { vi } from 'vitest';
import { parseConfig } from '../../src/config.ts';
import { formatDigest, type Digest } from '../../src/oci/digest.ts';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import { Objects } from '../../src/objects/stubs.ts';
import type { Location } from '../../src/objects/blob-directory/blob-directory.ts';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import { faults } from './faults.ts';

export const config = parseConfig(env);
export const objects = new Objects(env);
const NAMESPACES = ['UPLOAD', 'REPOSITORY', 'BLOB_DIRECTORY', 'CATALOG'] as const;
const ALARM_ROUNDS = 12;
const OVERDUE_TASKS = "SELECT kind || ' ' || subject AS task FROM tasks WHERE due <= ?";
/** Sessions and repositories of earlier worlds. */
const bygone = new Set<string>();
/** Shards of the directory that this world's digests belong to. */
const shards = new Set<string>();
let worlds = 0;

/** An empty registry at a time of its own. Alarms that lie ahead of the machine's clock do not ring by themselves. */
export async function newWorld(): Promise<void> {
  faults.reset();
  await abortAllDurableObjects();
  worlds += 1;
  shards.clear();
  await env.BLOBS.delete(await storedKeys());
  for (const namespace of [env.UPLOAD, env.REPOSITORY]) {
    for (const id of await listDurableObjectIds(namespace as DurableObjectNamespace)) bygone.add(id.toString());
  }
  const before = Date.now();
  vi.useRealTimers();
  // Never behind the machine's clock, where alarms that seem to lie ahead would ring at once.
  vi.useFakeTimers({ toFake: ['Date'], now: Math.max(before, Date.now()) });
}

export function passTime(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** Longer than an upload, a grace and a late write together. */
export function passEverything(): void {
  passTime(config.uploadExpiryMs + config.graceMs + 3_600_000);
}

/** Every object of this world that has ever been written. */
export async function livingObjects(name: (typeof NAMESPACES)[number]): Promise<DurableObjectStub[]> {
  const namespace = env[name] as DurableObjectNamespace;
  const ids = await listDurableObjectIds(namespace);
  const here = (id: string) => (name === 'BLOB_DIRECTORY' ? shards.has(id) : !bygone.has(id));
  return ids.filter((id) => here(id.toString())).map((id) => namespace.get(id));
}

/** Rings every alarm whose time has come, until there is nothing left to do now. */
export async function settle(): Promise<void> {
  for (let round = 0; round < ALARM_ROUNDS; round += 1) {
    let rang = 0;
    for (const name of NAMESPACES) {
      for (const stub of await livingObjects(name)) {
        const due = await runInDurableObject(stub, (_object, state) => state.storage.getAlarm());
        if (due !== null && due <= Date.now() && (await ring(stub))) rang += 1;
      }
    }
    if (rang === 0) return;
  }
}

/** An object that crashes on the way is rung again, as the platform would. */
async function ring(stub: DurableObjectStub): Promise<boolean> {
  try {
    return await runDurableObjectAlarm(stub);
  } catch {
    return true;
  }
}

/** Lets every grace pass, in steps, with all the work that falls due on the way. */
export async function passAllGraces(): Promise<void> {
  for (let step = 0; step < 4; step += 1) {
    passEverything();
    await settle();
  }
}

/** Nothing waits for ever: an object that is done has no task that is due. */
export async function overdueTasks(): Promise<string[]> {
  const overdue: string[] = [];
  for (const namespace of ['UPLOAD', 'REPOSITORY', 'BLOB_DIRECTORY'] as const) {
    for (const stub of await livingObjects(namespace)) {
      const tasks = await runInDurableObject(stub, (_object, { storage }) => {
        const written = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'tasks'").toArray().length > 0;
        return written ? storage.sql.exec<{ task: string }>(OVERDUE_TASKS, Date.now()).toArray() : [];
      });
      overdue.push(...tasks.map(({ task }) => `${namespace}: ${task}`));
    }
  }
  return overdue;
}

export async function crash(stub: DurableObjectStub): Promise<void> {
  await runInDurableObject(stub, (_object, state) => {
    state.abort('crashed on purpose');
  }).catch(() => undefined);
}

export async function storedKeys(): Promise<string[]> {
  const { objects: listed } = await env.BLOBS.list();
  return listed.map(({ key }) => key).sort();
}

/** What the directory maps a digest to. */
export async function mapped(digest: Digest): Promise<Location | undefined> {
  return (await objects.directory(digest).lookup(digest)).result;
}

/** A name of this world's own. */
export function repositoryName(text: string): RepositoryName {
  const name = parseRepositoryName(`world-${String(worlds)}/${text}`);
  if (name === undefined) throw new Error(`'${text}' is no repository name`);
  return name;
}

export function request(path: string, init?: RequestInit): Promise<Response> {
  return exports.default.fetch(new Request(`http://127.0.0.1${path}`, init));
}

export interface Blob {
  bytes: Uint8Array<ArrayBuffer>;
  digest: Digest;
}

export async function blobOf(bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const hex = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const digest = formatDigest('sha256', hex);
  shards.add(objects.directory(digest).id.toString());
  return { bytes, digest };
}

export function textBlob(text: string): Promise<Blob> {
  return blobOf(new Uint8Array(new TextEncoder().encode(text)));
}

export async function newBlob(size = 1_000): Promise<Blob> {
  const bytes = new Uint8Array(size);
  for (let start = 0; start < size; start += 65_536) crypto.getRandomValues(bytes.subarray(start, start + 65_536));
  return blobOf(bytes);
}

/** POST: the location of a new session, and its object. */
export async function openUpload(repository: string): Promise<{ path: string; stub: DurableObjectStub }> {
  const response = await request(`/v2/${repositoryName(repository)}/blobs/uploads/`, { method: 'POST' });
  if (response.status !== 202) throw new Error(`POST answered ${String(response.status)}`);
  const path = response.headers.get('location') ?? '';
  const id = path.split('/').at(-1) ?? '';
  return { path, stub: env.UPLOAD.get(env.UPLOAD.idFromString(id.slice(0, 64))) };
}

/** PUT with the whole body. */
export function putWhole(path: string, { bytes, digest }: Blob): Promise<Response> {
  const headers = { 'content-length': String(bytes.byteLength) };
  return request(`${path}?digest=${digest}`, { method: 'PUT', body: bytes, headers });
}

export async function pushBlob(repository: string, blob: Blob): Promise<number> {
  const { path } = await openUpload(repository);
  return (await putWhole(path, blob)).status;
}

/** A manifest that refers to one blob, as config and as layer, so that it is kept. `padding` makes it large. */
export function manifestOf({ bytes, digest }: Blob, padding = 0): string {
  const descriptor = { mediaType: 'application/octet-stream', digest, size: bytes.byteLength };
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor,
    layers: [descriptor],
    annotations: { padding: 'x'.repeat(padding) },
  });
}

export async function pushManifest(repository: string, tag: string, body: string): Promise<number> {
  const headers = { 'content-type': OCI_MANIFEST };
  // A large manifest is a blob of its own.
  await textBlob(body);
  return (await request(`/v2/${repositoryName(repository)}/manifests/${tag}`, { method: 'PUT', body, headers })).status;
}

export async function pullManifest(repository: string, reference: string): Promise<string> {
  return (await request(`/v2/${repositoryName(repository)}/manifests/${reference}`)).text();
}

/** How the registry serves a blob: `right` with its very bytes, `wrong` with others, or the status of a refusal. */
export async function served(repository: string, { digest, bytes }: Blob): Promise<'right' | 'wrong' | number> {
  const response = await request(`/v2/${repositoryName(repository)}/blobs/${digest}`);
  const body = new Uint8Array(await response.arrayBuffer());
  if (response.status !== 200) return response.status;
  return body.byteLength === bytes.byteLength && Buffer.compare(body, bytes) === 0 ? 'right' : 'wrong';
}
