/** What a registry holds, as far as its clients can tell. Values: every change makes another one. Pure. */
import type { Document } from './operation.ts';

interface StoredManifest {
  readonly document: Document;
  /** The type that it first came with. */
  readonly mediaType: string;
  /** Blobs that cannot be deleted before it. */
  readonly uses: ReadonlySet<string>;
  /** Foreign layers that the repository has not got: it will use them once they come. */
  readonly awaits: ReadonlySet<string>;
}

export interface Repository {
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** In the order in which they came. */
  readonly manifests: ReadonlyMap<string, StoredManifest>;
  readonly tags: ReadonlyMap<string, string>;
}

/**
 * `unclear`: the connection of a PATCH was cut, so between `least` and `most` bytes of `bytes` are there, and more of
 * them may still come. `lost`: nobody knows.
 */
export type Session = { readonly repository: string } & (
  | { readonly state: 'open'; readonly bytes: Uint8Array }
  | { readonly state: 'unclear'; readonly bytes: Uint8Array; readonly least: number; readonly most: number }
  | { readonly state: 'done'; readonly digest: string }
  | { readonly state: 'gone' }
  | { readonly state: 'lost' }
);

export interface State {
  readonly repositories: ReadonlyMap<string, Repository>;
  readonly sessions: ReadonlyMap<number, Session>;
  /** Digests that were a blob of any repository at any time: a mount from anywhere may find them. */
  readonly everStored: ReadonlySet<string>;
}

export const EMPTY: State = { repositories: new Map(), sessions: new Map(), everStored: new Set() };
const NOTHING: Repository = { blobs: new Map(), manifests: new Map(), tags: new Map() };
/** Above it a manifest's bytes are a blob of the repository: INLINE_MANIFEST_BYTES of src/objects/repository/. */
const INLINE_MANIFEST_BYTES = 64 * 1024;

export function repositoryOf(state: State, name: string): Repository {
  return state.repositories.get(name) ?? NOTHING;
}

export function withSession(state: State, number: number, session: Session): State {
  return { ...state, sessions: new Map(state.sessions).set(number, session) };
}

export function withBlob(state: State, name: string, digest: string, bytes: Uint8Array): State {
  const { blobs, manifests, tags } = repositoryOf(state, name);
  const arrived = new Map(
    [...manifests].map(([key, manifest]) => [key, manifest.awaits.has(digest) ? using(manifest, digest) : manifest]),
  );
  const changed = withRepository(state, name, { blobs: new Map(blobs).set(digest, bytes), manifests: arrived, tags });
  return { ...changed, everStored: new Set(state.everStored).add(digest) };
}

export function withoutBlob(state: State, name: string, digest: string): State {
  const { blobs, manifests, tags } = repositoryOf(state, name);
  return withRepository(state, name, { blobs: without(blobs, digest), manifests, tags });
}

export function withManifest(
  state: State,
  name: string,
  digest: string,
  document: Document,
  moved: readonly string[],
): State {
  const isLarge = document.bytes.byteLength > INLINE_MANIFEST_BYTES;
  const stored = isLarge ? withBlob(state, name, digest, document.bytes) : state;
  const { blobs, manifests, tags } = repositoryOf(stored, name);
  const known = manifests.get(digest);
  const uses = new Set([...(known?.uses ?? []), ...document.blobs]);
  if (isLarge) uses.add(digest);
  const awaits = new Set<string>(known?.awaits);
  for (const layer of document.foreign) (blobs.has(layer) ? uses : awaits).add(layer);
  for (const child of document.children) if (!manifests.has(child) && blobs.has(child)) uses.add(child);
  for (const used of uses) awaits.delete(used);
  const mediaType = known?.mediaType ?? document.mediaType;
  const next = new Map(manifests).set(digest, { document, mediaType, uses, awaits });
  const nextTags = new Map(tags);
  for (const tag of moved) nextTags.set(tag, digest);
  return withRepository(stored, name, { blobs, manifests: next, tags: nextTags });
}

export function withoutManifest(state: State, name: string, digest: string): State {
  const { blobs, manifests, tags } = repositoryOf(state, name);
  const left = new Map([...tags].filter(([, to]) => to !== digest));
  return withRepository(state, name, { blobs, manifests: without(manifests, digest), tags: left });
}

export function withoutTag(state: State, name: string, tag: string): State {
  const { blobs, manifests, tags } = repositoryOf(state, name);
  return withRepository(state, name, { blobs, manifests, tags: without(tags, tag) });
}

/** What a reference leads to. */
export function digestOf({ manifests, tags }: Repository, reference: string): string | undefined {
  if (reference.includes(':')) return manifests.has(reference) ? reference : undefined;
  return tags.get(reference);
}

/** Manifests that need the blob. */
export function usersOf({ manifests }: Repository, digest: string): string[] {
  return [...manifests].filter(([, { uses }]) => uses.has(digest)).map(([user]) => user);
}

/** The same text for states that nobody can tell apart. */
export function fingerprint({ repositories, sessions, everStored }: State): string {
  const names = [...repositories].map(([name, { blobs, manifests, tags }]) => [
    name,
    [...blobs.keys()].sort(),
    [...manifests].map(([digest, { mediaType, uses }]) => [digest, mediaType, [...uses].sort()]),
    [...tags].sort(([one], [other]) => (one < other ? -1 : 1)),
  ]);
  const uploads = [...sessions].map(([number, session]) => {
    const { state, repository } = session;
    const bytes = 'bytes' in session ? Buffer.from(session.bytes).toString('base64', 0, 60) : '';
    const length = 'bytes' in session ? session.bytes.byteLength : 0;
    const span = state === 'unclear' ? [session.least, session.most] : [];
    return [number, repository, state, bytes, length, span, state === 'done' ? session.digest : ''];
  });
  return JSON.stringify([names, uploads, [...everStored].sort()]);
}

function withRepository(state: State, name: string, repository: Repository): State {
  return { ...state, repositories: new Map(state.repositories).set(name, repository) };
}

function using(manifest: StoredManifest, digest: string): StoredManifest {
  const awaits = new Set(manifest.awaits);
  awaits.delete(digest);
  return { ...manifest, uses: new Set(manifest.uses).add(digest), awaits };
}

function without<K, T>(map: ReadonlyMap<K, T>, key: K): Map<K, T> {
  const left = new Map(map);
  left.delete(key);
  return left;
}
