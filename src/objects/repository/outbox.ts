/**
 * Events of this repository that the Queue has not taken yet. Each is written in the transaction of the change that it tells
 * of, under the next number, and goes in that order: one batch at a time, by a task, after the answer.
 *
 * A row that the Queue refuses, while it takes others, is set aside: the log is told of its number, so that it waits for none.
 * Where the Queue takes nothing, everything waits; and past a bound changes are refused, rather than an event dropped.
 */
import { Buffer } from 'node:buffer';
import type { Config } from '../../config.ts';
import { newEvent } from '../../notifications/event.ts';
import type { Cause, EventKind, EventSequence, EventTarget, RegistryEvent } from '../../notifications/event.ts';
import { parseWrittenEvent } from '../../notifications/written-event.ts';
import { logEvent } from '../../observability/log.ts';
import { parseRepositoryName } from '../../oci/repository-name.ts';
import type { Database } from '../database.ts';
import type { EventProducer } from '../event-queue/producer.ts';
import type { QueuedMessage } from '../event-log/messages.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';

export type OutboxTask = 'drain';

/** Of a row, as JSON in UTF-8. A Queue's message has 128 KB at most. */
const LARGEST_EVENT_BYTES = 100_000;
const BATCH_MESSAGES = 100;
/** A Queue's batch has 256 KB at most. */
const BATCH_BYTES = 240_000;
/** Then other tasks of the alarm get their turn. */
const BATCHES_PER_RUN = 50;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** A row that failed so often by itself is compared with a message that nothing can be wrong with. */
const REFUSALS_UNTIL_TRIAL = 3;
/** So often in turn the one has to fail and the other has to be taken: chance alone would not do that. */
const TRIAL_ROUNDS = 8;
const MOST_SET_ASIDE = 1_000;

interface Row extends Record<string, string | number> {
  number: number;
  body: string;
  refusals: number;
}

interface Identity extends Record<string, string | number> {
  name: string;
  incarnation: string;
  events: number;
}

interface Parts {
  readonly database: Database;
  readonly tasks: Pick<Tasks<OutboxTask>, 'add'>;
  readonly producer: EventProducer;
  readonly bounds: () => Pick<Config, 'outboxMost' | 'outboxOldestMs'>;
}

export class Outbox {
  readonly #database: Database;
  readonly #tasks: Parts['tasks'];
  readonly #producer: EventProducer;
  readonly #bounds: Parts['bounds'];

  constructor({ database, tasks, producer, bounds }: Parts) {
    this.#database = database;
    this.#tasks = tasks;
    this.#producer = producer;
    this.#bounds = bounds;
  }

  /** Whether no change may be made now that would write an event. */
  isFull(now: number): boolean {
    if (!this.#database.opened()) return false;
    const oldest = this.#database.first<{ number: number; at: number }>(
      'SELECT number, at FROM outbox ORDER BY number LIMIT 1',
    );
    if (oldest === undefined) return false;
    const { outboxMost, outboxOldestMs } = this.#bounds();
    const newest = this.#database.first<{ number: number }>('SELECT max(number) AS number FROM outbox');
    const length = (newest?.number ?? oldest.number) - oldest.number + 1;
    return length >= outboxMost || now - oldest.at > outboxOldestMs;
  }

  /** Within the transaction of the change, whose repository has its identity. */
  write(kind: EventKind, target: EventTarget, cause: Cause, now: number): void {
    this.#database.run('UPDATE identity SET events = events + 1');
    const identity = this.#database.first<Identity>('SELECT name, incarnation, events FROM identity');
    const repository = parseRepositoryName(identity?.name ?? '');
    if (identity === undefined || repository === undefined)
      throw new Error('an event of a repository without identity');
    const { incarnation, events: number } = identity;
    const event = newEvent(now, { kind, repository, target, cause, sequence: { incarnation, number } });
    this.#database.run('INSERT INTO outbox (number, at, body) VALUES (?, ?, ?)', number, now, bodyOf(event));
    this.#tasks.add('drain', '', now);
  }

