/**
 * How long the log keeps what happened: seven days, or four gigabytes. What is dropped is always its beginning, so that a reader
 * behind it is told, and never passes a hole.
 *
 * Endpoints may not have read it, so one reading of the clock drops nothing: a clock that is wrong for a day, or a machine that
 * was off for a week, would empty the log. What is dropped looked old at 24 runs in turn, an hour apart.
 */
import type { Database } from '../database.ts';

export const KEPT_MS = 7 * 86_400_000;
/** Of an object's 10 GB. */
const KEPT_BYTES = 4_000_000_000;
export const SIGHTINGS = 24;
export const TRIM_INTERVAL_MS = 3_600_000;
const TRIMMED_PER_RUN = 5_000;

interface Sighting extends Record<string, number> {
  at: number;
  old_up_to: number;
}

export class Keeping {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Then the oldest go at once, whoever has not read them. */
  get isFull(): boolean {
    return this.#database.sizeBytes > KEPT_BYTES;
  }

  /** Within a transaction. @param last the newest cursor @returns whether there may be more to drop */
  trim(now: number, last: number): boolean {
    this.#look(now, last);
    const upTo = this.isFull ? last : this.#agreed;
    const removed = this.#database.run(
      `DELETE FROM events WHERE cursor IN (
         SELECT cursor FROM events WHERE cursor <= ? ORDER BY cursor LIMIT ${String(TRIMMED_PER_RUN)}
       )`,
      upTo,
    );
    return removed > 0;
  }

  /** Writes down up to which cursor everything looks old, once an hour. */
  #look(now: number, last: number): void {
    const before = this.#database.first<Sighting>('SELECT at, old_up_to FROM sightings ORDER BY number DESC LIMIT 1');
    if (before !== undefined && Math.abs(now - before.at) < TRIM_INTERVAL_MS) return;
    // What looked old looks so still, unless the clock was put back.
    const from = before === undefined || now < before.at ? 0 : before.old_up_to;
    // By the cursor, not by the index of times: all of what is kept is younger.
    const young = this.#database.first<{ cursor: number }>(
      'SELECT cursor FROM events WHERE cursor > ? AND +appended_at > ? ORDER BY cursor LIMIT 1',
      from,
      now - KEPT_MS,
    );
    const oldUpTo = young === undefined ? last : young.cursor - 1;
    this.#database.run('INSERT INTO sightings (at, old_up_to) VALUES (?, ?)', now, oldUpTo);
    this.#database.run('DELETE FROM sightings WHERE number <= (SELECT max(number) FROM sightings) - ?', SIGHTINGS);
  }

  /** The cursor up to which everything looked old each time. */
  get #agreed(): number {
    const query = 'SELECT count(*) AS count, min(old_up_to) AS cursor FROM sightings';
    const seen = this.#database.first<{ count: number; cursor: number | null }>(query);
    return seen === undefined || seen.count < SIGHTINGS ? 0 : (seen.cursor ?? 0);
  }
}
