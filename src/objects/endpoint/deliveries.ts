/**
 * Delivers: reads the log, writes down each request before it is sent, sends as many at once as the endpoint may get, and
 * records how they ended. An open breaker stops all of it, reading too, so a dead endpoint costs the few rows of what was
 * under way, however long it is dead and however much happens meanwhile.
 */
import { CLOSED, failed, stateOf, type Breaker } from '../../notifications/breaker.ts';
import type { EndpointDocument } from '../../notifications/endpoint-document.ts';
import { renderedBody } from '../../notifications/rendering.ts';
import { retryDelayMs } from '../../notifications/retry.ts';
import { signedHeaders, type WebhookSecret } from '../../notifications/signature.ts';
import { newUuid } from '../../notifications/uuid.ts';
import { callWebhook, type CallOutcome } from '../../notifications/webhook-call.ts';
import type { Database } from '../database.ts';
import type { EventPage, LoggedEvent } from '../event-log/messages.ts';
import type { TaskOutcome } from '../tasks.ts';
import { plan } from './planning.ts';
import type { Readings } from './readings.ts';
import type { Records } from './records.ts';
import { MOST_WAITING, type Waiting, type WaitingRequest } from './waiting.ts';

/** Of one alarm: then the next one goes on, so that no alarm is cut off by the platform. */
const RUN_MS = 20_000;
/** Beyond the time-out of its call, a request of which nothing is heard was lost with its object. */
const LEASE_EXTRA_MS = 30_000;
const USER_AGENT = 'Berth-Webhook/1';

/** An endpoint with its secrets at hand. */
export interface ReadyEndpoint {
  readonly document: EndpointDocument;
  readonly headers: Readonly<Record<string, string>>;
  readonly signingSecrets: readonly WebhookSecret[];
  /** Whatever must not be shown. */
  readonly secretTexts: readonly string[];
}

export interface Log {
  readonly read: (after: number) => Promise<EventPage>;
  readonly events: (cursors: readonly number[]) => Promise<readonly LoggedEvent[]>;
}

interface Parts {
  readonly database: Database;
  readonly waiting: Waiting;
  readonly readings: Readings;
  readonly records: Records;
  readonly log: Log;
  readonly fetcher: Pick<Fetcher, 'fetch'>;
  /** Undefined where there is nothing to deliver to: disabled, or its secrets can't be read. */
  readonly ready: () => Promise<ReadyEndpoint | undefined>;
  /** Its receiver wants no more. */
  readonly disable: () => void;
}

/** A request that is sent now, with its events. */
interface Going extends WaitingRequest {
  readonly events: readonly [LoggedEvent, ...LoggedEvent[]];
}

export class Deliveries {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async run(began: number): Promise<TaskOutcome> {
    for (let now = began; now < began + RUN_MS; now = Date.now()) {
      const endpoint = await this.#parts.ready();
      if (endpoint === undefined) return 'done';
      const breaker = this.#breaker();
      const state = stateOf(breaker, now);
      if (state === 'open') return { again: breaker.opensAgainAt ?? now };
      const going = await this.#next(endpoint, state === 'half-open', now);
      if (going.length === 0) {
        const due = this.#parts.waiting.nextDue();
        return due === undefined ? 'done' : { again: due };
      }
      await Promise.all(going.map((request) => this.#send(endpoint, request)));
    }
    return { again: Date.now() };
  }

  async #next(endpoint: ReadyEndpoint, isProbe: boolean, now: number): Promise<Going[]> {
    const { waiting } = this.#parts;
    const { simultaneous, timeoutMs } = endpoint.document;
    const lease = now + timeoutMs + LEASE_EXTRA_MS;
    const most = isProbe ? 1 : simultaneous;
    const taken = isProbe ? waiting.takeProbe(lease) : waiting.takeDue(now, most, lease);
    const again = await this.#withEvents(taken, now);
    if (again.length >= most) return again;
    return [...again, ...(await this.#fresh(endpoint.document, most - again.length, lease, now))];
  }

  async #withEvents(taken: readonly WaitingRequest[], now: number): Promise<Going[]> {
    if (taken.length === 0) return [];
    const found = await this.#parts.log.events(taken.flatMap(({ members }) => members));
    const byCursor = new Map(found.map((logged) => [logged.cursor, logged]));
    return taken.flatMap((request) => {
      const [first, ...rest] = request.members.flatMap((cursor) => byCursor.get(cursor) ?? []);
      if (first !== undefined) return [{ ...request, events: [first, ...rest] as const }];
      this.#giveUp(request, undefined, now, 'the log no longer has it');
      return [];
    });
  }

  /** Reads on, and writes down what is to be sent together with how far was read. */
  async #fresh(document: EndpointDocument, most: number, lease: number, now: number): Promise<Going[]> {
    const { database, readings, waiting, log, records } = this.#parts;
    for (const reading of readings.all()) {
      const mostWaiting = MOST_WAITING - waiting.count;
      if (mostWaiting <= 0) return [];
      const page = await log.read(reading.cursor);
      if (page.kind === 'gone') {
        database.transaction(() => {
          const [first, last] = [reading.cursor + 1, page.oldest];
          records.buried({ first, last, event: undefined, at: now, reason: 'the log no longer has them' });
          readings.moveTo(reading, page.oldest);
        });
        continue;
      }
      const events = page.events.filter(({ cursor }) => reading.until === undefined || cursor <= reading.until);
      const going = database.transaction(() => {
        const { requests, next } = plan(document, events, reading.cursor, {
          most,
          mostWaiting,
          isBusy: (repository) => waiting.isAnyOf(repository),
        });
        const isWholePage = next === (events.at(-1)?.cursor ?? reading.cursor);
        const isAtEnd = isWholePage && (page.isEnd || events.length < page.events.length);
        readings.moveTo(reading, isAtEnd ? (reading.until ?? next) : next);
        return requests.flatMap(({ events: members, isBlocked }): Going[] => {
          const { id: eventId, repository } = members[0].event;
          // One event keeps its own id, replayed or not: whoever has got it knows it again.
          const id = members.length === 1 ? eventId : newUuid(now);
          const cursors = members.map(({ cursor }) => cursor);
          const isNew = waiting.add({ id, members: cursors, repository }, now, isBlocked ? null : lease);
          if (!isNew || isBlocked) return [];
          return [{ id, members: cursors, repository, attempts: 0, begunAt: now, events: members }];
        });
      });
      if (going.length > 0) return going;
      if (!page.isEnd && reading.until === undefined) return this.#fresh(document, most, lease, now);
    }
    return [];
  }

