/**
 * The log of what happened in the whole registry: append-only, each event once, in its repository's order, under one cursor
 * that only grows. Every webhook reads it from a cursor of its own, and so do the administrator's list, the live stream and
 * replays. It keeps seven days or four gigabytes, whichever ends first.
 */
import { DurableObject } from 'cloudflare:workers';
import type { EventKind } from '../../notifications/event.ts';
import { logEvent } from '../../observability/log.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import type { AppendResult, ConfiguredReader, EventPage, LoggedEvent, QueuedMessage } from './messages.ts';
import { Order, type StoredBody } from './order.ts';
import { Readers } from './readers.ts';
import { MIGRATIONS } from './schema.ts';

export const KEPT_MS = 7 * 86_400_000;
/** Of an object's 10 GB. */
const KEPT_BYTES = 4_000_000_000;
const TRIMMED_PER_RUN = 5_000;
const TRIM_INTERVAL_MS = 3_600_000;
const OVERDUE_PER_RUN = 1_000;
const PAGE_EVENTS = 200;
/** As stored; an answer may have 32 MiB. */
const PAGE_CHARACTERS = 2_000_000;

type EventLogTask = 'trim' | 'take-overdue';

export class EventLog extends DurableObject<Env> {
  readonly #database: Database;
  readonly #order: Order;
  readonly #readers: Readers;
  readonly #tasks: Tasks<EventLogTask>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new Database(ctx.storage, 'EventLog', MIGRATIONS);
    this.#order = new Order(this.#database);
    this.#readers = new Readers(this.#database);
    this.#tasks = new Tasks<EventLogTask>(ctx.storage, this.#database, 'EventLog', {
      trim: (_subject, now) => this.#trim(now),
      'take-overdue': (_subject, now) => this.#takeOverdue(now),
    });
  }

  /**
   * Takes a batch of the Queue's, all or nothing; what was taken before changes nothing.
   *
   * @param configured the endpoints that a setting names now: one that is new gets this batch, one that is gone none any more
   */
  async append(
    messages: readonly QueuedMessage[],
    configured: readonly ConfiguredReader[],
  ): Promise<Answer<AppendResult>> {
    const now = Date.now();
    this.#database.ensure();
    this.#database.transaction(() => {
      this.#readers.configure(configured, this.#last());
      for (const message of messages) if (message.kind !== 'probe') this.#order.take(message, now);
      const overdue = this.#order.nextOverdue();
      if (overdue !== undefined) this.#tasks.add('take-overdue', '', overdue);
      this.#tasks.add('trim', '', now + TRIM_INTERVAL_MS);
    });
    for (const message of messages) {
      if (message.kind !== 'lost') continue;
      const { id, repository, sequence } = message;
      logEvent('error', 'event lost', { event: id, repository, number: sequence.number });
    }
    await this.#tasks.arm();
    return new WorkMeter().answer({ upTo: this.#last(), readers: this.#readers.all() });
  }

  /** Events after a cursor, oldest first. */
  read(after: number): Answer<EventPage> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ kind: 'page', events: [], next: after, isEnd: true });
    const oldest = this.#oldest();
    // Cursor 0 is the beginning, whatever that is now.
    if (after > 0 && after + 1 < oldest) return meter.answer({ kind: 'gone', oldest: oldest - 1 });
    const events: LoggedEvent[] = [];
    let characters = 0;
    const query = 'SELECT cursor, body FROM events WHERE cursor > ? ORDER BY cursor LIMIT ?';
    for (const { cursor, body } of this.#database.each<{ cursor: number; body: string }>(query, after, PAGE_EVENTS)) {
      characters += body.length;
      if (events.length > 0 && characters > PAGE_CHARACTERS) break;
      const { event, afterGap } = JSON.parse(body) as StoredBody;
      events.push({ cursor, event, ...(afterGap === undefined ? {} : { afterGap }) });
    }
    const next = events.at(-1)?.cursor ?? after;
    return meter.answer({ kind: 'page', events, next, isEnd: next >= this.#last() });
  }

  /** Has an endpoint woken from now on, and tells where it begins to read. Asked again, it tells the same. */
  addReader(name: string, events: readonly EventKind[]): Answer<number> {
    this.#database.ensure();
    return new WorkMeter().answer(this.#readers.add(name, events, this.#last()));
  }

  removeReader(name: string): Answer<null> {
    if (this.#database.opened()) this.#readers.remove(name);
    return new WorkMeter().answer(null);
  }

  /** Whether any endpoint wants one of these. */
  wantsAny(kinds: readonly EventKind[]): Answer<boolean> {
    return new WorkMeter().answer(this.#database.opened() && this.#readers.wantsAny(kinds));
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  /** The cursor of the newest event that there ever was. */
  #last(): number {
    return this.#database.first<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?.seq ?? 0;
  }

  /** The cursor of the oldest event that is kept, or of the next one where none is. */
  #oldest(): number {
    const first = this.#database.first<{ cursor: number | null }>('SELECT min(cursor) AS cursor FROM events')?.cursor;
    return first ?? this.#last() + 1;
  }

  #takeOverdue(now: number): TaskOutcome {
    return this.#database.transaction((): TaskOutcome => {
      const taken = this.#order.takeOverdue(now, OVERDUE_PER_RUN);
      if (taken > 0) logEvent('error', 'events out of order for an hour', { taken });
      const next = this.#order.nextOverdue();
      return next === undefined ? 'done' : { again: Math.max(next, now) };
    });
  }

  #trim(now: number): TaskOutcome {
    const isFull = this.#database.sizeBytes > KEPT_BYTES;
    const removed = this.#database.run(
      `DELETE FROM events WHERE cursor IN (
         SELECT cursor FROM events ${isFull ? '' : 'WHERE appended_at <= ?'} ORDER BY cursor LIMIT ${String(TRIMMED_PER_RUN)}
       )`,
      ...(isFull ? [] : [now - KEPT_MS]),
    );
    if (removed > 0) return { again: now };
    return this.#oldest() > this.#last() ? 'done' : { again: now + TRIM_INTERVAL_MS };
  }
}
