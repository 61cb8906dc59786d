/**
 * Which parts of the log an endpoint has still to read: number 0 is what is new and never ends, the others are replays. What
 * is new comes first.
 */
import type { Database } from '../database.ts';

const MOST_REPLAYS = 100;

export interface Reading {
  readonly number: number;
  /** The last cursor that was read. */
  readonly cursor: number;
  /** The last one that is to be read; absent: there is no end. */
  readonly until: number | undefined;
}

interface Row extends Record<string, number | null> {
  number: number;
  cursor: number;
  until: number | null;
}

export class Readings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  begin(cursor: number): void {
    this.#database.run('INSERT OR IGNORE INTO readings VALUES (0, ?, NULL)', cursor);
  }

  /** False where there are too many already. */
  addReplay(first: number, last: number): boolean {
    if (this.all().length > MOST_REPLAYS) return false;
    this.#database.run('INSERT INTO readings (cursor, until) VALUES (?, ?)', first - 1, last);
    return true;
  }

  all(): Reading[] {
    return this.#database
      .all<Row>('SELECT number, cursor, until FROM readings ORDER BY number')
      .map(({ number, cursor, until }) => ({ number, cursor, until: until ?? undefined }));
  }

  /** A replay that has come to its end is no more. */
  moveTo({ number, until }: Reading, cursor: number): void {
    if (until !== undefined && cursor >= until) this.#database.run('DELETE FROM readings WHERE number = ?', number);
    else this.#database.run('UPDATE readings SET cursor = ? WHERE number = ? AND cursor < ?', cursor, number, cursor);
  }

  clear(): void {
    this.#database.run('DELETE FROM readings WHERE number > 0');
  }
}
