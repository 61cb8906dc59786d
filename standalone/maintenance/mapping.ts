/**
 * What the sixteen directories of blobs say: which digest's bytes lie under which key. Gathered in a temporary database,
 * which SQLite keeps on the disk when it grows, so that memory doesn't grow with the registry.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import * as v from 'valibot';
import { parseDigest, type Digest } from '../../src/oci/digest.ts';
import { StartFailure } from '../start-failure.ts';
import { readStores, rowsOf, storesOf } from './stores.ts';

const DigestSchema = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): Digest => {
    const digest = parseDigest(dataset.value);
    if (digest !== undefined) return digest;
    addIssue({ message: 'no digest' });
    return NEVER;
  }),
);
const MappedBlob = v.object({ digest: DigestSchema, key: v.string(), size: v.number() });
export type MappedBlob = v.InferOutput<typeof MappedBlob>;

const Totals = v.object({ blobs: v.number(), bytes: v.number() });

export class Mapping {
  /** Of tables that belong to it: see references.ts. */
  readonly database: DatabaseSync;
  readonly #byKey: StatementSync;

  private constructor(database: DatabaseSync) {
    this.database = database;
    this.#byKey = database.prepare('SELECT 1 FROM mapped WHERE key = ?');
  }

  /** Throws StartFailure for a damaged directory unless `damaged` is told of it. */
  static read(state: string, damaged: (file: string, reason: string) => void = refuse): Mapping {
    // No name: a temporary file, which is gone when it is closed.
    const database = new DatabaseSync('');
    database.exec(`
      CREATE TABLE mapped (digest TEXT PRIMARY KEY, key TEXT NOT NULL, size INTEGER NOT NULL) STRICT;
      CREATE INDEX mapped_by_key ON mapped (key);
      BEGIN`);
    const insert = database.prepare('INSERT INTO mapped VALUES (?, ?, ?)');
    readStores(
      storesOf(state, 'BlobDirectory'),
      (store) => {
        for (const { digest, key, size } of rowsOf(store.database, 'SELECT digest, key, size FROM blobs', MappedBlob))
          insert.run(digest, key, size);
      },
      damaged,
    );
    database.exec('COMMIT');
    return new Mapping(database);
  }

  get totals(): v.InferOutput<typeof Totals> {
    const query = 'SELECT count(*) AS blobs, coalesce(sum(size), 0) AS bytes FROM mapped';
    return v.parse(Totals, this.database.prepare(query).get());
  }

  /** In the order in which they lie in their directories. */
  blobs(): Generator<MappedBlob> {
    return rowsOf(this.database, 'SELECT digest, key, size FROM mapped ORDER BY key', MappedBlob);
  }

  hasKey(key: string): boolean {
    return this.#byKey.get(key) !== undefined;
  }
}

function refuse(file: string, reason: string): never {
  throw new StartFailure(`${file} is damaged (${reason}). npm run verify tells what that means.`);
}
