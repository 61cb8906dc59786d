/** Secrets of endpoints: where they come from, what they sign, and where they are not to be seen. */
import { createHmac, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { parseSealingKey, seal } from '../../../src/notifications/sealing.ts';
import { readyEndpoint } from '../../../src/objects/endpoint/ready-endpoint.ts';
import { LogLines } from '../log-lines.ts';
import { passTime } from '../world.ts';
import { consume, eachAheadOfTheClock, Source, Webhook, type Received } from './deliveries.ts';

const KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const OLDER_KEY = 'ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=';
const HMAC_SECRETS = ['whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz', 'whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4'];
const ED25519_SECRET = `whsk_${Buffer.alloc(32, 7).toString('base64')}`;

eachAheadOfTheClock();

function sealed(key: string, name: string, secret: string): Promise<string> {
  const current = parseSealingKey(key);
  if (current === undefined) throw new Error('it is a key');
  return seal({ current, previous: undefined }, `endpoint ${name}`, secret);
}

/** Has the object of an endpoint see other settings, as after a deployment. */
function withSettings(webhook: Webhook, settings: Readonly<Record<string, string>>): Promise<void> {
  return runInDurableObject(webhook.stub, (object) => {
    Reflect.set(object, 'env', { ...env, ...settings });
  });
}

function signatures({ headers }: Received): string[] {
  return (headers['webhook-signature'] ?? '').split(' ');
}

function hmac(secret: string, { headers, body }: Received): string {
  const signed = `${headers['webhook-id'] ?? ''}.${headers['webhook-timestamp'] ?? ''}.${body}`;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return `v1,${createHmac('sha256', key).update(signed).digest('base64')}`;
}

describe('a sealed secret', () => {
  it('signs each attempt anew, with both while one is replaced, and is cut out of what the receiver answers', async () => {
    const lines = new LogLines();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    const token = 'Bearer tok_0123456789abcdef';
    const echoed = `you sent ${token} and 0123456789abcdef and ${HMAC_SECRETS[0] ?? ''} to /hook`;
    await webhook.answers({ status: 500, body: echoed }, { status: 200, body: echoed });
    const values = await Promise.all(HMAC_SECRETS.map((secret) => sealed(KEY, webhook.name, secret)));
    await webhook.make({
      headers: { authorization: { value: await sealed(KEY, webhook.name, token) }, 'x-plain': 'plain' },
      signingSecrets: values.map((value) => ({ value })),
    });
    await withSettings(webhook, { BERTH_ENCRYPTION_KEY: KEY });
    await consume(source.take(1));
    await webhook.settle();
    passTime(60_000);
    await webhook.settle();
    const received = await webhook.received();
    expect(received.length).toBe(2);
    for (const request of received) {
      expect(signatures(request)).toEqual(HMAC_SECRETS.map((secret) => hmac(secret, request)));
      expect(request.headers).toMatchObject({ authorization: token, 'x-plain': 'plain' });
    }
    expect(received[0]?.headers['webhook-timestamp']).not.toBe(received[1]?.headers['webhook-timestamp']);
    const kept = JSON.stringify([(await webhook.stub.attempts()).result, (await webhook.stub.document()).result]);
    expect(kept).toContain('you sent *** and *** and *** to');
    for (const secret of [token, 'tok_', ...HMAC_SECRETS]) expect(`${kept}${lines.text}`).not.toContain(secret);
  });

  it('may be a private key, whose public one checks it', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    await webhook.make({ signingSecrets: [{ value: await sealed(KEY, webhook.name, ED25519_SECRET) }] });
    await withSettings(webhook, { BERTH_ENCRYPTION_KEY: KEY });
    await consume(source.take(1));
    await webhook.settle();
    const [request] = await webhook.received();
    if (request === undefined) throw new Error('nothing came');
    const [version, signature] = (signatures(request)[0] ?? '').split(',');
    expect(version).toBe('v1a');
    const signed = `${request.headers['webhook-id'] ?? ''}.${request.headers['webhook-timestamp'] ?? ''}.${request.body}`;
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
    const key = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
    expect(verify(null, Buffer.from(signed), key, Buffer.from(signature ?? '', 'base64'))).toBe(true);
  });

  it.each([
    ['another key', { BERTH_ENCRYPTION_KEY: OLDER_KEY }, 'encrypted with another BERTH_ENCRYPTION_KEY'],
    ['no key', {}, 'BERTH_ENCRYPTION_KEY is not set'],
  ])(
    'that %s does not open keeps the endpoint from delivering, loses nothing, and is told once',
    async (_what, settings, problem) => {
      const lines = new LogLines();
      const [source, webhook] = [new Source('team/app'), new Webhook()];
      await webhook.make({ headers: { authorization: { value: await sealed(KEY, webhook.name, 'secret') } } });
      await withSettings(webhook, settings);
      for (let batch = 0; batch < 3; batch += 1) {
        await consume(source.take(2));
        await webhook.settle();
      }
      expect(await webhook.received()).toEqual([]);
      const told = lines.events.filter(({ event }) => event === 'endpoint not usable');
      expect(told).toMatchObject([{ endpoint: webhook.name }]);
      expect(JSON.stringify(told)).toContain(problem);
      const pinged = (await webhook.stub.ping()).result;
      expect(pinged.kind).toBe('not-sent');
      expect(JSON.stringify(pinged)).toContain(problem);
      // The key that it was sealed with is the one before now.
      await withSettings(webhook, { BERTH_ENCRYPTION_KEY: OLDER_KEY, BERTH_ENCRYPTION_KEY_PREVIOUS: KEY });
      await webhook.passToAlarm();
      expect((await webhook.told()).sort()).toEqual(source.numbers(6));
    },
  );

  it('of another endpoint does not open', async () => {
    const stored = {
      name: 'one',
      url: 'https://a.example/',
      headers: { a: { value: await sealed(KEY, 'other', 'secret') } },
    };
    const settings = { ...env, BERTH_ENCRYPTION_KEY: KEY };
    expect((await readyEndpoint(settings, 'one', JSON.stringify(stored))).kind).toBe('unreadable');
    expect((await readyEndpoint(settings, 'other', JSON.stringify({ ...stored, name: 'other' }))).kind).toBe('ready');
  });
});

