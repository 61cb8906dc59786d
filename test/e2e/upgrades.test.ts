/**
 * Data directories that earlier versions have left (test/fixtures): this version opens each, serves all of it to the byte, goes on
 * with sessions of uploads that were open, and works on. The time of day is an hour after they were left, whenever this runs.
 * And the way back: a backup of before is what the earlier version knows.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { SCHEMA_VERSIONS } from '../../standalone/schema-versions.ts';
import { bytesOf, digestOf, signedIn, type Contents } from '../fixtures/contents.ts';
import { close, eventsOf, MANIFEST, pushBlob, putManifest, registryAt, type Registry } from '../fixtures/fill.ts';
import { ADMIN_PASSWORD, LANDMARKS } from '../fixtures/landmarks.ts';
import { fixtureNames, unpack } from '../fixtures/opened.ts';
import { movingClock } from './access/moving-clock.ts';
import { start } from './berths.ts';
import { requireClient } from './clients/client.ts';
import { makeScratch } from './clients/scratch.ts';
import { storeFiles, wellDone } from './maintenance/tools.ts';

const MINUTE_MS = 60_000;
const LATER_MINUTES = 60;
/** Before them a session had an id of another form, and its client begins anew. */
const FORGOTTEN = ['first', 'plain-files'];

const scratch = makeScratch();
afterAll(() => scratch.remove());

it('has a fixture of every landmark, and no other', () => {
  expect(fixtureNames().sort()).toEqual(LANDMARKS.map(({ name }) => name).sort());
});

describe('a data directory of an earlier version opens, serves and goes on', () => {
  it.for(LANDMARKS)('$name: $is', async ({ name, version }, context) => {
    const { data, contents } = await unpack(name, scratch);
    expect(contents.version).toBe(version);
    const clock = requireClient(context, 'the clock', await movingClock(scratch));
    clock.forward(Math.round((contents.at - Date.now()) / MINUTE_MS) + LATER_MINUTES);
    const environment = { ...clock.environment, BERTH_ADMIN_PASSWORD: ADMIN_PASSWORD, BERTH_EVENTS: 'on' };
    const berth = await start({ data, storage: contents.storage, environment });
    const registry = registryAt(berth.url);
    for (const login of contents.logins ?? []) {
      const response = await fetch(new URL('/v2/', berth.url), { headers: signedIn(login) });
      expect(response.status, login.name).toBe(200);
    }
    const [opener] = contents.logins ?? [];
    if (opener !== undefined) {
      expect((await fetch(new URL('/v2/', berth.url))).status).toBe(401);
      registry.signIn(opener);
    }
    await expectAllServed(registry, contents);
    if (FORGOTTEN.includes(name)) await expectForgotten(registry, contents);
    else await finishSessions(registry, contents);
    await pushMore(registry, contents);
    await expectAllServed(registry, contents, ['new']);
    const events = await eventsOf(registry, (contents.events?.length ?? 0) + 1);
    expect(events?.slice(0, contents.events?.length ?? 0)).toEqual(contents.events ?? []);
    await berth.stop();
    if (contents.storage === 'filesystem') expect(await wellDone('verify', '--data', data)).toContain('All is well');
  });
});

describe('the way back from an upgrade', () => {
  /** All that the version before an upgrade goes by, when it is asked to serve them. */
  const formOf = (data: string) => ({
    noted: v.parse(Noted, JSON.parse(readFileSync(join(data, 'version.json'), 'utf8'))),
    repositories: storeFiles(data, 'Repository').map(schemaOf),
  });

  it.for(['plain-files', 'jobs'])('is a backup of before, which notes what %s noted', async (name) => {
    const { data } = await unpack(name, scratch);
    const before = formOf(data);
    expect(before.repositories).toHaveLength(2);
    expect(before.repositories[0]).toBeLessThan(SCHEMA_VERSIONS.Repository);
    const folder = scratch.folder(`back-to-${name}`);
    const [backup, back] = [join(folder, 'backup'), join(folder, 'data')];
    await wellDone('backup', '--to', backup, '--data', data);
    expect(formOf(backup)).toEqual(before);
    await wellDone('restore', '--from', backup, '--data', back);
    expect(formOf(back)).toEqual(before);
    expect(await wellDone('verify', '--data', back)).toContain('All is well');
  });

  it('is still there when the new version has served, of which a backup notes the new version', async () => {
    const { data } = await unpack('people', scratch);
    const noted = { version: 1, storage: 'filesystem', schemas: { BlobDirectory: 1, Repository: 5 } };
    writeFileSync(join(data, 'version.json'), JSON.stringify(noted));
    const folder = scratch.folder('back-to-noted');
    const [nightly, upgraded, back] = [join(folder, 'nightly'), join(folder, 'upgraded'), join(folder, 'data')];
    await wellDone('backup', '--to', nightly, '--data', data);
    await start({ data });
    // Whether any object was upgraded by then or none.
    await wellDone('backup', '--to', upgraded, '--data', data);
    expect(formOf(upgraded).noted).toEqual({ ...noted, schemas: SCHEMA_VERSIONS });
    await wellDone('restore', '--from', nightly, '--data', back);
    expect(formOf(back).noted).toEqual(noted);
    await wellDone('backup', '--to', nightly, '--data', data);
    expect(formOf(nightly).noted).toEqual({ ...noted, schemas: SCHEMA_VERSIONS });
  });
});

