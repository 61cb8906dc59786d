/** Endpoints by the admin API: made, shown without their secrets, changed, tried, sent again and deleted. */
import * as v from 'valibot';
import { beforeEach, describe, expect, it } from 'vitest';
import { admin, ask, type Told } from '../access/administration.ts';
import { crash, objects } from '../world.ts';
import { consume, eachAheadOfTheClock, Source, Webhook } from './deliveries.ts';

const KEY = btoa('k'.repeat(32));
const SETTINGS = { BERTH_EVENTS: 'on', BERTH_ENCRYPTION_KEY: KEY };
const SIGNING = `whsec_${btoa('s'.repeat(32))}`;
const NEXT_SIGNING = `whsec_${btoa('t'.repeat(32))}`;

let hook: Webhook;
const pathOf = ({ name }: Webhook) => `/admin/endpoints/${name}`;
const call = (method: string, path: string, body?: unknown, settings: Record<string, string | undefined> = {}) =>
  admin(method, path, body, { settings: { ...SETTINGS, ...settings } });
const put = (document: Record<string, unknown> = {}, settings: Record<string, string | undefined> = {}) =>
  call('PUT', pathOf(hook), { url: hook.url, ...document }, settings);
const stored = async () => (await hook.stub.document()).result ?? '';
const endpointOf = ({ json }: Told) => v.parse(v.record(v.string(), v.unknown()), json['endpoint']);

/** It is sent so many, whenever that is. */
const heard = (count: number) =>
  hook.until(async () => {
    await hook.passToAlarm();
    return (await hook.told()).length >= count;
  });

eachAheadOfTheClock();
beforeEach(() => {
  hook = new Webhook();
});

