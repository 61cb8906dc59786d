import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as types from '../../../src/oci/media-type.ts';
import { anyString, mediaTypeString, spoiled } from './arbitraries.ts';

const { isForeignLayer, isImage, isIndex, isSchema1, parseMediaType } = types;
const [A127, A128] = ['a'.repeat(127), 'a'.repeat(128)];

describe('parseMediaType', () => {
  it.each([
    ['a type', 'application/json', 'application/json'],
    ['upper case, made lower', 'Application/JSON', 'application/json'],
    ['a parameter, left out', 'application/json; charset=utf-8', 'application/json'],
    ['a parameter without white space', 'application/json;charset=utf-8', 'application/json'],
    ['a parameter of any length', `application/json;a="${'b'.repeat(10_000)}"`, 'application/json'],
    ['white space around it', ' \tapplication/json\t ', 'application/json'],
    ['a name of the longest', `${A127}/${A127}`, `${A127}/${A127}`],
    ['every character of the grammar', 'a!#$&-^_.+/0!#$&-^_.+', 'a!#$&-^_.+/0!#$&-^_.+'],
  ])('takes %s', (_, header, expected) => {
    expect(parseMediaType(header)).toBe(expected);
  });

  it.each([
    ['nothing', ''],
    ['a parameter alone', ';charset=utf-8'],
    ['a type without a subtype', 'application'],
    ['an empty subtype', 'application/'],
    ['an empty type', '/json'],
    ['two slashes', 'application/a/b'],
    ['a wildcard', '*/*'],
    ['several types', 'application/json, text/plain'],
    ['a type that is too long', `${A128}/a`],
    ['a subtype that is too long by one', `${A127}/${A128}`],
    ['a dot first', 'application/.json'],
    ['white space inside', 'application /json'],
    ['a line break', 'application/json\n'],
    ['the Kelvin sign, whose lower case is a k', 'application/\u212a'],
  ])('refuses %s', (_, header) => {
    expect(parseMediaType(header)).toBeUndefined();
  });

  it('takes every type of the grammar as it is', () => {
    fc.assert(fc.property(mediaTypeString, (type) => parseMediaType(type) === type));
  });

  it('reads a type the same in any case and with any parameters', () => {
    fc.assert(
      fc.property(mediaTypeString, anyString, (type, rest) => {
        expect(parseMediaType(`${type.toUpperCase()} ;${rest}`)).toBe(type);
      }),
    );
  });

  it('refuses a type with anything strange in it', () => {
    const strangeInside = spoiled(mediaTypeString).filter((input) => input.trim() === input);
    fc.assert(fc.property(strangeInside, (input) => parseMediaType(input) === undefined));
  });

  it('answers every string with a type that it takes as it is, or with undefined', () => {
    fc.assert(
      fc.property(anyString, (input) => {
        const type = parseMediaType(input);
        return type === undefined || (parseMediaType(type) === type && type.length <= 255);
      }),
    );
  });
});

describe('the kinds of manifest', () => {
  it.each([
    [types.OCI_MANIFEST, 'image'],
    [types.DOCKER_MANIFEST, 'image'],
    [types.OCI_INDEX, 'index'],
    [types.DOCKER_LIST, 'index'],
    [types.DOCKER_SCHEMA_1, 'schema 1'],
    [types.DOCKER_SCHEMA_1_SIGNED, 'schema 1'],
    ['application/vnd.oci.artifact.manifest.v1+json', 'none'],
    ['application/json', 'none'],
    ['', 'none'],
  ])('%s is %s', (type, kind) => {
    expect({ image: isImage(type), index: isIndex(type), 'schema 1': isSchema1(type) }).toEqual({
      image: kind === 'image',
      index: kind === 'index',
      'schema 1': kind === 'schema 1',
    });
    expect(parseMediaType(type) ?? '').toBe(type);
  });
});

describe('isForeignLayer', () => {
  it.each([
    'application/vnd.docker.image.rootfs.foreign.diff.tar',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  ])('knows %s', (type) => {
    expect(isForeignLayer(type)).toBe(true);
  });

  it.each([
    'application/vnd.docker.image.rootfs.diff.tar.gzip',
    'application/vnd.oci.image.layer.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tarball',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+',
    'x-application/vnd.oci.image.layer.nondistributable.v1.tar',
    '',
  ])('asks the repository to have "%s"', (type) => {
    expect(isForeignLayer(type)).toBe(false);
  });
});
