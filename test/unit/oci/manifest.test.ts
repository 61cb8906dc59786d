import { describe, expect, it } from 'vitest';
import { MAX_JSON_DEPTH, MAX_MANIFEST_DESCRIPTORS, parseManifest } from '../../../src/oci/manifest.ts';
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA_1_SIGNED,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../../src/oci/media-type.ts';
import { bytesOf, CONFIG_TYPE, descriptor, digestOf, FOREIGN_TYPE, image, index, LAYER_TYPE } from './documents.ts';

const ARTIFACT_TYPE = 'application/vnd.example.sbom.v1';

/** The manifest that was read, or a failed test with the reason. */
function read(document: unknown, contentType?: string) {
  const result = parseManifest(bytesOf(document), contentType);
  if (!result.ok) throw new Error(`refused: ${result.message}`);
  return result.manifest;
}

/** Why it was refused. */
function refusal(document: unknown, contentType?: string) {
  const result = parseManifest(bytesOf(document), contentType);
  return result.ok ? 'taken' : `${result.reason}: ${result.message}`;
}

const digestsOf = (descriptors: readonly { digest: string }[]) => descriptors.map(({ digest }) => digest);

describe('an image manifest', () => {
  it('gives its config and layers, each digest once', () => {
    const manifest = read(image({ layers: [descriptor('1'), descriptor('2'), descriptor('1')] }), OCI_MANIFEST);
    expect(manifest).toMatchObject({ mediaType: OCI_MANIFEST, kind: 'image', foreign: [], manifests: [] });
    expect(digestsOf(manifest.blobs)).toEqual([digestOf('c'), digestOf('1'), digestOf('2')]);
    expect(manifest.blobs[0]).toMatchObject(descriptor('c', CONFIG_TYPE));
  });

  it.each([OCI_MANIFEST, DOCKER_MANIFEST])('is known by %s', (mediaType) => {
    expect(read(image({ mediaType }), mediaType)).toMatchObject({ mediaType, kind: 'image' });
  });

  it('may have no layers at all, also as the null that Go writes for an empty list', () => {
    expect(digestsOf(read(image({ layers: [] })).blobs)).toEqual([digestOf('c')]);
    expect(digestsOf(read(image({ layers: null })).blobs)).toEqual([digestOf('c')]);
  });

  it('need not have its foreign layers in the repository', () => {
    const manifest = read(image({ layers: [descriptor('1', FOREIGN_TYPE), descriptor('2')] }));
    expect(digestsOf(manifest.blobs)).toEqual([digestOf('c'), digestOf('2')]);
    expect(digestsOf(manifest.foreign)).toEqual([digestOf('1')]);
  });

  it('needs a layer that is foreign in one place and not in another', () => {
    const manifest = read(image({ layers: [descriptor('1', FOREIGN_TYPE), descriptor('1')] }));
    expect(digestsOf(manifest.blobs)).toEqual([digestOf('c'), digestOf('1')]);
    expect(manifest.foreign).toEqual([]);
  });

  it('needs its config, whatever type that has', () => {
    const manifest = read(image({ config: descriptor('c', FOREIGN_TYPE), layers: [] }));
    expect(digestsOf(manifest.blobs)).toEqual([digestOf('c')]);
    expect(manifest.foreign).toEqual([]);
  });

  it('may have fields of its own, also in its descriptors', () => {
    const layer = { ...descriptor('1'), urls: null, data: 'aGVsbG8=', 'org.example': { deep: [1] } };
    expect(digestsOf(read(image({ layers: [layer], 'org.example': true })).blobs)).toContain(digestOf('1'));
  });

  it('takes a sha512 digest', () => {
    const digest = `sha512:${'d'.repeat(128)}`;
    expect(digestsOf(read(image({ layers: [{ ...descriptor('1'), digest }] })).blobs)).toContain(digest);
  });

  it.each([
    ['a config', { config: undefined }, 'config must be there'],
    ['a config that is not null', { config: null }, 'config must be there'],
    ['layers', { layers: undefined }, 'layers must be there'],
    ['no manifests', { layers: undefined, manifests: [] }, 'layers must be there'],
    ['schemaVersion 2', { schemaVersion: 3 }, 'schemaVersion must be 2'],
    ['a schemaVersion', { schemaVersion: undefined }, 'schemaVersion must be 2'],
    ['a schemaVersion that is a number', { schemaVersion: '2' }, 'schemaVersion must be 2'],
    ['layers in a list', { layers: {} }, 'layers must be a list of descriptors'],
    ['a config that is an object', { config: 'none' }, 'config must be a descriptor'],
  ])('must have %s', (_, changes, message) => {
    expect(refusal(image(changes))).toContain(`invalid: ${message}`);
  });
});

