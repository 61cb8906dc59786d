import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatContentRange,
  formatUploadRange,
  MOST_RANGES,
  parseContentRange,
  parseRange,
} from '../../../src/oci/range.ts';
import { anyString } from './arbitraries.ts';

const WHOLE = { kind: 'whole' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };
const TOO_MANY = { kind: 'too-many' };
const slice = (offset: number, length: number) => ({ kind: 'slice', offset, length });
/** Each as offset and length. */
const several = (...slices: [number, number][]) => ({
  kind: 'several',
  slices: slices.map(([offset, length]) => ({ offset, length })),
});
const repeated = (range: string, count: number) => `bytes=${Array<string>(count).fill(range).join(',')}`;

describe('parseRange, of a blob of 1,000 bytes', () => {
  it.each([
    ['no header asks for the whole', undefined, WHOLE],
    ['the first hundred', 'bytes=0-99', slice(0, 100)],
    ['one byte', 'bytes=5-5', slice(5, 1)],
    ['an open end', 'bytes=900-', slice(900, 100)],
    ['from the start on', 'bytes=0-', slice(0, 1_000)],
    ['an end beyond the blob stops at its end', 'bytes=990-2000', slice(990, 10)],
    ['an end beyond any integer', `bytes=990-${'9'.repeat(80)}`, slice(990, 10)],
    ['the last byte', 'bytes=999-999', slice(999, 1)],
    ['a suffix', 'bytes=-100', slice(900, 100)],
    ['a suffix longer than the blob is the blob', 'bytes=-5000', slice(0, 1_000)],
    ['a suffix beyond any integer', `bytes=-${'9'.repeat(80)}`, slice(0, 1_000)],
    ['the unit in any case', 'BYTES=0-0', slice(0, 1)],
    ['white space around the range', 'bytes= 0-9 ', slice(0, 10)],
    ['a start at the end', 'bytes=1000-', UNSATISFIABLE],
    ['a start beyond the end', 'bytes=5000-6000', UNSATISFIABLE],
    ['a start beyond any integer', `bytes=${'9'.repeat(80)}-`, UNSATISFIABLE],
    ['an empty suffix', 'bytes=-0', UNSATISFIABLE],
    ['several ranges', 'bytes=0-1,5-6', several([0, 2], [5, 2])],
    ['several in the order in which they were asked for', 'bytes=500-,0-9,-5', several([500, 500], [0, 10], [995, 5])],
    ['adjacent ones stay what they are', 'bytes=0-4,5-9,10-14', several([0, 5], [5, 5], [10, 5])],
    ['overlapping ones that are no longer together than the blob', 'bytes=0-9,5-14', several([0, 10], [5, 10])],
    ['the same one twice', 'bytes=0-0,0-0', several([0, 1], [0, 1])],
    ['as many bytes as the blob has', 'bytes=0-499,500-999', several([0, 500], [500, 500])],
    ['one byte more than the blob has', 'bytes=0-499,499-999', WHOLE],
    ['the whole many times (CVE-2011-3192)', repeated('0-', MOST_RANGES), WHOLE],
    ['growing ones from one start (CVE-2011-3192)', 'bytes=0-,5-0,5-1,5-2', UNSATISFIABLE],
    ['as many as may be', repeated('0-0', MOST_RANGES), several(...Array<[number, number]>(MOST_RANGES).fill([0, 1]))],
    ['one more than may be', repeated('0-0', MOST_RANGES + 1), TOO_MANY],
    ['far more than may be', repeated('x', 2_000), TOO_MANY],
    ['one beyond the end among others', 'bytes=0-1,5000-,5-6', several([0, 2], [5, 2])],
    ['one that is left alone', 'bytes=5000-,5-6,-0', slice(5, 2)],
    ['several that all lie outside', 'bytes=1000-,2000-2001,-0', UNSATISFIABLE],
    ['one that runs backwards among others', 'bytes=0-1,9-5', UNSATISFIABLE],
    ['one that is malformed among others', 'bytes=0-1,a-b', WHOLE],
    ['one that is malformed and one that runs backwards', 'bytes=9-5,-', WHOLE],
    ['one of absurd length among others', `bytes=0-1,5-${'9'.repeat(10_000)}`, WHOLE],
    ['white space around commas, and elements without a range', 'bytes=, 0-1 ,\t,5-6,,', several([0, 2], [5, 2])],
    ['commas alone', 'bytes=,,', WHOLE],
    ['the unit twice', 'bytes=0-1,bytes=5-6', WHOLE],
    ['a range that runs backwards', 'bytes=5-4', UNSATISFIABLE],
    ['one that does so beyond 2^53', 'bytes=9007199254740993-9007199254740992', UNSATISFIABLE],
    ['neither start nor end', 'bytes=-', WHOLE],
    ['no range', 'bytes=', WHOLE],
    ['no unit', '0-99', WHOLE],
    ['another unit', 'items=0-5', WHOLE],
    ['a sign', 'bytes=+1-2', WHOLE],
    ['a fraction', 'bytes=0.5-1', WHOLE],
    ['white space inside', 'bytes=0 - 9', WHOLE],
    ['hex', 'bytes=0x0-0xf', WHOLE],
    ['an empty header', '', WHOLE],
    ['a header of absurd length', `bytes=0-${'9'.repeat(10_000)}`, WHOLE],
  ])('%s: %s', (_, header, expected) => {
    expect(parseRange(header, 1_000)).toEqual(expected);
  });
});

