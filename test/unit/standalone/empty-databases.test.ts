/** Databases without a table go before workerd starts (standalone/empty-databases.ts), and no others. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { removeEmptyDatabases } from '../../../standalone/empty-databases.ts';

let objects: string;
let folder: string;
beforeEach(() => {
  objects = mkdtempSync(join(tmpdir(), 'berth-empty-'));
  folder = join(objects, 'berth-Repository');
  mkdirSync(folder);
  onTestFinished(() => {
    rmSync(objects, { recursive: true });
  });
});

/** As workerd opens one: with a write-ahead log. */
function open(digit: string): DatabaseSync {
  const database = new DatabaseSync(join(folder, `${digit.repeat(64)}.sqlite`));
  database.exec('PRAGMA journal_mode = WAL');
  return database;
}

test('a database that was only opened goes, with what lies beside it', () => {
  const database = open('a');
  database.close();
  expect(readdirSync(folder)).toHaveLength(1);
  writeFileSync(join(folder, `${'a'.repeat(64)}.sqlite-wal`), '');
  writeFileSync(join(folder, `${'a'.repeat(64)}.sqlite-shm`), Buffer.alloc(32_768));
  removeEmptyDatabases(objects);
  expect(readdirSync(folder)).toEqual([]);
});

test('one with a table stays, and so does one whose table is in its log alone', () => {
  const closed = open('b');
  closed.exec('CREATE TABLE tags (name TEXT)');
  closed.close();
  const logged = open('c');
  logged.exec('PRAGMA wal_autocheckpoint = 0');
  logged.exec('CREATE TABLE tags (name TEXT)');
  const before = readdirSync(folder);
  expect(before).toContain(`${'c'.repeat(64)}.sqlite-wal`);
  removeEmptyDatabases(objects);
  expect(readdirSync(folder)).toEqual(before);
  logged.close();
});

test('what only has the name of a database is left alone', () => {
  const [directory, link, elsewhere] = ['d', 'e', 'elsewhere'].map((name) => join(folder, `${name.repeat(64)}.sqlite`));
  mkdirSync(directory ?? '');
  symlinkSync(elsewhere ?? '', link ?? '');
  removeEmptyDatabases(objects);
  expect(readdirSync(folder)).toHaveLength(2);
});

test('what is no database of an object stays, and so does a folder that is not there yet', () => {
  const metadata = join(folder, 'metadata.sqlite');
  const database = new DatabaseSync(metadata);
  database.exec('PRAGMA journal_mode = WAL');
  database.close();
  writeFileSync(join(objects, 'note.txt'), '');
  removeEmptyDatabases(objects);
  expect(existsSync(metadata)).toBe(true);
  expect(() => {
    removeEmptyDatabases(join(objects, 'none'));
  }).not.toThrow();
});