describe('an index', () => {
  it('gives its manifests, each digest once', () => {
    const manifest = read(index({ manifests: [descriptor('a'), descriptor('b'), descriptor('a')] }), OCI_INDEX);
    expect(manifest).toMatchObject({ mediaType: OCI_INDEX, kind: 'index', blobs: [], foreign: [] });
    expect(digestsOf(manifest.manifests)).toEqual([digestOf('a'), digestOf('b')]);
  });

  it.each([OCI_INDEX, DOCKER_LIST])('is known by %s', (mediaType) => {
    expect(read(index({ mediaType }), mediaType)).toMatchObject({ mediaType, kind: 'index' });
  });

  it('may be empty, also as the null that Go writes for an empty list', () => {
    expect(read(index({ manifests: [] })).manifests).toEqual([]);
    expect(read(index({ manifests: null })).manifests).toEqual([]);
  });

  it.each([
    ['have manifests', { manifests: undefined }, 'manifests must be there'],
    ['have schemaVersion 2', { schemaVersion: undefined }, 'schemaVersion must be 2'],
    ['not have a config', { config: descriptor('c') }, 'config must not be in an index'],
    ['not have layers', { layers: [] }, 'layers and manifests must not be in one document'],
  ])('must %s', (_, changes, message) => {
    expect(refusal(index(changes))).toContain(`invalid: ${message}`);
  });
});

describe('a document that could be two things (CVE-2021-41190)', () => {
  const both = image({ manifests: [descriptor('a')] });

  it.each([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, 'application/vnd.example+json'])(
    'is refused as %s',
    (mediaType) => {
      expect(refusal({ ...both, mediaType }, mediaType)).toContain('invalid: layers and manifests must not be in one');
    },
  );

  it('is refused without any type', () => {
    expect(refusal({ ...both, mediaType: undefined })).toContain('invalid: layers and manifests must not be in one');
  });

  it.each(['Manifests', 'MANIFESTS', 'manifest\u017f'])('is refused when it hides manifests as %s', (key) => {
    expect(refusal(image({ [key]: [descriptor('a')] }))).toBe(`invalid: ${key} must be spelled manifests`);
  });

  it('is refused when a descriptor hides another digest', () => {
    expect(refusal(image({ layers: [{ ...descriptor('1'), Digest: digestOf('2') }] }))).toContain(
      'invalid: layers[0] must spell mediaType, digest and size in this very case',
    );
  });

  it('may say null for the list that it does not have', () => {
    expect(read(image({ manifests: null })).kind).toBe('image');
    expect(read(index({ layers: null, config: null })).kind).toBe('index');
  });
});

