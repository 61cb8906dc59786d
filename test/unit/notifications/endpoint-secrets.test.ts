/** The secrets of an endpoint's document: sealed where stored, hidden where shown, kept where `***` is written back. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { HIDDEN, withoutSecrets, withSealedSecrets } from '../../../src/notifications/endpoint-secrets.ts';
import { seal, unseal, type SealingKeys } from '../../../src/notifications/sealing.ts';

const NAME = 'deploy';
const PLACE = `endpoint ${NAME}`;
const OLD = { current: new Uint8Array(32).fill(1), previous: undefined };
const KEYS: SealingKeys = { current: new Uint8Array(32).fill(2), previous: OLD.current };
const [ONE, TWO, THREE] = [secret('a'), secret('b'), secret('c')];
const hidden = { value: HIDDEN };

const sealedAs = async (...secrets: string[]) => ({
  signingSecrets: await Promise.all(secrets.map(async (secret) => ({ value: await seal(OLD, PLACE, secret) }))),
});
const Sealed = v.object({ signingSecrets: v.array(v.object({ value: v.string() })) });
const opened = (document: unknown, keys: SealingKeys) =>
  Promise.all(v.parse(Sealed, document).signingSecrets.map(({ value }) => unseal(keys, PLACE, value)));

function secret(letter: string): string {
  return `whsec_${btoa(letter.repeat(32))}`;
}

describe('what an administrator is shown', () => {
  it('has no secret, and every other part as it was written', () => {
    const headers = { 'x-plain': 'red', authorization: 'Bearer x', 'X-Api-Key': 'y', 'x-more': { value: 'z' } };
    const document = { name: NAME, batch: 2, headers, signingSecrets: [{ value: ONE }, { binding: 'SECRET' }] };
    expect(withoutSecrets(document)).toEqual({
      name: NAME,
      batch: 2,
      headers: { 'x-plain': 'red', authorization: HIDDEN, 'X-Api-Key': HIDDEN, 'x-more': hidden },
      signingSecrets: [hidden, { binding: 'SECRET' }],
    });
  });

  it('has nothing more where there is nothing', () => {
    expect(withoutSecrets({ name: NAME })).toEqual({ name: NAME });
  });
});

describe('signing secrets that are written back', () => {
  it.each([
    ['all of them', [ONE, TWO], [HIDDEN, HIDDEN], [ONE, TWO]],
    ['the first alone', [ONE, TWO], [HIDDEN], [ONE]],
    ['one behind a new one', [ONE], [THREE, HIDDEN], [THREE, ONE]],
    ['one before a new one', [ONE], [HIDDEN, THREE], [ONE, THREE]],
    ['the second, behind a new one in place of the first', [ONE, TWO], [THREE, HIDDEN], [THREE, TWO]],
  ])('keep %s, under the newest key alone', async (_what, stored, given, kept) => {
    const document = { signingSecrets: given.map((value) => ({ value })) };
    const result = await withSealedSecrets(document, await sealedAs(...stored), NAME, KEYS);
    if (!result.ok) throw new Error(String(result.mistakes));
    expect(await opened(result.document, { current: KEYS.current, previous: undefined })).toEqual(kept);
    expect(JSON.stringify(result.document)).not.toContain('whsec_');
  });

  it.each([
    ['more than are stored', [hidden, hidden], 'signingSecrets[1]'],
    ['what has no form', [{ value: 'whsec_x' }], 'signingSecrets[0]'],
  ])('are refused with %s', async (_what, signingSecrets, path) => {
    const result = await withSealedSecrets({ signingSecrets }, await sealedAs(ONE), NAME, KEYS);
    expect(result).toMatchObject({ ok: false, mistakes: [expect.stringContaining(path)] });
  });

  it('are refused where another key sealed them, or they were of another endpoint', async () => {
    const before = await sealedAs(ONE);
    const document = { signingSecrets: [hidden] };
    const stranger = { current: new Uint8Array(32).fill(9), previous: undefined };
    const refused = { ok: false, mistakes: [expect.stringContaining('BERTH_ENCRYPTION_KEY')] };
    expect(await withSealedSecrets(document, before, NAME, stranger)).toMatchObject(refused);
    expect(await withSealedSecrets(document, before, 'other', KEYS)).toMatchObject(refused);
  });
});

describe('a header that is written back', () => {
  const sealedAt = async (url: string) => ({
    url,
    headers: { authorization: { value: await seal(OLD, PLACE, 'Bearer x') } },
  });
  const headers = { authorization: hidden };

  it.each(['https://a.example/hook', 'https://a.example/other?way=1', 'HTTPS://A.example:443/'])(
    'is kept for the same host: %s',
    async (url) => {
      const result = await withSealedSecrets({ url, headers }, await sealedAt('https://a.example/hook'), NAME, KEYS);
      if (!result.ok) throw new Error(String(result.mistakes));
      const { value } = v.parse(
        v.object({ authorization: v.object({ value: v.string() }) }),
        result.document['headers'],
      ).authorization;
      expect(await unseal(KEYS, PLACE, value)).toBe('Bearer x');
    },
  );

  it.each([
    'https://b.example/hook',
    'http://a.example/hook',
    'https://a.example:8443/hook',
    'https://a.example.b.example/',
  ])('is refused for another: %s', async (url) => {
    const result = await withSealedSecrets({ url, headers }, await sealedAt('https://a.example/hook'), NAME, KEYS);
    expect(result).toEqual({ ok: false, mistakes: [expect.stringMatching(/^headers\.authorization: .*another/)] });
  });
});

describe('a document without a key to seal with', () => {
  it('is stored as it is where it has no secret', async () => {
    const document = { name: NAME, headers: { 'x-plain': 'red' } };
    expect(await withSealedSecrets(document, undefined, NAME, undefined)).toEqual({ ok: true, document });
  });

  it('is refused where it has one', async () => {
    const document = { headers: { 'x-more': { value: 'z' } } };
    expect(await withSealedSecrets(document, undefined, NAME, undefined)).toEqual({ ok: false, mistakes: 'no-key' });
  });
});
