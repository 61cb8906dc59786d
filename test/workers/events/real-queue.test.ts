/**
 * From a change to the log through the platform's own Queue, with everything that may go wrong on the way done on purpose:
 * what is sent is refused, or taken and not acknowledged; a batch comes again, and behind a later one; objects are
 * aborted. At the end the log has every event once, in its repository's order, without a gap.
 */
import { createMessageBatch } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import { appendDead, consumeBatch } from '../../../src/objects/event-queue/platform-queue.ts';
import type { QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { demand, imageOf } from '../client.ts';
import { faults, wrapped, type FaultKind } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { newBlob, newWorld, objects, passTime, repositoryName, settle, type Blob } from '../world.ts';
import { inShort, outboxOf, pushImageOn, putOn } from './eventful.ts';

/** The Queue gathers for a second, and waits longer before a batch comes again. */
const PATIENCE = { timeout: 45_000, interval: 100 };

let log: LogLines;
let blob: Blob;
let name: string;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  passTime(3_600_000);
  blob = await newBlob(100);
  name = repositoryName('app');
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What the log has of a repository. */
async function logged(repository: string): Promise<RegistryEvent[]> {
  const found: RegistryEvent[] = [];
  for (let after = 0; ;) {
    const { result } = await objects.eventLog().read(after);
    if (result.kind !== 'page') throw new Error('the log of this test was trimmed');
    found.push(...result.events.map(({ event }) => event).filter((event) => event.repository === repository));
    if (result.isEnd) return found;
    after = result.next;
  }
}

/** Two drains' worth of events; what was written down. */
async function pushTwice(): Promise<string[]> {
  await pushImageOn(name, 'latest', blob, imageOf(blob));
  const first = await outboxOf(name);
  await settle();
  demand(await putOn(name, 'latest', imageOf(blob, { annotations: { build: '2' } })), 201);
  const second = (await outboxOf(name)).filter(({ id }) => !first.some((event) => event.id === id));
  await settle();
  return [...first, ...second].map(inShort);
}

/** Alarms that were put off by a fault ring, and the Queue has its time. */
async function expectLogged(expected: readonly string[]): Promise<void> {
  await vi.waitFor(async () => {
    passTime(60_000);
    await settle();
    expect((await logged(name)).map(inShort)).toEqual(expected);
  }, PATIENCE);
}

it('is in the log once, in order', async () => {
  await expectLogged(await pushTwice());
  expect(await outboxOf(name)).toEqual([]);
});

const POINTS: readonly (readonly [string, FaultKind, number])[] = [
  ...(['fail-before', 'fail-after', 'crash-before', 'crash-after'] as const).flatMap((kind) =>
    [0, 1].map((nth) => ['Repository>EVENTS.sendBatch', kind, nth] as const),
  ),
  ...(['fail-before', 'fail-after'] as const).map((kind) => ['queue>EVENT_LOG.append', kind, 0] as const),
];

it.each(POINTS)('is so too after %s %s (%i)', async (point, kind, nth) => {
  faults.inject(point, kind, nth);
  await expectLogged(await pushTwice());
  expect(faults.fired).toEqual([{ point, kind, nth }]);
});

/** As the platform hands them over; other batches of this Queue may come between. */
async function deliver(messages: readonly QueuedMessage[], queue = 'berth-events'): Promise<void> {
  const batch = createMessageBatch(
    queue,
    messages.map((body) => ({ id: crypto.randomUUID(), timestamp: new Date(), attempts: 1, body })),
  );
  await consumeBatch(batch, wrapped(env, 'queue'));
}

async function writtenDown(): Promise<QueuedMessage[]> {
  await pushImageOn(name, 'latest', blob, imageOf(blob));
  demand(await putOn(name, 'other', imageOf(blob)), 201);
  return (await outboxOf(name)).map((event) => ({ kind: 'event', event }));
}

it('is so too where messages come in any order, and more than once', async () => {
  const [one, two, three, four] = await writtenDown();
  if (one === undefined || two === undefined || three === undefined || four === undefined)
    throw new Error('four events');
  for (const batch of [[four, two], [two, four], [three], [one, three], [one]]) await deliver(batch);
  expect((await logged(name)).map(({ sequence }) => sequence?.number)).toEqual([1, 2, 3, 4]);
});

it('lies in the bucket once the Queue has given up, and is appended from there', async () => {
  const messages = await writtenDown();
  await deliver(messages, 'berth-events-dead');
  expect(await logged(name)).toEqual([]);
  expect(log.events.filter(({ event }) => event === 'events kept in the bucket')).toHaveLength(1);
  faults.inject('queue>EVENT_LOG.append', 'fail-before');
  await expect(appendDead(wrapped(env, 'queue'))).rejects.toThrow();
  await appendDead(wrapped(env, 'queue'));
  expect((await logged(name)).map(({ sequence }) => sequence?.number)).toEqual([1, 2, 3, 4]);
  expect((await env.BLOBS.list({ prefix: 'events/' })).objects).toEqual([]);
});
