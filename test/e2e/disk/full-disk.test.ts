/** A disk that fills up: what was acknowledged stays, what cannot be stored is said to be so, and space mends it all. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import type { BerthProcess } from '../berth-process.ts';
import { start } from '../berths.ts';
import { openUpload, pullBlob, pushBlob } from '../blobs.ts';
import { SmallDisk } from './small-disk.ts';

const MEBIBYTE = 1024 * 1024;
const DISK_MEBIBYTES = 160;
/** Less than the large blob, more than what is kept for the databases. */
const LITTLE_BYTES = 20 * MEBIBYTE;
const LARGE_BYTES = 30 * MEBIBYTE;
/** A tenth of that disk. */
const KEPT_BYTES = 16 * MEBIBYTE;
/** What eight pushes may add to databases: rows, and logs of them that are not yet folded in. */
const DATABASES_BYTES = 6 * MEBIBYTE;
const LOOK_EVERY_MS = 2;
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

const SpecErrors = v.object({ errors: v.array(v.object({ code: v.string(), message: v.string() })) });

type Push = (berth: BerthProcess, bytes: Uint8Array<ArrayBuffer>) => Promise<Response>;

const putWhole: Push = async (berth, bytes) =>
  fetch(closing(await openUpload(berth), bytes), { method: 'PUT', body: bytes });

const FORMS: Readonly<Record<string, Push>> = {
  'PUT with the whole body': putWhole,
  'POST with the whole body': ({ url }, bytes) =>
    fetch(closing(new URL(`${url}/v2/start/blobs/uploads/`), bytes), { method: 'POST', body: bytes }),
  'PATCH of unknown length, and PUT': async (berth, bytes) => {
    const upload = await openUpload(berth);
    const body = new Blob([bytes]).stream();
    const patched = await fetch(upload, { method: 'PATCH', body, duplex: 'half' });
    return patched.ok ? fetch(closing(upload, bytes), { method: 'PUT' }) : patched;
  },
};

test('uploads are refused with 507, what was pushed is served, and space is all that it takes to go on', async (context) => {
  const disk = await SmallDisk.mount(context, DISK_MEBIBYTES);
  const berth = await start({ data: join(disk.path, 'data') });
  const old = randomBytes(10 * MEBIBYTE);
  const digest = await pushBlob(berth, old);
  expect((await pushManifest(berth, digest, old.byteLength, 'before')).status).toBe(201);

  disk.fill(LITTLE_BYTES);
  for (const push of Object.values(FORMS)) await expectFull(await push(berth, randomBytes(LARGE_BYTES)));
  expect((await pullBlob(berth, digest)).equals(old)).toBe(true);
  // What the databases need is not given to blobs.
  expect((await pushManifest(berth, digest, old.byteLength, 'meanwhile')).status).toBe(201);

  disk.fill(0);
  await expectFull(await pushManifest(berth, digest, old.byteLength, 'never'));
  for (const push of Object.values(FORMS)) await expectFull(await push(berth, randomBytes(1_000)));
  expect((await pullBlob(berth, digest)).equals(old)).toBe(true);
  expect(await tags(berth)).toEqual(['before', 'meanwhile']);

  disk.makeSpace();
  for (const [form, push] of Object.entries(FORMS)) {
    const bytes = randomBytes(LARGE_BYTES);
    expect((await push(berth, bytes)).status, form).toBe(201);
    expect((await pullBlob(berth, digestOf(bytes))).equals(bytes), form).toBe(true);
  }
  expect((await pushManifest(berth, digest, old.byteLength, 'after')).status).toBe(201);
  expect(await tags(berth)).toEqual(['after', 'before', 'meanwhile']);
  // Of the three refused uploads only the PATCH has a session that may still go on.
  expect(readdirSync(join(berth.data, 'uploads')).length).toBeLessThanOrEqual(1);
});

