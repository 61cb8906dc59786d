/**
 * Manifests, tags and referrers. Synchronous steps, like Links.
 * Bytes are stored and served verbatim; a manifest is never serialised anew.
 */
import { parseDigest, type Digest } from '../../oci/digest.ts';
import { parseTag, type Reference, type Tag } from '../../oci/reference.ts';
import type { Database } from '../database.ts';
import type { Edges } from './edges.ts';
import type { Links } from './links.ts';

/** A manifest as it is pushed: already parsed, its digest proven by the front. */
export interface NewManifest {
  digest: Digest;
  mediaType: string;
  artifactType: string | undefined;
  subject: Digest | undefined;
  /** Of a manifest with a subject, as JSON: the list of referrers copies them. */
  annotations: string | undefined;
  size: number;
  /** Blobs that must be here. */
  blobs: readonly Digest[];
  /** Blobs that may be here (foreign layers). */
  optionalBlobs: readonly Digest[];
  /** Child manifests, which must be here. */
  children: readonly Digest[];
}

export type ManifestContent = { kind: 'inline'; bytes: Uint8Array } | { kind: 'linked'; linkId: number };

export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  size: number;
  /** Absent for a large manifest, whose bytes are a blob of the same digest. */
  bytes: Uint8Array | undefined;
}

/** A manifest with a subject, as the list of its subject's referrers has it. `id` orders them, and marks a page's end. */
export interface Referrer {
  id: number;
  mediaType: string;
  digest: string;
  size: number;
  artifactType: string | undefined;
  /** JSON. */
  annotations: string | undefined;
}

/** `next`: after which id the next page begins, where there is one. */
export interface ReferrersPage {
  referrers: Referrer[];
  next: number | undefined;
}

/** What one page of referrers may hold. Clients read it as they read a manifest, and those need be no larger than 4 MiB. */
const REFERRERS_PER_PAGE = 500;
const REFERRERS_PAGE_BYTES = 4_000_000;
/** Of one, without its annotations: two types of 255 characters, a digest, a size. */
const DESCRIPTOR_BYTES = 1_000;
/** In UTF-8, of one UTF-16 code unit. */
const LONGEST_CHARACTER_BYTES = 3;

/**
 * Of a repository, about 200 bytes each. Beyond it nobody deletes a tag who could not move it. What whoever could deletes is
 * remembered all the same: to forget any, as somebody who may not move tags could have it come about, would be a way to move.
 */
export const MOST_DELETED_TAGS = 1_000_000;

interface ReferrerRow extends Record<string, string | number | null> {
  id: number;
  media_type: string;
  digest: string;
  size: number;
  artifact_type: string | null;
  annotations: string | null;
}

interface ManifestRow extends Record<string, string | number | ArrayBuffer | null> {
  digest: string;
  media_type: string;
  size: number;
  bytes: ArrayBuffer | null;
}

export class Manifests {
  readonly #database: Database;
  readonly #links: Links;
  readonly #edges: Edges;

  constructor(database: Database, links: Links, edges: Edges) {
    this.#database = database;
    this.#links = links;
    this.#edges = edges;
  }

