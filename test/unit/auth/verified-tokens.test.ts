/** Tokens whose signature was checked before: what is remembered of them holds no longer than they do themselves. */
import { exportJWK, generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { signToken, type Key, type TokenClaims } from '../../../src/auth/jwt.ts';
import { VerifiedTokens } from '../../../src/auth/verified-tokens.ts';

const NOW = Date.UTC(2026, 10, 1);
const SECOND = 1_000;
const ISSUER = { issuer: 'https://registry.example', service: 'registry.example' };
const CLAIMS: TokenClaims = { kind: 'user', name: 'alice', credential: 'c1', scope: { grants: [], catalog: false } };

async function makeKey(kid: string): Promise<{ own: Key; shown: Key }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { own: { kid, jwk: await exportJWK(privateKey) }, shown: { kid, jwk: await exportJWK(publicKey) } };
}

let key: { own: Key; shown: Key };
let namesake: { own: Key; shown: Key };
beforeAll(async () => {
  [key, namesake] = await Promise.all([makeKey('k1'), makeKey('k1')]);
});

/** A token that was verified at NOW, and how it is verified again. */
async function verified() {
  const tokens = new VerifiedTokens();
  const token = await signToken(key.own, ISSUER, CLAIMS, NOW);
  const again = ({ keys = [key.shown], issuer = ISSUER, now = NOW, of = token } = {}) =>
    tokens.verify(of, keys, issuer, now);
  const first = await again();
  expect(first).toMatchObject({ kind: 'valid', claims: CLAIMS });
  return { tokens, token, again, first };
}

describe('a token that was verified before', () => {
  it('says the same again, without being verified', async () => {
    const { again, first } = await verified();
    expect(await again({ now: NOW + SECOND })).toBe(first);
  });

  it('ends when it ends: five minutes on, and one more for clocks that differ', async () => {
    const { again, first } = await verified();
    expect(await again({ now: NOW + 360 * SECOND - 1 })).toBe(first);
    expect(await again({ now: NOW + 360 * SECOND })).toEqual({ kind: 'invalid', reason: 'expired' });
  });

  it('is nothing any more once its key is gone, or is another of that id', async () => {
    for (const keys of [[], [namesake.shown]]) {
      const { again } = await verified();
      expect(await again({ keys })).toMatchObject({ kind: 'invalid' });
      // And it is looked at anew when the key is there again.
      expect(await again()).toMatchObject({ kind: 'valid' });
    }
  });

  it('is for its service and issuer alone', async () => {
    const { again } = await verified();
    expect(await again({ issuer: { ...ISSUER, service: 'other.example' } })).toEqual({
      kind: 'invalid',
      reason: 'audience',
    });
    expect(await again({ issuer: { ...ISSUER, issuer: 'https://other.example' } })).toEqual({
      kind: 'invalid',
      reason: 'issuer',
    });
  });

  it('is not valid yet by a clock that was set back', async () => {
    const { again } = await verified();
    expect(await again({ now: NOW - 120 * SECOND })).toEqual({ kind: 'invalid', reason: 'not-yet-valid' });
  });

  it('vouches for no other one, not even one that differs in its signature alone', async () => {
    const { again, token } = await verified();
    const [header = '', claims = '', signature = ''] = token.split('.');
    const other = `${header}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    expect(await again({ of: other })).toEqual({ kind: 'invalid', reason: 'signature' });
  });

  it('makes room when a thousand others were verified since', async () => {
    const { tokens, again, first } = await verified();
    for (let other = 0; other < 1_000; other += 1) {
      const token = await signToken(key.own, ISSUER, { ...CLAIMS, credential: String(other) }, NOW);
      expect(await tokens.verify(token, [key.shown], ISSUER, NOW)).toMatchObject({ kind: 'valid' });
    }
    const anew = await again();
    expect(anew).toEqual(first);
    expect(anew).not.toBe(first);
  });
});

it('what was refused is looked at again each time', async () => {
  const tokens = new VerifiedTokens();
  const token = await signToken(key.own, ISSUER, CLAIMS, NOW);
  expect(await tokens.verify(token, [], ISSUER, NOW)).toEqual({ kind: 'invalid', reason: 'unknown-key' });
  expect(await tokens.verify(token, [key.shown], ISSUER, NOW)).toMatchObject({ kind: 'valid' });
});
