/**
 * Messages that this release can not read, since another one wrote them or something damaged them: each is kept for the release
 * that can, and takes no other with it.
 */
import { createMessageBatch, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { appendDead, consumeBatch } from '../../../src/objects/event-queue/platform-queue.ts';
import type { QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { faults, wrapped } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { newWorld, objects, passTime } from '../world.ts';
import { eventMessage, Source } from './deliveries.ts';

const YET_TO_COME = { kind: 'of a release yet to come', event: { id: 'x' } };

let log: LogLines;
let source: Source;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  passTime(3_600_000);
  source = new Source('team/app');
});
afterEach(async () => {
  const { objects: left } = await env.BLOBS.list({ prefix: 'events/' });
  await env.BLOBS.delete(left.map(({ key }) => key));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What became of each: taken, or to come again after so many seconds. */
async function deliver(queue: string, attempts: number, bodies: readonly unknown[]) {
  const ends: ('taken' | number | undefined)[] = bodies.map(() => undefined);
  const end = (index: number, how: 'taken' | number | undefined) => {
    if (ends[index] !== undefined) throw new Error('a message ends once');
    ends[index] = how;
  };
  const messages = bodies.map((body, index) => ({
    ...{ id: String(index), timestamp: new Date(), attempts, body },
    ack: () => {
      end(index, 'taken');
    },
    retry: (options?: QueueRetryOptions) => {
      end(index, options?.delaySeconds);
    },
  }));
  const batch = createMessageBatch(queue, []);
  await consumeBatch({ ...batch, queue, messages }, wrapped(env, 'queue'));
  return ends;
}

async function numbersInLog(): Promise<(number | undefined)[]> {
  const { result } = await objects.eventLog().read(0);
  if (result.kind !== 'page') throw new Error('the log of this test was trimmed');
  return result.events
    .filter(({ event }) => event.repository === source.name)
    .map(({ event }) => event.sequence?.number);
}

async function stored(prefix: string): Promise<unknown[]> {
  const found = await env.BLOBS.list({ prefix });
  return Promise.all(found.objects.map(async ({ key }) => (await env.BLOBS.get(key))?.text()));
}

describe('the consumer of the Queue', () => {
  it('takes the others of its batch, and has it come again, later each time', async () => {
    const [one, two] = [eventMessage(source.next()), eventMessage(source.next())];
    expect(await deliver('berth-events', 3, [one, YET_TO_COME, two])).toEqual(['taken', 8, 'taken']);
    expect(await numbersInLog()).toEqual([1, 2]);
    expect(await deliver('berth-events', 90, [YET_TO_COME])).toEqual([3_600]);
  });

  it('has all of a batch come again that the log did not take, each as late as itself needs', async () => {
    faults.inject('queue>EVENT_LOG.append', 'fail-before');
    const event = eventMessage(source.next());
    expect(await deliver('berth-events', 2, [event, YET_TO_COME])).toEqual([4, 4]);
    expect(await deliver('berth-events', 3, [event])).toEqual(['taken']);
    expect(await numbersInLog()).toEqual([1]);
  });

  it('keeps it in the bucket as it came, once the Queue has given up', async () => {
    const bodies = [eventMessage(source.next()), YET_TO_COME, 'no object at all'];
    expect(await deliver('berth-events-dead', 1, bodies)).toEqual(['taken', 'taken', 'taken']);
    expect(await stored('events/dead/')).toEqual([JSON.stringify(bodies)]);
  });

  it('has dead letters come again while the bucket takes none', async () => {
    faults.inject('queue>store.put', 'fail-before');
    const event = eventMessage(source.next());
    expect(await deliver('berth-events-dead', 4, [event])).toEqual([16]);
    expect(await deliver('berth-events-dead', 5, [event])).toEqual(['taken']);
  });
});

describe('what lies in the bucket', () => {
  it('is set aside where it can not be read, and holds up nothing behind it', async () => {
    const [one, two] = [eventMessage(source.next()), eventMessage(source.next())];
    await env.BLOBS.put('events/dead/0', 'cut off [');
    await env.BLOBS.put('events/dead/1', JSON.stringify([one, YET_TO_COME]));
    await env.BLOBS.put('events/dead/2', JSON.stringify([two]));
    await appendDead(wrapped(env, 'queue'));
    expect(await numbersInLog()).toEqual([1, 2]);
    expect(await stored('events/dead/')).toEqual([]);
    expect(await stored('events/unreadable/')).toEqual(['cut off [', JSON.stringify([YET_TO_COME])]);
    const told = log.events.filter(({ event }) => event === 'events set aside');
    expect(told.map(({ level, key }) => [level, key])).toEqual([
      ['error', 'events/unreadable/0'],
      ['error', 'events/unreadable/1'],
    ]);
  });
});

describe('the queue of one machine', () => {
  const queue = () => env.TEST_EVENT_QUEUE.get(env.TEST_EVENT_QUEUE.idFromName('events'));
  const rows = (query: string) =>
    runInDurableObject(queue(), (_object, { storage }) => storage.sql.exec(query).toArray());

  it('sets it aside, and goes on with what is behind it', async () => {
    const messages: readonly QueuedMessage[] = source.take(2).map(eventMessage);
    await queue().send([...messages.slice(0, 1), { kind: 'probe' }, ...messages.slice(1)]);
    const [first, second] = [JSON.stringify(YET_TO_COME), 'cut off ['];
    await rows(`UPDATE messages SET body = '${first}' WHERE id = 2`);
    await rows(`INSERT INTO messages (body) VALUES ('${second}')`);
    await runDurableObjectAlarm(queue());
    expect(await numbersInLog()).toEqual([1, 2]);
    expect(await rows('SELECT body FROM unreadable ORDER BY id')).toEqual([{ body: first }, { body: second }]);
    expect(await rows('SELECT * FROM messages')).toEqual([]);
    expect(log.events.filter(({ event }) => event === 'events set aside')).toHaveLength(2);
  });

  it('keeps all of a batch that the log did not take', async () => {
    faults.inject('EventQueue>EVENT_LOG.append', 'fail-before');
    await queue().send(source.take(1).map(eventMessage));
    await runDurableObjectAlarm(queue());
    expect(await numbersInLog()).toEqual([]);
    passTime(60_000);
    await runDurableObjectAlarm(queue());
    expect(await numbersInLog()).toEqual([1]);
  });
});
