import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUploadId } from '../../../src/oci/upload-id.ts';
import { anyString, spoiled, text } from './arbitraries.ts';

const uploadIdString = text('0123456789abcdef', 64, 64);

describe('parseUploadId', () => {
  it.each([
    ['nothing', ''],
    ['one digit too few', 'a'.repeat(63)],
    ['one digit too many', 'a'.repeat(65)],
    ['upper case', 'A'.repeat(64)],
    ['a UUID', '0190a5c0-0000-7000-8000-000000000000'],
    ['a digest', `sha256:${'a'.repeat(64)}`],
    ['a line break after it', `${'a'.repeat(64)}\n`],
  ])('refuses %s', (_, input) => {
    expect(parseUploadId(input)).toBeUndefined();
  });

  it('takes 64 lower-case hex digits as they are', () => {
    fc.assert(fc.property(uploadIdString, (input) => parseUploadId(input) === input));
  });

  it('refuses an id with anything strange in it', () => {
    fc.assert(fc.property(spoiled(uploadIdString), (input) => parseUploadId(input) === undefined));
  });

  it('answers every string with itself or with undefined', () => {
    fc.assert(fc.property(anyString, (input) => [undefined, input].includes(parseUploadId(input))));
  });
});
