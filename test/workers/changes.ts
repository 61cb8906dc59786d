/** Changes of a registry that are no push of an image, for fault-sweep-changes.test.ts: what is there before, and after. */
import { expect } from 'vitest';
import {
  demand,
  descriptorOf,
  getBlob,
  getManifest,
  imageOf,
  openSession,
  openStreaming,
  pushed,
  putManifest,
  send,
  sha256,
  textBytes,
  type Session,
} from './client.ts';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import { mapped, newBlob, repositoryName, textBlob, type Blob } from './world.ts';

const LARGE_PADDING = 70_000;
const STREAMED_BYTES = 9 * 1_024 * 1_024;

/** A change that is about to be made. */
export interface Change {
  /** One try. */
  act: () => Promise<Response>;
  /** The answer that says that it is done. */
  done: number;
  /** The answer to another try, where the one before was done and nobody heard of it. */
  again?: number;
  /** Whether what its tasks do in the graces after it is interrupted as well; else what they do at once. */
  withGraces?: boolean;
  /** Repositories in which nothing may be missing at any time. */
  repositories: readonly string[];
  /** What holds at any time, before it is done and after. */
  always?: (() => Promise<void>) | undefined;
  /** What holds once it is done, and for ever. */
  after: () => Promise<void>;
  /** What is left in the store when every grace has passed. */
  left: readonly Blob[];
}

export async function tagsOf(repository: string): Promise<string[]> {
  const response = await send('GET', `/v2/${repository}/tags/list`);
  if (response.status === 404) return [];
  return (await demand(response, 200).json<{ tags: string[] }>()).tags;
}

async function image(repository: string, tags: readonly string[], shared: Blob, padding = 0) {
  const own = await pushed(repository, await newBlob());
  const layers = [descriptorOf(own), descriptorOf(shared)];
  const body = imageOf(own, { layers, annotations: { padding: 'x'.repeat(padding) } });
  for (const tag of tags) demand(await putManifest(repository, tag, body), 201);
  // Where it is large, it is a blob of its own.
  return { own, body, manifest: await textBlob(body) };
}

const remove = (path: string) => () => send('DELETE', path);

async function deleteOfTag(): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const { own, body, manifest } = await image(name, ['one', 'two'], shared);
  return {
    act: remove(`/v2/${name}/manifests/one`),
    done: 202,
    again: 404,
    repositories: [name],
    after: async () => {
      expect(await tagsOf(name)).toEqual(['two']);
      expect(await (await getManifest(name, manifest.digest)).text()).toBe(body);
    },
    left: [shared, own],
  };
}

async function deleteOfManifest(): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const doomed = await image(name, ['one', 'two'], shared, LARGE_PADDING);
  const { own } = await image(name, ['other'], shared);
  return {
    act: remove(`/v2/${name}/manifests/${doomed.manifest.digest}`),
    done: 202,
    again: 404,
    withGraces: true,
    repositories: [name],
    // Both of its tags go with it, in one step.
    always: async () => {
      expect([['one', 'other', 'two'], ['other']]).toContainEqual(await tagsOf(name));
    },
    after: async () => {
      expect(await tagsOf(name)).toEqual(['other']);
      expect((await getManifest(name, doomed.manifest.digest)).status).toBe(404);
    },
    left: [shared, own],
  };
}

async function deleteOfLastManifest(): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const { manifest } = await image(name, ['one'], shared);
  return {
    act: remove(`/v2/${name}/manifests/${manifest.digest}`),
    done: 202,
    again: 404,
    repositories: [name],
    after: async () => {
      expect((await send('GET', `/v2/${name}/tags/list`)).status).toBe(404);
    },
    left: [],
  };
}

async function deleteOfBlob(): Promise<Change> {
  const [name, other] = [repositoryName('changed'), repositoryName('other')];
  const shared = await pushed(name, await newBlob());
  await pushed(other, shared);
  const { own } = await image(other, ['kept'], shared);
  return {
    act: remove(`/v2/${name}/blobs/${shared.digest}`),
    done: 202,
    again: 404,
    repositories: [name, other],
    after: async () => {
      expect((await getBlob(name, shared.digest)).status).toBe(404);
    },
    left: [shared, own],
  };
}

