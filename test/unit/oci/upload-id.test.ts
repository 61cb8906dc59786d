import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatUploadId, parseUploadId } from '../../../src/oci/upload-id.ts';
import { anyString, spoiled, text } from './arbitraries.ts';

const hex = text('0123456789abcdef', 64, 64);
const uploadId = fc.record({
  object: hex,
  expiresAt: fc.integer({ min: 0, max: Date.UTC(2500, 0) }),
  seal: hex,
  algorithm: fc.constantFrom('sha256' as const, 'sha512' as const),
  streams: fc.boolean(),
});
const uploadIdString = uploadId.map(formatUploadId);
const [OBJECT, SEAL] = ['a'.repeat(64), 'b'.repeat(64)];

describe('parseUploadId', () => {
  it.each([
    ['nothing', ''],
    ['an object alone', OBJECT],
    ['one digit too few', `${'a'.repeat(63)}.k.${SEAL}`],
    ['one digit too many', `${OBJECT}.k.${SEAL}b`],
    ['upper case', `${OBJECT}.k.${SEAL.toUpperCase()}`],
    ['no expiry', `${OBJECT}..${SEAL}`],
    ['an expiry with a leading zero', `${OBJECT}.0k.${SEAL}`],
    ['an expiry beyond all dates', `${OBJECT}.${'z'.repeat(10)}.${SEAL}`],
    ['an algorithm that goes without saying', `${OBJECT}.k.${SEAL}.sha256`],
    ['an algorithm that there is not', `${OBJECT}.k.${SEAL}.md5`],
    ['the hint before the algorithm', `${OBJECT}.k.${SEAL}.s.sha512`],
    ['another hint', `${OBJECT}.k.${SEAL}.x`],
    ['a UUID', '0190a5c0-0000-7000-8000-000000000000'],
    ['a digest', `sha256:${OBJECT}`],
    ['a line break after it', `${OBJECT}.k.${SEAL}\n`],
  ])('refuses %s', (_, input) => {
    expect(parseUploadId(input)).toBeUndefined();
  });

  it('reads back what formatUploadId writes', () => {
    fc.assert(
      fc.property(uploadId, (id) => {
        expect(parseUploadId(formatUploadId(id))).toEqual(id);
      }),
    );
  });

  it('refuses an id with anything strange in it', () => {
    fc.assert(fc.property(spoiled(uploadIdString), (input) => parseUploadId(input) === undefined));
  });

  it('gives an id one spelling', () => {
    fc.assert(
      fc.property(anyString, (input) => {
        const id = parseUploadId(input);
        return id === undefined || formatUploadId(id) === input;
      }),
    );
  });
});
