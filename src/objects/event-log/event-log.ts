/**
 * The log of what happened in the whole registry: append-only, each event once, in its repository's order, under one cursor
 * that only grows. Every webhook reads it from a cursor of its own, and so do the administrator's list, the live stream and
 * replays. It keeps seven days or four gigabytes, whichever ends first.
 */
import { DurableObject } from 'cloudflare:workers';
import type { EventKind, RegistryEvent } from '../../notifications/event.ts';
import { logEvent } from '../../observability/log.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { Objects } from '../stubs.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import { backlogAfter, spanBetween } from './finding.ts';
import { Followers, FOLLOW_WAIT_MS } from './following.ts';
import { Keeping, TRIM_INTERVAL_MS } from './keeping.ts';
import type {
  AppendResult,
  Backlog,
  ConfiguredReader,
  EventPage,
  FollowResult,
  LoggedEvent,
  QueuedMessage,
  Reader,
  Span,
} from './messages.ts';
import { Order, parseStoredBody } from './order.ts';
import { Readers } from './readers.ts';
import { Resting } from './resting.ts';
import { MIGRATIONS } from './schema.ts';

const OVERDUE_PER_RUN = 1_000;
const WAKE_AGAIN_MS = 1_000;
const PAGE_EVENTS = 200;
/** As stored; an answer may have 32 MiB. */
const PAGE_CHARACTERS = 2_000_000;

interface EventRow extends Record<string, string | number> {
  cursor: number;
  body: string;
}

/** `wake` has the name of a reader. */
type EventLogTask = 'trim' | 'take-overdue' | 'wake';

