/** When a delivery is tried again, when its receiver is left alone, and how it is signed. */
import { Buffer } from 'node:buffer';
import { createHmac, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { CLOSED, failed, FAILURES_UNTIL_OPEN, stateOf } from '../../../src/notifications/breaker.ts';
import { LONGEST_RETRY_MS, parseRetryAfter, retryDelayMs } from '../../../src/notifications/retry.ts';
import { parseWebhookSecret, signedHeaders, type WebhookSecret } from '../../../src/notifications/signature.ts';
import { newUuid } from '../../../src/notifications/uuid.ts';
import { AT } from './events.ts';

describe('a retry', () => {
  it('comes after a time from nothing to a bound that doubles from a second to an hour', () => {
    expect([1, 2, 3, 12, 13, 100].map((attempts) => retryDelayMs(attempts, undefined, 1))).toEqual([
      1_000,
      2_000,
      4_000,
      2_048_000,
      LONGEST_RETRY_MS,
      LONGEST_RETRY_MS,
    ]);
    expect(retryDelayMs(5, undefined, 0)).toBe(1);
  });

  it('does not come before the receiver wants it, within an hour', () => {
    expect(retryDelayMs(1, 30_000, 0.5)).toBe(30_000);
    expect(retryDelayMs(1, 86_400_000, 0.5)).toBe(LONGEST_RETRY_MS);
    expect(retryDelayMs(10, 1_000, 1)).toBe(512_000);
  });

  it('is never at once and never later than an hour', () => {
    const bounded = (attempts: number, wanted: number | undefined, random: number) => {
      const delay = retryDelayMs(attempts, wanted, random);
      expect(delay).toBeGreaterThanOrEqual(1);
      expect(delay).toBeLessThanOrEqual(LONGEST_RETRY_MS);
    };
    const wanted = fc.option(fc.nat(), { nil: undefined });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), wanted, fc.double({ min: 0, max: 1, noNaN: true }), bounded),
    );
  });
});

test.each([
  ['120', 120_000],
  ['0', 0],
  [' 5 ', 5_000],
  ['Fri, 02 Jan 2026 03:05:05 GMT', 59_322],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['2026-01-02', undefined],
  ['9'.repeat(20), undefined],
  ['', undefined],
  [null, undefined],
])('Retry-After: %s is %s', (header, expected) => {
  expect(parseRetryAfter(header, AT)).toBe(expected);
});

describe('a breaker', () => {
  it('opens after five failures in a row, lets a probe through later, and opens for longer where that fails', () => {
    let breaker = CLOSED;
    for (let count = 1; count < FAILURES_UNTIL_OPEN; count += 1) breaker = failed(breaker, AT, undefined, 1);
    expect(stateOf(breaker, AT)).toBe('closed');
    breaker = failed(breaker, AT, undefined, 1);
    expect(breaker.opensAgainAt).toBe(AT + 4_000);
    expect([stateOf(breaker, AT + 3_999), stateOf(breaker, AT + 4_000)]).toEqual(['open', 'half-open']);
    breaker = failed(breaker, AT + 4_000, undefined, 1);
    expect(breaker.opensAgainAt).toBe(AT + 12_000);
  });

  it('opens at the first failure for as long as the receiver asks for', () => {
    expect(failed(CLOSED, AT, 60_000, 1)).toEqual({ failures: 1, opensAgainAt: AT + 60_000 });
    expect(failed(CLOSED, AT, 0, 1)).toEqual({ failures: 1, opensAgainAt: undefined });
  });

  it('does not believe a time beyond the longest pause, which a clock wrote that was ahead', () => {
    const breaker = { failures: 9, opensAgainAt: AT + LONGEST_RETRY_MS + 1 };
    expect([stateOf(breaker, AT), stateOf(breaker, AT + 1)]).toEqual(['half-open', 'open']);
  });

  it('stays open as long as the receiver asks for', () => {
    const worn = { failures: FAILURES_UNTIL_OPEN - 1, opensAgainAt: undefined };
    expect(failed(worn, AT, 60_000, 1).opensAgainAt).toBe(AT + 60_000);
  });
});

describe('a signature', () => {
  const message = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };

  it("is the one of Standard Webhooks' own example", async () => {
    const secret = known(parseWebhookSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'));
    expect(await signedHeaders(message, [secret])).toEqual({
      'webhook-id': message.id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    });
  });

  it('is made with both secrets during a rotation, each as Node makes it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const seed = privateKey.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
    const old = Buffer.alloc(32, 7);
    const secrets = [`whsk_${seed.toString('base64')}`, `whsec_${old.toString('base64')}`].map((text) =>
      known(parseWebhookSecret(text)),
    );
    const headers = await signedHeaders(message, secrets);
    const [asymmetric = '', symmetric = ''] = (headers['webhook-signature'] ?? '').split(' ');
    const signed = Buffer.from(`${message.id}.${String(message.timestamp)}.${message.body}`);
    expect(symmetric).toBe(`v1,${createHmac('sha256', old).update(signed).digest('base64')}`);
    const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
    expect(verify(null, signed, key, Buffer.from(asymmetric.replace('v1a,', ''), 'base64'))).toBe(true);
  });

  it('is left out where there is no secret', async () => {
    expect(await signedHeaders(message, [])).not.toHaveProperty('webhook-signature');
  });

  it.each([
    '',
    'secret',
    'whsec_',
    'whsec_!!!!',
    `whsec_${Buffer.alloc(23).toString('base64')}`,
    `whsec_${Buffer.alloc(65).toString('base64')}`,
    `whsk_${Buffer.alloc(31).toString('base64')}`,
  ])('is not made with %s', (text) => {
    expect(parseWebhookSecret(text)).toBeUndefined();
  });
});

test('a UUID of version 7 holds its time, and sorts by it', () => {
  const ids = [AT, AT + 1, AT + 86_400_000].map((now) => newUuid(now));
  expect(ids).toEqual([...ids].sort());
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt((ids[0] ?? '').replace('-', '').slice(0, 12), 16)).toBe(AT);
});

function known(secret: WebhookSecret | undefined): WebhookSecret {
  if (secret === undefined) throw new Error('this is a secret');
  return secret;
}
