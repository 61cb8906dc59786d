/** What happened, by the admin API: page by page, and live. */
import { runInDurableObject } from 'cloudflare:test';
import * as v from 'valibot';
import { afterEach, describe, expect, it } from 'vitest';
import { ADMIN, admin, SETTINGS as ADMINISTRATION } from '../access/administration.ts';
import { sendWith } from '../client.ts';
import { crash, objects, passTime } from '../world.ts';
import { consume, eachAheadOfTheClock, Source } from './deliveries.ts';

const SETTINGS = { BERTH_EVENTS: 'on' };
const MOST_STREAMS = 20;

const Page = v.object({
  events: v.array(v.looseObject({ id: v.string(), cursor: v.string(), type: v.string() })),
  next: v.string(),
  more: v.boolean(),
});
const Data = v.pipe(v.string(), v.parseJson(), v.looseObject({ id: v.string() }));

const page = async (query: string) => {
  const { status, json } = await admin('GET', `/admin/events${query}`, undefined, { settings: SETTINGS });
  expect(status).toBe(200);
  return v.parse(Page, json);
};
const lastCursor = async () => (await objects.eventLog().last()).result;

/** A stream under way, message by message. */
class Stream {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = '';

  constructor(response: Response) {
    if (response.body === null) throw new Error('there is no body');
    this.#reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    open.add(this);
  }

  /** The next message that has data: its id and its event. */
  async next(): Promise<{ cursor: string; id: string } | undefined> {
    for (;;) {
      const message = await this.message();
      if (message === undefined) return undefined;
      const [, cursor, data] = /^id: (\d+)\ndata: (.*)$/.exec(message) ?? [];
      if (cursor !== undefined && data !== undefined) return { cursor, id: v.parse(Data, data).id };
    }
  }

  async message(): Promise<string | undefined> {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end >= 0) {
        const message = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return message;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async close(): Promise<void> {
    open.delete(this);
    await this.#reader.cancel();
  }
}

const open = new Set<Stream>();
const request = (query = '', headers: Record<string, string> = {}) =>
  sendWith({ ...ADMINISTRATION, ...SETTINGS }, 'GET', `/admin/events/stream${query}`, {
    headers: { authorization: ADMIN, ...headers },
  });
async function stream(query = '', headers: Record<string, string> = {}): Promise<Stream> {
  const response = await request(query, headers);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('cache-control')).toContain('no-store');
  return new Stream(response);
}

eachAheadOfTheClock();
afterEach(async () => {
  for (const one of [...open]) await one.close();
  // Leases of streams that a test left.
  await crash(objects.eventLog());
});

describe('the list of events', () => {
  it('is read page by page, each event once, with a cursor to go on after', async () => {
    const from = String(await lastCursor());
    const events = new Source('team/app').take(3);
    await consume(events);
    const first = await page(`?after=${from}&n=2`);
    expect(first).toMatchObject({ more: true, events: [{ id: events[0]?.id }, { id: events[1]?.id }] });
    expect(first.events[0]).toMatchObject({ specversion: '1.0', type: 'dev.berth.registry.manifest.push' });
    const second = await page(`?after=${first.next}&n=2`);
    expect(second).toMatchObject({ more: false, events: [{ id: events[2]?.id }] });
    expect(await page(`?after=${second.next}`)).toEqual({ events: [], next: second.next, more: false });
  });

  it('answers 410 with the oldest cursor where events after one were dropped', async () => {
    const from = await lastCursor();
    await consume(new Source('team/app').take(3));
    const last = await lastCursor();
    await runInDurableObject(objects.eventLog(), (_object, { storage }) => {
      storage.sql.exec('DELETE FROM events WHERE cursor < ?', last);
    });
    const path = `/admin/events?after=${String(from + 1)}`;
    const gone = await admin('GET', path, undefined, { settings: SETTINGS });
    expect(gone).toMatchObject({ status: 410, code: 'NOT_FOUND' });
    expect(gone.text).toContain(`"oldest":"${String(last - 1)}"`);
    expect((await request(`?after=${String(from + 1)}`)).status).toBe(410);
    // The beginning, whatever that is now; a stream goes on behind what its client has seen.
    expect(await page('?after=0')).toMatchObject({ events: [{ cursor: String(last) }], next: String(last) });
    expect((await request('?after=0')).status).toBe(410);
  });

  it('answers 410 where no event has the cursor: the registry was put back since', async () => {
    const ahead = String((await lastCursor()) + 1_000);
    const answer = await admin('GET', `/admin/events?after=${ahead}`, undefined, { settings: SETTINGS });
    expect(answer).toMatchObject({ status: 410, code: 'NOT_FOUND' });
    expect(answer.text).toContain('was the registry put back to an earlier state?');
    expect((await request(`?after=${ahead}`)).status).toBe(410);
    expect((await request('', { 'last-event-id': ahead })).status).toBe(410);
  });

  it.each(['?after=x', '?after=-1', '?since=1', '?n=x'])('refuses %s', async (query) => {
    expect((await admin('GET', `/admin/events${query}`, undefined, { settings: SETTINGS })).status).toBe(400);
  });
});

describe('the live stream', () => {
  it('tells what happens from now on, and goes on behind the last id that a client had', async () => {
    const source = new Source('team/app');
    await consume(source.take(1));
    const live = await stream();
    // An id of its own: who is cut off before an event comes goes on from here.
    expect(await live.message()).toMatch(/^retry: 2000\nid: \d+$/);
    const events = source.take(2);
    const waiting = live.next();
    await consume(events);
    const first = await waiting;
    expect(first?.id).toBe(events[0]?.id);
    await live.close();
    const again = await stream('', { 'last-event-id': first?.cursor ?? '' });
    expect((await again.next())?.id).toBe(events[1]?.id);
  });

  it('has only the repositories and events that are asked for, and moves the cursor over the others', async () => {
    const after = String(await lastCursor());
    const [wanted, other] = [new Source('team/app'), new Source('other/app')];
    const [push, removal] = [wanted.next(), wanted.next('tag.delete')];
    await consume([...other.take(2), push, removal, ...other.take(1)]);
    const query = `?after=${after}&repository=team/*&event=tag.delete,manifest.delete`;
    const live = await stream(query);
    await live.message();
    expect(await live.message()).toContain(removal.id);
    expect(await live.message()).toBe(`id: ${String(await lastCursor())}`);
  });

  it.each(['?repository=Team', '?event=eaten', '?events=tag.delete', '?after=x'])('refuses %s', async (query) => {
    expect((await request(query)).status).toBe(400);
  });

  it('is refused while events are off', async () => {
    const told = await admin('GET', '/admin/events/stream', undefined, { settings: { BERTH_EVENTS: 'off' } });
    expect(told).toMatchObject({ status: 409 });
  });

  it('is served to 20 at once over the whole registry; who has gone away without a word makes room after a while', async () => {
    for (let count = 0; count < MOST_STREAMS; count += 1) await stream();
    const refused = await request();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('15');
    const [first] = open;
    await first?.close();
    await stream();
    expect((await request()).status).toBe(429);
    // None of them takes what it is sent, so none renews its place.
    passTime(60_000);
    await stream();
  });

  it('cuts off who takes too long, rather than keep what it would have to be sent', async () => {
    const live = await stream();
    await live.message();
    const source = new Source('team/app');
    const waiting = live.next();
    await consume(source.take(1));
    await waiting;
    passTime(60_000);
    await consume(source.take(1));
    // At most what was asked for before it fell asleep.
    await live.next();
    passTime(60_000);
    expect(await live.next()).toBeUndefined();
  });
});