describe('the type of a manifest', () => {
  it('must be the same in Content-Type and in the body', () => {
    expect(refusal(image(), OCI_INDEX)).toBe(
      `invalid: mediaType is ${OCI_MANIFEST}, but Content-Type says ${OCI_INDEX}: they must be the same`,
    );
  });

  it('is the Content-Type when the body has none, as with Helm', () => {
    expect(read(image({ mediaType: undefined }), OCI_MANIFEST).mediaType).toBe(OCI_MANIFEST);
  });

  it('is read without its parameters and in lower case', () => {
    expect(read(image(), `${OCI_MANIFEST.toUpperCase()}; charset=utf-8`).mediaType).toBe(OCI_MANIFEST);
  });

  it("is the body's when there is no Content-Type", () => {
    expect(read(image({ mediaType: DOCKER_MANIFEST })).mediaType).toBe(DOCKER_MANIFEST);
  });

  it('follows from the structure when nobody says it', () => {
    expect(read(image({ mediaType: undefined }))).toMatchObject({ mediaType: OCI_MANIFEST, kind: 'image' });
    expect(read(index({ mediaType: undefined }))).toMatchObject({ mediaType: OCI_INDEX, kind: 'index' });
    expect(refusal({ schemaVersion: 2 })).toContain('invalid: the manifest must have a mediaType');
  });

  it.each(['', 'json', '*/*', 'application/json, text/plain', ';'])('is not "%s"', (contentType) => {
    expect(refusal(image(), contentType)).toContain('invalid: Content-Type must be a media type');
  });

  it.each(['', OCI_MANIFEST.toUpperCase(), `${OCI_MANIFEST};a=b`, ` ${OCI_MANIFEST}`])(
    'is not "%s" in the body',
    (mediaType) => {
      expect(refusal(image({ mediaType }))).toContain('invalid: mediaType must be a media type in lower case');
    },
  );

  it('is a string', () => {
    expect(refusal(image({ mediaType: 2 }))).toBe('invalid: mediaType must be a string');
  });

  it.each(['text/html', 'image/svg+xml', 'application/x-www-form-urlencoded'])(
    'is not %s, which no client means: a browser would show it, or curl sent it by default',
    (contentType) => {
      expect(refusal(image({ mediaType: undefined }), contentType)).toContain(`unsupported: ${contentType} is no type`);
    },
  );
});

describe('a Docker schema 1 manifest', () => {
  const fsLayers = [{ blobSum: digestOf('1') }];

  it.each([DOCKER_SCHEMA_1_SIGNED, 'application/json', undefined])('is named as such when it comes as %s', (type) => {
    expect(refusal({ schemaVersion: 1, name: 'app', tag: 'latest', fsLayers, history: [] }, type)).toContain(
      'schema1:',
    );
  });

  it('is also known by its type alone, and by its version in a known type', () => {
    expect(refusal({ schemaVersion: 2 }, DOCKER_SCHEMA_1_SIGNED)).toContain('schema1:');
    expect(refusal(image({ schemaVersion: 1 }))).toContain('schema1:');
  });
});

describe('a manifest of a type that nobody told us of', () => {
  const TYPE = 'application/vnd.example.thing+json';

  it('is taken, and may refer to nothing', () => {
    expect(read({}, TYPE)).toEqual({
      mediaType: TYPE,
      saysType: false,
      kind: 'other',
      blobs: [],
      foreign: [],
      manifests: [],
      subject: undefined,
      artifactType: undefined,
      annotations: {},
    });
  });

  it('gives what it refers to in the fields that the spec knows', () => {
    const manifest = read(
      { config: descriptor('c'), blobs: [descriptor('1')], manifests: [descriptor('a')], subject: descriptor('5') },
      TYPE,
    );
    expect(digestsOf(manifest.blobs)).toEqual([digestOf('c'), digestOf('1')]);
    expect(digestsOf(manifest.manifests)).toEqual([digestOf('a')]);
    expect(manifest.subject).toBe(digestOf('5'));
  });

  it('has no artifact type but its own', () => {
    expect(read({ config: descriptor('c') }, TYPE).artifactType).toBeUndefined();
    expect(read({ config: descriptor('c'), artifactType: ARTIFACT_TYPE }, TYPE).artifactType).toBe(ARTIFACT_TYPE);
  });

  it('may have a schemaVersion of its own', () => {
    expect(read({ schemaVersion: '1.0' }, TYPE).kind).toBe('other');
    expect(read({ schemaVersion: 1 }, TYPE).kind).toBe('other');
  });

  it('is refused when such a field holds something else, since nobody could keep what it means', () => {
    expect(refusal({ layers: ['one'] }, TYPE)).toBe('invalid: layers[0] must be a descriptor: an object');
  });
});

