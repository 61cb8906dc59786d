/**
 * What a restore has to change, so that nobody takes what happens from now on for what happened after the backup was made: a
 * receiver has been told of events whose numbers will be used again, and a reader of the log knows cursors that it has not.
 *
 * So each repository counts on under a new name, which the log knows, and the log goes on behind every cursor that it may have
 * given out. For a copy that nobody serves.
 */
import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';
import { hasTable, rowsOf, storesOf } from './stores.ts';

/** More than a registry has events in its life between a backup and a restore; a cursor has up to fifteen digits. */
export const SKIPPED_CURSORS = 1_000_000_000;

const Counted = v.object({ name: v.string(), events: v.number() });
const Newest = v.object({ seq: v.number() });

export function renewIncarnations(state: string): void {
  // Without a log nobody was told of anything.
  for (const file of storesOf(state, 'EventLog')) {
    using log = new DatabaseSync(file);
    if (!hasTable(log, 'events')) continue;
    log.exec('BEGIN');
    const add = log.prepare('INSERT INTO heads (repository, incarnation, number, gap) VALUES (?, ?, ?, 0)');
    for (const repository of storesOf(state, 'Repository')) {
      const counted = renew(repository);
      if (counted !== undefined) add.run(counted.name, counted.incarnation, counted.events);
    }
    skipCursors(log);
    log.exec('COMMIT');
  }
}

/** What waits to be told still bears the old name, and the numbers up to this one. */
function renew(file: string): { name: string; incarnation: string; events: number } | undefined {
  using database = new DatabaseSync(file);
  // Of a release without events, or never written to.
  if (!hasTable(database, 'outbox')) return undefined;
  const [identity] = rowsOf(database, 'SELECT name, events FROM identity', Counted);
  if (identity === undefined) return undefined;
  const incarnation = randomUUID();
  database.prepare('UPDATE identity SET incarnation = ?').run(incarnation);
  return { ...identity, incarnation };
}

function skipCursors(log: DatabaseSync): void {
  const [newest] = rowsOf(log, "SELECT seq FROM sqlite_sequence WHERE name = 'events'", Newest);
  if (newest === undefined) return;
  const last = newest.seq + SKIPPED_CURSORS;
  log.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'").run(last);
  // Only for figures: the log of an older release does without.
  if (hasTable(log, 'skipped'))
    log.prepare('INSERT INTO skipped (first, last) VALUES (?, ?)').run(newest.seq + 1, last);
}
