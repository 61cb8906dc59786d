/**
 * Databases as older releases left them. What the present release wrote is brought back to an older schema: the first
 * migrations make its tables anew, as they did then, and every row and column that it knew is put into them.
 */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { MIGRATIONS as BLOB_DIRECTORY } from '../../src/objects/blob-directory/schema.ts';
import { MIGRATIONS as CATALOG } from '../../src/objects/catalog/schema.ts';
import { Database, type SqlValue } from '../../src/objects/database.ts';
import { MIGRATIONS as REPOSITORY } from '../../src/objects/repository/schema.ts';
import { MIGRATIONS as UPLOAD } from '../../src/objects/upload/schema.ts';

export const MIGRATIONS: Readonly<Record<'REPOSITORY' | 'UPLOAD' | 'BLOB_DIRECTORY' | 'CATALOG', readonly string[]>> = {
  REPOSITORY,
  UPLOAD,
  BLOB_DIRECTORY,
  CATALOG,
};

type Row = Record<string, SqlValue>;

/** Every table with its rows, in the order in which they were made. */
export type Contents = { table: string; rows: Row[] }[];

/** All that an object holds. */
export function contentsOf(stub: DurableObjectStub): Promise<Contents> {
  return runInDurableObject(stub, (_object, { storage }) => contents(storage));
}

/** Tables and indexes with the statements that made them. */
export function schemaOf(stub: DurableObjectStub): Promise<Row[]> {
  return runInDurableObject(stub, (_object, { storage }) =>
    storage.sql
      .exec<Row>("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY name")
      .toArray(),
  );
}

/** Brings an object back to an older version of its schema, and has it forget what it knows of its own. */
export async function downgrade(
  stub: DurableObjectStub,
  migrations: readonly string[],
  version: number,
): Promise<void> {
  await runInDurableObject(stub, (_object, { storage }) => {
    storage.transactionSync(() => {
      const before = contents(storage);
      for (const { table } of before.toReversed()) storage.sql.exec(`DROP TABLE ${table}`);
      new Database(storage, 'an older release', migrations.slice(0, version)).ensure();
      for (const { table, rows } of before) {
        if (table !== 'schema_version') insert(storage, table, rows);
      }
    });
  });
  await evictDurableObject(stub);
}

function contents(storage: DurableObjectStorage): Contents {
  const tables = storage.sql
    .exec<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY rowid",
    )
    .toArray();
  return tables.map(({ name }) => ({ table: name, rows: storage.sql.exec<Row>(`SELECT * FROM ${name}`).toArray() }));
}

/** Leaves out what this version has no column for. */
function insert(storage: DurableObjectStorage, table: string, rows: readonly Row[]): void {
  const known = storage.sql
    .exec<{ name: string }>('SELECT name FROM pragma_table_info(?)', table)
    .toArray()
    .map(({ name }) => name);
  if (known.length === 0) return;
  for (const row of rows) {
    const columns = known.filter((column) => column in row);
    const statement = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    storage.sql.exec(statement, ...columns.map((column) => row[column]));
  }
}
