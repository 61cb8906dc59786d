/**
 * How an outbox is emptied into the Queue: in order, in batches that the Queue takes, at least once. The Queue is the platform's;
 * here it takes and refuses as a test says, which the real one does when it likes.
 */
import { runInDurableObject } from 'cloudflare:test';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Cause } from '../../../src/notifications/event.ts';
import { Database } from '../../../src/objects/database.ts';
import type { QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { Outbox } from '../../../src/objects/repository/outbox.ts';
import { MIGRATIONS } from '../../../src/objects/repository/schema.ts';
import { repositoryStub } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { newWorld, passTime, repositoryName } from '../world.ts';

const CAUSE: Cause = {
  requestId: 'r',
  method: 'PUT',
  origin: 'https://registry.example',
  userAgent: 'test/1',
  actor: { kind: 'anonymous' },
  deployment: 'd',
};
const BOUNDS = { outboxMost: 100_000, outboxOldestMs: 86_400_000 };

let log: LogLines;
let stores = 0;
beforeEach(async () => {
  log = new LogLines();
  await newWorld();
  passTime(3_600_000);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A Queue that refuses what `refuses` says, and keeps the rest. */
class Queue {
  readonly batches: (readonly QueuedMessage[])[] = [];
  attempts = 0;
  refuses: (messages: readonly QueuedMessage[]) => boolean = () => false;

  send(messages: readonly QueuedMessage[]): Promise<void> {
    this.attempts += 1;
    if (this.refuses(messages)) return Promise.reject(new Error('refused'));
    this.batches.push(messages);
    return Promise.resolve();
  }

  /** Numbers as they were taken; those of markers are negative. Probes tell nothing. */
  get numbers(): number[] {
    return this.batches.flat().flatMap((message) => {
      if (message.kind === 'probe') return [];
      return message.kind === 'lost' ? [-message.sequence.number] : [message.event.sequence?.number ?? NaN];
    });
  }
}

interface Opened {
  outbox: Outbox;
  write: (count: number, size?: number) => void;
  rows: () => number;
  setAside: () => unknown[];
}

/** An outbox in a store of its own. */
function withOutbox<T>(queue: Queue, use: (opened: Opened) => Promise<T>): Promise<T> {
  const name = repositoryName(`drain-${String((stores += 1))}`);
  return runInDurableObject(repositoryStub(name), async (_object, { storage }) => {
    const database = new Database(storage, 'Repository', MIGRATIONS);
    database.ensure();
    database.run("INSERT INTO identity (name, incarnation, sequence, present) VALUES (?, 'i', 0, 0)", name);
    const outbox = new Outbox({ database, tasks: { add: () => undefined }, producer: queue, bounds: () => BOUNDS });
    return use({
      outbox,
      write: (count, size = 0) => {
        for (let index = 0; index < count; index += 1) {
          outbox.write('manifest.push', { annotations: { text: 'x'.repeat(size) } }, CAUSE, Date.now());
        }
      },
      rows: () => database.all('SELECT number FROM outbox').length,
      setAside: () => database.all('SELECT number, reason FROM set_aside ORDER BY number'),
    });
  });
}

function countTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

const isOf = (number: number) => (message: QueuedMessage) =>
  message.kind === 'event' && message.event.sequence?.number === number;

it('sends everything in order, a hundred at a time', async () => {
  const queue = new Queue();
  await withOutbox(queue, async ({ outbox, write, rows }) => {
    write(250);
    expect(await outbox.drain(Date.now())).toBe('done');
    expect(rows()).toBe(0);
  });
  expect(queue.batches.map(({ length }) => length)).toEqual([100, 100, 50]);
  expect(queue.numbers).toEqual(countTo(250));
});

it('cuts a batch at what the Queue takes', async () => {
  const queue = new Queue();
  await withOutbox(queue, async ({ outbox, write }) => {
    write(100, 16_000);
    await outbox.drain(Date.now());
  });
  for (const batch of queue.batches) expect(JSON.stringify(batch).length).toBeLessThan(256_000);
  expect(queue.numbers).toEqual(countTo(100));
});

it('keeps everything while the Queue takes nothing, and sends it once it does', async () => {
  const queue = new Queue();
  queue.refuses = () => true;
  await withOutbox(queue, async ({ outbox, write, rows, setAside }) => {
    write(130);
    for (let time = 0; time < 20; time += 1) {
      const outcome = await outbox.drain(Date.now());
      expect(outcome).not.toBe('done');
      if (outcome !== 'done') expect(outcome.again - Date.now()).toBeLessThanOrEqual(60_000);
    }
    expect(rows()).toBe(130);
    expect(setAside()).toEqual([]);
    const told = log.events.filter(({ event }) => event === 'events not sent');
    expect(told.at(-1)).toMatchObject({ level: 'warn', number: 1, reason: 'Error: refused' });
    queue.refuses = () => false;
    expect(await outbox.drain(Date.now())).toBe('done');
  });
  expect(queue.numbers).toEqual(countTo(130));
});

it('waits longer each time that the Queue takes nothing', async () => {
  const queue = new Queue();
  queue.refuses = () => true;
  await withOutbox(queue, async ({ outbox, write }) => {
    write(1);
    const delays: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      const outcome = await outbox.drain(Date.now());
      delays.push(outcome === 'done' ? NaN : outcome.again - Date.now());
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });
});

it('sets a row aside that the Queue refuses alone, tells the log of its number, and holds up nothing behind it', async () => {
  const queue = new Queue();
  queue.refuses = (messages) => messages.some(isOf(42));
  await withOutbox(queue, async ({ outbox, write, rows, setAside }) => {
    write(120);
    for (let time = 0; time < 3; time += 1) await outbox.drain(Date.now());
    expect(rows()).toBe(0);
    expect(setAside()).toEqual([{ number: 42, reason: 'Error: refused' }]);
  });
  expect(queue.numbers).toEqual(countTo(120).map((number) => (number === 42 ? -42 : number)));
  const reported = log.events.find(({ event }) => event === 'event set aside');
  // All that a person needs who has to tell of it by hand.
  expect(reported).toMatchObject({ level: 'error', number: 42, kind: 'manifest.push', reason: 'Error: refused' });
});

it('finds a row that is refused in few attempts', async () => {
  const queue = new Queue();
  queue.refuses = (messages) => messages.some(isOf(50));
  await withOutbox(queue, async ({ outbox, write }) => {
    write(100);
    await outbox.drain(Date.now());
  });
  expect(queue.attempts).toBeLessThan(25);
});

it('loses no event in a Queue that refuses whatever it likes (property)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.integer({ min: 1, max: 150 }), async (refusals, count) => {
      const queue = new Queue();
      queue.refuses = () => refusals.next().value === true;
      await withOutbox(queue, async ({ outbox, write, rows, setAside }) => {
        write(count);
        for (let time = 0; time < 2_000 && rows() > 0; time += 1) await outbox.drain(Date.now());
        expect(rows()).toBe(0);
        expect(setAside()).toEqual([]);
      });
      expect(queue.numbers).toEqual(countTo(count));
    }),
    { numRuns: 20, endOnFailure: true },
  );
});
