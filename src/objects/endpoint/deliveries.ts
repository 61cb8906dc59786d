/**
 * Delivers: reads the log, writes down each request before it is sent, has as many under way as the endpoint may get, and
 * records how they ended. As soon as one ends the next is sent, so one slow call holds up no more than its own place.
 *
 * An open breaker stops all of it, reading too, so a dead endpoint costs the few rows of what was under way and of probes, fifty at
 * most, however long it is dead and however much happens meanwhile.
 */
import { CLOSED, failed, isAtWork, stateOf, type Breaker } from '../../notifications/breaker.ts';
import { retryDelayMs } from '../../notifications/retry.ts';
import type { CallOutcome } from '../../notifications/webhook-call.ts';
import { logEvent } from '../../observability/log.ts';
import type { Database } from '../database.ts';
import { LONGEST_REST_MS } from '../event-log/messages.ts';
import type { TaskOutcome } from '../tasks.ts';
import { buryPending, buryRequest, type Pending } from './burying.ts';
import { callReceiver } from './delivery-call.ts';
import { LogReader, type Going, type Log } from './log-reader.ts';
import type { Outbound } from './outbound.ts';
import type { Readiness, ReadyEndpoint } from './ready-endpoint.ts';
import type { Told } from './records.ts';
import type { Rest } from './rest.ts';
import type { Standing, Standings } from './standing.ts';

/** Of one alarm. Then the next one goes on, and finds what is under way where it is. */
const RUN_MS = 60_000;
/** Beyond the time-out of its call, a request of which nothing is heard was lost. */
const LEASE_EXTRA_MS = 30_000;
const UNREADABLE_RETRY_MS = 60_000;
const SHORTEST_PAUSE_MS = 10;
/** For how long every place has to be taken until the receiver counts as one that stalls. */
const STALL_MS = 1_000;
/** What a dead receiver may come to have waiting, since each second probe of it is something new. */
const MOST_PROBES = 50;
export const DISABLED_REASON = 'the endpoint was disabled';
const REFUSED_REASON = 'its receiver answered 410';

interface Parts extends Pending {
  readonly database: Database;
  readonly standings: Standings;
  readonly log: Log;
  readonly rest: Rest;
  readonly outbound: Outbound;
  readonly ready: (standing: Standing) => Promise<Readiness>;
}

