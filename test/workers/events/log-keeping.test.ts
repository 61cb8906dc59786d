/** How long the log keeps what happened, and what it tells who comes too late. */
import { describe, expect, it, vi } from 'vitest';
import { KEPT_MS, SIGHTINGS, TRIM_INTERVAL_MS } from '../../../src/objects/event-log/keeping.ts';
import { passTime } from '../world.ts';
import { consume, eventMessage, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';
import { append, lastCursor, log, numbersSince, outliveAll, settleLog } from './event-log.ts';

eachAheadOfTheClock();

describe('what the log keeps', () => {
  it('knows again what it has dropped', async () => {
    const source = new Source('team/app');
    const [first, second] = source.take(2).map(eventMessage);
    if (first === undefined || second === undefined) throw new Error('there are two');
    await append(first);
    await outliveAll();
    const after = await lastCursor();
    await append(first, second);
    expect(await numbersSince(after, source)).toEqual([2]);
  });

  it('drops what is older than seven days, tells a reader that comes too late, and never uses a cursor twice', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make({ giveUpAfterDays: 6, simultaneous: 1 });
    const after = await lastCursor();
    await consume(source.take(7));
    for (let attempt = 0; attempt < 6; attempt += 1) await webhook.passToAlarm();
    await outliveAll();
    // Otherwise it may still have in memory what it has read.
    await webhook.crash();
    expect((await log().read(after + 1)).result).toEqual({ kind: 'gone', oldest: after + 7 });
    expect((await log().read(0)).result).toEqual({ kind: 'gone', oldest: after + 7 });
    expect((await log().events([after + 1])).result).toEqual([]);
    await webhook.answers({});
    await consume(source.take(2));
    await webhook.drain();
    expect((await webhook.told()).slice(-2).sort()).toEqual([`${source.name} 8`, `${source.name} 9`]);
    const letters = await webhook.deadLetters();
    expect(letters.every(({ reason }) => reason.startsWith('the log no longer has'))).toBe(true);
    const missed = letters.flatMap(({ first, last }) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index),
    );
    expect(missed.sort((one, another) => one - another)).toEqual([1, 2, 3, 4, 5, 6, 7].map((number) => after + number));
    expect(await lastCursor()).toBe(after + 9);
  });

  it('drops nothing since a clock jumps, or a machine was off: that must look old for a day', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await outliveAll();
    const began = Date.now();
    await webhook.answers({ status: 500 });
    await webhook.make({ simultaneous: 1 });
    await consume(source.take(9));
    await webhook.settle();
    passTime(10 * KEPT_MS);
    for (let run = 1; run < SIGHTINGS; run += 1) {
      await settleLog();
      passTime(TRIM_INTERVAL_MS);
    }
    vi.setSystemTime(began + 2 * TRIM_INTERVAL_MS);
    // The alarm that was set for then is not before it.
    await append();
    for (let run = 0; run <= SIGHTINGS; run += 1) {
      passTime(TRIM_INTERVAL_MS);
      await settleLog();
    }
    await webhook.answers({});
    await webhook.drain();
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(9)));
    expect(await webhook.deadLetters()).toEqual([]);
  });

  it('drops its beginning only, also where the clock was put back: a reader passes no hole', async () => {
    const source = new Source('team/app');
    const began = Date.now();
    const after = await lastCursor();
    passTime(2 * KEPT_MS);
    await append(...source.take(2).map(eventMessage));
    vi.setSystemTime(began);
    await append(...source.take(2).map(eventMessage));
    passTime(KEPT_MS);
    for (let run = 0; run <= SIGHTINGS; run += 1) {
      passTime(TRIM_INTERVAL_MS);
      await settleLog();
    }
    expect(await numbersSince(after, source)).toEqual([1, 2, 3, 4]);
  });
});
