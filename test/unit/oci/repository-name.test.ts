import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';
import { anyString, nameString, spoiled } from './arbitraries.ts';

describe('parseRepositoryName', () => {
  it.each([
    ['one word', 'app'],
    ['digits alone', '0'],
    ['a path', 'team/project/app'],
    ['a dot inside', 'my.app'],
    ['one underscore', 'my_app'],
    ['two underscores', 'my__app'],
    ['any number of hyphens', 'my-----app'],
    ["names that are parts of the API's paths", 'blobs/uploads/manifests/tags/list'],
    ['255 characters', 'a'.repeat(255)],
    ['255 characters in single letters', `${'a/'.repeat(127)}a`],
  ])('takes %s', (_, input) => {
    expect(parseRepositoryName(input)).toBe(input);
  });

  it.each([
    ['nothing', ''],
    ['256 characters', 'a'.repeat(256)],
    ['an upper-case letter', 'App'],
    ['a slash at the start', '/app'],
    ['a slash at the end', 'app/'],
    ['two slashes in a row', 'team//app'],
    ['a dot at the start', '.app'],
    ['a dot at the end', 'app.'],
    ['two dots', 'my..app'],
    ['a way up', 'team/../app'],
    ['three underscores', 'my___app'],
    ['different separators in a row', 'my._app'],
    ['a hyphen before a slash', 'team-/app'],
    ['a colon', 'localhost:5000/app'],
    ['a tag', 'app:latest'],
    ['a digest', 'app@sha256'],
    ['a percent escape', 'team%2fapp'],
    ['a backslash', 'team\\app'],
    ['a line break after it', 'app\n'],
    ['a letter of another alphabet', 'аpp'],
    ['a NUL', 'app\0'],
  ])('refuses %s', (_, input) => {
    expect(parseRepositoryName(input)).toBeUndefined();
  });

  it('takes every name of the grammar as it is', () => {
    fc.assert(fc.property(nameString, (input) => parseRepositoryName(input) === input));
  });

  it('refuses a name with anything strange in it', () => {
    fc.assert(fc.property(spoiled(nameString), (input) => parseRepositoryName(input) === undefined));
  });

  it('answers every string with itself or with undefined', () => {
    fc.assert(fc.property(anyString, (input) => [undefined, input].includes(parseRepositoryName(input))));
  });

  it('joins two names to a name, if that is not too long', () => {
    fc.assert(
      fc.property(nameString, nameString, (one, other) => {
        const joined = `${one}/${other}`;
        expect(parseRepositoryName(joined)).toBe(joined.length <= 255 ? joined : undefined);
      }),
    );
  });

  it('does not look at more than 255 characters, so a long name costs nothing', () => {
    expect(parseRepositoryName(`${'a-'.repeat(5_000_000)}!`)).toBeUndefined();
  });
});