describe('an endpoint of the admin API', () => {
  it('is made, shown, listed, changed and deleted', async () => {
    const made = await put({ repositories: ['team/**'] });
    expect(made).toMatchObject({ status: 201, json: { name: hook.name, origin: 'admin' } });
    const document = { name: hook.name, url: hook.url, repositories: ['team/**'] };
    const got = await call('GET', pathOf(hook));
    expect(got.json).toMatchObject({ endpoint: document, figures: { pending: 0, delivered: 0, breaker: 'closed' } });
    expect((await call('GET', '/admin/endpoints')).text).toContain(hook.name);
    expect(await put({ disabled: true })).toMatchObject({ status: 200 });
    expect(endpointOf(await call('GET', pathOf(hook)))).toEqual({ name: hook.name, url: hook.url, disabled: true });
    expect(await call('DELETE', pathOf(hook))).toMatchObject({ status: 204 });
    expect(await call('GET', pathOf(hook))).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await call('DELETE', pathOf(hook))).toMatchObject({ status: 404 });
  });

  it('gets each event that is appended after its creation was answered, and none before', async () => {
    const source = new Source('team/app');
    await consume(source.take(1));
    await put();
    await consume(source.take(2));
    await hook.drain();
    expect((await hook.told()).sort()).toEqual(source.numbers(2, 2));
    expect((await call('GET', pathOf(hook))).json).toMatchObject({
      figures: { pending: 0, oldestPendingSeconds: null, delivered: 2, failed: 0 },
    });
    const sent = { kind: 'manifest.push', repository: source.name, tag: null, events: 1, status: 204, next: null };
    expect((await call('GET', `${pathOf(hook)}/deliveries`)).json).toMatchObject({ deliveries: [sent, sent] });
  });

  it('is finished by the same request where its creation broke off', async () => {
    await objects.eventLog().addReader(hook.name, ['manifest.push']);
    const source = new Source('team/app');
    await consume(source.take(1));
    expect(await call('GET', pathOf(hook))).toMatchObject({ status: 404 });
    expect(await put()).toMatchObject({ status: 201 });
    await crash(hook.stub);
    await heard(1);
    expect(await hook.told()).toEqual(source.numbers(1));
  });

  it('is refused under what can be no name', async () => {
    const refused = await call('PUT', '/admin/endpoints/My_Hook', { url: hook.url });
    expect(refused).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    expect(refused.message).toContain('up to 63 of a-z, 0-9 and -');
    expect(await call('GET', '/admin/endpoints/My_Hook')).toMatchObject({ status: 404 });
  });

  it('is told that the setting names it no more, until an event has come', async () => {
    await objects.eventLog().append([], [{ name: hook.name, events: ['manifest.push'] }]);
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/ping'],
    ] as const) {
      const { status, message } = await call(method, `${pathOf(hook)}${path}`);
      expect(status).toBe(404);
      expect(message).toContain(`BERTH_ENDPOINTS names the endpoint ${hook.name} no more`);
    }
  });

  it('that the setting gives is shown, and changed by the setting alone', async () => {
    const secret = { headers: { 'x-plain': 'plain text', 'x-more': { binding: 'HOOK_SECRET' } } };
    const BERTH_ENDPOINTS = JSON.stringify({ endpoints: [{ name: hook.name, url: hook.url, ...secret }] });
    const shown = await call('GET', pathOf(hook), undefined, { BERTH_ENDPOINTS });
    expect(shown.json).toMatchObject({ origin: 'setting', figures: null, endpoint: { url: hook.url, ...secret } });
    for (const [method, body] of [['PUT', { url: hook.url }], ['DELETE']] as const) {
      const refused = await call(method, pathOf(hook), body, { BERTH_ENDPOINTS });
      expect(refused).toMatchObject({ status: 409, code: 'CONFLICT' });
      expect(refused.message).toContain('BERTH_ENDPOINTS');
    }
  });

  it.each([
    ['an unknown key', { colour: 'red' }, 'colour: is not known here'],
    ['another name', { name: 'other' }, 'name: must be'],
    ['an address that is not public', { url: 'https://10.0.0.1/' }, 'url: must be an address of the public internet'],
    ['an unknown event', { events: ['manifest.eaten'] }, 'events[0]: must be one of'],
    [
      'the registry’s own address',
      { url: 'https://registry.example../' },
      "url: must not be the registry's own address",
    ],
    ['a number that breaks two rules', { giveUpAfterDays: 0.5 }, 'giveUpAfterDays: must be a whole number from 1 to 6'],
    [
      'a secret that is named',
      { headers: { Authorization: { binding: 'HOOK' } }, signingSecrets: [{ binding: 'HOOK' }] },
      'signingSecrets[0]: here the secret itself is given: {"value": "…"} (docs/notifications-admin.md)',
    ],
    ['*** where nothing is stored', { headers: { 'x-key': { value: '***' } } }, 'headers."x-key": is ***'],
    ['*** of a signing secret', { signingSecrets: [{ value: '***' }] }, 'signingSecrets[0]: is ***'],
    ['a signing secret of no form', { signingSecrets: [{ value: 'hunter2' }] }, 'signingSecrets[0]: must be whsec_'],
    [
      'a secret that is written openly',
      { headers: { Authorization: 'Bearer x' } },
      'headers.Authorization: is a secret',
    ],
  ])('is refused with %s, by path and reason, and nothing changes', async (_what, document, reason) => {
    await put({ repositories: ['team/**'] });
    const before = await stored();
    const refused = await put(document, { BERTH_PUBLIC_URL: 'https://registry.example' });
    expect(refused).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    expect(refused.message.split(reason)).toHaveLength(2);
    expect(refused.text).not.toContain('hunter2');
    expect(await stored()).toBe(before);
  });

  it('is refused while events are off, and with a secret where there is no key', async () => {
    const off = await put({}, { BERTH_EVENTS: 'off' });
    expect(off).toMatchObject({ status: 409 });
    expect(off.message).toContain('BERTH_EVENTS=on');
    const keyless = await put({ signingSecrets: [{ value: SIGNING }] }, { BERTH_ENCRYPTION_KEY: undefined });
    expect(keyless).toMatchObject({ status: 409 });
    expect(keyless.message).toContain('BERTH_ENCRYPTION_KEY');
    expect(await call('GET', pathOf(hook))).toMatchObject({ status: 404 });
  });

  it('is nobody else’s: without the password it is 401', async () => {
    expect(await ask(undefined, 'GET', '/admin/endpoints', { settings: SETTINGS })).toMatchObject({ status: 401 });
    expect(await ask(undefined, 'GET', '/admin/events', { settings: SETTINGS })).toMatchObject({ status: 401 });
  });

  it('changes its order only on a drained endpoint', async () => {
    await put();
    await hook.answers({ status: 500 });
    await consume(new Source('team/app').take(1));
    await hook.settle();
    await hook.until(async () => (await hook.figures()).failed > 0);
    const refused = await put({ order: 'repository', events: ['manifest.pull'] });
    expect(refused).toMatchObject({ status: 409 });
    expect(refused.message).toContain('order');
    // What it wants has not changed either.
    expect((await objects.eventLog().wantsAny(['manifest.pull'])).result).toBe(false);
    await hook.answers({ status: 204 });
    await hook.drain();
    expect(await put({ order: 'repository' })).toMatchObject({ status: 200 });
  });
});

