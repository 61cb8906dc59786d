/** Blobs over plain HTTP, as a client without a library would push and pull them. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { BerthProcess } from './berth-process.ts';

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export async function openUpload({ url }: BerthProcess): Promise<URL> {
  const response = await fetch(`${url}/v2/start/blobs/uploads/`, { method: 'POST' });
  expect(response.status).toBe(202);
  return new URL(response.headers.get('location') ?? '', url);
}

export async function pushBlob(berth: BerthProcess, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = digestOf(bytes);
  const upload = await openUpload(berth);
  upload.searchParams.set('digest', digest);
  const response = await fetch(upload, { method: 'PUT', body: bytes });
  expect(response.status).toBe(201);
  return digest;
}

export async function pullBlob({ url }: BerthProcess, digest: string): Promise<Buffer> {
  const response = await fetch(`${url}/v2/start/blobs/${digest}`);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}