describe('parseRange', () => {
  it.each([undefined, 'bytes=0-', 'bytes=0-0', 'bytes=-5', 'bytes=-0', 'bytes=7-9'])(
    'gives the whole of an empty blob for %s: there is no way to say a range of nothing',
    (header) => {
      expect(parseRange(header, 0)).toEqual(WHOLE);
    },
  );

  const size = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

  it('gives every range that lies within the blob', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.nat(), (offset, more, rest) => {
        const header = `bytes=${String(offset)}-${String(offset + more)}`;
        expect(parseRange(header, offset + more + 1 + rest)).toEqual(slice(offset, more + 1));
      }),
    );
  });

  it('agrees with the words of RFC 9110 for every single range', () => {
    const number = fc.bigInt({ min: 0n, max: 10n ** 20n });
    fc.assert(
      fc.property(fc.option(number, { nil: undefined }), fc.option(number, { nil: undefined }), size, (a, b, total) => {
        const header = `bytes=${a?.toString() ?? ''}-${b?.toString() ?? ''}`;
        const end = BigInt(total);
        const expected = () => {
          if (a === undefined && b === undefined) return WHOLE;
          if (a === undefined) {
            const suffix = b !== undefined && b < end ? Number(b) : total;
            return suffix === 0 ? UNSATISFIABLE : slice(total - suffix, suffix);
          }
          // Invalid, which may be ignored or refused (§14.2): here it is refused.
          if (b !== undefined && b < a) return UNSATISFIABLE;
          if (a >= end) return UNSATISFIABLE;
          return slice(Number(a), Number((b === undefined || b >= end ? end - 1n : b) - a + 1n));
        };
        expect(parseRange(header, total)).toEqual(expected());
      }),
    );
  });

  it('never leaves the blob, whatever the header says', () => {
    const number = fc.oneof(fc.constant(''), fc.nat().map(String), fc.bigInt({ min: 0n }).map(String));
    const single = fc.tuple(number, number).map((pair) => pair.join('-'));
    const ranges = fc.array(single, { maxLength: 5 }).map((list) => `bytes=${list.join(',')}`);
    fc.assert(
      fc.property(fc.oneof(anyString, ranges), fc.nat(), (header, total) => {
        const range = parseRange(header, total);
        const slices = range.kind === 'slice' ? [range] : range.kind === 'several' ? range.slices : [];
        for (const { offset, length } of slices) {
          expect(offset).toBeGreaterThanOrEqual(0);
          expect(length).toBeGreaterThan(0);
          expect(offset + length).toBeLessThanOrEqual(total);
        }
        // However often they overlap.
        expect(slices.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(total);
      }),
    );
  });
});

