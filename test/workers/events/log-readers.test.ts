/** Who reads the log: where each begins, and that it is woken. */
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { QueuedMessage } from '../../../src/objects/event-log/messages.ts';
import { KEPT_MS } from '../../../src/objects/event-log/keeping.ts';
import { LogLines } from '../log-lines.ts';
import { objects, passTime } from '../world.ts';
import { consume, eventMessage, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';
import { append, lastCursor, log, settleLog } from './event-log.ts';

eachAheadOfTheClock();

describe('a reader', () => {
  it('of the admin API begins after what there is, and where it began before if it is added again', async () => {
    const source = new Source('team/app');
    await append(...source.take(3).map(eventMessage));
    const since = (await log().addReader('reader-one', ['manifest.push'])).result;
    expect(since).toBe(await lastCursor());
    await append(...source.take(3).map(eventMessage));
    expect((await log().addReader('reader-one', ['manifest.pull'])).result).toBe(since);
    expect((await append()).result.readers).toEqual([{ name: 'reader-one', since, origin: 'admin' }]);
    expect((await log().wantsAny(['manifest.pull', 'blob.pull'])).result).toBe(true);
    expect((await log().wantsAny(['manifest.push'])).result).toBe(false);
    await log().removeReader('reader-one');
    expect((await append()).result.readers).toEqual([]);
  });

  it('of a setting gets the batch that it is new with, and none once the setting no longer names it', async () => {
    const source = new Source('team/app');
    const since = await lastCursor();
    const configured = [{ name: 'reader-two', events: ['manifest.push' as const] }];
    await log().addReader('reader-one', ['manifest.push']);
    const first = await log().append(source.take(2).map(eventMessage), configured);
    expect(first.result).toEqual({
      upTo: since + 2,
      readers: [
        { name: 'reader-one', since, origin: 'admin' },
        { name: 'reader-two', since, origin: 'setting' },
      ],
    });
    const second = await log().append(source.take(2).map(eventMessage), []);
    expect(second.result.readers.map(({ name }) => name)).toEqual(['reader-one']);
    await log().append([], []);
    await log().removeReader('reader-one');
  });

  it('of a setting that a version before does not know goes on where it was, as long as the log has all of it', async () => {
    const [source, webhook, configured] = [
      new Source('team/app'),
      new Webhook(),
      (name: string) => [{ name, events: ['manifest.push' as const] }],
    ];
    await webhook.answers({ status: 500 });
    await webhook.make();
    await source.append(1, []);
    await webhook.settle();
    const readers = async (messages: QueuedMessage[], names: string[]) =>
      (await log().append(messages, names.flatMap(configured))).result.readers;
    const [since] = (await readers([], [webhook.name])).map((reader) => reader.since);
    // Of the version before, as batches of a deployment under way, or one that was taken back, are.
    expect(await readers(source.take(1).map(eventMessage), [])).toEqual([]);
    expect((await log().wantsAny(['manifest.push'])).result).toBe(false);
    expect((await log().reader(webhook.name)).result).toEqual({ reader: undefined, count: 0 });
    passTime(KEPT_MS - 1);
    const again = await readers(source.take(1).map(eventMessage), [webhook.name]);
    expect(again).toEqual([{ name: webhook.name, since, origin: 'setting' }]);
    for (const reader of again) await objects.endpoint(reader.name).wake(reader);
    expect(await webhook.figures()).toMatchObject({ waiting: 1, deadLetters: 0 });
    // Past that, and for the admin API at once, it is another endpoint.
    await readers([], []);
    passTime(KEPT_MS);
    const last = await lastCursor();
    expect(await readers([], [webhook.name])).toEqual([{ name: webhook.name, since: last, origin: 'setting' }]);
    await readers([], []);
    await append(...source.take(1).map(eventMessage));
    expect((await log().addReader(webhook.name, ['manifest.push'])).result).toBe(last + 1);
  });

  it('that can not be woken holds up neither the batch nor the others, and is woken later', async () => {
    const lines = new LogLines();
    const [source, broken, webhook] = [new Source('team/app'), new Webhook(), new Webhook()];
    await broken.make();
    await webhook.make();
    await runInDurableObject(broken.stub, (_object, { storage }) => {
      storage.sql.exec('ALTER TABLE tasks RENAME TO hidden');
    });
    await consume(source.take(2));
    await webhook.settle();
    expect((await webhook.told()).length).toBe(2);
    expect(lines.text).toContain('endpoint not woken');
    await runInDurableObject(broken.stub, (_object, { storage }) => {
      storage.sql.exec('ALTER TABLE hidden RENAME TO tasks');
    });
    passTime(60_000);
    await settleLog();
    await broken.settle();
    expect((await broken.told()).length).toBe(2);
  });
});