test('whole bodies that come together leave the databases what is kept for them', async (context) => {
  const disk = await SmallDisk.mount(context, DISK_MEBIBYTES);
  const berth = await start({ data: join(disk.path, 'data') });
  const digest = await pushBlob(berth, randomBytes(1_000));
  let least = disk.freeBytes;
  const looking = setInterval(() => {
    least = Math.min(least, disk.freeBytes);
  }, LOOK_EVERY_MS);
  const bodies = Array.from({ length: 8 }, () => randomBytes(LARGE_BYTES));
  const answers = await Promise.all(bodies.map((bytes) => putWhole(berth, bytes)));
  clearInterval(looking);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 507]));
  for (const answer of answers) if (answer.status === 507) await expectFull(answer);
  expect(least).toBeGreaterThan(KEPT_BYTES - DATABASES_BYTES);
  expect((await pushManifest(berth, digest, 1_000, 'still')).status).toBe(201);
});

test('sessions that go on from a short PATCH, and rests that lie in rows, leave the databases what is kept for them', async (context) => {
  const disk = await SmallDisk.mount(context, DISK_MEBIBYTES);
  const berth = await start({ data: join(disk.path, 'data') });
  const digest = await pushBlob(berth, randomBytes(1_000));
  expect((await pushManifest(berth, digest, 1_000, 'before')).status).toBe(201);
  const patch = (upload: URL, bytes: Buffer, headers: Record<string, string> = {}) =>
    fetch(upload, { method: 'PATCH', body: bytes, headers });

  /** New sessions, each with such a PATCH, until there is no space: their locations. */
  const fill = async (bytes: Buffer, headers: Record<string, string> = {}): Promise<URL[]> => {
    const filled: URL[] = [];
    for (;;) {
      const upload = await openUpload(berth);
      const patched = await patch(upload, bytes, headers);
      if (patched.status !== 202) {
        await expectFull(patched);
        return filled;
      }
      filled.push(new URL(patched.headers.get('location') ?? '', upload));
    }
  };
  const kept = await fill(randomBytes(4 * MEBIBYTE));
  expect(kept.length).toBeGreaterThan(5);
  for (const upload of kept) await expectFull(await patch(upload, Buffer.from('more')));
  await fill(randomBytes(400_000), { 'content-range': '0-399999' });
  expect(disk.freeBytes).toBeGreaterThan(KEPT_BYTES - DATABASES_BYTES);
  expect((await pushManifest(berth, digest, 1_000, 'still')).status).toBe(201);
  expect(await tags(berth)).toEqual(['before', 'still']);
});

test('a body that is announced as larger than the disk is refused, though its client brings little of it', async () => {
  const berth = await start();
  const { pathname, search } = closing(await openUpload(berth), randomBytes(1));
  const client = connect(berth.port, '127.0.0.1');
  onTestFinished(() => {
    client.destroy();
  });
  client.write(`PUT ${pathname}${search} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999999999999\r\n\r\n`);
  client.write(Buffer.alloc(MEBIBYTE));
  const [head] = v.parse(v.tuple([v.instance(Buffer)]), await once(client, 'data'));
  expect(head.toString()).toMatch(/^HTTP\/1\.1 507 /);
});

async function expectFull(response: Response): Promise<void> {
  expect(response.status).toBe(507);
  const [error] = v.parse(SpecErrors, await response.json()).errors;
  expect(error?.code).toBe('UNAVAILABLE');
  expect(error?.message).toMatch(/^the disk of this registry is full; /);
}

function pushManifest({ url }: BerthProcess, digest: string, size: number, tag: string): Promise<Response> {
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest, size },
    layers: [],
    annotations: { tag },
  });
  return fetch(`${url}/v2/start/manifests/${tag}`, { method: 'PUT', body, headers: { 'content-type': MANIFEST } });
}

async function tags({ url }: BerthProcess): Promise<unknown> {
  const body: unknown = await (await fetch(`${url}/v2/start/tags/list`)).json();
  return typeof body === 'object' && body !== null && 'tags' in body ? body.tags : body;
}

function closing(upload: URL, bytes: Uint8Array): URL {
  const url = new URL(upload);
  url.searchParams.set('digest', digestOf(bytes));
  return url;
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