/** An interrupted one is answered 202, and its client may upload the bytes, or ask once more as here. */
async function mount(): Promise<Change> {
  const [name, source] = [repositoryName('changed'), repositoryName('source')];
  const shared = await pushed(source, await newBlob());
  const { manifest } = await image(source, ['one'], shared);
  const body = imageOf(shared);
  return {
    act: async () => {
      const answer = await send('POST', `/v2/${name}/blobs/uploads/?mount=${shared.digest}&from=${source}`);
      return answer.status === 202 ? new Response(null, { status: 503 }) : answer;
    },
    done: 201,
    repositories: [name, source],
    // It is a blob like any other: a manifest keeps it, and its source may give it up.
    after: async () => {
      demand(await putManifest(name, 'mounted', body), 201);
      const { status } = await send('DELETE', `/v2/${source}/manifests/${manifest.digest}`);
      expect([202, 404]).toContain(status);
      expect(await tagsOf(source)).toEqual([]);
    },
    left: [shared],
  };
}

async function pushWithSubject(): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const { own, manifest } = await image(name, ['subject'], shared);
  const subject = { mediaType: OCI_MANIFEST, digest: manifest.digest, size: manifest.bytes.byteLength };
  const body = imageOf(shared, { subject, annotations: { padding: 'x'.repeat(LARGE_PADDING - 10_000) } });
  const digest = await sha256(body);
  return {
    act: () => putManifest(name, digest, body),
    done: 201,
    repositories: [name],
    after: async () => {
      const list = demand(await send('GET', `/v2/${name}/referrers/${manifest.digest}`), 200);
      const { manifests } = await list.json<{ manifests: { digest: string }[] }>();
      expect(manifests.map((referrer) => referrer.digest)).toEqual([digest]);
      expect(await (await getManifest(name, digest)).text()).toBe(body);
    },
    left: [shared, own],
  };
}

async function pushWithTags(): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const { own } = await image(name, ['y'], shared);
  const body = imageOf(shared, { annotations: { padding: 'x'.repeat(LARGE_PADDING) } });
  const manifest = await textBlob(body);
  const led = async (tag: string) => (await getManifest(name, tag)).headers.get('docker-content-digest');
  return {
    act: () => send('PUT', `/v2/${name}/manifests/${manifest.digest}?tag=x&tag=y&tag=z`, { body: textBytes(body) }),
    done: 201,
    repositories: [name],
    // All of them or none.
    always: async () => {
      const tags = await tagsOf(name);
      expect([['y'], ['x', 'y', 'z']]).toContainEqual(tags);
      for (const tag of tags) expect((await led(tag)) === manifest.digest).toBe(tags.length === 3);
    },
    after: async () => {
      for (const tag of ['x', 'y', 'z']) expect(await led(tag)).toBe(manifest.digest);
    },
    left: [shared, own, manifest],
  };
}

async function cancel(isStreaming: boolean): Promise<Change> {
  const name = repositoryName('changed');
  const shared = await pushed(name, await newBlob());
  const { own } = await image(name, ['one'], shared);
  const session = isStreaming ? await openStreaming(name) : await openSession(name);
  demand(await session.patch((await newBlob(isStreaming ? STREAMED_BYTES : 1_000)).bytes), 202);
  return {
    act: () => session.cancel(),
    done: 204,
    again: 404,
    withGraces: !isStreaming,
    repositories: [name],
    after: () => expectOver(session),
    left: [shared, own],
  };
}

async function expectOver(session: Session): Promise<void> {
  expect((await session.status()).status).toBe(404);
  expect((await session.patch(new Uint8Array(10))).status).toBe(404);
}

export const CHANGES: Readonly<Record<string, () => Promise<Change>>> = {
  'the delete of a tag': deleteOfTag,
  'the delete of a manifest, a large one': deleteOfManifest,
  'the delete of the last manifest': deleteOfLastManifest,
  'the delete of a blob that others have': deleteOfBlob,
  'a mount from a repository, which then gives the blob up': mount,
  'a push with a subject': pushWithSubject,
  'a push with three tags, of a large manifest': pushWithTags,
  'the cancel of an upload that is kept': () => cancel(false),
  'the cancel of an upload that streams': () => cancel(true),
};

/** The keys under which these blobs lie. */
export async function keysOf(blobs: readonly Blob[]): Promise<string[]> {
  const keys = await Promise.all(
    blobs.map(async ({ digest }) => (await mapped(digest))?.key ?? `nothing of ${digest}`),
  );
  return keys.sort();
}
