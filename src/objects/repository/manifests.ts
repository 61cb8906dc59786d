/**
 * Manifests, tags and the edges between manifests and what they refer to. Synchronous steps, like Links.
 * Bytes are stored and served verbatim; a manifest is never serialised anew.
 */
import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Reference, Tag } from '../../oci/reference.ts';
import type { Database } from '../database.ts';
import type { Links } from './links.ts';

/** A manifest as it is pushed: already parsed, its digest proven by the front. */
export interface NewManifest {
  digest: Digest;
  mediaType: string;
  artifactType: string | undefined;
  subject: Digest | undefined;
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

interface ManifestRow extends Record<string, string | number | ArrayBuffer | null> {
  digest: string;
  media_type: string;
  size: number;
  bytes: ArrayBuffer | null;
}

export class Manifests {
  readonly #database: Database;
  readonly #links: Links;

  constructor(database: Database, links: Links) {
    this.#database = database;
    this.#links = links;
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

  /** What the manifest needs and the repository lacks, at most `most` of it. */
  missing(manifest: NewManifest, most: number): Digest[] {
    const lacking: Digest[] = [];
    for (const digest of manifest.blobs) {
      if (lacking.length < most && this.#links.find(digest) === undefined) lacking.push(digest);
    }
    for (const digest of manifest.children) {
      if (lacking.length < most && this.#id(digest) === undefined) lacking.push(digest);
    }
    return lacking;
  }

  /** Stores a manifest with its edges, unless the repository has it. `missing` must have found nothing. */
  insert(manifest: NewManifest, content: ManifestContent, now: number): void {
    const known = this.#id(manifest.digest);
    if (known !== undefined) {
      // A foreign layer may have been pushed since.
      this.#addBlobEdges(known, manifest.optionalBlobs);
      return;
    }
    this.#database.run(
      `INSERT INTO manifests (digest, media_type, artifact_type, subject, size, bytes, content_link, pushed_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      manifest.digest,
      manifest.mediaType,
      manifest.artifactType ?? null,
      manifest.subject ?? null,
      manifest.size,
      content.kind === 'inline' ? exactBuffer(content.bytes) : null,
      content.kind === 'linked' ? content.linkId : null,
      now,
    );
    const id = this.#id(manifest.digest);
    if (id === undefined) throw new Error('a manifest vanished within its own transaction');
    if (content.kind === 'linked') this.#links.use(content.linkId);
    this.#addBlobEdges(id, [...manifest.blobs, ...manifest.optionalBlobs]);
    for (const digest of new Set(manifest.children)) {
      const child = this.#id(digest);
      if (child !== undefined) {
        this.#database.run('INSERT INTO manifest_edges (parent, child) VALUES (?, ?)', id, child);
      }
    }
  }

  setTag(tag: Tag, digest: Digest, now: number): void {
    this.#database.run(
      `INSERT INTO tags (name, manifest, moved_at) SELECT ?, id, ? FROM manifests WHERE digest = ?
       ON CONFLICT DO UPDATE SET manifest = excluded.manifest, moved_at = excluded.moved_at`,
      tag,
      now,
      digest,
    );
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

  any(): boolean {
    return this.#database.first('SELECT 1 AS found FROM manifests LIMIT 1') !== undefined;
  }

  #addBlobEdges(manifest: number, digests: readonly Digest[]): void {
    const edge = 'INSERT OR IGNORE INTO blob_edges (manifest, link) VALUES (?, ?)';
    for (const digest of digests) {
      const link = this.#links.find(digest);
      if (link !== undefined && this.#database.run(edge, manifest, link.id) > 0) this.#links.use(link.id);
    }
  }

  #id(digest: Digest): number | undefined {
    return this.#database.first<{ id: number }>('SELECT id FROM manifests WHERE digest = ?', digest)?.id;
  }
}

/** SQLite stores a whole ArrayBuffer, so a view into a larger one has to be cut out. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