/** Where nothing was noted, an earlier version looks for nothing. */
const Noted = v.object({
  version: v.number(),
  storage: v.string(),
  schemas: v.optional(v.record(v.string(), v.number()), {}),
});

function schemaOf(file: string): number {
  using database = new DatabaseSync(file, { readOnly: true });
  return v.parse(v.number(), database.prepare('SELECT max(version) AS newest FROM schema_version').get()?.['newest']);
}

const Tags = v.object({ tags: v.array(v.string()) });
const Catalog = v.object({ repositories: v.array(v.string()) });
const Referrers = v.object({ manifests: v.array(v.object({ digest: v.string(), artifactType: v.string() })) });

async function expectAllServed(registry: Registry, contents: Contents, more: readonly string[] = []): Promise<void> {
  for (const { repository, digest, tag, mediaType } of contents.manifests) {
    for (const reference of tag === undefined ? [digest] : [tag, digest]) {
      const response = await registry.ask('GET', `/v2/${repository}/manifests/${reference}`, [200]);
      expect(response.headers.get('content-type')).toBe(mediaType);
      expect(digestOf(await response.text()), `${repository}:${reference}`).toBe(digest);
    }
  }
  for (const blob of contents.blobs) await expectBlob(registry, blob);
  const names = [...new Set(contents.manifests.map(({ repository }) => repository))];
  for (const name of names) {
    const tags = contents.manifests.flatMap(({ repository, tag }) => (repository === name ? (tag ?? []) : []));
    const listed = await registry.ask('GET', `/v2/${name}/tags/list`, [200]);
    expect(v.parse(Tags, await listed.json()).tags).toEqual([...tags, ...more].sort());
  }
  const catalog = await registry.ask('GET', '/v2/_catalog', [200]);
  expect(v.parse(Catalog, await catalog.json()).repositories).toEqual(names.sort());
  const { repository, subject, digest } = contents.referrer;
  const referrers = await registry.ask('GET', `/v2/${repository}/referrers/${subject}`, [200]);
  expect(v.parse(Referrers, await referrers.json()).manifests).toEqual([
    { digest, artifactType: 'application/vnd.example' },
  ]);
  if (contents.deletedTag !== undefined) {
    const gone = `/v2/${contents.deletedTag.repository}/manifests/${contents.deletedTag.tag}`;
    await registry.ask('GET', gone, [404]);
  }
}

async function expectBlob(registry: Registry, blob: { repository: string; name: string; size: number }): Promise<void> {
  const digest = digestOf(bytesOf(blob.name, blob.size));
  const response = await registry.ask('GET', `/v2/${blob.repository}/blobs/${digest}`, [200]);
  expect(digestOf(new Uint8Array(await response.arrayBuffer())), blob.name).toBe(digest);
}

/** From the byte that the client is told, and what is there by then is proven with what comes. */
async function finishSessions(registry: Registry, { sessions }: Contents): Promise<void> {
  for (const session of sessions) {
    const bytes = bytesOf(session.name, session.size);
    const status = await registry.ask('GET', session.location, [204]);
    expect(status.headers.get('range')).toBe(`0-${String(session.given - 1)}`);
    const rest = bytes.slice(session.given);
    const half = rest.length >> 1;
    const patched = await registry.ask('PATCH', session.location, [202], {
      body: rest.slice(0, half),
      headers: { 'content-range': `${String(session.given)}-${String(session.given + half - 1)}` },
    });
    const location = patched.headers.get('location') ?? '';
    if (session.name === 'wrong') {
      // As if the bytes that an earlier version took had been others.
      const end = new URL(location, registry.url);
      end.searchParams.set('digest', digestOf(bytesOf('another', session.size)));
      await registry.ask('PUT', end.pathname + end.search, [400], { body: rest.slice(half) });
      continue;
    }
    await close(registry, location, digestOf(bytes), rest.slice(half));
    await expectBlob(registry, session);
  }
}

async function expectForgotten(registry: Registry, { sessions }: Contents): Promise<void> {
  for (const session of sessions) {
    const answer = await registry.ask('GET', session.location, [404]);
    expect(await answer.text()).toContain('BLOB_UPLOAD_UNKNOWN');
    await pushBlob(registry, session);
    await expectBlob(registry, session);
  }
}

/** In each repository an image of an old layer and a new config; and a tag is moved there and back. */
async function pushMore(registry: Registry, { manifests }: Contents): Promise<void> {
  for (const repository of new Set(manifests.map((manifest) => manifest.repository))) {
    const config = { repository, name: 'a new config', size: 2_000 };
    await pushBlob(registry, config);
    const shared = bytesOf('shared', 3_000);
    const body = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: descriptor('application/vnd.oci.image.config.v1+json', bytesOf(config.name, config.size)),
      layers: [descriptor('application/vnd.oci.image.layer.v1.tar', shared)],
    });
    await putManifest(registry, repository, 'new', MANIFEST, body);
    const pulled = await registry.ask('GET', `/v2/${repository}/manifests/new`, [200]);
    expect(await pulled.text()).toBe(body);
  }
}

function descriptor(mediaType: string, bytes: Uint8Array): object {
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
}