describe('the secrets of an endpoint', () => {
  const document = { headers: { 'x-key': { value: 'swordfish' } }, signingSecrets: [{ value: SIGNING }] };

  it('are stored sealed and shown to nobody', async () => {
    const made = await put(document);
    const got = await call('GET', pathOf(hook));
    const list = await call('GET', '/admin/endpoints');
    for (const text of [made.text, got.text, list.text, await stored()]) {
      expect(text).not.toContain('swordfish');
      expect(text).not.toContain(SIGNING);
    }
    expect(endpointOf(got)).toMatchObject({
      headers: { 'x-key': { value: '***' } },
      signingSecrets: [{ value: '***' }],
    });
  });

  it('are kept where what is shown is written back, and a new signing secret is put before the old one', async () => {
    await put(document);
    const shown = endpointOf(await call('GET', pathOf(hook)));
    expect(await call('PUT', pathOf(hook), shown)).toMatchObject({ status: 200 });
    const rotated = { ...shown, signingSecrets: [{ value: NEXT_SIGNING }, { value: '***' }] };
    expect(await call('PUT', pathOf(hook), rotated)).toMatchObject({ status: 200 });
    const kept: unknown = JSON.parse(await stored());
    expect(
      v.parse(v.object({ signingSecrets: v.array(v.object({ value: v.string() })) }), kept).signingSecrets,
    ).toHaveLength(2);
  });
});

describe('an endpoint that is tried and asked again', () => {
  it('gets one request by a ping, whose end is told', async () => {
    await put();
    await hook.answers({ status: 503, body: 'out for lunch' });
    const told = await call('POST', `${pathOf(hook)}/ping`);
    expect(told).toMatchObject({ status: 200, json: { delivered: false, status: 503, answer: 'out for lunch' } });
    expect(await hook.received()).toHaveLength(1);
    expect(await call('POST', `${pathOf(hook)}/ping`, { loud: true })).toMatchObject({ status: 400 });
  });

  it('gets dead letters, single events and a span of time again', async () => {
    await put({ disabled: true });
    const [source, began] = [new Source('team/app'), new Date().toISOString()];
    const events = source.take(2);
    await consume(events);
    await hook.settle();
    await put();
    await hook.settle();
    const dead = await call('GET', `${pathOf(hook)}/dead-letters?n=1`);
    expect(dead.json).toMatchObject({ deadLetters: [{ reason: 'the endpoint was disabled' }] });
    expect(await call('POST', `${pathOf(hook)}/replay`, { deadLetters: 'all' })).toMatchObject({ status: 202 });
    await heard(2);
    expect((await hook.told()).sort()).toEqual(source.numbers(2));
    expect((await call('GET', `${pathOf(hook)}/dead-letters`)).json).toEqual({ deadLetters: [] });
    const [first] = events;
    expect(await call('POST', `${pathOf(hook)}/replay`, { events: [first?.id] })).toMatchObject({
      status: 202,
      json: { spans: 1 },
    });
    await heard(3);
    const span = { from: began, to: new Date(Date.now() + 1_000).toISOString() };
    expect(await call('POST', `${pathOf(hook)}/replay`, span)).toMatchObject({ status: 202, json: { spans: 1 } });
    await heard(5);
    // Without strict order, so only how often each came.
    const all = [...source.numbers(2), ...source.numbers(1), ...source.numbers(2)];
    expect((await hook.told()).sort()).toEqual(all.sort());
  });

  it.each([
    ['a dead letter', { deadLetters: [77] }, 'no such dead letter'],
    ['an event', { events: ['019b7c8f-0000-7000-8000-000000000001'] }, 'no such event'],
  ])('is told that there is none of %s which is named', async (_what, body, reason) => {
    await put();
    const refused = await call('POST', `${pathOf(hook)}/replay`, body);
    expect(refused).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(refused.message).toContain(reason);
  });

  it.each([
    ['nothing', {}],
    ['two things', { deadLetters: 'all', events: ['019b7c8f-0000-7000-8000-000000000001'] }],
    ['half a span', { from: '2026-01-31T12:00:00Z' }],
    ['a span that ends before it begins', { from: '2026-01-31T12:00:00Z', to: '2026-01-30T12:00:00Z' }],
    ['what is no id', { events: ['1'] }],
    ['some of the dead letters by another word', { deadLetters: 'some' }],
    ['an unknown field', { deadLetters: 'all', twice: true }],
  ])('refuses to send %s again', async (_what, body) => {
    await put();
    expect(await call('POST', `${pathOf(hook)}/replay`, body)).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
  });
});
