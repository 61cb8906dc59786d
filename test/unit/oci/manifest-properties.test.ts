import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest, type ManifestResult } from '../../../src/oci/manifest.ts';
import { isForeignLayer, OCI_INDEX, OCI_MANIFEST, parseMediaType } from '../../../src/oci/media-type.ts';
import { parseDigest } from '../../../src/oci/digest.ts';
import { anyString, digestString } from './arbitraries.ts';
import { anyImage, anyIndex, bytesOf } from './documents.ts';

const contentType = fc.option(fc.oneof(anyString, fc.constantFrom(OCI_MANIFEST, OCI_INDEX, 'application/json')), {
  nil: undefined,
});

/** What every answer promises, whatever came in. */
function expectPromises(result: ManifestResult): void {
  if (!result.ok) {
    expect(['invalid', 'schema1', 'unsupported']).toContain(result.reason);
    expect(result.message).toMatch(/./);
    return;
  }
  const { mediaType, kind, blobs, foreign, manifests, subject } = result.manifest;
  expect(parseMediaType(mediaType)).toBe(mediaType);
  if (kind === 'image') expect(manifests).toEqual([]);
  if (kind === 'index') expect([...blobs, ...foreign]).toEqual([]);
  const digests = [...blobs, ...foreign].map(({ digest }) => digest);
  expect(new Set(digests).size).toBe(digests.length);
  for (const { digest, size } of [...blobs, ...foreign, ...manifests]) {
    expect(parseDigest(digest)).toBe(digest);
    expect(Number.isSafeInteger(size) && size >= 0).toBe(true);
  }
  if (subject !== undefined) expect(parseDigest(subject)).toBe(subject);
}

const sorted = (digests: Iterable<string>) => [...new Set(digests)].sort();

describe('parseManifest', () => {
  it('answers any bytes, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), contentType, (bytes, type) => {
        expectPromises(parseManifest(bytes, type));
      }),
    );
  });

  it('answers any JSON, and never throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), contentType, (value, type) => {
        expectPromises(parseManifest(bytesOf(value), type));
      }),
    );
  });

  it('answers any JSON in the fields that it reads', () => {
    const names = fc.constantFrom(
      'schemaVersion',
      'mediaType',
      'artifactType',
      'config',
      'layers',
      'blobs',
      'manifests',
      'subject',
      'annotations',
      'fsLayers',
      '__proto__',
      'constructor',
    );
    const pieces = fc.record({ mediaType: fc.constant('a/b'), digest: digestString, size: fc.nat() });
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), pieces, fc.array(pieces), fc.constantFrom(1, 2, OCI_INDEX));
    fc.assert(
      fc.property(fc.dictionary(names, value), contentType, (document, type) => {
        expectPromises(parseManifest(bytesOf(document), type));
      }),
    );
  });

  it('takes every image, and gives everything that it refers to', () => {
    fc.assert(
      fc.property(anyImage, fc.boolean(), (document, isTold) => {
        const result = parseManifest(bytesOf(document), isTold ? document.mediaType : undefined);
        expectPromises(result);
        if (!result.ok) throw new Error(result.message);
        const { manifest } = result;
        expect(manifest.kind).toBe('image');
        expect(sorted([...manifest.blobs, ...manifest.foreign].map(({ digest }) => digest))).toEqual(
          sorted([document.config, ...document.layers].map(({ digest }) => digest)),
        );
        expect(manifest.foreign.every(({ mediaType }) => isForeignLayer(mediaType))).toBe(true);
        expect(manifest.subject).toBe(document.subject?.digest);
        expect(manifest.annotations).toEqual(document.annotations ?? {});
      }),
    );
  });

  it('takes every index, and gives all its children', () => {
    fc.assert(
      fc.property(anyIndex, fc.boolean(), (document, isTold) => {
        const result = parseManifest(bytesOf(document), isTold ? document.mediaType : undefined);
        expectPromises(result);
        if (!result.ok) throw new Error(result.message);
        expect(result.manifest.kind).toBe('index');
        expect(sorted(result.manifest.manifests.map(({ digest }) => digest))).toEqual(
          sorted(document.manifests.map(({ digest }) => digest)),
        );
      }),
    );
  });

  it('reads a document the same however it is laid out', () => {
    fc.assert(
      fc.property(anyImage, fc.integer({ min: 0, max: 8 }), (document, indent) => {
        const reversed = Object.fromEntries(Object.entries(document).reverse());
        const text = JSON.stringify(reversed, undefined, indent);
        expect(parseManifest(new TextEncoder().encode(text), undefined)).toEqual(
          parseManifest(bytesOf(document), undefined),
        );
      }),
    );
  });

  it('refuses an image that also has manifests, and an index that also has layers', () => {
    fc.assert(
      fc.property(anyImage, anyIndex, (image, index) => {
        expect(parseManifest(bytesOf({ ...index, ...image }), undefined).ok).toBe(false);
        expect(parseManifest(bytesOf({ ...image, ...index }), undefined).ok).toBe(false);
      }),
    );
  });

  it('refuses an image in which one digest is spoiled, and names the place', () => {
    fc.assert(
      fc.property(
        anyImage.filter(({ layers }) => layers.length > 0),
        fc.nat(),
        fc.constantFrom('', 'sha256:', 'sha256:ABC', 'md5:abc', 'latest'),
        (document, pick, digest) => {
          const at = pick % document.layers.length;
          const layers = document.layers.map((layer, index) => (index === at ? { ...layer, digest } : layer));
          const result = parseManifest(bytesOf({ ...document, layers }), undefined);
          expect(result.ok ? 'taken' : result.message).toMatch(`layers[${String(at)}].digest`);
        },
      ),
    );
  });

  it('refuses an image that is cut off anywhere', () => {
    fc.assert(
      fc.property(anyImage, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (document, where) => {
        const bytes = bytesOf(document);
        expect(parseManifest(bytes.subarray(0, Math.floor(where * bytes.length)), undefined).ok).toBe(false);
      }),
    );
  });

  it('refuses an image under the type of an index, and the other way round', () => {
    fc.assert(
      fc.property(anyImage, anyIndex, (image, index) => {
        expect(parseManifest(bytesOf(image), OCI_INDEX).ok).toBe(false);
        expect(parseManifest(bytesOf(index), OCI_MANIFEST).ok).toBe(false);
      }),
    );
  });
});