  find(reference: Reference): StoredManifest | undefined {
    const columns = 'm.digest, m.media_type, m.size, m.bytes';
    const row =
      reference.kind === 'digest'
        ? this.#database.first<ManifestRow>(`SELECT ${columns} FROM manifests m WHERE m.digest = ?`, reference.digest)
        : this.#database.first<ManifestRow>(
            `SELECT ${columns} FROM tags t JOIN manifests m ON m.id = t.manifest WHERE t.name = ?`,
            reference.tag,
          );
    const digest = row === undefined ? undefined : parseDigest(row.digest);
    if (row === undefined || digest === undefined) return undefined;
    const bytes = row.bytes === null ? undefined : new Uint8Array(row.bytes);
    return { digest, mediaType: row.media_type, size: row.size, bytes };
  }

  /** The type under which a manifest is served: the one that it first came with. */
  typeOf(digest: Digest): string | undefined {
    return this.#database.first<{ media_type: string }>('SELECT media_type FROM manifests WHERE digest = ?', digest)
      ?.media_type;
  }

  /** What a delete of this manifest takes along, and what it was about. */
  known(digest: Digest): { subject: Digest | undefined; tags: Tag[] } {
    const row = this.#database.first<{ subject: string | null }>(
      'SELECT subject FROM manifests WHERE digest = ?',
      digest,
    );
    const tags = this.#database.all<{ name: string }>(
      'SELECT t.name FROM tags t JOIN manifests m ON m.id = t.manifest WHERE m.digest = ? ORDER BY t.name',
      digest,
    );
    return {
      subject: parseDigest(row?.subject ?? ''),
      tags: tags.flatMap(({ name }) => parseTag(name) ?? []),
    };
  }

  /** What a reference leads to now. */
  digestOf(reference: Reference): Digest | undefined {
    const row =
      reference.kind === 'digest'
        ? this.#database.first<{ digest: string }>('SELECT digest FROM manifests WHERE digest = ?', reference.digest)
        : this.#database.first<{ digest: string }>(
            'SELECT m.digest FROM tags t JOIN manifests m ON m.id = t.manifest WHERE t.name = ?',
            reference.tag,
          );
    return row === undefined ? undefined : parseDigest(row.digest);
  }

  /** What the manifest needs and the repository lacks, at most `most` of it. */
  missing(manifest: NewManifest, most: number): Digest[] {
    const lacking: Digest[] = [];
    for (const digest of manifest.blobs) {
      if (lacking.length < most && !this.#isLinked(digest)) lacking.push(digest);
    }
    for (const digest of manifest.children) {
      const isThere = this.#id(digest) !== undefined || this.#isLinked(digest);
      if (lacking.length < most && !isThere) lacking.push(digest);
    }
    return lacking;
  }

  /** Stores a manifest with its edges, unless the repository has it. `missing` says what its edges have to wait for. */
  insert(manifest: NewManifest, content: ManifestContent, now: number): void {
    const blobs = [...manifest.blobs, ...manifest.optionalBlobs];
    const known = this.#id(manifest.digest);
    if (known !== undefined) {
      // An older release may have stored it without its annotations, and without what it awaits.
      const annotate = 'UPDATE manifests SET annotations = ? WHERE id = ? AND annotations IS NULL';
      this.#database.run(annotate, manifest.annotations ?? null, known);
      this.#edges.draw(known, manifest.digest, { blobs, children: manifest.children });
      return;
    }
    this.#database.run(
      `INSERT INTO manifests (digest, media_type, artifact_type, subject, annotations, size, bytes, content_link, pushed_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      manifest.digest,
      manifest.mediaType,
      manifest.artifactType ?? null,
      manifest.subject ?? null,
      manifest.annotations ?? null,
      manifest.size,
      content.kind === 'inline' ? exactBuffer(content.bytes) : null,
      content.kind === 'linked' ? content.linkId : null,
      now,
    );
    const id = this.#id(manifest.digest);
    if (id === undefined) throw new Error('a manifest vanished within its own transaction');
    if (content.kind === 'linked') this.#links.use(content.linkId);
    this.#edges.draw(id, manifest.digest, { blobs, children: manifest.children });
  }

  /** Whether what all these tags led to can be remembered when they are deleted. */
  canRemember(reference: Reference): boolean {
    const kept = this.#database.first<{ count: number }>('SELECT count FROM deleted_tags_count')?.count ?? 0;
    const more = reference.kind === 'tag' ? 1 : this.#tagsOf(reference.digest);
    return kept + more <= MOST_DELETED_TAGS;
  }

  /** Deletes a manifest, its edges, and every tag that leads to it. */
  delete(digest: Digest): void {
    const row = this.#database.first<{ id: number; content_link: number | null }>(
      'SELECT id, content_link FROM manifests WHERE digest = ?',
      digest,
    );
    if (row === undefined) return;
    this.#deleteTags('t.manifest = ?', row.id);
    this.#edges.erase(row.id, digest);
    this.#database.run('DELETE FROM manifests WHERE id = ?', row.id);
    if (row.content_link !== null) this.#links.unuse(row.content_link);
  }

  deleteTag(tag: Tag): void {
    this.#deleteTags('t.name = ?', tag);
  }

  /** What a tag led to that was deleted and not given again since. */
  deletedTag(tag: Tag): Digest | undefined {
    const row = this.#database.first<{ digest: string }>('SELECT digest FROM deleted_tags WHERE name = ?', tag);
    return row === undefined ? undefined : parseDigest(row.digest);
  }

  setTag(tag: Tag, digest: Digest, now: number): void {
    this.#database.run(
      `INSERT INTO tags (name, manifest, moved_at) SELECT ?, id, ? FROM manifests WHERE digest = ?
       ON CONFLICT DO UPDATE SET manifest = excluded.manifest, moved_at = excluded.moved_at`,
      tag,
      now,
      digest,
    );
    this.#database.run('DELETE FROM deleted_tags WHERE name = ?', tag);
  }

  /** Tags after `last`, sorted by their bytes. */
  listTags(last: string, limit: number): string[] {
    const rows = this.#database.all<{ name: string }>(
      'SELECT name FROM tags WHERE name > ? ORDER BY name LIMIT ?',
      last,
      limit,
    );
    return rows.map(({ name }) => name);
  }

  /** Manifests whose subject this is: one page of all of them, or of those of one type. */
  referrers(subject: Digest, type: string | undefined, after: number): ReferrersPage {
    const columns = 'id, media_type, digest, size, artifact_type, annotations';
    const query = (condition: string) =>
      `SELECT ${columns} FROM manifests WHERE subject = ? AND ${condition}id > ? ORDER BY id LIMIT ?`;
    const rows =
      type === undefined
        ? this.#database.each<ReferrerRow>(query(''), subject, after, REFERRERS_PER_PAGE + 1)
        : this.#database.each<ReferrerRow>(
            query('artifact_type = ? AND '),
            subject,
            type,
            after,
            REFERRERS_PER_PAGE + 1,
          );
    const referrers: Referrer[] = [];
    let bytes = 0;
    for (const row of rows) {
      bytes += DESCRIPTOR_BYTES + (row.annotations?.length ?? 0) * LONGEST_CHARACTER_BYTES;
      const isFull = referrers.length === REFERRERS_PER_PAGE || bytes > REFERRERS_PAGE_BYTES;
      if (isFull && referrers.length > 0) return { referrers, next: referrers.at(-1)?.id };
      referrers.push({
        id: row.id,
        mediaType: row.media_type,
        digest: row.digest,
        size: row.size,
        artifactType: row.artifact_type ?? undefined,
        annotations: row.annotations ?? undefined,
      });
    }
    return { referrers, next: undefined };
  }

  any(): boolean {
    return this.#database.first('SELECT 1 AS found FROM manifests LIMIT 1') !== undefined;
  }

  /** Deletes tags, and remembers what they led to: to delete a tag and give it anew is to move it. */
  #deleteTags(condition: string, value: string | number): void {
    this.#database.run(
      `INSERT INTO deleted_tags (name, digest)
       SELECT t.name, m.digest FROM tags t JOIN manifests m ON m.id = t.manifest WHERE ${condition}
       ON CONFLICT DO UPDATE SET digest = excluded.digest`,
      value,
    );
    this.#database.run(`DELETE FROM tags AS t WHERE ${condition}`, value);
  }

  #tagsOf(digest: Digest): number {
    const query = 'SELECT count(*) AS count FROM tags t JOIN manifests m ON m.id = t.manifest WHERE m.digest = ?';
    return this.#database.first<{ count: number }>(query, digest)?.count ?? 0;
  }

  /** Whether a pull would find the blob, as far as is known. */
  #isLinked(digest: Digest): boolean {
    return this.#links.find(digest)?.damaged === false;
  }

  #id(digest: Digest): number | undefined {
    return this.#database.first<{ id: number }>('SELECT id FROM manifests WHERE digest = ?', digest)?.id;
  }
}

/** SQLite stores a whole ArrayBuffer, so a view into a larger one has to be cut out. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
