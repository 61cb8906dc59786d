/** What a restore changes in the objects' databases, so that nothing is taken for what came after its backup. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { OBJECTS } from '../../../../standalone/data-directory.ts';
import { renewIncarnations, SKIPPED_CURSORS } from '../../../../standalone/maintenance/new-incarnations.ts';

/** What it looks at of docs/storage.md, "The objects"; test/e2e/maintenance/restore.test.ts has the whole of it. */
const REPOSITORY = [
  'CREATE TABLE identity (name TEXT, incarnation TEXT, sequence INTEGER, present INTEGER, events INTEGER)',
  'CREATE TABLE outbox (number INTEGER PRIMARY KEY, at INTEGER, body TEXT, refusals INTEGER)',
];
const EVENT_LOG = [
  'CREATE TABLE events (cursor INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, appended_at INTEGER, body TEXT)',
  'CREATE TABLE heads (repository TEXT, incarnation TEXT, number INTEGER, gap INTEGER)',
  'CREATE TABLE skipped (first INTEGER PRIMARY KEY, last INTEGER)',
];

function newState(): string {
  const state = mkdtempSync(join(tmpdir(), 'berth-test-'));
  onTestFinished(() => {
    rmSync(state, { recursive: true, force: true });
  });
  for (const name of ['Repository', 'EventLog']) mkdirSync(join(state, OBJECTS, `berth-${name}`), { recursive: true });
  return state;
}

/** An object's database with what these statements put into it, or what a query finds there. */
function open(state: string, owner: string, file: string): DatabaseSync {
  return new DatabaseSync(join(state, OBJECTS, `berth-${owner}`, `${file}.sqlite`));
}

function make(state: string, owner: string, file: string, statements: readonly string[]): void {
  using database = open(state, owner, file);
  for (const statement of statements) database.exec(statement);
}

function find(state: string, owner: string, file: string, query: string) {
  using database = open(state, owner, file);
  return database.prepare(query).all();
}

function repository(name: string, events: number): string[] {
  const values = `('${name}', 'old', 1, 1, ${String(events)})`;
  return [...REPOSITORY, `INSERT INTO identity (name, incarnation, sequence, present, events) VALUES ${values}`];
}

const event = (id: string) => `INSERT INTO events (id, appended_at, body) VALUES ('${id}', 1, '{}')`;

test('each repository counts on under a new name, which the log knows', () => {
  const state = newState();
  make(state, 'Repository', 'one', [...repository('one', 40), "INSERT INTO outbox VALUES (40, 1, '{}', 0)"]);
  make(state, 'Repository', 'two', repository('two', 0));
  make(state, 'Repository', 'unwritten', []);
  make(state, 'Repository', 'older', REPOSITORY.slice(0, -1));
  make(state, 'EventLog', 'log', [...EVENT_LOG, "INSERT INTO heads VALUES ('one', 'old', 39, 0)", event('a')]);
  renewIncarnations(state);
  const identities = ['one', 'two'].flatMap((file) =>
    find(state, 'Repository', file, 'SELECT name, incarnation, events FROM identity'),
  );
  const names = identities.map(({ incarnation }) => incarnation);
  expect(new Set([...names, 'old']).size).toBe(3);
  expect(identities.map(({ name, events }) => [name, events])).toEqual([
    ['one', 40],
    ['two', 0],
  ]);
  const heads = find(
    state,
    'EventLog',
    'log',
    'SELECT repository, incarnation, number, gap FROM heads ORDER BY number',
  );
  expect(heads.map((row) => Object.values(row))).toEqual([
    ['two', names[1], 0, 0],
    ['one', 'old', 39, 0],
    ['one', names[0], 40, 0],
  ]);
  // What waits is sent as it was written.
  expect(find(state, 'Repository', 'one', 'SELECT number FROM outbox')).toEqual([{ number: 40 }]);
});

test.each([
  ['of this release', EVENT_LOG, [{ first: 3, last: 2 + SKIPPED_CURSORS }]],
  ['of an older one', EVENT_LOG.slice(0, -1), undefined],
])('the log goes on behind every cursor that it may have given out: %s', (_release, migrations, skipped) => {
  const state = newState();
  make(state, 'EventLog', 'log', [...migrations, event('a'), event('b')]);
  renewIncarnations(state);
  make(state, 'EventLog', 'log', [event('c')]);
  const cursors = find(state, 'EventLog', 'log', 'SELECT cursor FROM events ORDER BY cursor');
  expect(cursors.map(({ cursor }) => cursor)).toEqual([1, 2, 3 + SKIPPED_CURSORS]);
  if (skipped !== undefined) expect(find(state, 'EventLog', 'log', 'SELECT * FROM skipped')).toEqual(skipped);
});

test('nothing changes where nobody was told of anything', () => {
  const state = newState();
  make(state, 'Repository', 'one', repository('one', 2));
  make(state, 'EventLog', 'unwritten', []);
  renewIncarnations(state);
  const found = find(state, 'Repository', 'one', 'SELECT incarnation FROM identity');
  expect(found).toEqual([{ incarnation: 'old' }]);
});
