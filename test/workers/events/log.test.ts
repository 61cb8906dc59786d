/** The log: each event once, in its repository's order, under one cursor. */
import { runInDurableObject } from 'cloudflare:test';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import type { QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { LONGEST_PARKING_MS } from '../../../src/objects/event-log/order.ts';
import { LogLines } from '../log-lines.ts';
import { crash, passTime } from '../world.ts';
import { consume, eventMessage, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';
import { append, lastCursor, log, lost, numbersSince, readAll, settleLog } from './event-log.ts';

eachAheadOfTheClock();

describe('the log', () => {
  it('has an event once, however often the Queue brings it', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(3);
    for (let time = 0; time < 3; time += 1) await append(...events.map(eventMessage));
    await append(...events.map(eventMessage), ...events.map(eventMessage));
    expect(await numbersSince(after, source)).toEqual([1, 2, 3]);
  });

  it('has an event that nothing counts once, too', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const { sequence: _none, ...pull } = source.next('manifest.pull');
    for (let time = 0; time < 3; time += 1) await append(eventMessage(pull), eventMessage(pull));
    expect((await readAll(after)).map(({ event }) => event.id)).toEqual([pull.id]);
  });

  it('gives out cursors without gaps', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    for (let batch = 0; batch < 4; batch += 1) {
      const { sequence: _none, ...pull } = source.next('manifest.pull');
      await append(eventMessage(pull), eventMessage(pull));
    }
    expect((await readAll(after)).map(({ cursor }) => cursor - after)).toEqual([1, 2, 3, 4]);
    expect(await lastCursor()).toBe(after + 4);
  });

  it('has the events of a repository in their order, in whatever order and however often they come', async () => {
    const index = fc.nat({ max: 7 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ index, isLost: fc.boolean() }), { minLength: 1, maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 5 })),
        fc.uniqueArray(index, { maxLength: 4 }),
        fc.nat({ max: 4 }),
        async (order, sizes, doubtful, goneCount) => {
          const [source, other, after] = [new Source('team/a'), new Source('team/b'), await lastCursor()];
          const [events, others] = [source.take(8), other.take(8)];
          // Their sender may call them lost; of some there is no event, and others come all the same.
          const gone = doubtful.slice(0, goneCount);
          const messageAt = (at: number, isLost: boolean, of: RegistryEvent[]): QueuedMessage[] => {
            const isMarker = gone.includes(at) || (isLost && doubtful.includes(at));
            return of.slice(at, at + 1).map((event) => (isMarker ? lost(event) : eventMessage(event)));
          };
          // At the end each has come at least once.
          const last = [7, 6, 5, 4, 3, 2, 1, 0].map((at) => ({ index: at, isLost: false }));
          const coming = [...order, ...last].flatMap(({ index: at, isLost }) => [
            ...messageAt(at, isLost, events),
            ...messageAt(7 - at, isLost, others),
          ]);
          for (const size of sizes) {
            await append(...coming.splice(0, size));
            if (coming.length === 0) break;
          }
          const numbers = [1, 2, 3, 4, 5, 6, 7, 8].filter((number) => !gone.includes(number - 1));
          const isSure = (number: number | undefined) => number !== undefined && !doubtful.includes(number - 1);
          for (const one of [source, other]) {
            const found = await numbersSince(after, one);
            expect(found.toSorted()).toEqual(numbers);
            expect(found.filter(isSure)).toEqual(numbers.filter(isSure));
          }
          for (const { event, afterGap } of await readAll(after)) {
            const number = event.sequence?.number ?? NaN;
            if (gone.includes(number - 2) && isSure(number)) expect(afterGap).toBe(true);
            if (!doubtful.includes(number - 2)) expect(afterGap).toBeUndefined();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  it('has an event that its sender called lost, where the Queue had taken it after all', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(5);
    const [first, second, third, fourth, fifth] = events;
    if (!first || !second || !third || !fourth || !fifth) throw new Error('there are five');
    await append(lost(first), eventMessage(second));
    for (let time = 0; time < 2; time += 1) await append(eventMessage(first), lost(first));
    expect(await numbersSince(after, source)).toEqual([2, 1]);
    // Before it has its place in the order, it takes that.
    await append(lost(fourth), eventMessage(fourth), lost(fourth), eventMessage(fifth));
    await append(eventMessage(third));
    expect((await readAll(after)).map(({ event, afterGap }) => [event.sequence?.number, afterGap])).toEqual([
      [2, true],
      [1, undefined],
      [3, undefined],
      [4, undefined],
      [5, undefined],
    ]);
  });

  it('keeps a repository that was made anew apart from the one before', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const anew = { ...source.next(), sequence: { incarnation: 'another', number: 1 } };
    await append(eventMessage(source.next()), eventMessage(anew));
    expect((await readAll(after)).map(({ event }) => event.sequence?.incarnation)).toEqual(['another']);
  });

  it('has another event of a number that it knows, since its repository was put back, and tells so', async () => {
    const lines = new LogLines();
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(5);
    await append(...events.slice(0, 3).map(eventMessage), ...events.slice(4).map(eventMessage));
    const numberedAs = (number: number) =>
      source.next('manifest.push', { sequence: { incarnation: source.incarnation, number } });
    // One takes the number of an event that is in the log, the other of one that waits.
    const [third, fifth] = [numberedAs(3), numberedAs(5)];
    for (let time = 0; time < 2; time += 1) await append(eventMessage(third), eventMessage(fifth));
    await append(...events.slice(3).map(eventMessage));
    const ids = [...events.slice(0, 3), third, fifth, ...events.slice(3)].map(({ id }) => id);
    expect((await readAll(after)).map(({ event }) => event.id)).toEqual(ids);
    const told = lines.events.filter(({ event }) => event === 'event numbered as another one');
    expect(told).toMatchObject([{ level: 'error', repository: source.name, number: 3, events: 2, eventId: third.id }]);
  });

  it('refuses a cursor that it has never given out, rather than leave out what comes', async () => {
    const after = await lastCursor();
    expect((await log().read(after)).result.kind).toBe('page');
    expect((await log().read(after + 1)).result).toMatchObject({ kind: 'ahead' });
    expect((await log().follow('follower', after + 1)).result.kind).toBe('ahead');
  });

  it('tells an endpoint that is ahead of it, since the log was put back, all that it keeps', async () => {
    const lines = new LogLines();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    await runInDurableObject(webhook.stub, (_object, { storage }) => {
      storage.sql.exec('UPDATE readings SET cursor = cursor + 1000');
    });
    await webhook.crash();
    await consume(source.take(1));
    await webhook.drain();
    const told = (await webhook.told()).filter((number) => number.startsWith(`${source.name} `));
    expect(new Set(told)).toEqual(new Set(source.numbers(2)));
    expect(lines.text).toContain('endpoint ahead of the log');
  });

  it('waits an hour for what is missing, then goes on with a mark, and wakes who reads it', async () => {
    const lines = new LogLines();
    const [source, other, webhook] = [new Source('team/app'), new Source('other/app'), new Webhook()];
    await webhook.make();
    const after = await lastCursor();
    const events = source.take(6);
    await consume([...events.slice(0, 1), ...events.slice(2, 4), ...events.slice(5), ...other.take(1)]);
    await webhook.settle();
    expect((await webhook.told()).sort()).toEqual([`${other.name} 1`, `${source.name} 1`].sort());
    passTime(LONGEST_PARKING_MS - 1);
    await settleLog();
    expect(await numbersSince(after, source)).toEqual([1]);
    passTime(1);
    await settleLog();
    expect(
      (await readAll(after))
        .filter(({ event }) => event.repository === source.name)
        .map(({ event, afterGap }) => [event.sequence?.number, afterGap]),
    ).toEqual([
      [1, undefined],
      [3, true],
      [4, undefined],
      [6, true],
    ]);
    expect(lines.text).toContain('events out of order for an hour');
    await webhook.settle();
    const told = (await webhook.told()).filter((number) => number.startsWith(`${source.name} `));
    expect(told.sort()).toEqual([1, 3, 4, 6].map((number) => `${source.name} ${String(number)}`));
    // Its place is taken, so it comes out of order; once, however often it comes.
    for (let time = 0; time < 2; time += 1) await consume(events.slice(1, 2));
    expect(await numbersSince(after, source)).toEqual([1, 3, 4, 6, 2]);
    await consume([...events.slice(4, 5), ...source.take(1)]);
    expect(await numbersSince(after, source)).toEqual([1, 3, 4, 6, 2, 5, 7]);
  });

  it('has what waits behind another gap wait its own hour, and what is before it go with it', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(9);
    const bring = (...numbers: number[]) =>
      append(...events.filter((_, index) => numbers.includes(index + 1)).map(eventMessage));
    await bring(1);
    await bring(3, 4);
    passTime(LONGEST_PARKING_MS - 60_000);
    await bring(7);
    passTime(60_000);
    await settleLog();
    expect(await numbersSince(after, source)).toEqual([1, 3, 4]);
    await bring(6);
    passTime(LONGEST_PARKING_MS - 60_000);
    await settleLog();
    expect(await numbersSince(after, source)).toEqual([1, 3, 4, 6, 7]);
    await bring(5, 2);
    expect(await numbersSince(after, source)).toEqual([1, 3, 4, 6, 7, 2, 5]);
  });

  it('has each of many that were given up, when it comes', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(8);
    await append(...[7].map((index) => eventMessage(events[index] ?? source.next())));
    passTime(LONGEST_PARKING_MS);
    await settleLog();
    expect(await numbersSince(after, source)).toEqual([8]);
    for (const index of [3, 0, 6, 3, 1]) await append(eventMessage(events[index] ?? source.next()));
    expect(await numbersSince(after, source)).toEqual([8, 4, 1, 7, 2]);
  });

  it('is read in pages of bounded length', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const annotations = { padding: 'x'.repeat(95_000) };
    for (let batch = 0; batch < 5; batch += 1) {
      await append(
        ...Array.from({ length: 10 }, () => eventMessage(source.next('manifest.push', { target: { annotations } }))),
      );
    }
    for (let batch = 0; batch < 3; batch += 1) await append(...source.take(100).map(eventMessage));
    const { result } = await log().read(after);
    expect(result).toMatchObject({ kind: 'page', isEnd: false });
    expect(JSON.stringify(result).length).toBeLessThan(2_200_000);
    expect((await readAll(after)).length).toBe(350);
    expect((await log().read(after, after + 3)).result).toMatchObject({ next: after + 3, isEnd: true });
  });

  it('takes a batch wholly or not at all', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const wrong = source.next();
    const numbered = (number: number) => ({ sequence: { incarnation: 'a', number } });
    const refused = async () => {
      await append(
        eventMessage(source.next('manifest.push', numbered(1))),
        eventMessage({ ...wrong, ...numbered(Number.NaN) }),
      );
    };
    await expect(refused()).rejects.toThrow('NOT NULL');
    expect(await readAll(after)).toEqual([]);
  });

  it('goes on as an older release left it', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const since = (await log().addReader('reader-one', ['manifest.push'])).result;
    await append(...source.take(2).map(eventMessage));
    await runInDurableObject(log(), (_object, { storage }) => {
      for (const table of ['sightings', 'skipped']) storage.sql.exec(`DROP TABLE ${table}`);
      storage.sql.exec('ALTER TABLE readers DROP COLUMN removed_at');
      storage.sql.exec('UPDATE schema_version SET version = 1');
    });
    await crash(log());
    const { result } = await append(...source.take(1).map(eventMessage));
    expect(result).toEqual({ upTo: after + 3, readers: [{ name: 'reader-one', since, origin: 'admin' }] });
    expect(await numbersSince(after, source)).toEqual([1, 2, 3]);
    await log().removeReader('reader-one');
  });

  it('counts what lies behind a reader without the cursors that a restore has skipped', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    await append(...source.take(2).map(eventMessage));
    await runInDurableObject(log(), (_object, { storage }) => {
      storage.sql.exec('UPDATE sqlite_sequence SET seq = seq + 1000');
      storage.sql.exec('INSERT INTO skipped VALUES (?, ?)', after + 3, after + 1_002);
    });
    await append(...source.take(2).map(eventMessage));
    expect((await log().backlog(after)).result.events).toBe(4);
    expect((await log().backlog(after + 2)).result.events).toBe(2);
    expect((await readAll(after + 500)).map(({ cursor }) => cursor - after)).toEqual([1_003, 1_004]);
  });

  it('is as it was after a crash', async () => {
    const [source, after] = [new Source('team/app'), await lastCursor()];
    const events = source.take(4);
    await append(...events.slice(2).map(eventMessage));
    await crash(log());
    await append(...events.slice(0, 2).map(eventMessage));
    await crash(log());
    expect(await numbersSince(after, source)).toEqual([1, 2, 3, 4]);
  });
});