describe('what a descriptor must be', () => {
  it.each([
    ['a digest', { digest: undefined }, 'layers[1].digest must be there'],
    [
      'a digest of a known algorithm',
      { digest: `blake3:${'a'.repeat(64)}` },
      'layers[1].digest must be sha256: and 64',
    ],
    ['a digest of the right length', { digest: 'sha256:abc' }, 'layers[1].digest must be sha256: and 64'],
    ['a digest that is a string', { digest: 7 }, 'layers[1].digest must be a string'],
    ['a size', { size: undefined }, 'layers[1].size must be there'],
    ['a size of at least 0', { size: -1 }, 'layers[1].size must not be negative'],
    ['a whole size', { size: 1.5 }, 'layers[1].size must be a whole number of bytes'],
    ['a safe size', { size: 2 ** 53 }, 'layers[1].size must be a whole number of bytes'],
    ['a size that is a number', { size: '2' }, 'layers[1].size must be a number'],
    ['a media type', { mediaType: undefined }, 'layers[1].mediaType must be there'],
    ['a media type that is not empty', { mediaType: '' }, 'layers[1].mediaType must not be empty'],
    ['a media type in ASCII', { mediaType: 'a/\n' }, 'layers[1].mediaType must be a media type of at most 255'],
    ['a short media type', { mediaType: `a/${'b'.repeat(254)}` }, 'layers[1].mediaType must be a media type of at'],
  ])('%s', (_, changes, message) => {
    const layers = [descriptor('1'), { ...descriptor('2'), ...changes }];
    expect(refusal(image({ layers }))).toContain(`invalid: ${message}`);
  });

  it.each([0, Number.MAX_SAFE_INTEGER])('may have size %i', (size) => {
    expect(read(image({ layers: [{ ...descriptor('1'), size }] })).blobs[1]?.size).toBe(size);
  });

  it.each([
    ['layers', { layers: [descriptor('1'), { ...descriptor('1'), size: 2 }] }],
    ['config and layers', { config: descriptor('1'), layers: [{ ...descriptor('1'), size: 2 }] }],
    ['subject and layers', { subject: descriptor('1'), layers: [{ ...descriptor('1'), size: 2 }] }],
  ])('has one size for one digest, in %s', (_, changes) => {
    expect(refusal(image(changes))).toBe(`invalid: ${digestOf('1')} must have one size: it is given 1 and 2 bytes`);
  });
});

