/**
 * Deliveries with one fault at each step: a call that fails or whose caller crashes, before it is made or after it was
 * answered. Between the calls there are only transactions, so these are also the moments before and after each write.
 */
import { describe, expect, it } from 'vitest';
import type { RegistryEvent } from '../../../src/notifications/event.ts';
import { faults, type FaultKind } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { objects } from '../world.ts';
import { consume, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';

const FAILURES: readonly FaultKind[] = ['fail-before', 'fail-after'];
const CRASHES: readonly FaultKind[] = ['crash-before', 'crash-after'];
const POINTS = [
  'queue>EVENT_LOG.append',
  'queue>ENDPOINT.wake',
  'Endpoint>EVENT_LOG.read',
  'Endpoint>EVENT_LOG.events',
  'Endpoint>EVENT_LOG.last',
  'Endpoint>OUTBOUND.fetch',
] as const;
/** A Worker has no state that it could lose: it fails. */
const FAULTS = POINTS.flatMap((point) =>
  [...FAILURES, ...(point.startsWith('queue') ? [] : CRASHES)].map((kind) => [point, kind] as const),
);
const TIMES = [0, 1];

eachAheadOfTheClock();

/** As the Queue does: until the consumer has taken it. */
async function bring(events: readonly RegistryEvent[]): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const isTaken = await consume(events).then(
      () => true,
      () => false,
    );
    if (isTaken) return;
  }
  throw new Error('the consumer never took it');
}

function firsts(told: readonly string[], { name }: Source): string[] {
  return [...new Set(told.filter((number) => number.startsWith(`${name} `)))];
}

describe.each(['any', 'repository'])('with order %s, and batches of three', (order) => {
  it.each(FAULTS)(
    'a fault at %s (%s) loses nothing, and repeats no more than what was under way',
    async (point, kind) => {
      new LogLines();
      for (const nth of TIMES) {
        faults.reset();
        const [one, other, webhook] = [new Source('team/a'), new Source('team/b'), new Webhook()];
        // So that what has failed is asked of the log again; and a time in which it is disabled.
        await webhook.answers({ status: 500 }, {}, { status: 500 }, {});
        await webhook.make({ order, batch: 3, concurrency: 2 });
        faults.inject(point, kind, nth);
        await bring([...one.take(4), ...other.take(4)]);
        await webhook.settle();
        await bring(one.take(3));
        await webhook.drain();
        await webhook.change({ order, batch: 3, concurrency: 2, disabled: true });
        await webhook.settle();
        await bring(other.take(2));
        await webhook.passToAlarm();
        await webhook.change({ order, batch: 3, concurrency: 2 }).catch(() => undefined);
        await webhook.change({ order, batch: 3, concurrency: 2 });
        await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' });
        await bring(one.take(1));
        await webhook.drain();
        const told = await webhook.told();
        expect(new Set(told)).toEqual(new Set([...one.numbers(8), ...other.numbers(6)]));
        expect(await webhook.deadLetters()).toEqual([]);
        if (order === 'repository') {
          expect(firsts(told, one)).toEqual(one.numbers(8));
          expect(firsts(told, other)).toEqual(other.numbers(6));
        }
        // Two failed on purpose, of three events each at most; a fault may repeat what was under way then.
        expect(told.length - 14).toBeLessThanOrEqual(2 * 3 + 2 * 3);
        const ids = new Map<string, string>();
        for (const { headers, body } of await webhook.received()) {
          const id = headers['webhook-id'] ?? '';
          expect(ids.get(id) ?? body).toBe(body);
          ids.set(id, body);
        }
        if (nth === 0) expect(faults.fired).toHaveLength(1);
        await webhook.remove();
      }
    },
  );
});

