/**
 * Which parts of the log an endpoint has still to read: number 0 is what is new and never ends, the others are replays. What
 * is new comes first.
 */
import type { Database } from '../database.ts';

/** As many as there may be dead letters. A row has three numbers. */
const MOST_REPLAYS = 10_000;

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

  /** Whatever was to be read before is not any more. */
  begin(cursor: number): void {
    this.#database.run('DELETE FROM readings');
    this.#database.run('INSERT INTO readings VALUES (0, ?, NULL)', cursor);
  }

  hasRoomFor(replays: number): boolean {
    const count = this.#database.first<{ count: number }>('SELECT count(*) AS count FROM readings')?.count ?? 0;
    return count + replays <= MOST_REPLAYS + 1;
  }

  /** Cursors include both ends. */
  addReplay(first: number, last: number): void {
    this.#database.run('INSERT INTO readings (cursor, until) VALUES (?, ?)', first - 1, last);
  }

  /** What is new. */
  get newest(): Reading | undefined {
    return this.#first('WHERE number = 0');
  }

  get firstReplay(): Reading | undefined {
    return this.#first('WHERE number > 0');
  }

  /** Whether it stands where it stood. */
  isAt({ number, cursor }: Reading): boolean {
    return (
      this.#database.first('SELECT 1 AS found FROM readings WHERE number = ? AND cursor = ?', number, cursor) !==
      undefined
    );
  }

  all(): Reading[] {
    return this.#database.all<Row>('SELECT number, cursor, until FROM readings ORDER BY number').map(readingOf);
  }

  /** A replay that has come to its end is no more. */
  moveTo({ number, until }: Reading, cursor: number): void {
    if (until !== undefined && cursor >= until) this.#database.run('DELETE FROM readings WHERE number = ?', number);
    else this.#database.run('UPDATE readings SET cursor = ? WHERE number = ? AND cursor < ?', cursor, number, cursor);
  }

  /** Ends the replays. */
  clear(): void {
    this.#database.run('DELETE FROM readings WHERE number > 0');
  }

  #first(where: string): Reading | undefined {
    const query = `SELECT number, cursor, until FROM readings ${where} ORDER BY number LIMIT 1`;
    return this.#database.all<Row>(query).map(readingOf)[0];
  }
}

function readingOf({ number, cursor, until }: Row): Reading {
  return { number, cursor, until: until ?? undefined };
}
