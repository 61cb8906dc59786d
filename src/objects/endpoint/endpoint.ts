/**
 * One webhook: what it wants, how far it has read the log, what it has to try again, and what became of its deliveries. Each
 * has an object of its own, so a slow or dead one is nobody else's business.
 */
import { DurableObject } from 'cloudflare:workers';
import { configOf } from '../../config.ts';
import { CLOSED, openUntil, stateOf } from '../../notifications/breaker.ts';
import { NO_ORIGIN } from '../../notifications/event.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import type { Origin, Reader } from '../event-log/messages.ts';
import { Objects } from '../stubs.ts';
import { Tasks } from '../tasks.ts';
import { buryPending, type Pending } from './burying.ts';
import { Deliveries, DISABLED_REASON } from './deliveries.ts';
import type { ConfigureResult, EndpointFigures, PingResult, Replay, ReplayResult } from './messages.ts';
import { outbound, type Outbound, type OutboundBindings } from './outbound.ts';
import { ping } from './ping.ts';
import { readyEndpoint, type Readiness } from './ready-endpoint.ts';
import { Readings } from './readings.ts';
import { Records, type Attempt, type DeadLetter } from './records.ts';
import { Replays } from './replays.ts';
import { Rest } from './rest.ts';
import { MIGRATIONS } from './schema.ts';
import { Standings, type Standing } from './standing.ts';
import { summaryOf } from './stored-document.ts';
import { Waiting } from './waiting.ts';

type EndpointTask = 'deliver';
const LEFT_OUT_REASON = 'the setting did not name the endpoint for a while';

export class Endpoint extends DurableObject<Env & OutboundBindings> {
  readonly #objects: Objects;
  readonly #database: Database;
  readonly #standings: Standings;
  readonly #waiting: Waiting;
  readonly #readings: Readings;
  readonly #records: Records;
  readonly #pending: Pending;
  readonly #replays: Replays;
  readonly #rest: Rest;
  readonly #deliveries: Deliveries;
  readonly #tasks: Tasks<EndpointTask>;
  readonly #outbound: Outbound;
  #known: { document: string | undefined; readiness: Readiness } | undefined;

