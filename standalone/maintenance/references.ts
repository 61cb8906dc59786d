/**
 * What repositories and uploads say of blobs, beside the directory's mapping (mapping.ts), in the same temporary database;
 * and what is wrong within a repository's own database.
 */
import { createHash } from 'node:crypto';
import type { StatementSync } from 'node:sqlite';
import * as v from 'valibot';
import { digestAlgorithm, digestHex, parseDigest, type Digest } from '../../src/oci/digest.ts';
import type { Finding } from './findings.ts';
import type { Mapping } from './mapping.ts';
import { hasTable, readStores, rowsOf, storesOf, type Store } from './stores.ts';

const Link = v.object({ digest: v.string(), key: v.string(), claim: v.string(), manifest: v.number() });
const Text = v.object({ text: v.string() });
const Manifest = v.object({ digest: v.string(), bytes: v.nullable(v.instance(Uint8Array)), linked: v.number() });
const DigestRow = v.object({ digest: v.string() });
const Multipart = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));
const Linking = v.object({ repository: v.string(), manifest: v.number() });
const LostLink = v.object({ digest: v.string(), repository: v.string() });

const TABLES = `
  CREATE TABLE links (
    digest TEXT NOT NULL,
    key TEXT NOT NULL,
    claim TEXT NOT NULL,
    manifest INTEGER NOT NULL,
    repository TEXT NOT NULL
  ) STRICT;
  CREATE TABLE claims (id TEXT PRIMARY KEY) STRICT;
  CREATE TABLE names (name TEXT PRIMARY KEY, kind TEXT NOT NULL) STRICT;
`;

/** What a file may be named as, though it is no blob. */
export type Name = 'upload' | 'doomed' | 'linked';

export class References {
  repositories = 0;
  manifests = 0;
  readonly #mapping: Mapping;
  readonly #addName: StatementSync;
  readonly #findName: StatementSync;

  private constructor(mapping: Mapping) {
    this.#mapping = mapping;
    mapping.database.exec(TABLES);
    this.#addName = mapping.database.prepare('INSERT OR IGNORE INTO names VALUES (?, ?)');
    this.#findName = mapping.database.prepare('SELECT kind AS text FROM names WHERE name = ?');
  }

  static read(
    state: string,
    mapping: Mapping,
    found: (finding: Finding) => void,
    damaged: (file: string, reason: string) => void,
  ): References {
    const references = new References(mapping);
    mapping.database.exec('BEGIN');
    const each = (className: string, read: (store: Store) => void): void => {
      readStores(storesOf(state, className), read, damaged);
    };
    // Damage to it was told of with the mapping.
    readStores(
      storesOf(state, 'BlobDirectory'),
      (store) => {
        references.#readDirectory(store);
      },
      () => undefined,
    );
    each('Repository', (store) => {
      references.#readRepository(store, found);
    });
    each('Upload', (store) => {
      references.#readUpload(store);
    });
    // Damage alone is looked for; what the catalog holds follows from the repositories, and no blob from the accounts.
    each('Catalog', () => undefined);
    each('Accounts', () => undefined);
    mapping.database.exec(`
      INSERT OR IGNORE INTO names SELECT key, 'linked' FROM links WHERE digest NOT IN (SELECT digest FROM mapped);
      CREATE INDEX links_by_digest ON links (digest);
      COMMIT`);
    return references;
  }

  /** Links that the directory does not know of: a link is only made when its claim stands there. */
  *lostLinks(): Generator<Finding> {
    const { database } = this.#mapping;
    const unmapped = 'SELECT digest, repository FROM links WHERE digest NOT IN (SELECT digest FROM mapped)';
    for (const row of rowsOf(database, unmapped, LostLink)) yield { kind: 'unmapped', ...row };
    const unclaimed =
      'SELECT digest, repository FROM links WHERE digest IN (SELECT digest FROM mapped) AND claim NOT IN (SELECT id FROM claims)';
    for (const row of rowsOf(database, unclaimed, LostLink)) yield { kind: 'unclaimed', ...row };
  }

  /** Who links a digest, sorted. */
  linking(digest: Digest): { readonly repositories: string[]; readonly isManifest: boolean } {
    const rows = this.#mapping.database
      .prepare('SELECT repository, manifest FROM links WHERE digest = ? ORDER BY repository')
      .all(digest)
      .map((row) => v.parse(Linking, row));
    return {
      repositories: rows.map(({ repository }) => repository),
      isManifest: rows.some(({ manifest }) => manifest === 1),
    };
  }

