/**
 * Data of older releases: a registry whose objects have an older schema, each older one of each class, serves what it
 * has and goes on working; one whose schema is newer than this release is refused, and nothing of it is changed.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.ts';
import {
  chunked,
  demand,
  expectServed,
  getManifest,
  imageOf,
  openSession,
  openStreaming,
  pushed,
  putManifest,
  send,
  sha256,
  type Session,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { contentsOf, downgrade, MIGRATIONS, schemaOf, type Contents } from './older-schemas.ts';
import {
  livingObjects,
  mapped,
  newBlob,
  newWorld,
  passAllGraces,
  repositoryName,
  settle,
  storedKeys,
  textBlob,
  type Blob,
} from './world.ts';

const MIB = 1_024 * 1_024;
const COME_BYTES = 9 * MIB;
const MIGRATION_TIMEOUT_MS = 120_000;
const CLASSES = ['REPOSITORY', 'UPLOAD', 'BLOB_DIRECTORY', 'CATALOG'] as const;
type Class = (typeof CLASSES)[number];

const OLDER = CLASSES.flatMap((owner) =>
  MIGRATIONS[owner].slice(1).map((_, index) => ({ owner, version: index + 1, now: MIGRATIONS[owner].length })),
);

let log: LogLines;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A registry with something of everything. */
interface Filled {
  name: string;
  manifests: Record<'small' | 'large' | 'index' | 'referrer', string>;
  blob: Blob;
  unused: Blob;
  uploads: Uploads | undefined;
}

/** `streaming`: most of it has come, in a part and a tail. `kept`: all of it has come. */
type Uploads = Record<'streaming' | 'kept', { session: Session; blob: Blob }>;

async function fill(uploads = true): Promise<Filled> {
  const name = repositoryName('old');
  const blob = await pushed(name, await newBlob());
  const unused = await pushed(name, await newBlob());
  const small = imageOf(blob);
  const descriptor = { mediaType: OCI_MANIFEST, digest: await sha256(small), size: small.length };
  const manifests = {
    small,
    large: imageOf(blob, { annotations: { padding: 'x'.repeat(100_000) } }),
    index: JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor] }),
    referrer: imageOf(blob, { subject: descriptor, artifactType: 'application/vnd.example', annotations: { a: 'b' } }),
  };
  // It is a blob of its own, whose shard of the directory belongs to this world.
  await textBlob(manifests.large);
  for (const [tag, body] of Object.entries(manifests)) demand(await putManifest(name, tag, body), 201);
  const filled = { name, manifests, blob, unused, uploads: uploads ? await beginUploads(name) : undefined };
  await settle();
  return filled;
}

async function beginUploads(name: string): Promise<Uploads> {
  const streaming = { session: await openStreaming(name), blob: await newBlob(COME_BYTES + MIB) };
  demand(await streaming.session.patch(chunked(streaming.blob.bytes.subarray(0, COME_BYTES))), 202);
  const kept = { session: await openSession(name), blob: await newBlob() };
  demand(await kept.session.patch(kept.blob.bytes), 202);
  return { streaming, kept };
}

async function finishUploads({ streaming, kept }: Uploads): Promise<Blob[]> {
  expect(await streaming.session.offset()).toBe(COME_BYTES);
  demand(await streaming.session.chunk(streaming.blob.bytes.subarray(COME_BYTES), COME_BYTES), 202);
  for (const { session, blob } of [streaming, kept]) demand(await session.put(blob.digest), 201);
  return [streaming.blob, kept.blob];
}

interface ListedReferrer {
  digest: string;
  annotations?: Record<string, string>;
}

async function referrersOf({ name, manifests }: Filled): Promise<ListedReferrer[]> {
  const response = demand(await send('GET', `/v2/${name}/referrers/${await sha256(manifests.small)}`), 200);
  return (await response.json<{ manifests: ListedReferrer[] }>()).manifests;
}

async function expectAllServed({ name, manifests, blob, unused }: Filled): Promise<void> {
  for (const [tag, body] of Object.entries(manifests)) {
    for (const reference of [tag, await sha256(body)]) {
      expect(await (await getManifest(name, reference)).text()).toBe(body);
    }
  }
  for (const there of [blob, unused]) await expectServed(name, there);
  const tags = await send('GET', `/v2/${name}/tags/list`);
  expect(await tags.json()).toEqual({ name, tags: Object.keys(manifests).sort() });
  const names = await send('GET', '/v2/_catalog');
  expect((await names.json<{ repositories: string[] }>()).repositories).toContain(name);
}