  /** Sends what there is, oldest first. After a failure, half as much: so a row that the Queue does not take is found. */
  async drain(now: number): Promise<TaskOutcome> {
    let most = this.#hasRefusedHead() ? 1 : BATCH_MESSAGES;
    for (let batch = 0; batch < BATCHES_PER_RUN; batch += 1) {
      const rows = this.#batch(most);
      const last = rows.at(-1);
      if (last === undefined) return 'done';
      const failure = await this.#send(rows.map(messageOf));
      if (failure === undefined) {
        this.#database.run('DELETE FROM outbox WHERE number <= ?', last.number);
        most = Math.min(BATCH_MESSAGES, most * 2);
      } else if (rows.length > 1) most = Math.floor(rows.length / 2);
      else {
        const { isOver, refusals } = await this.#refused(last, failure);
        if (!isOver) return { again: now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (refusals - 1)) };
        most = 2;
      }
    }
    return { again: now };
  }

  #hasRefusedHead(): boolean {
    const query = 'SELECT refusals FROM outbox ORDER BY number LIMIT 1';
    return (this.#database.first<{ refusals: number }>(query)?.refusals ?? 0) > 0;
  }

  #batch(most: number): Row[] {
    const rows: Row[] = [];
    let bytes = 0;
    const query = 'SELECT number, body, refusals FROM outbox ORDER BY number LIMIT ?';
    for (const row of this.#database.each<Row>(query, most)) {
      bytes += Buffer.byteLength(row.body);
      if (rows.length > 0 && bytes > BATCH_BYTES) break;
      rows.push(row);
    }
    return rows;
  }

  /** What went wrong, if anything did. */
  async #send(messages: readonly QueuedMessage[]): Promise<string | undefined> {
    try {
      await this.#producer.send(messages);
      return undefined;
    } catch (error) {
      return String(error);
    }
  }

  async #refused(row: Row, reason: string): Promise<{ isOver: boolean; refusals: number }> {
    const refusals = row.refusals + 1;
    this.#database.run('UPDATE outbox SET refusals = ? WHERE number = ?', refusals, row.number);
    const { repository } = parseWrittenEvent(row.body);
    logEvent('warn', 'events not sent', { repository, number: row.number, refusals, reason });
    if (refusals < REFUSALS_UNTIL_TRIAL) return { isOver: false, refusals };
    for (let round = 0; round < TRIAL_ROUNDS; round += 1) {
      if ((await this.#send([{ kind: 'probe' }])) !== undefined) return { isOver: false, refusals };
      if ((await this.#send([messageOf(row)])) === undefined) {
        this.#database.run('DELETE FROM outbox WHERE number = ?', row.number);
        return { isOver: true, refusals };
      }
    }
    return { isOver: await this.#putAside(row, reason), refusals };
  }

  async #putAside({ number, body }: Row, reason: string): Promise<boolean> {
    const { id, repository, sequence, kind, target } = parseWrittenEvent(body);
    const marker = { kind: 'lost', id, repository, sequence: sequence ?? neverUnnumbered() } as const;
    if ((await this.#send([marker])) !== undefined) return false;
    this.#database.transaction(() => {
      this.#database.run('INSERT OR REPLACE INTO set_aside VALUES (?, ?, ?)', number, body, reason);
      this.#database.run('DELETE FROM set_aside WHERE number <= ?', number - MOST_SET_ASIDE);
      this.#database.run('DELETE FROM outbox WHERE number = ?', number);
    });
    // Nothing reads it from there: this line is for whoever has to tell its receivers.
    const { tag, digest } = target;
    logEvent('error', 'event set aside', { repository, eventId: id, number, kind, tag, digest, reason });
    return true;
  }
}

function bodyOf(event: RegistryEvent): string {
  const body = JSON.stringify(event);
  if (Buffer.byteLength(body) <= LARGEST_EVENT_BYTES) return body;
  const { annotations: _annotations, references: _references, ...target } = event.target;
  return JSON.stringify({ ...event, target });
}

function messageOf({ body }: Row): QueuedMessage {
  return { kind: 'event', event: parseWrittenEvent(body) };
}

function neverUnnumbered(): EventSequence {
  throw new Error('an event of an outbox has a number');
}
