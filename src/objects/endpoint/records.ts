/** What an endpoint remembers of its deliveries: the last attempts, how many there were, and what was given up. */
import type { Database } from '../database.ts';

const KEPT_ATTEMPTS = 100;
/** Of dead letters; a longer time of failure is told as one row with a span. */
export const MOST_DEAD_LETTERS = 10_000;

export interface Attempt {
  /** The header `webhook-id`. */
  readonly id: string;
  /** What it told of; absent where a release before has written it down. */
  readonly told: Told | undefined;
  /** In ms since the epoch, as `nextAt`. */
  readonly at: number;
  /** Absent where there was no answer. */
  readonly status: number | undefined;
  readonly durationMs: number;
  /** The start of the answer, or what went wrong. */
  readonly answer: string;
  readonly nextAt: number | undefined;
}

/** The first event of a request, and how many it has. */
export interface Told {
  readonly kind: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly events: number;
}

export interface DeadLetter {
  readonly number: number;
  /** Cursors in the log, both included. */
  readonly first: number;
  readonly last: number;
  /** The event's id, where it is one. */
  readonly event: string | undefined;
  readonly at: number;
  readonly reason: string;
}

export class Records {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  attempted({ id, told, at, status, durationMs, answer, nextAt }: Attempt): void {
    this.#database.run(
      `INSERT INTO attempts (id, kind, repository, tag, events, at, status, duration_ms, answer, next_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      told?.kind ?? null,
      told?.repository ?? null,
      told?.tag ?? null,
      told?.events ?? null,
      at,
      status ?? null,
      durationMs,
      answer,
      nextAt ?? null,
    );
    this.#database.run('DELETE FROM attempts WHERE number <= (SELECT max(number) FROM attempts) - ?', KEPT_ATTEMPTS);
  }

  /** Newest first. */
  attempts(): Attempt[] {
    interface Row extends Record<string, string | number | null> {
      id: string;
      kind: string | null;
      repository: string | null;
      tag: string | null;
      events: number | null;
      at: number;
      status: number | null;
      duration_ms: number;
      answer: string;
      next_at: number | null;
    }
    return this.#database
      .all<Row>(
        `SELECT id, kind, repository, tag, events, at, status, duration_ms, answer, next_at
         FROM attempts ORDER BY number DESC`,
      )
      .map(({ id, kind, repository, tag, events, at, status, duration_ms: durationMs, answer, next_at: nextAt }) => ({
        id,
        told:
          kind === null || repository === null || events === null
            ? undefined
            : { kind, repository, tag: tag ?? undefined, events },
        at,
        status: status ?? undefined,
        durationMs,
        answer,
        nextAt: nextAt ?? undefined,
      }));
  }

  get deadLetterCount(): number {
    return this.#database.first<{ count: number }>('SELECT count(*) AS count FROM dead_letters')?.count ?? 0;
  }

  /**
   * A span that goes on where the last one ended, for the same reason, is one with it; and beyond the bound everything is one
   * with the last: nothing is forgotten, and no store is filled.
   */
  buried(letter: Omit<DeadLetter, 'number'>): void {
    const { first, last, event, at, reason } = letter;
    const newest = this.#database.first<{ number: number; last: number; event: string | null; reason: string }>(
      'SELECT number, last, event, reason FROM dead_letters ORDER BY number DESC LIMIT 1',
    );
    const goesOn =
      event === undefined && newest?.event === null && newest.reason === reason && newest.last + 1 === first;
    if (newest !== undefined && (goesOn || this.#isFull())) {
      this.#database.run(
        'UPDATE dead_letters SET first = min(first, ?), last = max(last, ?), event = NULL, at = ? WHERE number = ?',
        first,
        last,
        at,
        newest.number,
      );
      return;
    }
    this.#database.run(
      'INSERT INTO dead_letters (first, last, event, at, reason) VALUES (?, ?, ?, ?, ?)',
      first,
      last,
      event ?? null,
      at,
      reason,
    );
  }

  /** Counts rows only where there may be too many. */
  #isFull(): boolean {
    const span = this.#database.first<{ length: number | null }>(
      'SELECT max(number) - min(number) + 1 AS length FROM dead_letters',
    );
    return (span?.length ?? 0) >= MOST_DEAD_LETTERS && this.deadLetterCount >= MOST_DEAD_LETTERS;
  }

  clear(): void {
    this.#database.run('DELETE FROM attempts');
    this.#database.run('DELETE FROM dead_letters');
  }

  deadLetters(after: number, limit: number): DeadLetter[] {
    interface Row extends Record<string, string | number | null> {
      number: number;
      first: number;
      last: number;
      event: string | null;
      at: number;
      reason: string;
    }
    return this.#database
      .all<Row>(
        'SELECT number, first, last, event, at, reason FROM dead_letters WHERE number > ? ORDER BY number LIMIT ?',
        after,
        limit,
      )
      .map(({ event, ...row }) => ({ ...row, event: event ?? undefined }));
  }

  unburied(numbers: readonly number[]): void {
    for (const number of numbers) this.#database.run('DELETE FROM dead_letters WHERE number = ?', number);
  }
}
