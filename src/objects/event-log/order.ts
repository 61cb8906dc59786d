/**
 * Puts events into the log once each, and those of a repository in the order of their numbers. A Queue delivers at least
 * once and in any order; an event that comes before its predecessor is parked until that has come. If it does not
 * come in an hour, what is parked is taken, with a mark: one that is later still comes out of order, and is not lost.
 *
 * So it is with a number that its sender calls lost: a send that failed may have been taken by the Queue all the same.
 */
import * as v from 'valibot';
import type { EventSequence, RegistryEvent } from '../../notifications/event.ts';
import { WrittenEventSchema } from '../../notifications/written-event.ts';
import type { Database } from '../database.ts';
import type { QueuedMessage } from './messages.ts';
import { KEPT_MS } from './keeping.ts';

export const LONGEST_PARKING_MS = 3_600_000;
/** Bodies of numbers whose event was lost, as far as its sender knows. */
const NOTHING = '';

/** Whatever the Queue carries that has a place in the order. */
export type TakenMessage = Exclude<QueuedMessage, { kind: 'probe' }>;

interface ParkedRow extends Record<string, string | number> {
  repository: string;
  incarnation: string;
  number: number;
  id: string;
  body: string;
}

interface Numbered {
  readonly repository: string;
  readonly sequence: EventSequence;
}

const StoredBodySchema = v.object({
  event: WrittenEventSchema,
  /** That one before it is missing. */
  afterGap: v.exactOptional(v.literal(true)),
});
type StoredBody = v.InferOutput<typeof StoredBodySchema>;

/** Throws for what Berth has not written. */
export function parseStoredBody(body: string): StoredBody {
  return v.parse(v.pipe(v.string(), v.parseJson(), StoredBodySchema), body);
}

export class Order {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Within a transaction. @returns whether another event had this number before; this one is in the log as well */
  take(message: TakenMessage, now: number): boolean {
    if (message.kind === 'event' && message.event.sequence === undefined) {
      this.#append(message.event.id, { event: message.event }, now);
      return false;
    }
    const numbered =
      message.kind === 'lost'
        ? message
        : { repository: message.event.repository, sequence: message.event.sequence ?? neverUnnumbered() };
    const head = this.#head(numbered);
    const { number } = numbered.sequence;
    if (number <= head) return message.kind === 'event' && this.#takeLate(numbered, message.event, now);
    if (number > head + 1) return this.#park(numbered, message, now);
    this.#appendNext(numbered, message.kind === 'event' ? { event: message.event } : undefined, now);
    this.#takeParked(numbered, now);
    return false;
  }

