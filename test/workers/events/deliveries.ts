/** Endpoints of a test's own beside the log, with a receiver each (test/receivers.ts), and events that are appended by hand. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import * as v from 'valibot';
import { afterEach, beforeEach, vi } from 'vitest';
import {
  EVENT_VERSION,
  type EventKind,
  type EventTarget,
  type RegistryEvent,
} from '../../../src/notifications/event.ts';
import { newUuid } from '../../../src/notifications/uuid.ts';
import { parseTag } from '../../../src/oci/reference.ts';
import { parseRepositoryName, type RepositoryName } from '../../../src/oci/repository-name.ts';
import type { ConfiguredReader, QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { consumeEvents } from '../../../src/objects/consume-events.ts';
import { wrapped } from '../faults.ts';
import { crash, newWorld, objects, passTime } from '../world.ts';

const POLL_MS = 5;
const POLLS = 4_000;
const ALARM_ROUNDS = 50;
const AHEAD_MS = 3_600_000;

export interface Received {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AnswerScript {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly isHeld?: boolean;
}

let made = 0;
const webhooks = new Set<Webhook>();

/** An endpoint of the admin API. */
export class Webhook {
  readonly name: string;
  readonly host: string;

  constructor() {
    made += 1;
    this.name = `e${String(made)}-${crypto.randomUUID().slice(0, 8)}`;
    this.host = `${this.name}.receiver.example`;
    webhooks.add(this);
  }

  get stub() {
    return objects.endpoint(this.name);
  }

  get url(): string {
    return `https://${this.host}/hook`;
  }

  /** @param given of its document, besides name and URL */
  async make(given: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const since = (await objects.eventLog().addReader(this.name, ['manifest.push'])).result;
    await this.change(given, since);
  }

  async change(given: Readonly<Record<string, unknown>>, since?: number) {
    const from = since ?? (await objects.eventLog().addReader(this.name, ['manifest.push'])).result;
    const document = JSON.stringify({ name: this.name, url: this.url, ...given });
    return (await this.stub.configure(this.name, document, from)).result;
  }

  answers(...script: readonly AnswerScript[]): Promise<unknown> {
    return this.#control('PUT', JSON.stringify(script));
  }

  /** Lets go whatever it holds. */
  release(): Promise<unknown> {
    return this.#control('DELETE');
  }

  async received(): Promise<readonly Received[]> {
    return (await this.#control('GET')).requests;
  }

  async mostAtOnce(): Promise<number> {
    return (await this.#control('GET')).mostUnderWay;
  }

  async underWay(): Promise<number> {
    return (await this.#control('GET')).underWay;
  }

  /** The numbers of the events that it was sent, as `team/a 3`, in the order in which they came. */
  async told(): Promise<string[]> {
    return (await this.received()).flatMap(({ body }) => numbersOf(body));
  }

  async figures() {
    const { result } = await this.stub.figures();
    if (result === undefined) throw new Error('there is no such endpoint');
    return result;
  }

  async deadLetters() {
    return (await this.stub.deadLetters(0, 10_000)).result;
  }

  /** When its alarm rings (ms since the epoch). */
  alarmAt(): Promise<number | null> {
    return runInDurableObject(this.stub, (_object, { storage }) => storage.getAlarm());
  }

  /** What its alarm is to see to. */
  tasks(): Promise<unknown[]> {
    const query = 'SELECT kind, due, attempts FROM tasks';
    return runInDurableObject(this.stub, (_object, { storage }) => storage.sql.exec(query).toArray());
  }

  /** Rings its alarm while that is due. */
  async settle(): Promise<void> {
    for (let round = 0; round < ALARM_ROUNDS; round += 1) {
      const at = await this.alarmAt();
      if (at === null || at > Date.now()) return;
      await runDurableObjectAlarm(this.stub).catch(() => undefined);
    }
  }

  /** Has the time pass until its alarm is due, and rings it; false where none is set. */
  async passToAlarm(): Promise<boolean> {
    const at = await this.alarmAt();
    if (at === null) return false;
    if (at > Date.now()) vi.setSystemTime(at);
    await this.settle();
    return true;
  }

  /** Until nothing is waiting, however long that takes. */
  async drain(most = 500): Promise<void> {
    for (let round = 0; round < most; round += 1) {
      await this.settle();
      const { waiting, breaker } = await this.figures();
      if (waiting === 0 && breaker !== 'open') return;
      if (!(await this.passToAlarm())) passTime(1_000);
    }
    throw new Error('it never drained');
  }

  /** Asks until it is so: calls go on while a test looks. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    for (let poll = 0; poll < POLLS; poll += 1) {
      if (await condition()) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error('waited in vain');
  }

  crash(): Promise<void> {
    return crash(this.stub);
  }

  async remove(): Promise<void> {
    await this.release();
    await objects.eventLog().removeReader(this.name);
    await this.stub.remove();
    webhooks.delete(this);
  }

  /** Rows of a table of its store. */
  rows(table: string): Promise<number> {
    return runInDurableObject(
      this.stub,
      (_object, { storage }) => storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).one().n,
    );
  }

  async #control(method: string, body?: string) {
    const url = `https://receivers.control/?host=${this.host}`;
    const response = await env.OUTBOUND.fetch(url, { method, ...(body === undefined ? {} : { body }) });
    return response.json<{ requests: Received[]; underWay: number; mostUnderWay: number }>();
  }
}

/**
 * Each test of the file begins with no endpoint, so far ahead of the machine's clock that no alarm rings by itself: in a world
 * whose date stands still, one that rang before its time would be put off for ever.
 */
export function eachAheadOfTheClock(): void {
  beforeEach(async () => {
    await newWorld();
    passTime(AHEAD_MS);
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const webhook of [...webhooks]) await webhook.remove();
    vi.useRealTimers();
  });
}

