/** How an endpoint delivers: what, when, how often, and what becomes of what it can't deliver. */
import { describe, expect, it } from 'vitest';
import { objects } from '../world.ts';
import { consume, eachAheadOfTheClock, fullDelays, numbersOf, Source, tagged, Webhook } from './deliveries.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

eachAheadOfTheClock();

describe('an endpoint', () => {
  it('gets each event appended after it was made, in a request of its own', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await consume(source.take(2));
    await webhook.make();
    const events = source.take(3);
    await consume(events);
    await webhook.settle();
    expect((await webhook.told()).sort()).toEqual(source.numbers(3, 3));
    const ids = (await webhook.received()).map(({ headers }) => headers['webhook-id']);
    expect(ids.sort()).toEqual(events.map(({ id }) => id).sort());
    expect(await webhook.figures()).toMatchObject({ waiting: 0, delivered: 3, failed: 0, breaker: 'closed' });
  });

  it('gets a batch that the Queue delivers twice once', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make();
    const events = source.take(3);
    await consume(events);
    await consume(events);
    await webhook.settle();
    await consume(events);
    await webhook.settle();
    expect((await webhook.told()).sort()).toEqual(source.numbers(3));
  });

  it('gets what it wants, and nothing else', async () => {
    const [source, other, webhook] = [new Source('team/app'), new Source('other/app'), new Webhook()];
    await webhook.make({
      events: ['manifest.push'],
      repositories: ['team/**'],
      tags: ['v*'],
      ignoreMediaTypes: ['text/ignored'],
    });
    const first = { target: tagged('v1') };
    await consume([
      source.next('manifest.push', first),
      source.next('manifest.push'),
      source.next('manifest.delete', first),
      source.next('manifest.push', { target: { ...tagged('v2'), mediaType: 'text/ignored' } }),
      source.next('manifest.push', { target: tagged('latest') }),
      other.next('manifest.push', first),
      source.next('manifest.push', first),
    ]);
    await webhook.settle();
    expect((await webhook.told()).sort()).toEqual([`${source.name} 1`, `${source.name} 6`]);
    expect((await webhook.figures()).cursor).toBe((await objects.eventLog().last()).result);
  });

  it('has no more calls under way than it may have', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true });
    await webhook.make({ concurrency: 3 });
    await consume(source.take(10));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.underWay()) === 3);
    await webhook.answers({});
    await webhook.release();
    await running;
    expect((await webhook.told()).length).toBe(10);
    expect(await webhook.mostAtOnce()).toBe(3);
  });

  it('gets on with the others while one call is slow, also with events that come meanwhile', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true }, {});
    await webhook.make({ concurrency: 2 });
    await consume(source.take(20));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.received()).length === 20);
    expect(await webhook.underWay()).toBe(1);
    await consume(source.take(5));
    await webhook.until(async () => (await webhook.received()).length === 25);
    expect(await webhook.underWay()).toBe(1);
    await webhook.release();
    await running;
    expect(await webhook.figures()).toMatchObject({ waiting: 0, delivered: 25 });
  });

  it('is woken without waiting for its deliveries, and without a write while it makes some', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true });
    await webhook.make({ concurrency: 1 });
    await consume(source.take(1));
    const running = webhook.settle();
    await webhook.until(async () => (await webhook.underWay()) === 1);
    const planned = await webhook.tasks();
    await consume(source.take(1));
    expect(await webhook.underWay()).toBe(1);
    expect(await webhook.tasks()).toEqual(planned);
    await webhook.answers({});
    await webhook.release();
    await running;
    expect(await webhook.told()).toEqual(source.numbers(2));
  });
});