describe('parseContentRange', () => {
  it.each([
    ['0-99', { start: 0, end: 99 }],
    ['0-0', { start: 0, end: 0 }],
    ['100-199', { start: 100, end: 199 }],
    ['bytes 0-99/*', { start: 0, end: 99 }],
    ['bytes 0-99/200', { start: 0, end: 99 }],
    ['bytes 0-99/100', { start: 0, end: 99 }],
    ['bytes 0-99', { start: 0, end: 99 }],
    ['bytes=0-99', { start: 0, end: 99 }],
    ['Bytes 0-99/*', { start: 0, end: 99 }],
    ['0-9007199254740990', { start: 0, end: Number.MAX_SAFE_INTEGER - 1 }],
  ])('reads %s', (header, expected) => {
    expect(parseContentRange(header)).toEqual(expected);
  });

  it.each([
    ['nothing', ''],
    ['no end', '0-'],
    ['no start', '-99'],
    ['a range that runs backwards', '5-4'],
    ['an end whose next offset is no safe integer', '0-9007199254740991'],
    ['an end that is no safe integer', '0-9007199254740993'],
    ['absurdly many digits', `0-${'9'.repeat(1_000)}`],
    ['a range that ends beyond its total', 'bytes 0-99/99'],
    ['a total without digits', 'bytes 0-99/'],
    ['an unsatisfied range', 'bytes */100'],
    ['another unit', 'items 0-99'],
    ['a unit without a gap', 'bytes0-99'],
    ['several ranges', '0-1,2-3'],
    ['a sign', '+0-99'],
    ['a fraction', '0-9.5'],
    ['white space inside', '0 - 99'],
    ['a line break after it', '0-99\n'],
    ['hex', '0x0-0xff'],
  ])('refuses %s', (_, header) => {
    expect(parseContentRange(header)).toBeUndefined();
  });

  it('reads every range in every form', () => {
    const form = fc.constantFrom(
      (range: string, _total: number) => range,
      (range: string, _total: number) => `bytes ${range}/*`,
      (range: string, total: number) => `bytes ${range}/${String(total)}`,
      (range: string, _total: number) => `bytes=${range}`,
    );
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1 }), form, (start, more, rest, write) => {
        const end = start + more;
        expect(parseContentRange(write(`${String(start)}-${String(end)}`, end + rest))).toEqual({ start, end });
      }),
    );
  });

  it('reads what the registry itself writes of a slice', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 1_000_000 }), fc.nat(), (offset, length, rest) => {
        const header = formatContentRange({ offset, length }, offset + length + rest);
        expect(parseContentRange(header)).toEqual({ start: offset, end: offset + length - 1 });
      }),
    );
  });

  it('answers every string with a range in safe integers, or with undefined', () => {
    const number = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n, max: 10n ** 18n }).map(String));
    const near = fc
      .tuple(fc.constantFrom('', 'bytes ', 'bytes='), number, number)
      .map(([unit, a, b]) => `${unit}${a}-${b}`);
    fc.assert(
      fc.property(fc.oneof(anyString, near), (header) => {
        const range = parseContentRange(header);
        if (range === undefined) return;
        expect(range.start).toBeLessThanOrEqual(range.end);
        expect(Number.isSafeInteger(range.end - range.start + 1)).toBe(true);
      }),
    );
  });
});

describe('formatUploadRange', () => {
  it.each([
    [0, '0-0'],
    [1, '0-0'],
    [2, '0-1'],
    [1_024, '0-1023'],
  ])('of a session with %i bytes is %s', (committed, expected) => {
    expect(formatUploadRange(committed)).toBe(expected);
  });
});

describe('formatContentRange', () => {
  it.each([
    [0, 100, 1_000, 'bytes 0-99/1000'],
    [999, 1, 1_000, 'bytes 999-999/1000'],
  ])('from byte %i, %i of %i, is %s', (offset, length, size, expected) => {
    expect(formatContentRange({ offset, length }, size)).toBe(expected);
  });
});