/** Uploads go on, pushes and deletes work, what nothing needs is collected and nothing else. */
async function expectAllWorks(filled: Filled): Promise<void> {
  const { name, manifests, blob, uploads } = filled;
  const uploaded = uploads === undefined ? [] : await finishUploads(uploads);
  for (const [index, each] of uploaded.entries()) {
    await expectServed(name, each);
    demand(await putManifest(name, `uploaded${String(index)}`, imageOf(each)), 201);
  }
  // An older release kept no annotations; a push of the same brings them.
  demand(await putManifest(name, 'referrer', manifests.referrer), 201);
  expect(await referrersOf(filled)).toMatchObject([{ annotations: { a: 'b' } }]);
  demand(await send('DELETE', `/v2/${name}/manifests/${await sha256(manifests.index)}`), 202);
  demand(await send('DELETE', `/v2/${name}/manifests/small`), 202);
  expect((await send('DELETE', `/v2/${name}/blobs/${blob.digest}`)).status).toBe(405);
  await passAllGraces();
  const needed = [blob, ...uploaded, await textBlob(manifests.large)];
  for (const each of needed) await expectServed(name, each);
  const keys = await Promise.all(needed.map(async ({ digest }) => (await mapped(digest))?.key));
  expect(await storedKeys()).toEqual(keys.sort());
}

/** The objects of a class that this world has written. */
async function objectsOf(owner: Class): Promise<DurableObjectStub[]> {
  const all = await livingObjects(owner);
  const written = await Promise.all(all.map(async (stub) => (await contentsOf(stub)).length > 0));
  return all.filter((_, index) => written[index]);
}

describe('data of an older release', () => {
  it.each(OLDER)(
    'are served and go on: $owner, schema $version of $now',
    async ({ owner, version }) => {
      // Before repositories knew of sessions, those had ids of another form, and their clients begin anew.
      const filled = await fill(
        MIGRATIONS.REPOSITORY.slice(0, owner === 'REPOSITORY' ? version : undefined)
          .join('')
          .includes('TABLE sessions'),
      );
      const stubs = await objectsOf(owner);
      expect(stubs.length).toBeGreaterThan(0);
      const present = await Promise.all(stubs.map(schemaOf));
      const old: Contents[] = [];
      for (const stub of stubs) {
        await downgrade(stub, MIGRATIONS[owner], version);
        old.push(await contentsOf(stub));
      }
      await expectAllServed(filled);
      if (filled.uploads !== undefined) expect(await filled.uploads.streaming.session.offset()).toBe(COME_BYTES);
      expect(await referrersOf(filled)).toMatchObject([{ digest: await sha256(filled.manifests.referrer) }]);
      for (const [index, stub] of stubs.entries()) {
        expect(await schemaOf(stub)).toEqual(present[index]);
        const upgraded = new Map((await contentsOf(stub)).map(({ table, rows }) => [table, rows]));
        expect(upgraded.get('schema_version')).toEqual([{ version: MIGRATIONS[owner].length }]);
        for (const { table, rows } of old[index] ?? []) {
          if (table !== 'schema_version') expect(upgraded.get(table), table).toMatchObject(rows);
        }
      }
      await expectAllWorks(filled);
    },
    MIGRATION_TIMEOUT_MS,
  );

  it('are those of the present one where nothing was migrated', async () => {
    const filled = await fill();
    await expectAllServed(filled);
    await expectAllWorks(filled);
  });
});

/** A request that needs an object of the class, and how it is refused. An upload keeps its bytes for another try. */
const NEEDS: Readonly<Record<Class, { status: number; ask: (filled: Filled) => Promise<Response> }>> = {
  REPOSITORY: { status: 500, ask: ({ name }) => getManifest(name, 'small') },
  UPLOAD: { status: 500, ask: ({ uploads }) => uploads?.streaming.session.status() ?? Promise.reject(new Error()) },
  BLOB_DIRECTORY: {
    status: 503,
    ask: ({ name, blob }) => send('POST', `/v2/${name}/new/blobs/uploads/?digest=${blob.digest}`, whole(blob)),
  },
  CATALOG: { status: 500, ask: () => send('GET', '/v2/_catalog') },
};

const whole = ({ bytes }: Blob) => ({ body: bytes, headers: { 'content-length': String(bytes.byteLength) } });

describe('data of a newer release', () => {
  const setVersion = async (stubs: readonly DurableObjectStub[], version: number) => {
    for (const stub of stubs) {
      await runInDurableObject(stub, (_object, { storage }) => {
        storage.sql.exec('UPDATE schema_version SET version = ?', version);
      });
    }
  };

  it.each(CLASSES.map((owner) => ({ owner, known: MIGRATIONS[owner].length })))(
    'are refused in one line, untouched, and are there for the release that knows them: $owner',
    async ({ owner, known }) => {
      const filled = await fill();
      const stubs = await objectsOf(owner);
      await setVersion(stubs, known + 1);
      for (const stub of stubs) await evictDurableObject(stub);
      try {
        const before = await Promise.all(stubs.map(contentsOf));
        log.clear();
        const { status, ask } = NEEDS[owner];
        const answer = await ask(filled);
        expect(answer.status).toBe(status);
        expect(await answer.text()).not.toContain('schema');
        expect(log.text).toContain(
          `these data were written by a newer Berth (schema ${String(known + 1)}, this release knows ${String(known)}): ` +
            'deploy that release or a later one',
        );
        for (const stub of stubs) await runDurableObjectAlarm(stub);
        expect(await Promise.all(stubs.map(contentsOf))).toEqual(before);
      } finally {
        // The next test has the same directory and catalog.
        await setVersion(stubs, known);
      }
      await expectAllServed(filled);
      await expectAllWorks(filled);
    },
    MIGRATION_TIMEOUT_MS,
  );
});