export class EventLog extends DurableObject<Env> {
  readonly #database: Database;
  readonly #order: Order;
  readonly #keeping: Keeping;
  readonly #readers: Readers;
  readonly #resting = new Resting();
  readonly #followers = new Followers();
  readonly #tasks: Tasks<EventLogTask>;
  readonly #objects: Objects;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new Database(ctx.storage, 'EventLog', MIGRATIONS);
    this.#order = new Order(this.#database);
    this.#keeping = new Keeping(this.#database);
    this.#readers = new Readers(this.#database);
    this.#objects = new Objects(env);
    this.#tasks = new Tasks<EventLogTask>(ctx.storage, this.#database, 'EventLog', {
      trim: (_subject, now) => this.#trim(now),
      'take-overdue': (_subject, now) => this.#takeOverdue(now),
      wake: (name) => this.#wake(name),
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
    const again: RegistryEvent[] = [];
    const readers = this.#database.transaction(() => {
      this.#readers.configure(configured, this.#last(), now);
      for (const message of messages) {
        if (message.kind === 'probe') continue;
        const isAnother = this.#order.take(message, now);
        if (isAnother && message.kind === 'event') again.push(message.event);
      }
      const overdue = this.#order.nextOverdue();
      if (overdue !== undefined) this.#tasks.add('take-overdue', '', overdue);
      this.#tasks.add('trim', '', this.#keeping.isFull ? now : now + TRIM_INTERVAL_MS);
      return this.#toWake(now);
    });
    for (const message of messages) {
      if (message.kind !== 'lost') continue;
      const { id, repository, sequence } = message;
      logEvent('error', 'event lost', { eventId: id, repository, number: sequence.number });
    }
    tellNumberedAgain(again);
    this.#followers.notify();
    await this.#tasks.arm();
    return new WorkMeter().answer({ upTo: this.#last(), readers });
  }

  /** Events after a cursor, oldest first, up to another one, which is included. */
  read(after: number, until: number = Number.MAX_SAFE_INTEGER): Answer<EventPage> {
    const meter = new WorkMeter();
    const isOpened = this.#database.opened();
    if (after > (isOpened ? this.#last() : 0)) {
      return meter.answer({ kind: 'ahead', oldest: isOpened ? this.#oldest() - 1 : 0 });
    }
    if (!isOpened) return meter.answer({ kind: 'page', events: [], next: after, isEnd: true });
    const oldest = this.#oldest();
    if (after + 1 < oldest) return meter.answer({ kind: 'gone', oldest: oldest - 1 });
    const events: LoggedEvent[] = [];
    let characters = 0;
    let isEnd = true;
    const query = 'SELECT cursor, body FROM events WHERE cursor > ? AND cursor <= ? ORDER BY cursor LIMIT ?';
    for (const row of this.#database.each<EventRow>(query, after, until, PAGE_EVENTS + 1)) {
      characters += row.body.length;
      if (events.length === PAGE_EVENTS || (events.length > 0 && characters > PAGE_CHARACTERS)) {
        isEnd = false;
        break;
      }
      events.push(loggedEvent(row));
    }
    return meter.answer({ kind: 'page', events, next: events.at(-1)?.cursor ?? after, isEnd });
  }

  /** Those of these cursors that the log still has, in their order. */
  events(cursors: readonly number[]): Answer<LoggedEvent[]> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer([]);
    const query = 'SELECT cursor, body FROM events WHERE cursor IN (SELECT value FROM json_each(?)) ORDER BY cursor';
    return meter.answer(this.#database.all<EventRow>(query, JSON.stringify(cursors)).map(loggedEvent));
  }

  /** The cursors of the events with these ids that the log still has, in their order. */
  cursorsOf(ids: readonly string[]): Answer<number[]> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer([]);
    const query = 'SELECT cursor FROM events WHERE id IN (SELECT value FROM json_each(?)) ORDER BY cursor';
    return meter.answer(this.#database.all<{ cursor: number }>(query, JSON.stringify(ids)).map(({ cursor }) => cursor));
  }

  /** The cursors of the first and the last event that were appended in a span of time (ms since the epoch, both ends included). */
  spanOf(from: number, to: number): Answer<Span | undefined> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer(undefined);
    return meter.answer(spanBetween(this.#database, from, to));
  }

  /** The cursor of the newest event that there ever was. */
  last(): Answer<number> {
    return new WorkMeter().answer(this.#database.opened() ? this.#last() : 0);
  }

  /** What lies behind a cursor. */
  backlog(after: number): Answer<Backlog> {
    const isOpened = this.#database.opened();
    return new WorkMeter().answer(
      isOpened ? backlogAfter(this.#database, after, this.#last()) : { events: 0, oldestAt: undefined },
    );
  }

  /**
   * As `read`, for one who follows the log live: waits for what comes next, for a while, and keeps the follower's place.
   *
   * @param id the follower's own, random @param waitMs none: only takes a place
   */
  async follow(id: string, after: number, waitMs: number = FOLLOW_WAIT_MS): Promise<Answer<FollowResult>> {
    if (!this.#followers.renew(id, Date.now())) return new WorkMeter().answer({ kind: 'full' });
    const now = this.read(after);
    if (waitMs === 0 || now.result.kind !== 'page' || now.result.events.length > 0) return now;
    await this.#followers.next(waitMs);
    return this.read(after);
  }

  unfollow(id: string): Answer<null> {
    this.#followers.end(id);
    return new WorkMeter().answer(null);
  }

  /** The endpoints that the admin API made whose names come after this one, by name. */
  adminReaders(after: string, limit: number): Answer<string[]> {
    return new WorkMeter().answer(this.#database.opened() ? this.#readers.ofAdmin(after, limit) : []);
  }

  /** One of them, and how many there are, those of the setting included. */
  reader(name: string): Answer<{ reader: Reader | undefined; count: number }> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ reader: undefined, count: 0 });
    return meter.answer({ reader: this.#readers.get(name), count: this.#readers.count });
  }

  /** Has an endpoint woken from now on, and tells where it begins to read. Asked again, it tells the same. */
  addReader(name: string, events: readonly EventKind[]): Answer<number> {
    this.#database.ensure();
    this.#resting.end(name);
    return new WorkMeter().answer(this.#readers.add(name, events, this.#last()));
  }

  removeReader(name: string): Answer<null> {
    this.#resting.end(name);
    if (this.#database.opened()) this.#readers.remove(name);
    return new WorkMeter().answer(null);
  }

  /** Has an endpoint not woken for a while, since it could send nothing, or until it listens again. */
  rests(reader: Reader, ms: number): Answer<null> {
    this.#resting.begin(reader, ms, Date.now());
    return new WorkMeter().answer(null);
  }

  /** It can send again, and reads on by itself. */
  listens(name: string): Answer<null> {
    this.#resting.end(name);
    return new WorkMeter().answer(null);
  }

  /** Has endpoints woken that could not be woken now: until then it is tried again. */
  async wakeLater(names: readonly string[]): Promise<Answer<null>> {
    this.#database.ensure();
    for (const name of names) this.#tasks.add('wake', name, Date.now() + WAKE_AGAIN_MS);
    await this.#tasks.arm();
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
      if (taken > 0) {
        this.#followers.notify();
        logEvent('error', 'events out of order for an hour', { taken });
        // No batch brought them, so nobody else wakes the endpoints.
        for (const { name } of this.#readers.all()) this.#tasks.add('wake', name, now);
      }
      const next = this.#order.nextOverdue();
      return next === undefined ? 'done' : { again: Math.max(next, now) };
    });
  }

  /** Who is to hear at once that something was appended; who rests hears of it later. */
  #toWake(now: number): Reader[] {
    return this.#readers.all().filter((reader) => {
      const until = this.#resting.until(reader, now);
      if (until !== undefined) this.#tasks.add('wake', reader.name, until);
      return until === undefined;
    });
  }

  async #wake(name: string): Promise<TaskOutcome> {
    const reader = this.#readers.get(name);
    if (reader !== undefined) await this.#objects.endpoint(name).wake(reader);
    return 'done';
  }

  #trim(now: number): TaskOutcome {
    const mayBeMore = this.#database.transaction(() => this.#keeping.trim(now, this.#last()));
    if (mayBeMore) return { again: now };
    return this.#oldest() > this.#last() ? 'done' : { again: now + TRIM_INTERVAL_MS };
  }
}

/** One line, of however many. */
function tellNumberedAgain(events: readonly RegistryEvent[]): void {
  const [first] = events;
  if (first === undefined) return;
  const { id, repository, sequence } = first;
  logEvent('error', 'event numbered as another one', {
    ...{ eventId: id, repository, number: sequence?.number, events: events.length },
    reason: 'was its repository put back to an earlier state?',
  });
}

function loggedEvent({ cursor, body }: EventRow): LoggedEvent {
  const { event, afterGap } = parseStoredBody(body);
  return { cursor, event, ...(afterGap === undefined ? {} : { afterGap }) };
}
