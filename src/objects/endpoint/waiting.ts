/**
 * The requests of an endpoint that were begun and not ended: each is written down, with its id and its events, before it is
 * first sent, so that a crash repeats it as it was (Standard Webhooks wants one id for all attempts of a message).
 */
import * as v from 'valibot';
import { LONGEST_RETRY_MS } from '../../notifications/retry.ts';
import type { Database } from '../database.ts';

/** From here on nothing new is read: what fails must not fill the store. */
export const MOST_WAITING = 1_000;
/** Where order counts, what waits for an earlier event of its repository: one that is stuck should hold up no other. */
export const MOST_BLOCKED = 5_000;
/** Nothing is put off for longer, not even with a lease behind it. */
const FAR_FUTURE_MS = 2 * LONGEST_RETRY_MS;

export interface WaitingRequest {
  /** The header `webhook-id`. */
  readonly id: string;
  /** Cursors in the log, in their order. */
  readonly members: readonly number[];
  /** Of its first event; where order counts, of all of them. */
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

const Members = v.pipe(v.string(), v.parseJson(), v.array(v.number()));
const COLUMNS = 'id, members, repository, attempts, begun_at';

export class Waiting {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get count(): number {
    return this.#database.first<{ count: number }>('SELECT count(*) AS count FROM waiting')?.count ?? 0;
  }

  /** Of these, what waits for an earlier event of its repository. */
  get blockedCount(): number {
    return (
      this.#database.first<{ count: number }>('SELECT count(*) AS count FROM waiting WHERE due IS NULL')?.count ?? 0
    );
  }

  get oldestBegunAt(): number | undefined {
    return this.#database.first<{ at: number | null }>('SELECT min(begun_at) AS at FROM waiting')?.at ?? undefined;
  }

  /**
   * False where it is there already: an event that is replayed while it waits.
   *
   * @param lease when it counts as lost, if nothing is heard of it; null: it is sent once those before it have ended
   */
  add(
    { id, members, repository }: Pick<WaitingRequest, 'id' | 'members' | 'repository'>,
    now: number,
    lease: number | null,
  ): boolean {
    const written = this.#database.run(
      'INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, 0, ?, ?, ?)',
      id,
      members[0] ?? 0,
      JSON.stringify(members),
      repository,
      now,
      lease,
      lease === null ? 0 : 1,
    );
    return written > 0;
  }

  isAnyOf(repository: string): boolean {
    return (
      this.#database.first('SELECT 1 AS found FROM waiting WHERE repository = ? LIMIT 1', repository) !== undefined
    );
  }

  /** The one with the oldest event of those whose time has come. @param going ids of those that are under way */
  due(now: number, going: ReadonlySet<string>): WaitingRequest | undefined {
    const query = `SELECT ${COLUMNS} FROM waiting WHERE due <= ? ORDER BY first LIMIT ?`;
    return this.#database
      .all<Row>(query, now, going.size + 1)
      .filter(({ id }) => !going.has(id))
      .map(requestOf)[0];
  }

  /** The one that is due first, whenever that is: to see whether a receiver has come back. Nothing may be under way. */
  probe(): WaitingRequest | undefined {
    const query = `SELECT ${COLUMNS} FROM waiting WHERE due IS NOT NULL ORDER BY due LIMIT 1`;
    return this.#database.all<Row>(query).map(requestOf)[0];
  }

  /** It is under way until then. False where it is no more. */
  lease(id: string, until: number): boolean {
    return this.#database.run('UPDATE waiting SET due = ?, leased = 1 WHERE id = ?', until, id) > 0;
  }

  /** What was under way when the object ended was perhaps not sent. */
  endLeases(now: number): void {
    this.#database.run('UPDATE waiting SET due = ?, leased = 0 WHERE leased = 1', now);
  }

  /** Whatever kept them from being taken is over: none waits for its own time. What is under way stays so. */
  endPauses(now: number): void {
    this.#database.run('UPDATE waiting SET due = ? WHERE due > ? AND leased = 0', now, now);
  }

  /** A clock that was ahead, and has been put right, would have them wait until then. */
  endFarFuture(now: number): void {
    this.#database.run(
      'UPDATE waiting SET due = ?, begun_at = min(begun_at, ?) WHERE due > ?',
      now,
      now,
      now + FAR_FUTURE_MS,
    );
  }

  nextDue(): number | undefined {
    return this.#database.first<{ due: number | null }>('SELECT min(due) AS due FROM waiting')?.due ?? undefined;
  }

  tryAgain(id: string, due: number): void {
    this.#database.run('UPDATE waiting SET attempts = attempts + 1, due = ?, leased = 0 WHERE id = ?', due, id);
  }

  /** It is over, one way or another: the next of its repository that waits for it may go. */
  end({ id, repository }: WaitingRequest, now: number): void {
    this.#database.run('DELETE FROM waiting WHERE id = ?', id);
    this.#database.run(
      `UPDATE waiting SET due = ?, begun_at = ? WHERE id = (
         SELECT id FROM waiting WHERE repository = ? ORDER BY first LIMIT 1
       ) AND due IS NULL`,
      now,
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
}

function requestOf({ id, members, repository, attempts, begun_at: begunAt }: Row): WaitingRequest {
  return { id, members: v.parse(Members, members), repository, attempts, begunAt };
}