describe('a batch', () => {
  it('has as many events as it may, and keeps its members and its id at each attempt', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 }, {});
    await webhook.make({ batch: 3, concurrency: 1 });
    await consume(source.take(5));
    await webhook.settle();
    await consume(source.take(2));
    await webhook.drain();
    const received = await webhook.received();
    const [failed] = received;
    const again = received.filter(({ headers }) => headers['webhook-id'] === failed?.headers['webhook-id']);
    expect(again.map(({ body }) => body)).toEqual([failed?.body, failed?.body]);
    expect(numbersOf(failed?.body ?? '')).toEqual(source.numbers(3));
    expect(new Set(await webhook.told())).toEqual(new Set(source.numbers(7)));
    expect(received.every(({ body }) => numbersOf(body).length <= 3)).toBe(true);
  });

  it('is a body of bounded length', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make({ batch: 100, concurrency: 16 });
    const annotations = { padding: 'x'.repeat(90_000) };
    for (let batch = 0; batch < 4; batch += 1) {
      await consume(Array.from({ length: 20 }, () => source.next('manifest.push', { target: { annotations } })));
    }
    await webhook.settle();
    const received = await webhook.received();
    expect((await webhook.told()).sort()).toEqual(source.numbers(80).sort());
    expect(Math.max(...received.map(({ body }) => body.length))).toBeLessThan(650_000);
  });
});

describe('strict order', () => {
  it('sends no event of a repository before the last one of it was taken', async () => {
    const [one, other, webhook] = [new Source('team/a'), new Source('team/b'), new Webhook()];
    await webhook.answers({ status: 500 }, { status: 503 }, { status: 500 }, {});
    await webhook.make({ order: 'repository', concurrency: 8 });
    await consume([...one.take(5), ...other.take(5)]);
    await consume([...one.take(5), ...other.take(5)]);
    await webhook.drain();
    for (const source of [one, other]) {
      const told = (await webhook.told()).filter((number) => number.startsWith(`${source.name} `));
      expect(new Set(told)).toEqual(new Set(source.numbers(10)));
      // Repeats aside, and those stand beside each other.
      expect(told.filter((number, index) => number !== told[index - 1])).toEqual(source.numbers(10));
    }
  });

  it('holds in batches, none of which has two repositories', async () => {
    const [one, other, webhook] = [new Source('team/a'), new Source('team/b'), new Webhook()];
    await webhook.answers({ status: 500 }, { status: 500 }, {});
    await webhook.make({ order: 'repository', batch: 3 });
    await consume(Array.from({ length: 10 }, () => [one.next(), other.next()]).flat());
    await webhook.drain();
    for (const { body } of await webhook.received()) {
      expect(new Set(numbersOf(body).map((number) => number.split(' ')[0])).size).toBe(1);
    }
    for (const source of [one, other]) {
      const firsts = new Set((await webhook.told()).filter((number) => number.startsWith(`${source.name} `)));
      expect([...firsts]).toEqual(source.numbers(10));
    }
  });

  it('is changed only while nothing waits', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    const refused = await webhook.change({ order: 'repository' });
    expect(refused.kind).toBe('refused');
    expect(JSON.stringify(refused)).toContain('1 request');
    await webhook.answers({});
    await webhook.drain();
    expect(await webhook.change({ order: 'repository' })).toEqual({ kind: 'configured' });
    await consume(source.take(2));
    await webhook.drain();
    expect(await webhook.change({ order: 'any' })).toEqual({ kind: 'configured' });
  });
});

