/** When a receiver is left alone, and how it is seen to be well again. */
import { describe, expect, it, vi } from 'vitest';
import { FAILURES_UNTIL_OPEN } from '../../../src/notifications/breaker.ts';
import { passTime } from '../world.ts';
import { consume, eachAheadOfTheClock, fullDelays, Source, Webhook } from './deliveries.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

eachAheadOfTheClock();

describe('the breaker', () => {
  it('opens after some failures, lets one probe through, and closes when that is taken', async () => {
    fullDelays();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make({ concurrency: 16 });
    await consume(source.take(50));
    await webhook.settle();
    const burst = (await webhook.received()).length;
    expect(burst).toBeGreaterThanOrEqual(FAILURES_UNTIL_OPEN);
    // As long as it was closed, each place that became free was taken again.
    expect(burst).toBeLessThan(16 + FAILURES_UNTIL_OPEN);
    // Those that were under way when it opened make it no longer.
    expect(await webhook.figures()).toMatchObject({ breaker: 'open', opensAgainAt: Date.now() + 4_000 });
    await webhook.passToAlarm();
    expect((await webhook.received()).length).toBe(burst + 1);
    expect(await webhook.figures()).toMatchObject({ breaker: 'open', opensAgainAt: Date.now() + 8_000 });
    await webhook.answers({});
    await webhook.drain();
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(50)));
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', waiting: 0, delivered: 50 });
  });

  it('stays closed for requests that a receiver refuses for what is in them, and gets on with the others', async () => {
    const [poison, source, webhook] = [new Source('team/poison'), new Source('team/app'), new Webhook()];
    const many = FAILURES_UNTIL_OPEN + 3;
    await webhook.answers(...Array.from({ length: many }, () => ({ status: 422 })), {});
    await webhook.make({ concurrency: 1 });
    await consume(poison.take(many));
    await webhook.settle();
    await consume(source.take(1));
    await webhook.settle();
    expect(await webhook.told()).toContain(`${source.name} 1`);
    expect((await webhook.figures()).breaker).toBe('closed');
  });

  it('is tried with something new each second time, since what waits may be all that is refused', async () => {
    fullDelays();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make({ concurrency: 1 });
    await consume(source.take(1));
    for (let attempt = 0; attempt < FAILURES_UNTIL_OPEN; attempt += 1) await webhook.passToAlarm();
    expect((await webhook.figures()).breaker).toBe('open');
    await consume(source.take(1));
    for (let probe = 0; probe < 2; probe += 1) await webhook.passToAlarm();
    expect((await webhook.told()).slice(-2).sort()).toEqual(source.numbers(2));
  });

  it('does not stay open until a time that a clock wrote which was ahead', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    const now = Date.now();
    await webhook.answers({ status: 500 });
    await webhook.make();
    passTime(365 * DAY_MS);
    await consume(source.take(1));
    for (let attempt = 0; attempt < FAILURES_UNTIL_OPEN + 1; attempt += 1) await webhook.passToAlarm();
    vi.setSystemTime(now + HOUR_MS);
    await webhook.answers({});
    await consume(source.take(1));
    await webhook.settle();
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', waiting: 0, delivered: 2 });
  });

  it('keeps the store of a dead endpoint as it is, however much it misses', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await consume(source.take(30));
    for (let attempt = 0; attempt < 20; attempt += 1) await webhook.passToAlarm();
    const [waiting, tasks, calls] = [
      await webhook.rows('waiting'),
      await webhook.rows('tasks'),
      (await webhook.received()).length,
    ];
    const alarm = await webhook.alarmAt();
    for (let batch = 0; batch < 5; batch += 1) {
      await consume(source.take(20));
      await webhook.settle();
    }
    // It is not even rung for them.
    expect(await webhook.alarmAt()).toBe(alarm);
    expect((await webhook.received()).length).toBe(calls);
    expect([await webhook.rows('waiting'), await webhook.rows('tasks')]).toEqual([waiting, tasks]);
    await webhook.answers({});
    await webhook.drain();
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(130)));
    expect(await webhook.deadLetters()).toEqual([]);
  });
});
