/** What a dead endpoint costs while it is dead: its store stays as it is, row by row, whatever it misses. */
import { runInDurableObject } from 'cloudflare:test';
import { expect, it } from 'vitest';
import { consume, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';

const BATCHES = 10;
/** As the Queue's consumer gets them. */
const BATCH_EVENTS = 100;

eachAheadOfTheClock();

/** Every row of every table, but for what the platform keeps itself. */
function storeOf({ stub }: Webhook): Promise<Record<string, unknown[]>> {
  return runInDurableObject(stub, (_object, { storage }) => {
    const tables = storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'",
      )
      .toArray();
    return Object.fromEntries(tables.map(({ name }) => [name, storage.sql.exec(`SELECT * FROM ${name}`).toArray()]));
  });
}

it('leaves every row of its store as it was while it misses a thousand events', async () => {
  const [source, webhook] = [new Source('team/app'), new Webhook()];
  await webhook.answers({ status: 503 });
  await webhook.make();
  await consume(source.take(BATCH_EVENTS));
  await webhook.settle();
  expect((await webhook.figures()).breaker).toBe('open');
  const before = await storeOf(webhook);
  expect(Object.values(before).flat().length).toBeGreaterThan(0);
  for (let batch = 0; batch < BATCHES; batch += 1) await consume(source.take(BATCH_EVENTS));
  expect(await storeOf(webhook)).toEqual(before);
});

it('holds no more rows after a thousand events and the probes among them than after as many probes alone', async () => {
  const [source, webhook] = [new Source('team/app'), new Webhook()];
  await webhook.answers({ status: 503 });
  await webhook.make();
  await consume(source.take(BATCH_EVENTS));
  // Until the list of the last attempts is full.
  while ((await webhook.rows('attempts')) < 100) await webhook.passToAlarm();
  const rows = async (): Promise<number> => Object.values(await storeOf(webhook)).flat().length;
  const before = await rows();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await consume(source.take(BATCH_EVENTS));
    await webhook.passToAlarm();
  }
  expect(await rows()).toBe(before);
});
