/**
 * What manifests refer to: blobs by their links, and other manifests. Synchronous steps, like Links.
 *
 * A reference to something that is not here is *awaited* (a foreign layer, the rest of a sparse image, a child that was
 * deleted): once that is pushed, the edge is drawn at once, or it would be collected although a manifest needs it.
 */
import type { Digest } from '../../oci/digest.ts';
import type { Database } from '../database.ts';
import type { Links } from './links.ts';

export interface References {
  readonly blobs: readonly Digest[];
  readonly children: readonly Digest[];
}

type AwaitedKind = 'blob' | 'manifest';

export class Edges {
  readonly #database: Database;
  readonly #links: Links;

  constructor(database: Database, links: Links) {
    this.#database = database;
    this.#links = links;
  }

  /** Draws the edges of a manifest that was just stored, to what it refers to and from what waits for it. */
  draw(manifest: number, digest: Digest, { blobs, children }: References): void {
    for (const blob of new Set(blobs)) {
      const link = this.#links.find(blob);
      if (link === undefined) this.#await(blob, 'blob', manifest);
      else this.#toBlob(manifest, link.id);
    }
    for (const child of new Set(children)) this.#drawChild(manifest, child);
    this.#manifestArrived(digest, manifest);
  }

  /** What an index names may be a blob: BuildKit's cache lists layers among its manifests. */
  #drawChild(manifest: number, child: Digest): void {
    const id = this.#manifest(child);
    if (id !== undefined) {
      this.#toManifest(manifest, id);
      return;
    }
    const link = this.#links.find(child);
    if (link !== undefined) this.#toBlob(manifest, link.id);
    else for (const kind of ['blob', 'manifest'] as const) this.#await(child, kind, manifest);
  }

  /** A blob was linked: manifests that waited for it use it from now on, however many they are. */
  blobArrived(digest: Digest, link: number): void {
    if (!this.#isAwaited(digest, 'blob')) return;
    this.#links.useForAwaiting(link);
    this.#database.run(
      `INSERT OR IGNORE INTO blob_edges (manifest, link)
       SELECT manifest, ? FROM awaited WHERE digest = ? AND kind = 'blob'`,
      link,
      digest,
    );
    this.#awaitNoLonger(digest, 'blob');
  }

  #manifestArrived(digest: Digest, id: number): void {
    if (!this.#isAwaited(digest, 'manifest')) return;
    this.#database.run(
      `INSERT OR IGNORE INTO manifest_edges (parent, child)
       SELECT manifest, ? FROM awaited WHERE digest = ? AND kind = 'manifest'`,
      id,
      digest,
    );
    this.#awaitNoLonger(digest, 'manifest');
  }

  /** Before a manifest is deleted: what it refers to is used once less, and what refers to it awaits it. */
  erase(manifest: number, digest: Digest): void {
    const blobs = this.#database.all<{ link: number }>('SELECT link FROM blob_edges WHERE manifest = ?', manifest);
    for (const { link } of blobs) this.#links.unuse(link);
    this.#database.run('DELETE FROM blob_edges WHERE manifest = ?', manifest);
    this.#database.run('DELETE FROM awaited WHERE manifest = ?', manifest);
    this.#database.run(
      `INSERT OR IGNORE INTO awaited (digest, kind, manifest)
       SELECT ?1, 'manifest', parent FROM manifest_edges WHERE child = ?2 AND parent <> ?2`,
      digest,
      manifest,
    );
    this.#database.run('DELETE FROM manifest_edges WHERE parent = ? OR child = ?', manifest, manifest);
  }

  /** A manifest that uses the blob. */
  userOf(link: number): string | undefined {
    return this.#database.first<{ digest: string }>(
      `SELECT m.digest FROM manifests m WHERE m.content_link = ?1
       UNION ALL SELECT m.digest FROM blob_edges e JOIN manifests m ON m.id = e.manifest WHERE e.link = ?1 LIMIT 1`,
      link,
    )?.digest;
  }

  #toBlob(manifest: number, link: number): void {
    const drawn = this.#database.run('INSERT OR IGNORE INTO blob_edges (manifest, link) VALUES (?, ?)', manifest, link);
    if (drawn > 0) this.#links.use(link);
  }

  #toManifest(parent: number, child: number): void {
    this.#database.run('INSERT OR IGNORE INTO manifest_edges (parent, child) VALUES (?, ?)', parent, child);
  }

  #await(digest: Digest, kind: AwaitedKind, manifest: number): void {
    this.#database.run(
      'INSERT OR IGNORE INTO awaited (digest, kind, manifest) VALUES (?, ?, ?)',
      digest,
      kind,
      manifest,
    );
  }

  #isAwaited(digest: Digest, kind: AwaitedKind): boolean {
    const query = 'SELECT 1 FROM awaited WHERE digest = ? AND kind = ? LIMIT 1';
    return this.#database.first(query, digest, kind) !== undefined;
  }

  #awaitNoLonger(digest: Digest, kind: AwaitedKind): void {
    this.#database.run('DELETE FROM awaited WHERE digest = ? AND kind = ?', digest, kind);
  }

  #manifest(digest: Digest): number | undefined {
    return this.#database.first<{ id: number }>('SELECT id FROM manifests WHERE digest = ?', digest)?.id;
  }
}