describe('a failed call', () => {
  it.each([500, 429, 404, 302, 199 + 101])('that was answered with %i is made again', async (status) => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status, headers: { location: 'https://elsewhere.receiver.example/' } }, {});
    await webhook.make();
    const [event] = source.take(1);
    await consume(event === undefined ? [] : [event]);
    await webhook.drain();
    const received = await webhook.received();
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([event?.id, event?.id]);
    expect(received[1]?.body).toBe(received[0]?.body);
    expect((await webhook.stub.attempts()).result.map((attempt) => attempt.status)).toEqual([204, status]);
  });

  it('is made again after a second, and each time after twice as long, up to an hour', async () => {
    fullDelays();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    const delays: number[] = [];
    for (let attempt = 0; attempt < 19; attempt += 1) {
      const before = Date.now();
      await webhook.passToAlarm();
      delays.push((Date.now() - before) / 1_000);
    }
    // The breaker opens at the tenth, and begins with four seconds.
    expect(delays).toEqual([...[1, 2, 4, 8, 16, 32, 64, 128, 256], ...[4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048]]);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const before = Date.now();
      await webhook.passToAlarm();
      expect(Date.now() - before).toBe(HOUR_MS);
    }
  });

  it.each([
    ['120', 120_000],
    ['7200', HOUR_MS],
    ['soon', 1_000],
  ])('waits as long as Retry-After: %s says, up to an hour', async (header, delay) => {
    fullDelays();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 429, headers: { 'retry-after': header } }, {});
    await webhook.make();
    await consume(source.take(1));
    await webhook.settle();
    const before = Date.now();
    expect((await webhook.alarmAt()) ?? 0).toBe(before + delay);
    await webhook.passToAlarm();
    expect(await webhook.figures()).toMatchObject({ waiting: 0, delivered: 1, failed: 1 });
  });

  it.each(['https://berth.example/hook', 'https://BERTH.example./hook'])(
    "is what becomes of a request to the registry's own address, as the event's client reached it: %s",
    async (url) => {
      const [source, webhook] = [new Source('team/app'), new Webhook()];
      await webhook.make({ url });
      await consume(source.take(1));
      await webhook.settle();
      const [attempt] = (await webhook.stub.attempts()).result;
      expect(attempt?.told).toEqual({ kind: 'manifest.push', repository: source.name, tag: undefined, events: 1 });
      expect([attempt?.status, attempt?.answer]).toEqual([undefined, expect.stringContaining("registry's own")]);
    },
  );

  it('with Retry-After has its receiver left alone by every request until then', async () => {
    fullDelays();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 429, headers: { 'retry-after': '3600' } }, {});
    await webhook.make({ concurrency: 1 });
    await consume(source.take(2));
    const before = Date.now();
    await webhook.settle();
    await consume(source.take(2));
    await webhook.settle();
    expect((await webhook.received()).length).toBe(1);
    await webhook.passToAlarm();
    expect(Date.now() - before).toBeGreaterThanOrEqual(HOUR_MS);
    await webhook.drain();
    expect(await webhook.figures()).toMatchObject({ breaker: 'closed', delivered: 4, failed: 1 });
  });

  it('that gets no answer in time is one, whatever becomes of the answer', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ isHeld: true }, {});
    await webhook.make({ timeoutSeconds: 1 });
    await consume(source.take(1));
    await webhook.settle();
    expect((await webhook.stub.attempts()).result[0]).toMatchObject({ status: undefined, answer: 'no answer in time' });
    await webhook.release();
    await webhook.drain();
    expect(await webhook.figures()).toMatchObject({ waiting: 0, delivered: 1, failed: 1 });
  });

  it('is given up in the end, and becomes a dead letter that a replay delivers', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.answers({ status: 500 });
    await webhook.make({ giveUpAfterDays: 1 });
    const [event] = source.take(1);
    await consume(event === undefined ? [] : [event]);
    await webhook.settle();
    const began = Date.now();
    while ((await webhook.deadLetters()).length === 0) await webhook.passToAlarm();
    expect(Date.now() - began).toBeGreaterThanOrEqual(DAY_MS);
    expect(Date.now() - began).toBeLessThan(DAY_MS + 2 * HOUR_MS);
    expect(await webhook.deadLetters()).toMatchObject([{ event: event?.id }]);
    expect((await webhook.deadLetters())[0]?.reason).toContain('given up');
    expect(await webhook.figures()).toMatchObject({ waiting: 0, deadLetters: 1 });
    await webhook.answers({});
    expect((await webhook.stub.replay({ kind: 'dead-letters', numbers: 'all' })).result).toEqual({
      kind: 'begun',
      spans: 1,
    });
    await webhook.drain();
    expect(await webhook.figures()).toMatchObject({ waiting: 0, deadLetters: 0, delivered: 1 });
    const received = await webhook.received();
    expect(new Set(received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([event?.id]));
  });
});
