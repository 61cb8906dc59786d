/**
 * Reads the SQLite databases of the objects (docs/storage.md, "The objects"), never of a registry that runs: of a copy, or
 * where the lock is ours. Columns only ever get more, so a later release's databases can be read as well.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { OBJECTS } from '../data-directory.ts';
import * as v from 'valibot';
import { describeError } from '../start-failure.ts';

/** One object's database. */
export interface Store {
  readonly file: string;
  readonly database: DatabaseSync;
}

/** Beside the objects' own: when each is to be woken. */
const ALARMS = 'metadata.sqlite';
/** SQLite's own codes for a file that is damaged (sqlite.org/rescode.html). */
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The files of the objects of one class; there are none of a class that nobody has used. */
export function storesOf(state: string, className: string): string[] {
  return databaseFiles(state)
    .filter(({ directory, name }) => directory.endsWith(`-${className}`) && name !== ALARMS)
    .map(({ path }) => path);
}

function databaseFiles(state: string): { directory: string; name: string; path: string }[] {
  return readdirSync(join(state, OBJECTS)).flatMap((directory) =>
    readdirSync(join(state, OBJECTS, directory))
      .filter((name) => name.endsWith('.sqlite'))
      .sort()
      .map((name) => ({ directory, name, path: join(state, OBJECTS, directory, name) })),
  );
}

/**
 * Opens each in turn. One that was never written to is left out; one that is damaged is told of instead, whether SQLite
 * finds that out by itself or while `read` works.
 */
export function readStores(
  files: readonly string[],
  read: (store: Store) => void,
  damaged: (file: string, reason: string) => void,
): void {
  for (const file of files) {
    try {
      using database = new DatabaseSync(file, { readOnly: true });
      const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
      if (found !== 'ok') damaged(file, String(found));
      else if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").get() !== undefined)
        read({ file, database });
    } catch (error) {
      if (!isDamage(error)) throw error;
      damaged(file, describeError(error));
    }
  }
}

function isDamage(error: unknown): boolean {
  if (v.isValiError(error)) return true;
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  return [SQLITE_CORRUPT, SQLITE_NOTADB].includes(error.errcode & 0xff);
}

/** The rows of a query, one after the other. What they hold is checked, since a disk may have changed it. */
export function* rowsOf<Row>(
  database: DatabaseSync,
  query: string,
  row: v.GenericSchema<unknown, Row>,
): Generator<Row> {
  for (const found of database.prepare(query).iterate()) yield v.parse(row, found);
}

/** A migration may have brought a table that an object has not written to since. */
export function hasTable(database: DatabaseSync, name: string): boolean {
  const found = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name);
  return found !== undefined;
}

/** Ends, in a copy, the upload sessions whose bytes it does not have. */
export function endUnfinishedSessions(state: string): void {
  for (const file of storesOf(state, 'Repository')) {
    using database = new DatabaseSync(file);
    if (!hasTable(database, 'sessions')) continue;
    database.exec("UPDATE sessions SET state = 'gone', key = NULL WHERE state IN ('kept', 'streaming')");
  }
}

/**
 * Has SQLite recover each database, as it does after a crash, and writes all of it into one file. Only for a copy.
 * Throws for one that can't be recovered.
 */
export function settleDatabases(state: string): void {
  for (const { path } of databaseFiles(state)) {
    using database = new DatabaseSync(path);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
}
