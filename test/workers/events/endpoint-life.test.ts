/** What an endpoint goes through: disabled, replayed, tried, removed; and the bounds of its store. */
import { describe, expect, it } from 'vitest';
import { runInDurableObject } from 'cloudflare:test';
import { Database } from '../../../src/objects/database.ts';
import { MOST_DEAD_LETTERS, Records } from '../../../src/objects/endpoint/records.ts';
import { MIGRATIONS } from '../../../src/objects/endpoint/schema.ts';
import { MOST_BLOCKED, MOST_WAITING } from '../../../src/objects/endpoint/waiting.ts';
import { downgrade } from '../older-schemas.ts';
import { passTime, objects } from '../world.ts';
import { consume, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';

eachAheadOfTheClock();

describe('an endpoint that gets another address', () => {
  it('is not disabled by a 410 that its old one still answers', async () => {
    const [source, old, webhook] = [new Source('team/app'), new Webhook(), new Webhook()];
    await old.answers({ status: 410, isHeld: true });
    await webhook.make({ url: old.url });
    await consume(source.take(1));
    const running = webhook.settle();
    await webhook.until(async () => (await old.underWay()) === 1);
    await webhook.change({});
    await old.release();
    await running;
    await webhook.drain();
    expect(await webhook.figures()).toMatchObject({ disabled: false, waiting: 0, delivered: 1 });
    expect(await webhook.told()).toEqual(source.numbers(1));
  });

  it('is not left alone for what its old one failed at', async () => {
    const [source, old, webhook] = [new Source('team/app'), new Webhook(), new Webhook()];
    await old.answers({ status: 500, isHeld: true });
    await webhook.make({ url: old.url, concurrency: 8 });
    await consume(source.take(8));
    const running = webhook.settle();
    await webhook.until(async () => (await old.underWay()) === 8);
    await webhook.change({ concurrency: 8 });
    await old.release();
    await running;
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', failed: 8 });
  });
});

describe('a disabled endpoint', () => {
  it('is what one becomes whose receiver answers 410, until it is changed', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 410 });
    await webhook.make({ concurrency: 1 });
    await consume(source.take(3));
    await webhook.settle();
    expect((await webhook.received()).length).toBe(1);
    expect(await webhook.figures()).toMatchObject({ disabled: true, waiting: 0 });
    for (let batch = 0; batch < 5; batch += 1) {
      await consume(source.take(2));
      await webhook.settle();
    }
    // One span, which grows.
    const letters = await webhook.deadLetters();
    expect(letters.length).toBeLessThanOrEqual(2);
    expect((letters.at(-1)?.last ?? 0) - (letters[0]?.first ?? 0) + 1).toBe(13);
    expect((await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' })).result).toEqual({ kind: 'disabled' });
    await webhook.answers({});
    await webhook.change({});
    await consume(source.take(1));
    await webhook.drain();
    expect((await webhook.told()).slice(1)).toEqual([`${source.name} 14`]);
    await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' });
    await webhook.drain();
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(14)));
    expect(await webhook.deadLetters()).toEqual([]);
  });

  it('is one that its document says is, and what waits becomes dead letters', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make({ order: 'repository' });
    await consume(source.take(4));
    await webhook.settle();
    await webhook.change({ order: 'repository', disabled: true });
    await webhook.settle();
    const calls = (await webhook.received()).length;
    expect(await webhook.figures()).toMatchObject({ disabled: true, waiting: 0 });
    await consume(source.take(4));
    await webhook.settle();
    // What comes while it is changed is missed too; what comes after the answer is not.
    await consume(source.take(2));
    await webhook.answers({});
    await webhook.change({ order: 'any' });
    await consume(source.take(1));
    await webhook.drain();
    expect((await webhook.told()).slice(calls)).toEqual([`${source.name} 11`]);
    await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' });
    await webhook.drain();
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(11)));
  });
});