  /**
   * One whose number was taken before, or given up. With an id that the log does not have it is another event: its repository
   * was put back to an earlier state, and counts once more.
   *
   * @returns whether it is such a one
   */
  #takeLate(numbered: Numbered, event: RegistryEvent, now: number): boolean {
    if (this.#endMissing(numbered)) {
      this.#append(event.id, { event }, now);
      return false;
    }
    // The log may have dropped it since.
    if (event.at <= now - KEPT_MS) return false;
    return this.#append(event.id, { event }, now);
  }

  /** Takes what has waited too long, and what comes before it. Within a transaction. */
  takeOverdue(now: number, most: number): number {
    const overdue = this.#database.all<ParkedRow>(
      'SELECT repository, incarnation, number, id, body FROM parked WHERE parked_at <= ? ORDER BY parked_at LIMIT ?',
      now - LONGEST_PARKING_MS,
      most,
    );
    for (const { repository, incarnation, number } of overdue) {
      // What is before it goes with it. What is behind it, and another gap, waits for its own time.
      for (;;) {
        const first = this.#firstParked(repository, incarnation);
        if (first === undefined || first.number > number) break;
        const numbered = { repository, sequence: { incarnation, number: first.number } };
        this.#giveUpBefore(numbered);
        this.#unpark(first, now);
        this.#takeParked(numbered, now);
      }
    }
    return overdue.length;
  }

  #giveUpBefore({ repository, sequence: { incarnation, number } }: Numbered): void {
    const head = this.#head({ repository, sequence: { incarnation, number } });
    if (head + 1 < number) this.#setMissing(repository, incarnation, head + 1, number - 1);
    this.#setHead({ repository, sequence: { incarnation, number: number - 1 } }, true);
  }

  /** Whether the log gave this number up, and does so no more. */
  #endMissing({ repository, sequence: { incarnation, number } }: Numbered): boolean {
    const range = this.#database.first<{ first: number; last: number }>(
      'SELECT first, last FROM missing WHERE repository = ? AND incarnation = ? AND first <= ? AND last >= ?',
      repository,
      incarnation,
      number,
      number,
    );
    if (range === undefined) return false;
    const { first, last } = range;
    this.#database.run(
      'DELETE FROM missing WHERE repository = ? AND incarnation = ? AND first = ?',
      repository,
      incarnation,
      first,
    );
    if (first < number) this.#setMissing(repository, incarnation, first, number - 1);
    if (number < last) this.#setMissing(repository, incarnation, number + 1, last);
    return true;
  }

  #setMissing(repository: string, incarnation: string, first: number, last: number): void {
    this.#database.run('INSERT INTO missing VALUES (?, ?, ?, ?)', repository, incarnation, first, last);
  }

  /** When the next of the parked has waited long enough (ms since the epoch). */
  nextOverdue(): number | undefined {
    const oldest = this.#database.first<{ at: number | null }>('SELECT min(parked_at) AS at FROM parked')?.at;
    return oldest === null || oldest === undefined ? undefined : oldest + LONGEST_PARKING_MS;
  }

  /** Those behind it that were waiting for it. */
  #takeParked({ repository, sequence: { incarnation, number } }: Numbered, now: number): void {
    for (let next = number + 1; ; next += 1) {
      const row = this.#parked(repository, incarnation, next);
      if (row === undefined) return;
      this.#unpark(row, now);
    }
  }

  #parked(repository: string, incarnation: string, number: number): ParkedRow | undefined {
    return this.#database.first<ParkedRow>(
      'SELECT repository, incarnation, number, id, body FROM parked WHERE repository = ? AND incarnation = ? AND number = ?',
      repository,
      incarnation,
      number,
    );
  }

  #firstParked(repository: string, incarnation: string): ParkedRow | undefined {
    return this.#database.first<ParkedRow>(
      'SELECT repository, incarnation, number, id, body FROM parked WHERE repository = ? AND incarnation = ? ORDER BY number LIMIT 1',
      repository,
      incarnation,
    );
  }

  #unpark({ repository, incarnation, number, body }: ParkedRow, now: number): void {
    this.#database.run(
      'DELETE FROM parked WHERE repository = ? AND incarnation = ? AND number = ?',
      repository,
      incarnation,
      number,
    );
    const stored = body === NOTHING ? undefined : parseStoredBody(body);
    this.#appendNext({ repository, sequence: { incarnation, number } }, stored, now);
  }

  /** @param stored absent: the event was lost, as far as its sender knows. The Queue may bring it all the same */
  #appendNext(numbered: Numbered, stored: StoredBody | undefined, now: number): void {
    const { repository, sequence } = numbered;
    if (stored === undefined) this.#setMissing(repository, sequence.incarnation, sequence.number, sequence.number);
    else this.#append(stored.event.id, this.#isAfterGap(numbered) ? { ...stored, afterGap: true } : stored, now);
    this.#setHead(numbered, stored === undefined);
  }

  /** @returns as `take` does */
  #park({ repository, sequence: { incarnation, number } }: Numbered, message: TakenMessage, now: number): boolean {
    const [id, body] =
      message.kind === 'lost'
        ? [message.id, NOTHING]
        : [message.event.id, JSON.stringify({ event: message.event } satisfies StoredBody)];
    const isParked = this.#database.run(
      `INSERT INTO parked VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET id = excluded.id, body = excluded.body WHERE body = '${NOTHING}' AND excluded.body <> body`,
      ...[repository, incarnation, number, id, body, now],
    );
    if (isParked > 0 || message.kind === 'lost') return false;
    const known = this.#parked(repository, incarnation, number);
    return known?.id !== id && this.#append(id, { event: message.event }, now);
  }

  /** Once, without a number of AUTOINCREMENT's for what is there already, so that cursors have no gaps. @returns whether it is new */
  #append(id: string, stored: StoredBody, now: number): boolean {
    const written = this.#database.run(
      `INSERT INTO events (id, appended_at, body)
       SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM events WHERE id = ?1)`,
      id,
      now,
      JSON.stringify(stored),
    );
    return written > 0;
  }

  #head({ repository, sequence: { incarnation } }: Numbered): number {
    const row = this.#database.first<{ number: number }>(
      'SELECT number FROM heads WHERE repository = ? AND incarnation = ?',
      repository,
      incarnation,
    );
    return row?.number ?? 0;
  }

  #isAfterGap({ repository, sequence: { incarnation } }: Numbered): boolean {
    const query = 'SELECT 1 AS found FROM heads WHERE repository = ? AND incarnation = ? AND gap = 1';
    return this.#database.first(query, repository, incarnation) !== undefined;
  }

  /** @param isGap whether the log has no event of this number, or of one before it that it was to have */
  #setHead({ repository, sequence: { incarnation, number } }: Numbered, isGap: boolean): void {
    this.#database.run(
      `INSERT INTO heads VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET number = excluded.number, gap = excluded.gap`,
      repository,
      incarnation,
      number,
      Number(isGap),
    );
  }
}

function neverUnnumbered(): never {
  throw new Error('an event without a number was taken above');
}
