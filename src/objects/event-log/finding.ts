/**
 * How far behind a reader is. Counted by cursors: those of the log have no gaps but where events are dropped, so however much
 * there is, it takes two look-ups.
 */
import type { Database } from '../database.ts';
import type { Backlog } from './messages.ts';

/** @param last the cursor of the newest event that there ever was */
export function backlogAfter(database: Database, after: number, last: number): Backlog {
  const first = database.first<{ cursor: number; appended_at: number }>(
    'SELECT cursor, appended_at FROM events WHERE cursor > ? ORDER BY cursor LIMIT 1',
    after,
  );
  if (first === undefined) return { events: 0, oldestAt: undefined };
  return { events: last - first.cursor + 1, oldestAt: first.appended_at };
}