describe('bounds', () => {
  it('hold for what waits: in strict order a repository that is stuck holds up no other', async () => {
    const [stuck, other, webhook] = [new Source('team/stuck'), new Source('team/other'), new Webhook()];
    await webhook.answers({ isHeld: true }, {});
    await webhook.make({ order: 'repository' });
    for (let batch = 0; batch < MOST_WAITING / 100 + 1; batch += 1) await consume(stuck.take(100));
    await consume(other.take(1));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.received()).length === 2);
    expect(await webhook.told()).toContain(`${other.name} 1`);
    expect(await webhook.rows('waiting')).toBe(MOST_WAITING + 100);
    await webhook.change({ order: 'repository', disabled: true });
    await webhook.release();
    await running;
  });

  it('hold for what waits: past it nothing new is read, and nothing of it is lost', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    // In strict order each further event of the repository waits for the first.
    await webhook.make({ order: 'repository' });
    for (let batch = 0; batch < MOST_BLOCKED / 100 + 2; batch += 1) await consume(source.take(100));
    await webhook.settle();
    expect(await webhook.rows('waiting')).toBe(MOST_BLOCKED + 1);
    await consume(source.take(100));
    await webhook.passToAlarm();
    expect(await webhook.rows('waiting')).toBe(MOST_BLOCKED + 1);
    // What was not read is not lost either.
    await webhook.change({ disabled: true });
    await webhook.settle();
    const missed = (await webhook.deadLetters()).reduce((sum, { first, last }) => sum + last - first + 1, 0);
    expect(missed).toBe(MOST_BLOCKED + 300);
    expect(await webhook.rows('waiting')).toBe(0);
  });

  it('hold for dead letters: past it they are one span, and a replay still has them all', async () => {
    const webhook = new Webhook();
    await webhook.make();
    const begin = (await objects.eventLog().last()).result;
    await runInDurableObject(webhook.stub, (_object, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO dead_letters (first, last, event, at, reason) SELECT ?1 + i, ?1 + i, 'id', 0, 'given up' FROM n`,
        begin,
        MOST_DEAD_LETTERS,
      );
      const records = new Records(new Database(storage, 'Endpoint', MIGRATIONS));
      for (let cursor = begin + MOST_DEAD_LETTERS + 1; cursor <= begin + MOST_DEAD_LETTERS + 50; cursor += 1) {
        records.buried({ first: cursor, last: cursor, event: 'id', at: 0, reason: 'given up' });
        for (let time = 0; time < 3; time += 1) {
          records.attempted({
            ...{ id: 'id', told: undefined, at: 0, status: 500 },
            ...{ durationMs: 0, answer: '', nextAt: undefined },
          });
        }
      }
    });
    expect(await webhook.rows('attempts')).toBe(100);
    expect(await webhook.rows('dead_letters')).toBe(MOST_DEAD_LETTERS);
    const letters = (await webhook.stub.deadLetters(MOST_DEAD_LETTERS - 1, 10)).result;
    expect(letters).toMatchObject([
      { first: begin + MOST_DEAD_LETTERS, last: begin + MOST_DEAD_LETTERS + 50, event: undefined },
    ]);
    expect((await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' })).result).toEqual({
      kind: 'begun',
      spans: 1,
    });
    expect(await webhook.deadLetters()).toEqual([]);
    await webhook.settle();
    expect(await webhook.rows('readings')).toBe(1);
  });
});

describe('a replay', () => {
  it('sends events by their ids, by a span of cursors and by a span of time, under the ids that they had', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make();
    const begin = (await objects.eventLog().last()).result;
    const events = source.take(6);
    await consume(events.slice(0, 3));
    await webhook.settle();
    passTime(60_000);
    const from = Date.now();
    await consume(events.slice(3));
    await webhook.settle();
    const replayed = async (replay: Parameters<typeof webhook.stub.replay>[0]) => {
      const before = (await webhook.told()).length;
      await webhook.stub.replay(replay);
      await webhook.drain();
      return (await webhook.told()).slice(before).sort();
    };
    const numbers = source.numbers(6);
    const ids = [events[1]?.id ?? '', events[4]?.id ?? '', 'unknown'];
    expect(await replayed({ kind: 'ids', ids })).toEqual([numbers[1], numbers[4]]);
    expect(await replayed({ kind: 'span', first: begin + 2, last: begin + 3 })).toEqual(numbers.slice(1, 3));
    expect(await replayed({ kind: 'time', from, to: Date.now() })).toEqual(numbers.slice(3));
    const sent = (await webhook.received()).map(({ headers }) => headers['webhook-id']);
    expect(new Set(sent)).toEqual(new Set(events.map(({ id }) => id)));
  });

  it('does not keep new events waiting', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make({ concurrency: 1 });
    await consume(source.take(20));
    await webhook.settle();
    const last = (await objects.eventLog().last()).result;
    await webhook.stub.replay({ kind: 'span', first: last - 19, last });
    await consume(source.take(1));
    await webhook.settle();
    expect((await webhook.told())[20]).toBe(`${source.name} 21`);
    expect((await webhook.told()).length).toBe(41);
  });
});

describe('a ping', () => {
  it('is sent at once and tells the answer; nothing of it is kept', async () => {
    const webhook = new Webhook();
    await webhook.answers({ status: 418, body: 'a teapot' }, { status: 410 }, { status: 200 });
    await webhook.make();
    expect((await webhook.stub.ping()).result).toMatchObject({
      kind: 'answered',
      isDelivered: false,
      status: 418,
      answer: 'a teapot',
    });
    expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: false, status: 410 });
    expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: true, status: 200 });
    expect(await webhook.figures()).toMatchObject({ delivered: 0, failed: 0, waiting: 0, disabled: false });
    const [{ body } = { body: '{}' }] = await webhook.received();
    expect(body).toContain('"kind":"ping"');
  });

  it.each(['ping', 'change'] as const)('and a change have what waits sent at once (%s)', async (how) => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 503, headers: { 'retry-after': '3600' } }, {});
    await webhook.make({ order: 'repository' });
    await consume(source.take(3));
    await webhook.settle();
    expect(await webhook.figures()).toMatchObject({ breaker: 'open', waiting: 3 });
    if (how === 'ping') expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: true });
    else await webhook.change({ order: 'repository' });
    await webhook.settle();
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', waiting: 0, delivered: 3 });
  });

  it('that is taken enables an endpoint which 410 had disabled, and what it missed is among the dead letters', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 410 }, {});
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    expect(await webhook.figures()).toMatchObject({ disabled: true });
    expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: true });
    expect(await webhook.figures()).toMatchObject({ disabled: false, deadLetters: 1 });
    await consume(source.take(1));
    await webhook.settle();
    expect(await webhook.figures()).toMatchObject({ delivered: 1 });
  });

  it('that is taken counts for more than the end of a call that was under way', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 503, headers: { 'retry-after': '3600' }, isHeld: true }, {});
    await webhook.make();
    await consume(source.take(1));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.underWay()) === 1);
    expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: true });
    await webhook.release();
    await running;
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', failed: 1 });
    expect(((await webhook.alarmAt()) ?? 0) - Date.now()).toBeLessThanOrEqual(1_000);
  });

  it('that is taken enables none that its document disables', async () => {
    const webhook = new Webhook();
    await webhook.make({ disabled: true });
    expect((await webhook.stub.ping()).result).toMatchObject({ isDelivered: true });
    expect(await webhook.figures()).toMatchObject({ disabled: true });
  });

  it('of an endpoint that there is not is not sent', async () => {
    expect((await new Webhook().stub.ping()).result).toEqual({ kind: 'not-sent', reason: 'there is no such endpoint' });
  });
});

describe('an endpoint of a release before', () => {
  it('goes on where it was, and knows of its attempts what was written down then', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make({ batch: 2 });
    await consume(source.take(1));
    await webhook.settle();
    await downgrade(webhook.stub, MIGRATIONS, 1);
    await consume(source.take(2));
    await webhook.settle();
    expect(await webhook.told()).toEqual(source.numbers(3));
    const told = { kind: 'manifest.push', repository: source.name, tag: undefined, events: 2 };
    expect((await webhook.stub.attempts()).result.map((attempt) => attempt.told)).toEqual([told, undefined]);
  });
});

describe('a removed endpoint', () => {
  it('leaves nothing, and one that is made anew under its name gets what comes after that', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await consume(source.take(2));
    await webhook.settle();
    await objects.eventLog().removeReader(webhook.name);
    await webhook.stub.remove();
    expect((await webhook.stub.figures()).result).toBeUndefined();
    expect(await webhook.alarmAt()).toBeNull();
    await consume(source.take(2));
    const calls = (await webhook.received()).length;
    await webhook.answers({});
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    expect((await webhook.told()).slice(calls)).toEqual([`${source.name} 5`]);
    expect(await webhook.figures()).toMatchObject({ delivered: 1, failed: 0 });
  });
});