  async #send({ document, headers, signingSecrets, secretTexts }: ReadyEndpoint, request: Going): Promise<void> {
    const [first, ...rest] = request.events;
    const { type, body } = renderedBody(document, [first.event, ...rest.map(({ event }) => event)]);
    const at = Date.now();
    const signed = await signedHeaders({ id: request.id, timestamp: Math.floor(at / 1_000), body }, signingSecrets);
    const outcome = await callWebhook(
      this.#parts.fetcher,
      {
        url: document.url,
        headers: { ...headers, 'content-type': type, 'user-agent': USER_AGENT, ...signed },
        body,
        timeoutMs: document.timeoutMs,
        secrets: secretTexts,
      },
      Date.now,
    );
    this.#parts.database.transaction(() => {
      this.#record(document, request, outcome, at);
    });
  }

  #record(document: EndpointDocument, request: Going, outcome: CallOutcome, at: number): void {
    const { waiting, records, disable } = this.#parts;
    const now = Date.now();
    const { id, attempts, begunAt } = request;
    const attempt = { id, at, status: outcome.status, durationMs: now - at, answer: outcome.answer };
    if (outcome.kind === 'delivered') {
      waiting.end(request, now);
      this.#setBreaker(CLOSED);
      records.counted(request.events.length, 0);
      records.attempted({ ...attempt, nextAt: undefined });
      return;
    }
    records.counted(0, 1);
    if (outcome.kind === 'gone') {
      records.attempted({ ...attempt, nextAt: undefined });
      disable();
      return;
    }
    this.#setBreaker(failed(this.#breaker(), now, outcome.retryAfterMs, Math.random()));
    if (now - begunAt >= document.giveUpAfterMs) {
      records.attempted({ ...attempt, nextAt: undefined });
      this.#giveUp(request, request.events[0].event.id, now, `given up after ${String(attempts + 1)} attempts`);
      return;
    }
    const due = now + retryDelayMs(attempts + 1, outcome.retryAfterMs, Math.random());
    waiting.tryAgain(id, due);
    records.attempted({ ...attempt, nextAt: due });
  }

  #giveUp(request: WaitingRequest, event: string | undefined, at: number, reason: string): void {
    const [first = 0] = request.members;
    const last = request.members.at(-1) ?? first;
    this.#parts.records.buried({ first, last, event, at, reason });
    this.#parts.waiting.end(request, at);
  }

  #breaker(): Breaker {
    const row = this.#parts.database.first<{ failures: number; opens_again_at: number | null }>(
      'SELECT failures, opens_again_at FROM endpoint',
    );
    return row === undefined ? CLOSED : { failures: row.failures, opensAgainAt: row.opens_again_at ?? undefined };
  }

  #setBreaker({ failures, opensAgainAt }: Breaker): void {
    this.#parts.database.run(
      'UPDATE endpoint SET failures = ?, opens_again_at = ? WHERE failures <> ? OR opens_again_at IS NOT ?',
      failures,
      opensAgainAt ?? null,
      failures,
      opensAgainAt ?? null,
    );
  }
}
