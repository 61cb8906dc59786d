import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestAlgorithm, digestHex, formatDigest, parseDigest } from '../../../src/oci/digest.ts';
import { anyString, digestString, sha256, sha512, spoiled } from './arbitraries.ts';

const A64 = 'a'.repeat(64);
const A128 = 'a'.repeat(128);

describe('parseDigest (CVE-2024-3727)', () => {
  it.each([`sha256:${A64}`, `sha512:${A128}`, `sha256:${'0123456789abcdef'.repeat(4)}`])('takes %s', (input) => {
    expect(parseDigest(input)).toBe(input);
  });

  it.each([
    ['nothing', ''],
    ['an algorithm alone', 'sha256:'],
    ['hex alone', A64],
    ['upper-case hex', `sha256:${'A'.repeat(64)}`],
    ['an upper-case algorithm', `SHA256:${A64}`],
    ['one digit too few', `sha256:${'a'.repeat(63)}`],
    ['one digit too many', `sha256:${'a'.repeat(65)}`],
    ['the length of another algorithm', `sha512:${A64}`],
    ['the length of another algorithm', `sha256:${A128}`],
    ['a letter that is no hex', `sha256:${'g'.repeat(64)}`],
    ['an algorithm that it does not hash with', `blake3:${A64}`],
    ['an algorithm that is broken', `md5:${'a'.repeat(32)}`],
    ['an unregistered algorithm', 'sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564'],
    ['a line break after it', `sha256:${A64}\n`],
    ['white space before it', ` sha256:${A64}`],
    ['two digests', `sha256:${A64},sha256:${A64}`],
    ['a name that every object has', 'constructor:'],
  ])('refuses %s', (_, input) => {
    expect(parseDigest(input)).toBeUndefined();
  });

  it('takes every digest of the grammar as it is', () => {
    fc.assert(fc.property(digestString, (input) => parseDigest(input) === input));
  });

  it('refuses a digest with anything strange in it', () => {
    fc.assert(fc.property(spoiled(digestString), (input) => parseDigest(input) === undefined));
  });

  it('answers every string with itself or with undefined', () => {
    fc.assert(fc.property(anyString, (input) => [undefined, input].includes(parseDigest(input))));
  });
});

describe('the parts of a digest', () => {
  it('make the digest again', () => {
    fc.assert(
      fc.property(digestString, (input) => {
        const digest = parseDigest(input);
        return digest !== undefined && formatDigest(digestAlgorithm(digest), digestHex(digest)) === digest;
      }),
    );
  });

  it('are its algorithm and its hex', () => {
    const part = (input: string) => {
      const digest = parseDigest(input);
      return digest === undefined ? undefined : [digestAlgorithm(digest), digestHex(digest)];
    };
    fc.assert(
      fc.property(sha256, sha512, (short, long) => {
        expect(part(short)).toEqual(['sha256', short.slice('sha256:'.length)]);
        expect(part(long)).toEqual(['sha512', long.slice('sha512:'.length)]);
      }),
    );
  });
});

describe('formatDigest', () => {
  it.each([
    ['too short', 'sha256', 'abc'],
    ['of another algorithm', 'sha256', A128],
    ['in upper case', 'sha512', 'A'.repeat(128)],
  ] as const)('throws when the hex is %s: that is a defect of the caller', (_, algorithm, hex) => {
    expect(() => formatDigest(algorithm, hex)).toThrow(algorithm);
  });
});
