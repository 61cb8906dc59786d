import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePageSize } from '../../../src/oci/pagination.ts';
import { anyString } from './arbitraries.ts';

const LIMIT = 1_000;

describe('parsePageSize', () => {
  it.each([
    ['a full page when it is absent', undefined, LIMIT],
    ['nothing for 0', '0', 0],
    ['one for 1', '1', 1],
    ['the limit for the limit', '1000', LIMIT],
    ['the limit for more', '1001', LIMIT],
    ['the limit for a number beyond any integer', '9'.repeat(5_000), LIMIT],
    ['the number without its leading zeros', '0007', 7],
  ])('gives %s', (_, input, size) => {
    expect(parsePageSize(input, LIMIT)).toBe(size);
  });

  it.each([
    '',
    ' ',
    '-1',
    '-0',
    '+1',
    '1.5',
    '1.0',
    '1e3',
    '1e18',
    '0x10',
    'ten',
    'NaN',
    'Infinity',
    '1 ',
    '1\n',
    '１',
  ])('calls "%s" invalid', (input) => {
    expect(parsePageSize(input, LIMIT)).toBe('invalid');
  });

  it('gives every whole number up to the limit, and the limit above', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.integer({ min: 1, max: 10_000 }), (n, limit) => {
        expect(parsePageSize(n.toString(), limit)).toBe(n > BigInt(limit) ? limit : Number(n));
      }),
    );
  });

  it('calls every negative number and every fraction invalid', () => {
    const negative = fc.bigInt({ max: -1n }).map(String);
    const fraction = fc.tuple(fc.nat(), fc.nat()).map((parts) => parts.join('.'));
    fc.assert(fc.property(fc.oneof(negative, fraction), (input) => parsePageSize(input, LIMIT) === 'invalid'));
  });

  it('answers every string with a whole number within the limit, or with invalid', () => {
    fc.assert(
      fc.property(anyString, (input) => {
        const size = parsePageSize(input, LIMIT);
        return size === 'invalid' || (Number.isInteger(size) && size >= 0 && size <= LIMIT);
      }),
    );
  });
});
