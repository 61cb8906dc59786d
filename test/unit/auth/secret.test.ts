/** Secrets of Berth's own: their form, their checksum, and the expression that docs/access.md gives to secret scanners. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatSecret,
  hashOf,
  parseSecret,
  quickHashOf,
  SECRET_RANDOM_BYTES,
  type SecretKind,
} from '../../../src/auth/secret.ts';

const KINDS = ['password', 'token', 'robot', 'refresh'] as const;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const anySecret = fc
  .tuple(fc.constantFrom<SecretKind>(...KINDS), fc.uint8Array({ minLength: 20, maxLength: 20 }))
  .map(([kind, random]) => ({ kind, random, secret: formatSecret(kind, random) }));

describe('a secret', () => {
  it('has 160 random bits', () => {
    expect(SECRET_RANDOM_BYTES * 8).toBe(160);
  });

  it('is what it was and what it will be', () => {
    const zeros = new Uint8Array(20);
    const counted = Uint8Array.from({ length: 20 }, (_unused, index) => index);
    expect(formatSecret('token', zeros)).toBe('berth_pat_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa62a7vyi');
    expect(formatSecret('password', counted)).toBe('berth_pw_aaaqeayeaudaocajbifqydiob4ibceqtirbs6cy');
  });

  it('tells its kind', () => {
    fc.assert(
      fc.property(anySecret, ({ kind, secret }) => {
        expect(parseSecret(secret)).toBe(kind);
      }),
    );
  });

  it('ends with the CRC-32 of what stands before, as zip counts it, in base32', () => {
    fc.assert(
      fc.property(anySecret, ({ secret }) => {
        const sum = crc32(secret.slice(0, -7));
        const bits = sum.toString(2).padStart(32, '0').padEnd(35, '0');
        const expected = (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET.charAt(Number.parseInt(five, 2)));
        expect(secret.slice(-7)).toBe(expected.join(''));
      }),
    );
  });

  it('is none any more with one character changed, so that mistyping costs no lookup', () => {
    fc.assert(
      fc.property(anySecret, fc.nat(), fc.constantFrom(...ALPHABET.split('')), ({ secret }, where, other) => {
        const at = where % secret.length;
        fc.pre(secret.charAt(at) !== other);
        expect(parseSecret(secret.slice(0, at) + other + secret.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it.each(['', 'berth_pat_', 'hunter2', 'ghp_0123456789', `berth_pat_${'a'.repeat(39)}`, 'x'.repeat(1_000_000)])(
    'is not %s',
    (text) => {
      expect(parseSecret(text)).toBeUndefined();
    },
  );

  it('is none with anything before or behind it', () => {
    const secret = formatSecret('robot', new Uint8Array(20));
    for (const text of [` ${secret}`, `${secret} `, `${secret}\n`, secret.toUpperCase(), secret.slice(1)])
      expect(parseSecret(text), text).toBeUndefined();
  });

  it('is kept as its SHA-256', () => {
    const secret = formatSecret('refresh', new Uint8Array(20));
    expect(hashOf(secret)).toBe(createHash('sha256').update(secret).digest('hex'));
  });

  it('has the same hash the quick way', async () => {
    await fc.assert(
      fc.asyncProperty(anySecret, async ({ secret }) => {
        expect(await quickHashOf(secret)).toBe(hashOf(secret));
      }),
    );
  });
});