  /** @param name a key, or the id of a multipart write. */
  nameOf(name: string): Name | undefined {
    const row = this.#findName.get(name);
    const kind = row === undefined ? undefined : v.parse(Text, row).text;
    return kind === 'upload' || kind === 'doomed' || kind === 'linked' ? kind : undefined;
  }

  #readDirectory({ database }: Store): void {
    const insert = this.#mapping.database.prepare('INSERT OR REPLACE INTO claims VALUES (?)');
    for (const { text } of rowsOf(database, 'SELECT id AS text FROM claims', Text)) insert.run(text);
    for (const { text } of rowsOf(database, "SELECT subject AS text FROM tasks WHERE kind = 'delete-object'", Text))
      this.#name(text, 'doomed');
  }

  #readRepository({ file, database }: Store, found: (finding: Finding) => void): void {
    const [identity] = rowsOf(database, 'SELECT name AS text FROM identity', Text);
    const repository = identity?.text ?? file;
    this.repositories += 1;
    const insert = this.#mapping.database.prepare('INSERT INTO links VALUES (?, ?, ?, ?, ?)');
    const links = `SELECT digest, key, claim_id AS claim, digest IN (SELECT digest FROM manifests) AS manifest FROM links`;
    for (const { digest, key, claim, manifest } of rowsOf(database, links, Link))
      insert.run(digest, key, claim, manifest, repository);
    const disowned = "SELECT substr(subject, instr(subject, ' ') + 1) AS text FROM tasks WHERE kind = 'disown'";
    for (const { text } of rowsOf(database, disowned, Text)) this.#name(text, 'doomed');
    if (hasTable(database, 'sessions')) {
      const keys = 'SELECT key AS text FROM sessions WHERE key IS NOT NULL UNION SELECT key FROM attempts';
      for (const { text } of rowsOf(database, keys, Text)) this.#name(text, 'upload');
    }
    this.#readManifests(database, repository, found);
    const tags = 'SELECT name AS text FROM tags WHERE manifest NOT IN (SELECT id FROM manifests)';
    for (const { text } of rowsOf(database, tags, Text)) found({ kind: 'dangling-tag', tag: text, repository });
  }

  #readManifests(database: Store['database'], repository: string, found: (finding: Finding) => void): void {
    const manifests = `SELECT digest, bytes, digest IN (SELECT digest FROM links) AS linked FROM manifests`;
    for (const { digest, bytes, linked } of rowsOf(database, manifests, Manifest)) {
      this.manifests += 1;
      if (bytes === null) {
        if (linked === 0) found({ kind: 'no-manifest-bytes', digest, repository });
      } else if (!hasDigest(bytes, digest)) found({ kind: 'wrong-manifest', digest, repository });
    }
    const broken = `
      SELECT digest FROM manifests WHERE id IN (
        SELECT manifest FROM blob_edges WHERE link NOT IN (SELECT id FROM links)
        UNION SELECT parent FROM manifest_edges WHERE child NOT IN (SELECT id FROM manifests))`;
    for (const { digest } of rowsOf(database, broken, DigestRow)) found({ kind: 'broken-edges', digest, repository });
  }

  #readUpload({ database }: Store): void {
    const keys = 'SELECT key AS text FROM session WHERE key IS NOT NULL UNION SELECT key FROM attempts';
    for (const { text } of rowsOf(database, keys, Text)) this.#name(text, 'upload');
    const multiparts =
      'SELECT multipart AS text FROM session WHERE multipart IS NOT NULL UNION SELECT multipart FROM attempts WHERE multipart IS NOT NULL';
    for (const { text } of rowsOf(database, multiparts, Text)) {
      const state = v.safeParse(Multipart, text);
      if (state.success) this.#name(state.output.id, 'upload');
    }
  }

  #name(name: string, kind: Name): void {
    this.#addName.run(name, kind);
  }
}

function hasDigest(bytes: Uint8Array, text: string): boolean {
  const digest = parseDigest(text);
  return digest !== undefined && createHash(digestAlgorithm(digest)).update(bytes).digest('hex') === digestHex(digest);
}