export class Deliveries {
  readonly #parts: Parts;
  readonly #reader: LogReader;
  /** By the ids of their requests. */
  readonly #going = new Map<string, Promise<void>>();
  #change = Promise.withResolvers<null>();
  #hasRun = false;
  #hasProbedNew = true;
  #isRunning = false;
  /** How often the receiver was changed or mended, and the endpoint made anew: what was under way before says nothing of these. */
  #receiver = 0;
  #life = 0;
  /** Since when every place is taken (ms since the epoch). */
  #fullSince: number | undefined;
  #toldProblem: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#reader = new LogReader(parts);
  }

  /**
   * The log has something new. While every place is taken that changes nothing.
   *
   * @returns whether a run is under way: it does not end before it has seen to that
   */
  hear(): boolean {
    this.#reader.hear();
    if (this.#fullSince === undefined) this.#notify();
    return this.#isRunning;
  }

  /** For how long it is of no use to hear of the log (ms); 0 unless all that is under way stalls. */
  restMs(now: number): number {
    return this.#isRunning && now >= (this.#fullSince ?? now) + STALL_MS ? LONGEST_REST_MS : 0;
  }

  /** Why nothing can be sent, if it can't. */
  get problem(): string | undefined {
    return this.#toldProblem;
  }

  /** There is something to do that nobody heard of the log. */
  wake(): void {
    this.#reader.hear();
    this.#notify();
  }

  /** What the endpoint is was changed, or its receiver mended: what that was until now does not count any more. */
  changed(): void {
    this.#receiver += 1;
    this.wake();
  }

  /** It is gone, or another one of the same name: how calls end that are under way is nobody's business. */
  ended(): void {
    this.#life += 1;
    this.changed();
  }

  async run(began: number): Promise<TaskOutcome> {
    this.#isRunning = true;
    try {
      return await this.#untilIdle(began);
    } finally {
      this.#isRunning = false;
    }
  }

  async #untilIdle(began: number): Promise<TaskOutcome> {
    this.#reader.hear();
    this.#parts.waiting.endFarFuture(began);
    for (let now = began; now < began + RUN_MS; now = Date.now()) {
      const change = this.#change.promise;
      const heard = this.#reader.heard;
      const { outcome, until } = await this.#step(now);
      if (this.#going.size > 0) await eitherOf(change, Math.min(until ?? Infinity, began + RUN_MS) - now);
      else if (this.#reader.heard === heard) return outcome;
    }
    return { again: Date.now() };
  }

  /** What a run ends with, if nothing is under way now; and when there is more to do, if nothing changes before. */
  async #step(now: number): Promise<{ outcome: TaskOutcome; until?: number }> {
    const { standings, waiting } = this.#parts;
    const standing = standings.get();
    if (standing === undefined) return { outcome: 'done' };
    if (!this.#hasRun) waiting.endLeases(now);
    this.#hasRun = true;
    const readiness = await this.#parts.ready(standing);
    if (readiness.kind === 'unknown') return { outcome: 'done' };
    if (readiness.kind === 'unreadable') return this.#tell(standing.name, readiness.problem, now);
    this.#toldProblem = undefined;
    const { endpoint } = readiness;
    if (standing.document === undefined) this.#followSetting(standing, endpoint);
    if (standings.get()?.isDisabled !== false) {
      await this.#parts.rest.end();
      if (this.#going.size === 0) await this.#buryAll();
      return { outcome: 'done' };
    }
    await this.#fill(endpoint, now);
    const opensAgainAt = standings.get()?.breaker.opensAgainAt;
    const due = opensAgainAt !== undefined && now < opensAgainAt ? opensAgainAt : waiting.nextDue();
    return due === undefined ? { outcome: 'done' } : { outcome: { again: due }, until: due };
  }

  /** Sends until no place is free, or nothing is left to send. */
  async #fill(endpoint: ReadyEndpoint, now: number): Promise<void> {
    const lease = now + endpoint.document.timeoutMs + LEASE_EXTRA_MS;
    for (;;) {
      const places = this.#freePlaces(endpoint, now);
      if (places === 0) {
        this.#fullSince ??= now;
        return;
      }
      this.#fullSince = undefined;
      if (await this.#parts.rest.end()) this.#reader.hear();
      const going = await this.#next(endpoint, places, lease, now);
      if (going.length === 0) return;
      for (const request of going) this.#start(endpoint, request);
    }
  }

  /** A breaker that is half open lets one through. */
  #freePlaces({ document }: ReadyEndpoint, now: number): number {
    const standing = this.#parts.standings.get();
    if (standing === undefined || standing.isDisabled) return 0;
    const state = stateOf(standing.breaker, now);
    if (state === 'open') return 0;
    return Math.max(0, (state === 'half-open' ? 1 : document.concurrency) - this.#going.size);
  }

  async #next(endpoint: ReadyEndpoint, places: number, lease: number, now: number): Promise<readonly Going[]> {
    const { standings, waiting, database, records } = this.#parts;
    const isProbe = standings.get()?.breaker.opensAgainAt !== undefined;
    if (isProbe && this.#isNewProbed()) {
      const fresh = await this.#reader.fresh(endpoint.document, 1, lease, now);
      if (fresh.length > 0) return fresh;
    }
    const again = isProbe ? waiting.probe() : waiting.due(now, new Set(this.#going.keys()));
    if (again === undefined) return this.#reader.fresh(endpoint.document, places, lease, now);
    const [first, ...rest] = await this.#parts.log.events(again.members);
    if (first !== undefined) return waiting.lease(again.id, lease) ? [{ ...again, events: [first, ...rest] }] : [];
    database.transaction(() => {
      buryRequest(records, again, now, 'the log no longer has it');
      waiting.end(again, now);
    });
    return this.#next(endpoint, places, lease, now);
  }

  /** A receiver that takes everything but what waits would never be seen to be well: each second probe is something new. */
  #isNewProbed(): boolean {
    this.#hasProbedNew = !this.#hasProbedNew && this.#parts.waiting.count < MOST_PROBES;
    return this.#hasProbedNew;
  }

  #start(endpoint: ReadyEndpoint, request: Going): void {
    const call = this.#send(endpoint, request)
      .catch((error: unknown) => {
        logEvent('error', 'delivery not recorded', { endpoint: endpoint.document.name, error: String(error) });
      })
      .finally(() => {
        this.#going.delete(request.id);
        this.#notify();
      });
    this.#going.set(request.id, call);
  }

  async #send(endpoint: ReadyEndpoint, request: Going): Promise<void> {
    const at = Date.now();
    const [receiver, life] = [this.#receiver, this.#life];
    const [first, ...rest] = request.events;
    const events = [first.event, ...rest.map(({ event }) => event)] as const;
    const outcome = await callReceiver(this.#parts.outbound, endpoint, request.id, events);
    // It may have been removed meanwhile.
    if (life !== this.#life || this.#parts.standings.get() === undefined) return;
    this.#parts.database.transaction(() => {
      this.#record(endpoint, request, outcome, { at, isOutdated: receiver !== this.#receiver });
    });
  }

  #record(
    { document }: ReadyEndpoint,
    request: Going,
    outcome: CallOutcome,
    { at, isOutdated }: { readonly at: number; readonly isOutdated: boolean },
  ): void {
    const { waiting, records, standings } = this.#parts;
    const now = Date.now();
    const { id, attempts, begunAt } = request;
    const attempt = {
      id,
      told: toldBy(request),
      at,
      status: outcome.status,
      durationMs: now - at,
      answer: outcome.answer,
    };
    const breaker = standings.get()?.breaker ?? CLOSED;
    // What was under way when it opened says nothing new.
    const isTelling = !isOutdated && stateOf(breaker, now) !== 'open';
    if (outcome.kind === 'delivered') {
      waiting.end(request, now);
      if (isTelling) this.#setBreaker(document.name, breaker, CLOSED, outcome);
      standings.count(request.events.length, 0);
      records.attempted({ ...attempt, nextAt: undefined });
      return;
    }
    standings.count(0, 1);
    if (outcome.kind === 'gone' && !isOutdated) {
      records.attempted({ ...attempt, nextAt: undefined });
      standings.disable(document.url);
      logEvent('warn', 'endpoint disabled', { endpoint: document.name, reason: REFUSED_REASON });
      return;
    }
    const retryAfterMs = outcome.kind === 'failed' && !isOutdated ? outcome.retryAfterMs : undefined;
    const next = isAtWork(outcome.status) ? CLOSED : failed(breaker, now, retryAfterMs, Math.random());
    if (isTelling) this.#setBreaker(document.name, breaker, next, outcome);
    if (now - begunAt >= document.giveUpAfterMs) {
      records.attempted({ ...attempt, nextAt: undefined });
      const reason = `given up after ${String(attempts + 1)} attempts`;
      buryRequest(records, request, now, reason);
      waiting.end(request, now);
      logEvent('warn', 'delivery given up', { endpoint: document.name, id, attempts: attempts + 1 });
      return;
    }
    const due = now + retryDelayMs(attempts + 1, retryAfterMs, Math.random());
    waiting.tryAgain(id, due);
    const { opensAgainAt } = standings.get()?.breaker ?? CLOSED;
    records.attempted({ ...attempt, nextAt: opensAgainAt ?? due });
  }

  /** The log tells of an endpoint that is left alone, and of one that is well again. */
  #setBreaker(endpoint: string, before: Breaker, now: Breaker, { status, answer }: CallOutcome): void {
    this.#parts.standings.setBreaker(now);
    const [was, is] = [before.opensAgainAt !== undefined, now.opensAgainAt !== undefined];
    if (!was && is)
      logEvent('warn', 'endpoint left alone', {
        endpoint,
        failures: now.failures,
        ...(status === undefined ? {} : { status }),
        answer,
      });
    if (was && !is) logEvent('info', 'endpoint back', { endpoint });
  }

  /** Nobody says when a setting changes. One whose receiver wanted no more stays disabled until it has another address. */
  #followSetting({ isDisabled, refusedUrl }: Standing, { document }: ReadyEndpoint): void {
    const { standings } = this.#parts;
    if (document.disabled) {
      if (!isDisabled) standings.disable(undefined);
    } else if (isDisabled && refusedUrl !== document.url) standings.enable();
  }

  async #buryAll(): Promise<void> {
    const { log, database, standings } = this.#parts;
    const upTo = await log.last();
    database.transaction(() => {
      const standing = standings.get();
      if (standing?.isDisabled !== true) return;
      const reason = standing.refusedUrl === undefined ? DISABLED_REASON : REFUSED_REASON;
      buryPending(this.#parts, upTo, Date.now(), reason);
    });
  }

  #tell(endpoint: string, problem: string, now: number): { outcome: TaskOutcome } {
    if (problem !== this.#toldProblem) logEvent('error', 'endpoint not usable', { endpoint, problem });
    this.#toldProblem = problem;
    return { outcome: { again: now + UNREADABLE_RETRY_MS } };
  }

  #notify(): void {
    this.#change.resolve(null);
    this.#change = Promise.withResolvers();
  }
}

function toldBy({ events: [{ event }, ...rest] }: Going): Told {
  const { kind, repository, target } = event;
  return { kind, repository, tag: target.tag, events: 1 + rest.length };
}

async function eitherOf(change: Promise<null>, ms: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const pause = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(SHORTEST_PAUSE_MS, ms));
  });
  await Promise.race([change, pause]);
  clearTimeout(timer);
}
