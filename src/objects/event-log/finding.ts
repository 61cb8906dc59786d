/** Places in the log, each by two look-ups, however much there is. */
import type { Database } from '../database.ts';
import type { Backlog, Span } from './messages.ts';

/**
 * How far behind a reader is, counted by cursors: those of the log have no gaps but where events are dropped,
 * and where a restore has skipped some.
 *
 * @param last the cursor of the newest event that there ever was
 */
export function backlogAfter(database: Database, after: number, last: number): Backlog {
  const first = database.first<{ cursor: number; appended_at: number }>(
    'SELECT cursor, appended_at FROM events WHERE cursor > ? ORDER BY cursor LIMIT 1',
    after,
  );
  if (first === undefined) return { events: 0, oldestAt: undefined };
  const query = 'SELECT coalesce(sum(last - first + 1), 0) AS cursors FROM skipped WHERE first > ? AND last <= ?';
  const skipped = database.first<{ cursors: number }>(query, first.cursor, last)?.cursors ?? 0;
  return { events: last - first.cursor + 1 - skipped, oldestAt: first.appended_at };
}

/** What was appended in a span of time (ms since the epoch), by the first and the last cursor; all ends are included. */
export function spanBetween(database: Database, from: number, to: number): Span | undefined {
  const at = (condition: string, order: 'ASC' | 'DESC', time: number) =>
    database.first<{ cursor: number }>(
      `SELECT cursor FROM events WHERE appended_at ${condition} ? ORDER BY appended_at ${order}, cursor ${order} LIMIT 1`,
      time,
    )?.cursor;
  const [first, last] = [at('>=', 'ASC', from), at('<=', 'DESC', to)];
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}