  constructor(ctx: DurableObjectState, env: Env & OutboundBindings) {
    super(ctx, env);
    const database = new Database(ctx.storage, 'Endpoint', MIGRATIONS);
    const objects = new Objects(env);
    this.#objects = objects;
    this.#database = database;
    this.#standings = new Standings(database);
    this.#waiting = new Waiting(database);
    this.#readings = new Readings(database);
    this.#records = new Records(database);
    this.#pending = { waiting: this.#waiting, readings: this.#readings, records: this.#records };
    this.#replays = new Replays(this.#readings, this.#records);
    this.#outbound = outbound(env);
    this.#rest = new Rest({
      rests: (reader, ms) => objects.eventLog().rests(reader, ms),
      listens: (name) => objects.eventLog().listens(name),
    });
    this.#deliveries = new Deliveries({
      database,
      standings: this.#standings,
      ...this.#pending,
      log: {
        read: async (after, until) => (await objects.eventLog().read(after, until)).result,
        events: async (cursors) => (await objects.eventLog().events(cursors)).result,
        last: async () => (await objects.eventLog().last()).result,
      },
      rest: this.#rest,
      outbound: this.#outbound,
      ready: (standing) => this.#ready(standing),
    });
    this.#tasks = new Tasks<EndpointTask>(ctx.storage, database, 'Endpoint', {
      deliver: (_subject, now) => this.#deliveries.run(now),
    });
  }

  /**
   * Something was appended to the log. An endpoint of the setting is made by its first call, and one that the admin API made is
   * the setting's from the first call on in which it is.
   */
  async wake(reader: Reader): Promise<Answer<null>> {
    const { name, since, origin } = reader;
    const now = Date.now();
    this.#database.ensure();
    const restMs = this.#database.transaction(() => {
      this.#accept(name, since, origin);
      // Who delivers already goes on by itself, and nothing is written.
      if (this.#deliveries.hear()) return this.#deliveries.restMs(now);
      // While its receiver is left alone, so is the alarm.
      const opensAgainAt = openUntil(this.#standings.get()?.breaker ?? CLOSED, now);
      this.#tasks.add('deliver', '', opensAgainAt ?? now);
      return opensAgainAt === undefined ? 0 : opensAgainAt - now;
    });
    const meter = new WorkMeter();
    // Begun in the turn in which that was so: a run that ends it may begin in the next.
    const resting = restMs > 0 ? meter.call(this.#rest.begin(reader, restMs)) : undefined;
    await Promise.all([this.#tasks.arm(), resting]);
    return meter.answer(null);
  }

  /**
   * Makes an endpoint of the admin API, or changes what it is.
   *
   * @param document as it is stored, its secrets sealed @param since the cursor that its reader begins after
   */
  async configure(name: string, document: string, since: number): Promise<Answer<ConfigureResult>> {
    this.#database.ensure();
    const meter = new WorkMeter();
    const missed = this.#standings.get()?.isDisabled === true ? await meter.call(this.#objects.eventLog().last()) : 0;
    const result = this.#database.transaction(() => this.#change(name, document, since, missed));
    if (result.kind === 'configured') this.#tasks.add('deliver', '', Date.now());
    this.#deliveries.changed();
    await this.#tasks.arm();
    return meter.answer(result);
  }

  async remove(): Promise<Answer<null>> {
    if (this.#database.opened()) await this.#database.drop();
    await this.ctx.storage.deleteAlarm();
    this.#deliveries.ended();
    return new WorkMeter().answer(null);
  }

  /** As it is stored, its secrets sealed; `undefined` for one that the admin API has not made. */
  document(): Answer<string | undefined> {
    return new WorkMeter().answer(this.#standings.get()?.document);
  }

  figures(): Answer<EndpointFigures | undefined> {
    const meter = new WorkMeter();
    const standing = this.#standings.get();
    if (standing === undefined) return meter.answer(undefined);
    const { breaker, delivered, failed, isDisabled } = standing;
    const now = Date.now();
    return meter.answer({
      waiting: this.#waiting.count,
      cursor: this.#readings.newest?.cursor ?? 0,
      delivered,
      failed,
      deadLetters: this.#records.deadLetterCount,
      oldestWaitingSince: this.#waiting.oldestBegunAt,
      breaker: stateOf(breaker, now),
      opensAgainAt: openUntil(breaker, now),
      disabled: isDisabled,
      problem: this.#deliveries.problem,
    });
  }

  /** Newest first. */
  attempts(): Answer<Attempt[]> {
    return new WorkMeter().answer(this.#database.opened() ? this.#records.attempts() : []);
  }

  /** Oldest first, after the one with this number. */
  deadLetters(after: number, limit: number): Answer<DeadLetter[]> {
    return new WorkMeter().answer(this.#database.opened() ? this.#records.deadLetters(after, limit) : []);
  }

  /** Has events sent again; a dead letter that is sent again is none any more. */
  async replay(replay: Replay): Promise<Answer<ReplayResult>> {
    const meter = new WorkMeter();
    const standing = this.#standings.get();
    if (standing === undefined) return meter.answer({ kind: 'begun', spans: 0 });
    if (standing.isDisabled) return meter.answer({ kind: 'disabled' });
    const asked = await this.#replays.asked(replay, this.#objects.eventLog(), meter);
    const result = this.#database.transaction(() => {
      this.#tasks.add('deliver', '', Date.now());
      return this.#replays.begin(asked);
    });
    this.#deliveries.wake();
    await this.#tasks.arm();
    return meter.answer(result);
  }

  /** Sends a request that tells of nothing, at once, and tells how it ended. Nothing is written down. */
  async ping(): Promise<Answer<PingResult>> {
    const meter = new WorkMeter();
    const standing = this.#standings.get();
    const name = this.ctx.id.name ?? '';
    const readiness = await (standing === undefined ? readyEndpoint(this.env, name, undefined) : this.#ready(standing));
    switch (readiness.kind) {
      case 'ready': {
        const result = await ping(this.#outbound, readiness.endpoint, configOf(this.env).publicUrl ?? NO_ORIGIN);
        if (result.kind === 'answered' && result.isDelivered) await this.#answersAgain();
        return meter.answer(result);
      }
      case 'unknown':
        return meter.answer({ kind: 'not-sent', reason: 'there is no such endpoint' });
      case 'unreadable':
        return meter.answer({ kind: 'not-sent', reason: readiness.problem });
    }
  }

  /** Whoever pings has mended something: what waits is sent, and who answered 410 once is asked again. */
  async #answersAgain(): Promise<void> {
    const standing = this.#standings.get();
    if (standing === undefined) return;
    if (standing.isDisabled && standing.refusedUrl === undefined) return;
    const missed = standing.isDisabled ? (await this.#objects.eventLog().last()).result : 0;
    this.#database.transaction(() => {
      if (this.#standings.get()?.since !== standing.since) return;
      if (standing.isDisabled) buryPending(this.#pending, missed, Date.now(), DISABLED_REASON);
      this.#forgetFailures();
      this.#tasks.add('deliver', '', Date.now());
    });
    // What was under way before says nothing of it now.
    this.#deliveries.changed();
    await this.#tasks.arm();
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  /** Read and opened once, since both take time. */
  async #ready({ name, document }: Standing): Promise<Readiness> {
    if (this.#known?.document === document && this.#known?.readiness.kind === 'ready') return this.#known.readiness;
    const readiness = await readyEndpoint(this.env, name, document);
    this.#known = { document, readiness };
    return readiness;
  }

  /** What the log says of it. One of the setting that was left out for long, and is named again, keeps what it missed as dead letters. */
  #accept(name: string, since: number, origin: Origin): void {
    const standing = this.#standings.get();
    if (standing === undefined) this.#begin(name, undefined, since);
    else if (standing.since < since) {
      buryPending(this.#pending, since, Date.now(), LEFT_OUT_REASON);
      this.#standings.begin(name, undefined, since);
      this.#readings.begin(since);
      this.#deliveries.changed();
    } else if (origin === 'setting' && standing.document !== undefined) {
      this.#standings.setDocument(undefined);
      this.#forgetFailures();
      this.#deliveries.changed();
    }
  }

  /** Its receiver may be well by now: nothing of the past keeps anything from being sent to it. */
  #forgetFailures(): void {
    this.#standings.enable();
    this.#standings.setBreaker(CLOSED);
    this.#waiting.endPauses(Date.now());
  }

  #begin(name: string, document: string | undefined, since: number): void {
    this.#standings.begin(name, document, since);
    this.#readings.begin(since);
    this.#waiting.clear();
    this.#records.clear();
    this.#deliveries.ended();
  }

  #change(name: string, document: string, since: number, missed: number): ConfigureResult {
    const standing = this.#standings.get();
    const { order, isDisabled } = summaryOf(document);
    if (standing === undefined || standing.since < since) this.#begin(name, document, since);
    else {
      const waiting = this.#waiting.count;
      if (order !== standing.ordering && waiting > 0 && !isDisabled) {
        const reason = `the order changes only while nothing waits, and ${String(waiting)} requests do: wait, or disable it first`;
        return { kind: 'refused', reason };
      }
      // What happened meanwhile is among the dead letters; what happens from now on is not.
      if (standing.isDisabled) buryPending(this.#pending, missed, Date.now(), DISABLED_REASON);
      this.#standings.setDocument(document);
      this.#forgetFailures();
    }
    if (isDisabled) this.#standings.disable(undefined);
    return { kind: 'configured' };
  }
}