describe('a document', () => {
  it.each([
    ['that is none', '{"name":"one"}'],
    ['whose address a setting no longer allows', '{"name":"one","url":"http://10.0.0.1/"}'],
    ['that is no JSON', '{'],
  ])('%s is unreadable, not an error', async (_what, stored) => {
    expect((await readyEndpoint({ ...env }, 'one', stored)).kind).toBe('unreadable');
  });
});

describe('an endpoint of the setting', () => {
  const setting = (more: Readonly<Record<string, unknown>>, webhook: Webhook) =>
    JSON.stringify({ endpoints: [{ name: webhook.name, url: webhook.url, ...more }] });

  it('is made by its first call, reads its document from the setting each time, and gets the batch that it is new with', async () => {
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    const configured = [{ name: webhook.name, events: ['manifest.push' as const] }];
    const bring = async (count: number) => {
      await source.append(count, configured);
      await webhook.settle();
    };
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({}, webhook) });
    await bring(2);
    expect((await webhook.told()).sort()).toEqual(source.numbers(2));
    expect((await webhook.stub.document()).result).toBeUndefined();
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({ events: ['tag.delete'] }, webhook) });
    await webhook.crash();
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({ events: ['tag.delete'] }, webhook) });
    await bring(1);
    expect((await webhook.told()).length).toBe(2);
    // Without a setting that names it, it delivers nothing.
    await webhook.crash();
    await bring(1);
    expect((await webhook.told()).length).toBe(2);
    await webhook.crash();
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({}, webhook) });
    await bring(1);
    expect((await webhook.told()).slice(2).sort()).toEqual([`${source.name} 4`, `${source.name} 5`]);
  });

  it('that the admin API made before is the setting’s as soon as it names it', async () => {
    const [source, webhook, moved] = [new Source('team/app'), new Webhook(), new Webhook()];
    await webhook.make();
    await source.append(1, []);
    await webhook.settle();
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({ url: moved.url }, webhook) });
    await source.append(1, [{ name: webhook.name, events: ['manifest.push'] }]);
    await webhook.settle();
    expect([await webhook.told(), await moved.told()]).toEqual([[`${source.name} 1`], [`${source.name} 2`]]);
    expect((await webhook.stub.document()).result).toBeUndefined();
  });

  it('takes its secrets from the bindings that it names, and says which one is missing', async () => {
    const lines = new LogLines();
    const [source, webhook] = [new Source('team/app'), new Webhook()];
    const configured = [{ name: webhook.name, events: ['manifest.push' as const] }];
    const document = setting(
      { headers: { authorization: { binding: 'HOOK_TOKEN' } }, signingSecrets: [{ binding: 'HOOK_SECRET' }] },
      webhook,
    );
    await withSettings(webhook, { BERTH_ENDPOINTS: document, HOOK_TOKEN: 'tok_1' });
    await source.append(1, configured);
    await webhook.settle();
    expect(await webhook.received()).toEqual([]);
    expect(lines.text).toContain('there is no secret HOOK_SECRET');
    await withSettings(webhook, { BERTH_ENDPOINTS: document, HOOK_TOKEN: 'tok_1', HOOK_SECRET: HMAC_SECRETS[0] ?? '' });
    await webhook.passToAlarm();
    const [request] = await webhook.received();
    expect(request?.headers['authorization']).toBe('tok_1');
    expect(request && signatures(request)).toEqual([request && hmac(HMAC_SECRETS[0] ?? '', request)]);
  });

  it('that its receiver wants no more stays disabled until it has another address', async () => {
    const [source, webhook, moved] = [new Source('team/app'), new Webhook(), new Webhook()];
    const configured = [{ name: webhook.name, events: ['manifest.push' as const] }];
    await webhook.answers({ status: 410 });
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({}, webhook) });
    for (let batch = 0; batch < 3; batch += 1) {
      await source.append(1, configured);
      await webhook.settle();
    }
    expect((await webhook.received()).length).toBe(1);
    expect(await webhook.figures()).toMatchObject({ disabled: true, waiting: 0 });
    await webhook.crash();
    await withSettings(webhook, { BERTH_ENDPOINTS: setting({ url: moved.url }, webhook) });
    await source.append(1, configured);
    await webhook.settle();
    expect(await moved.told()).toEqual([`${source.name} 4`]);
    expect(await webhook.figures()).toMatchObject({ disabled: false });
  });
});
