/** An endpoint that can send nothing is not woken meanwhile, and hears of everything once it can. */
import { describe, expect, it, vi } from 'vitest';
import { faults, type FaultKind } from '../faults.ts';
import { LogLines } from '../log-lines.ts';
import { consume, eachAheadOfTheClock, fullDelays, Source, Webhook } from './deliveries.ts';
import { append, log, settleLog } from './event-log.ts';
import { crash, passTime } from '../world.ts';

const STALLS_AFTER_MS = 1_000;
const LONGEST_REST_MS = 30_000;
const FAULT_KINDS: readonly FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after'];
const FAULTS = ['Endpoint>EVENT_LOG.rests', 'Endpoint>EVENT_LOG.listens'].flatMap((point) =>
  FAULT_KINDS.map((kind) => [point, kind] as const),
);

eachAheadOfTheClock();

/** Whether the log has it woken when something is appended; that something is a probe of the Queue's. */
async function isWoken({ name }: Webhook): Promise<boolean> {
  const { result } = await append({ kind: 'probe' });
  return result.readers.some((reader) => reader.name === name);
}

/** One whose breaker is open and that rests. */
async function dead(source: Source): Promise<Webhook> {
  fullDelays();
  const webhook = new Webhook();
  await webhook.answers({ status: 503 });
  await webhook.make({ concurrency: 1 });
  await consume(source.take(1));
  while ((await webhook.figures()).breaker !== 'open') await webhook.passToAlarm();
  expect(await isWoken(webhook)).toBe(true);
  await consume(source.take(1));
  expect(await isWoken(webhook)).toBe(false);
  return webhook;
}

/** One whose only place is taken by a call that is held; `running` ends with its run. */
async function busy(source: Source): Promise<{ webhook: Webhook; running: Promise<void> }> {
  const webhook = new Webhook();
  await webhook.answers({ isHeld: true });
  await webhook.make({ concurrency: 1 });
  await consume(source.take(1));
  const running = webhook.settle();
  await webhook.until(async () => (await webhook.underWay()) === 1);
  return { webhook, running };
}

/** One that has been busy for so long that it rests. */
async function stalled(source: Source): Promise<{ webhook: Webhook; running: Promise<void> }> {
  const { webhook, running } = await busy(source);
  await consume(source.take(1));
  expect(await isWoken(webhook)).toBe(true);
  passTime(STALLS_AFTER_MS);
  await consume(source.take(1));
  expect(await isWoken(webhook)).toBe(false);
  return { webhook, running };
}

describe('an endpoint that is left alone', () => {
  it('is not woken by what is appended, and reads all of it when its receiver is asked again', async () => {
    const source = new Source('team/app');
    const webhook = await dead(source);
    const before = await webhook.tasks();
    await consume(source.take(10));
    expect(await webhook.tasks()).toEqual(before);
    await webhook.answers({});
    await webhook.drain();
    expect([...new Set(await webhook.told())].sort()).toEqual(source.numbers(12).sort());
    expect(await isWoken(webhook)).toBe(true);
  });

  it('is woken again by what is appended after a ping was answered', async () => {
    const webhook = await dead(new Source('team/app'));
    await webhook.answers({});
    await webhook.stub.ping();
    await webhook.settle();
    expect(await isWoken(webhook)).toBe(true);
  });

  it('hears by the end of its rest of what came meanwhile, where its word that it listens was lost', async () => {
    const source = new Source('team/app');
    const webhook = await dead(source);
    await webhook.crash();
    await webhook.answers({});
    await webhook.stub.ping();
    await webhook.settle();
    expect((await webhook.figures()).breaker).toBe('closed');
    expect(await isWoken(webhook)).toBe(false);
    await consume(source.take(1));
    const { cursor } = await webhook.figures();
    expect(cursor).toBeLessThan((await log().last()).result);
    passTime(LONGEST_REST_MS);
    await settleLog();
    await webhook.drain();
    expect(await webhook.figures()).toMatchObject({ cursor: (await log().last()).result, delivered: 3 });
  });

  it.each(FAULTS)('loses nothing by a fault at %s (%s)', async (point, kind) => {
    new LogLines();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 503 });
    await webhook.make({ concurrency: 1 });
    await consume(source.take(1));
    while ((await webhook.figures()).breaker !== 'open') await webhook.passToAlarm();
    faults.inject(point, kind, 0);
    await consume(source.take(1));
    await consume(source.take(1));
    await webhook.answers({});
    await webhook.drain();
    await consume(source.take(1));
    passTime(LONGEST_REST_MS);
    await settleLog();
    await webhook.drain();
    expect(faults.fired).toHaveLength(1);
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(4)));
    expect(await isWoken(webhook)).toBe(true);
  });

  it('is woken once the clock was put back', async () => {
    const webhook = await dead(new Source('team/app'));
    vi.setSystemTime(Date.now() - 3 * 3_600_000);
    expect(await isWoken(webhook)).toBe(true);
  });

  it('is woken by a log that starts anew', async () => {
    const webhook = await dead(new Source('team/app'));
    await crash(log());
    expect(await isWoken(webhook)).toBe(true);
  });

  it('rests for none of the same name that is made after it', async () => {
    const webhook = await dead(new Source('team/app'));
    await log().removeReader(webhook.name);
    await webhook.stub.remove();
    await webhook.make();
    expect(await isWoken(webhook)).toBe(true);
  });

  it('does not rest from becoming the setting’s', async () => {
    const webhook = await dead(new Source('team/app'));
    const { result } = await log().append([], [{ name: webhook.name, events: ['manifest.push'] }]);
    expect(result.readers.map(({ name }) => name)).toContain(webhook.name);
  });
});

describe('an endpoint whose receiver stalls', () => {
  it('is not woken by what is appended, and goes on with it as soon as a place is free', async () => {
    const source = new Source('team/app');
    const { webhook, running } = await stalled(source);
    await consume(source.take(5));
    await webhook.answers({});
    await webhook.release();
    await running;
    expect(await webhook.told()).toEqual(source.numbers(8));
    expect(await isWoken(webhook)).toBe(true);
    await consume(source.take(1));
    await webhook.settle();
    expect(await webhook.told()).toEqual(source.numbers(9));
  });

  it('is woken again, however many batches it said it to', async () => {
    const source = new Source('team/app');
    const { webhook, running } = await busy(source);
    passTime(STALLS_AFTER_MS);
    const batches = [consume(source.take(1)), consume(source.take(1)), consume(source.take(1))];
    await webhook.answers({});
    await webhook.release();
    await Promise.all([...batches, running]);
    await webhook.settle();
    expect(await isWoken(webhook)).toBe(true);
    expect(await webhook.told()).toEqual(source.numbers(4));
  });

  it('buries what it did not hear of when it is disabled meanwhile', async () => {
    const source = new Source('team/app');
    const { webhook, running } = await stalled(source);
    await consume(source.take(5));
    await webhook.change({ concurrency: 1, disabled: true });
    await webhook.release();
    await running;
    await webhook.settle();
    expect(await isWoken(webhook)).toBe(true);
    expect((await webhook.deadLetters()).length).toBeGreaterThan(0);
    expect(await webhook.figures()).toMatchObject({ cursor: (await log().last()).result, waiting: 0 });
  });
});
