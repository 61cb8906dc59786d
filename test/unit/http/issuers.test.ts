/** When an issuer is asked for its keys, and for how long what it said is believed. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Issuers } from '../../../src/http/access/issuers.ts';

const MINUTE = 60_000;
const ISSUER = { issuer: 'https://issuer.example', jwks: undefined };
const OTHER = { issuer: 'https://other.example', jwks: 'https://other.example/keys' };

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const keySet = (...kids: string[]) =>
  bytes({ keys: kids.map((kid) => ({ kty: 'OKP', crv: 'Ed25519', kid, x: 'A'.repeat(43) })) });

let asked: string[];
let published: string[];
let isDown: boolean;
let issuers: Issuers;
const held: Promise<unknown>[] = [];
const hold = (work: Promise<unknown>): void => void held.push(work);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 1) });
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  asked = [];
  published = ['a'];
  isDown = false;
  issuers = new Issuers(async (url) => {
    asked.push(url);
    if (isDown) throw new Error('down');
    if (!url.endsWith('openid-configuration')) return keySet(...published);
    return bytes({ issuer: ISSUER.issuer, jwks_uri: 'https://issuer.example/keys' });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
async function kids(kid = 'a', issuer: Parameters<Issuers['keys']>[0] = ISSUER): Promise<string[] | string> {
  const keys = await issuers.keys(issuer, kid, hold);
  return typeof keys === 'string' ? keys : keys.map((key) => key.kid);
}
const fetches = () => asked.filter((url) => url.endsWith('keys')).length;

describe('the keys of an issuer', () => {
  it('are looked for where its configuration says, or where the trust does', async () => {
    expect(await kids()).toEqual(['a']);
    expect(asked).toEqual(['https://issuer.example/.well-known/openid-configuration', 'https://issuer.example/keys']);
    asked = [];
    expect(await kids('a', OTHER)).toEqual(['a']);
    expect(asked).toEqual(['https://other.example/keys']);
  });

  it('are fetched once for many that ask at a time, and then not again', async () => {
    expect(await Promise.all(Array.from({ length: 20 }, () => kids()))).toEqual(
      Array.from({ length: 20 }, () => ['a']),
    );
    expect(await kids()).toEqual(['a']);
    expect(fetches()).toBe(1);
  });

  it('are renewed in the background from ten minutes on', async () => {
    await kids();
    pass(11 * MINUTE);
    published = ['a', 'b'];
    expect(await kids()).toEqual(['a']);
    await Promise.all(held);
    expect(await kids()).toEqual(['a', 'b']);
    expect(fetches()).toBe(2);
  });

  it('are waited for after an hour, so that what was withdrawn is not believed longer', async () => {
    await kids();
    pass(61 * MINUTE);
    published = ['b'];
    expect(await kids()).toEqual(['b']);
  });

  it('are kept for a day where the issuer is down, and no longer', async () => {
    await kids();
    isDown = true;
    pass(23 * 60 * MINUTE);
    expect(await kids()).toEqual(['a']);
    pass(61 * MINUTE);
    expect(await kids()).toBe('unavailable');
    isDown = false;
    pass(MINUTE);
    expect(await kids()).toEqual(['a']);
  });

  it('are asked for again for an id that is in none, once in half a minute', async () => {
    await kids();
    pass(MINUTE);
    published = ['a', 'b'];
    expect(await kids('b')).toEqual(['a', 'b']);
    expect(fetches()).toBe(2);
    for (let time = 0; time < 50; time += 1) await kids(`invented ${String(time)}`);
    expect(fetches()).toBe(2);
    pass(31_000);
    await Promise.all(Array.from({ length: 50 }, (_, index) => kids(`invented ${String(index)}`)));
    expect(fetches()).toBe(3);
  });

  it('are unknown while the issuer has never answered, which is tried again after five seconds', async () => {
    isDown = true;
    expect(await kids()).toBe('unavailable');
    isDown = false;
    expect(await kids()).toBe('unavailable');
    pass(5_000);
    expect(await kids()).toEqual(['a']);
  });

  it('that is slow keeps nobody waiting who has a key of another', async () => {
    const slow = new Issuers((url) =>
      url.startsWith(ISSUER.issuer) ? new Promise(() => undefined) : Promise.resolve(keySet('a')),
    );
    const never = slow.keys(ISSUER, 'a', hold);
    expect(await slow.keys(OTHER, 'a', hold)).toHaveLength(1);
    expect(await Promise.race([never, Promise.resolve('still waiting')])).toBe('still waiting');
  });

  it('are none where what it publishes is no set of keys, or of another issuer', async () => {
    issuers = new Issuers(async () =>
      bytes({ issuer: 'https://attacker.example', jwks_uri: 'https://issuer.example/keys' }),
    );
    expect(await kids()).toBe('unavailable');
    issuers = new Issuers(async () => bytes({}));
    expect(await kids('a', OTHER)).toBe('unavailable');
  });
});