describe('a manifest with a subject', () => {
  it('names the digest of its subject, and does not ask for it', () => {
    const manifest = read(image({ subject: descriptor('5', OCI_MANIFEST) }));
    expect(manifest.subject).toBe(digestOf('5'));
    expect(digestsOf([...manifest.blobs, ...manifest.manifests])).not.toContain(digestOf('5'));
  });

  it('is refused when its subject is no descriptor', () => {
    expect(refusal(image({ subject: digestOf('5') }))).toBe('invalid: subject must be a descriptor: an object');
  });

  it.each([
    ['its own artifact type', image({ artifactType: ARTIFACT_TYPE }), ARTIFACT_TYPE],
    ["its config's type when it has none", image(), CONFIG_TYPE],
    ["its config's type when its own is empty", image({ artifactType: '' }), CONFIG_TYPE],
    ["its config's type when its own is null", image({ artifactType: null }), CONFIG_TYPE],
    ['its own artifact type as an index', index({ artifactType: ARTIFACT_TYPE }), ARTIFACT_TYPE],
    ['no artifact type as an index without one', index(), undefined],
    ['no artifact type as an index with an empty one', index({ artifactType: '' }), undefined],
    [
      'a type with a parameter, as sigstore writes it',
      image({ artifactType: 'application/vnd.dev.sigstore.bundle+json;version=0.2' }),
      'application/vnd.dev.sigstore.bundle+json;version=0.2',
    ],
  ])('is listed under %s', (_, document, expected) => {
    expect(read(document).artifactType).toBe(expected);
  });

  it('is listed with its annotations', () => {
    const annotations = { 'org.opencontainers.image.created': '2026-01-01T00:00:00Z', empty: '' };
    expect(read(image({ annotations })).annotations).toEqual(annotations);
    expect(read(image({ annotations: null })).annotations).toEqual({});
    // Names that objects have by nature are names like others.
    const natural = '{"constructor":"a","__proto__":"b","toString":"c"}';
    const parsed: unknown = JSON.parse(natural);
    expect(JSON.stringify(read(image({ annotations: parsed })).annotations)).toBe(natural);
  });

  it.each([
    ['annotations that are no object', { annotations: 'none' }, 'annotations must be an object of strings'],
    ['annotations in a list', { annotations: ['a'] }, 'annotations must be an object of strings'],
    ['an annotation that is no string', { annotations: { a: 1 } }, 'annotations must be an object of strings'],
    ['an artifact type that is no string', { artifactType: 1 }, 'artifactType must be a string'],
    ['an artifact type that is too long', { artifactType: 'a'.repeat(256) }, 'artifactType must be a media type of at'],
  ])('is refused with %s', (_, changes, message) => {
    expect(refusal(image(changes))).toContain(`invalid: ${message}`);
  });
});

describe('the limits', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => ({
      mediaType: LAYER_TYPE,
      digest: `sha256:${at.toString(16).padStart(64, '0')}`,
      size: at,
    }));

  it('take as many descriptors as the constant says, config included, and no more', () => {
    expect(read(image({ layers: many(MAX_MANIFEST_DESCRIPTORS - 1) })).blobs).toHaveLength(MAX_MANIFEST_DESCRIPTORS);
    expect(refusal(image({ layers: many(MAX_MANIFEST_DESCRIPTORS) }))).toContain('must refer to at most 10000');
  });

  it('count what the lists hold together', () => {
    const half = many(MAX_MANIFEST_DESCRIPTORS / 2);
    expect(refusal({ blobs: half, manifests: half }, 'application/vnd.example+json')).toContain('at most 10000');
  });

  it('take as many levels as the constant says, and no more', () => {
    // The document is a level itself.
    const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
    expect(read(image({ own: nested(MAX_JSON_DEPTH - 1) })).kind).toBe('image');
    expect(refusal(image({ own: nested(MAX_JSON_DEPTH) }))).toBe(
      'invalid: the manifest must not be nested deeper than 32 levels',
    );
  });

  it('hold for a message too: a key as long as the manifest is cut', () => {
    expect(refusal(image({ annotations: { ['k'.repeat(100_000)]: 1 } })).length).toBeLessThan(300);
  });

  it('answer many mistakes with one line', () => {
    const annotations = Object.fromEntries(Array.from({ length: 50_000 }, (_, at) => [`k${String(at)}`, at]));
    expect(refusal(image({ annotations }))).toBe('invalid: annotations must be an object of strings');
    expect(refusal(image({ layers: Array(100_000).fill(0) }))).toContain('must refer to at most 10000');
  });
});

describe('the bytes of a manifest', () => {
  it.each([
    ['nothing', ''],
    ['a list', '[]'],
    ['half a document', '{"schemaVersion":2'],
    ['a byte order mark', `\ufeff${JSON.stringify(image())}`],
  ])('are refused when they are %s', (_, text) => {
    expect(parseManifest(new TextEncoder().encode(text), OCI_MANIFEST)).toEqual({
      ok: false,
      reason: 'invalid',
      message: 'the manifest must be a JSON object in UTF-8, without a byte order mark',
    });
  });
});