describe('an object that ends', () => {
  it('while calls are under way repeats those at once when it is back, and no others', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true });
    await webhook.make({ concurrency: 3 });
    await consume(source.take(10));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.underWay()) === 3);
    await webhook.answers({});
    await webhook.crash();
    await webhook.release();
    await running;
    await webhook.drain();
    const told = await webhook.told();
    expect(told.length).toBe(13);
    expect(new Set(told)).toEqual(new Set(source.numbers(10)));
    // It did not wait for the time-out of what was lost.
    expect((await webhook.stub.attempts()).result.every(({ at }) => Date.now() - at < 5_000)).toBe(true);
  });

  it('that is removed while a call is under way stays removed', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true });
    await webhook.make();
    await consume(source.take(2));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.underWay()) === 2);
    await webhook.remove();
    await running;
    expect((await webhook.stub.figures()).result).toBeUndefined();
    expect(await webhook.alarmAt()).toBeNull();
  });
});

describe('counted work', () => {
  it('is one append and one wake an endpoint for a batch, and one fetch for a delivery', async () => {
    const [source, one, other] = [new Source('team/app'), new Webhook(), new Webhook()];
    await one.make();
    await other.make({ batch: 100 });
    faults.reset();
    await consume(source.take(100));
    const counted = (point: string) => faults.trace.filter((call) => call.point === point).length;
    expect(faults.trace.map(({ point }) => point).sort()).toEqual([
      'queue>ENDPOINT.wake',
      'queue>ENDPOINT.wake',
      'queue>EVENT_LOG.append',
    ]);
    faults.reset();
    await one.settle();
    expect(counted('Endpoint>OUTBOUND.fetch')).toBe(100);
    expect(counted('Endpoint>EVENT_LOG.read')).toBe(1);
    expect(faults.trace.length).toBe(101);
    faults.reset();
    await other.settle();
    expect(counted('Endpoint>OUTBOUND.fetch')).toBe(1);
    expect(faults.trace.length).toBe(2);
  });

  it('is nothing for an endpoint whose breaker is open', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await consume(source.take(20));
    for (let attempt = 0; attempt < 10; attempt += 1) await webhook.passToAlarm();
    faults.reset();
    await consume(source.take(20));
    await webhook.settle();
    // It says once that it need not be woken.
    expect(faults.trace.map(({ point }) => point).sort()).toEqual([
      'Endpoint>EVENT_LOG.rests',
      'queue>ENDPOINT.wake',
      'queue>EVENT_LOG.append',
    ]);
    faults.reset();
    await consume(source.take(20));
    await consume(source.take(20));
    expect(faults.trace.map(({ point }) => point)).toEqual(['queue>EVENT_LOG.append', 'queue>EVENT_LOG.append']);
  });

  it('of a replay of many dead letters is one reading for those that follow one another', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 410 });
    await webhook.make();
    await consume(source.take(60));
    await webhook.settle();
    await webhook.answers({});
    await webhook.change({ batch: 10 });
    await webhook.settle();
    faults.reset();
    await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' });
    await webhook.settle();
    expect(faults.trace.filter(({ point }) => point === 'Endpoint>EVENT_LOG.read').length).toBeLessThanOrEqual(2);
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(60)));
  });
});

describe('other endpoints', () => {
  it('are not held up by eight that stall and one that is dead', async () => {
    const source = new Source('team/app');
    const stalled = Array.from({ length: 8 }, () => new Webhook());
    const [dead, live] = [new Webhook(), new Webhook()];
    for (const webhook of stalled) {
      await webhook.answers({ isHeld: true });
      await webhook.make({ timeoutSeconds: 30 });
    }
    await dead.answers({ status: 503 });
    for (const webhook of [dead, live]) await webhook.make();
    await consume(source.take(50));
    const running = stalled.map((webhook) => webhook.settle());
    for (const webhook of stalled) await webhook.until(async () => (await webhook.underWay()) === 4);
    await dead.settle();
    await live.settle();
    expect((await live.told()).length).toBe(50);
    for (const webhook of stalled) expect((await webhook.received()).length).toBe(4);
    for (const webhook of stalled) {
      await webhook.answers({});
      await webhook.release();
    }
    await Promise.all(running);
    for (const webhook of stalled) expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(50)));
    expect((await objects.eventLog().last()).result).toBe((await live.figures()).cursor);
  });
});
