import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatReference, parseReference, parseTag } from '../../../src/oci/reference.ts';
import { anyString, digestString, spoiled, tagString } from './arbitraries.ts';

describe('parseTag', () => {
  it.each([
    ['a word', 'latest'],
    ['a version', 'v1.2.3-rc_4'],
    ['one character', '1'],
    ['an underscore first', '_hidden'],
    ['upper case', 'LATEST'],
    ['dots and hyphens at the end', 'a.-'],
    ['the tag form of a digest', `sha256-${'a'.repeat(64)}`],
    ['128 characters', 'a'.repeat(128)],
  ])('takes %s', (_, input) => {
    expect(parseTag(input)).toBe(input);
  });

  it.each([
    ['nothing', ''],
    ['129 characters', 'a'.repeat(129)],
    ['a dot first', '.hidden'],
    ['a hyphen first', '-latest'],
    ['a slash', 'v1/2'],
    ['a colon', 'v1:2'],
    ['a plus, which versions may have', '1.0.0+build'],
    ['an at sign', 'v1@2'],
    ['white space', 'v 1'],
    ['a line break after it', 'latest\n'],
    ['a letter of another alphabet', 'lаtest'],
  ])('refuses %s', (_, input) => {
    expect(parseTag(input)).toBeUndefined();
  });

  it('takes every tag of the grammar as it is', () => {
    fc.assert(fc.property(tagString, (input) => parseTag(input) === input));
  });

  it('refuses a tag with anything strange in it', () => {
    fc.assert(fc.property(spoiled(tagString), (input) => parseTag(input) === undefined));
  });

  it('answers every string with itself or with undefined', () => {
    fc.assert(fc.property(anyString, (input) => [undefined, input].includes(parseTag(input))));
  });
});

describe('parseReference', () => {
  it('reads what has no colon as a tag', () => {
    expect(parseReference('sha256')).toEqual({ kind: 'tag', tag: 'sha256' });
  });

  it('reads what has a colon as a digest, and never falls back to a tag', () => {
    const digest = `sha256:${'b'.repeat(64)}`;
    expect(parseReference(digest)).toEqual({ kind: 'digest', digest });
    expect(parseReference('sha256:abc')).toBeUndefined();
    expect(parseReference('latest:')).toBeUndefined();
    expect(parseReference(':')).toBeUndefined();
  });

  it('comes back from its text unchanged', () => {
    fc.assert(
      fc.property(fc.oneof(tagString, digestString), (input) => {
        const reference = parseReference(input);
        return reference !== undefined && formatReference(reference) === input;
      }),
    );
  });

  it('knows a tag from a digest', () => {
    fc.assert(
      fc.property(tagString, digestString, (tag, digest) => {
        expect([parseReference(tag)?.kind, parseReference(digest)?.kind]).toEqual(['tag', 'digest']);
      }),
    );
  });

  it('refuses a reference with anything strange in it', () => {
    fc.assert(fc.property(spoiled(fc.oneof(tagString, digestString)), (input) => parseReference(input) === undefined));
  });

  it('answers every string with a reference that reads the same, or with undefined', () => {
    fc.assert(
      fc.property(anyString, (input) => {
        const reference = parseReference(input);
        return reference === undefined || formatReference(reference) === input;
      }),
    );
  });
});
