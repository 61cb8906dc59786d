/**
 * The requests of an endpoint that were begun and not ended: each is written down, with its id and its events, before it is
 * first sent, so that a crash repeats it as it was (Standard Webhooks wants one id for all attempts of a message).
 */
import type { Database } from '../database.ts';

/** From here on nothing new is read: what fails must not fill the store. */
export const MOST_WAITING = 1_000;

export interface WaitingRequest {
  /** The header `webhook-id`. */
  readonly id: string;
  /** Cursors in the log, in their order. */
  readonly members: readonly number[];
  /** Of its first event. */
  readonly repository: string;
  readonly attempts: number;
  /** When it was first tried (ms since the epoch). */
  readonly begunAt: number;
}

interface Row extends Record<string, string | number> {
  id: string;
  members: string;
  repository: string;
  attempts: number;
  begun_at: number;
}

const COLUMNS = 'id, members, repository, attempts, begun_at';

export class Waiting {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get count(): number {
    return this.#database.first<{ count: number }>('SELECT count(*) AS count FROM waiting')?.count ?? 0;
  }

  /**
   * False where it is there already: an event that is replayed while it waits.
   *
   * @param due when it is to be tried again if nothing is heard of it; null: once those before it have ended
   */
  add(
    { id, members, repository }: Pick<WaitingRequest, 'id' | 'members' | 'repository'>,
    now: number,
    due: number | null,
  ): boolean {
    const written = this.#database.run(
      'INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, 0, ?, ?)',
      id,
      members[0] ?? 0,
      JSON.stringify(members),
      repository,
      now,
      due,
    );
    return written > 0;
  }

  isAnyOf(repository: string): boolean {
    return this.#database.first('SELECT 1 AS found FROM waiting WHERE repository = ? LIMIT 1', repository) !== undefined;
  }

  /** Those whose time has come, oldest event first; they are nobody else's until `lease`. */
  takeDue(now: number, most: number, lease: number): WaitingRequest[] {
    return this.#taken(
      this.#database.all<Row>(
        `SELECT ${COLUMNS} FROM waiting WHERE due <= ? ORDER BY first LIMIT ?`,
        now,
        most,
      ),
      lease,
    );
  }

  /** The one that is due first, whenever that is: to see whether a receiver has come back. */
  takeProbe(lease: number): WaitingRequest[] {
    return this.#taken(
      this.#database.all<Row>(`SELECT ${COLUMNS} FROM waiting WHERE due IS NOT NULL ORDER BY due LIMIT 1`),
      lease,
    );
  }

  nextDue(): number | undefined {
    return this.#database.first<{ due: number | null }>('SELECT min(due) AS due FROM waiting')?.due ?? undefined;
  }

  tryAgain(id: string, due: number): void {
    this.#database.run('UPDATE waiting SET attempts = attempts + 1, due = ? WHERE id = ?', due, id);
  }

  /** It is over, one way or another: the next of its repository that waits for it may go. */
  end({ id, repository }: WaitingRequest, now: number): void {
    this.#database.run('DELETE FROM waiting WHERE id = ?', id);
    this.#database.run(
      `UPDATE waiting SET due = ? WHERE id = (
         SELECT id FROM waiting WHERE repository = ? ORDER BY first LIMIT 1
       ) AND due IS NULL`,
      now,
      repository,
    );
  }

  all(): WaitingRequest[] {
    return this.#database.all<Row>(`SELECT ${COLUMNS} FROM waiting ORDER BY first`).map(requestOf);
  }

  clear(): void {
    this.#database.run('DELETE FROM waiting');
  }

  #taken(rows: readonly Row[], lease: number): WaitingRequest[] {
    for (const { id } of rows) this.#database.run('UPDATE waiting SET due = ? WHERE id = ?', lease, id);
    return rows.map(requestOf);
  }
}

function requestOf({ id, members, repository, attempts, begun_at: begunAt }: Row): WaitingRequest {
  return { id, members: JSON.parse(members) as number[], repository, attempts, begunAt };
}