const Envelope = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ events: v.array(v.object({ berth: v.object({ repository: v.string(), sequence: v.number() }) })) }),
);

/** The numbers of the events in a body of distribution's form. */
export function numbersOf(body: string): string[] {
  const { events } = v.parse(Envelope, body);
  return events.map(({ berth }) => `${berth.repository} ${String(berth.sequence)}`);
}

/** A repository of a test's own, whose events count from 1. */
export class Source {
  readonly name: RepositoryName;
  readonly incarnation = crypto.randomUUID();
  #number = 0;

  constructor(text: string) {
    made += 1;
    this.name = known(parseRepositoryName(`${text}-${String(made)}-${crypto.randomUUID().slice(0, 8)}`));
  }

  next(kind: EventKind = 'manifest.push', more: Partial<RegistryEvent> = {}): RegistryEvent {
    this.#number += 1;
    const now = Date.now();
    return {
      version: EVENT_VERSION,
      id: newUuid(now),
      at: now,
      kind,
      repository: this.name,
      sequence: { incarnation: this.incarnation, number: this.#number },
      target: {},
      cause: {
        requestId: crypto.randomUUID(),
        method: 'PUT',
        origin: 'https://berth.example',
        userAgent: 'test/1',
        actor: { kind: 'user', name: 'alice' },
        deployment: 'd1',
      },
      ...more,
    };
  }

  take(count: number): RegistryEvent[] {
    return Array.from({ length: count }, () => this.next());
  }

  /** Appends its next events beside a setting that names these endpoints, and wakes those. */
  async append(count: number, configured: readonly ConfiguredReader[]): Promise<void> {
    const { result } = await objects.eventLog().append(this.take(count).map(eventMessage), configured);
    for (const reader of result.readers) await objects.endpoint(reader.name).wake(reader);
  }

  /** `name 1` to `name count`. */
  numbers(count: number, first = 1): string[] {
    return Array.from({ length: count }, (_, index) => `${this.name} ${String(first + index)}`);
  }
}

export function eventMessage(event: RegistryEvent): QueuedMessage {
  return { kind: 'event', event };
}

/** Jitter that is no jitter: each delay is as long as it may be. */
export function fullDelays(): void {
  vi.spyOn(Math, 'random').mockReturnValue(1);
}

/** As the consumer of the Queue does it. */
export function consume(events: readonly RegistryEvent[]): Promise<void> {
  return consumeEvents(wrapped(env, 'queue'), events.map(eventMessage));
}

/** A target that a tag leads to. */
export function tagged(text: string): EventTarget {
  return { tag: known(parseTag(text)) };
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('this is in the form that it needs');
  return value;
}
