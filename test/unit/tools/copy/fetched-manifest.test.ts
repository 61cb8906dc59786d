/** Manifests as a source gives them. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatDigest, type Digest } from '../../../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../../../src/oci/media-type.ts';
import { parseTag, type Reference } from '../../../../src/oci/reference.ts';
import { readManifest, type ManifestAnswer } from '../../../../tools/copy/fetched-manifest.ts';

const digestOf = (bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest =>
  formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));

const CONFIG = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(Buffer.from('{}')), size: 2 };
const DOCUMENT = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: CONFIG, layers: [] };
const BYTES = Buffer.from(JSON.stringify(DOCUMENT));

function byTag(): Reference {
  const tag = parseTag('latest');
  if (tag === undefined) throw new Error('it is a tag');
  return { kind: 'tag', tag };
}

const answer = (changes: Partial<ManifestAnswer> = {}): ManifestAnswer => ({
  bytes: BYTES,
  contentType: OCI_MANIFEST,
  saidDigest: undefined,
  ...changes,
});

function refusal(changes: Partial<ManifestAnswer>): string | undefined {
  const read = readManifest(byTag(), answer(changes));
  return read.ok ? undefined : read.failure.reason;
}

describe('a fetched manifest', () => {
  it('has the digest of its bytes, by the algorithm that it is known by', () => {
    const [sha256, sha512] = [digestOf(BYTES), digestOf(BYTES, 'sha512')];
    expect(readManifest(byTag(), answer())).toMatchObject({ value: { digest: sha256, bytes: BYTES } });
    expect(readManifest(byTag(), answer({ saidDigest: sha512 }))).toMatchObject({ value: { digest: sha512 } });
    expect(readManifest({ kind: 'digest', digest: sha512 }, answer({ saidDigest: sha256 }))).toMatchObject({
      value: { digest: sha512 },
    });
  });

  it('is refused when its bytes have another digest than was asked for or said', () => {
    const other = digestOf(Buffer.from('other'));
    const reason = `the source gave bytes of another digest, ${digestOf(BYTES)} instead of ${other}: they are not copied`;
    expect(readManifest({ kind: 'digest', digest: other }, answer())).toMatchObject({ failure: { reason } });
    expect(readManifest(byTag(), answer({ saidDigest: other }))).toMatchObject({ failure: { reason } });
  });

  it.each(['application/json', 'application/octet-stream', 'text/plain; charset=utf-8', undefined])(
    'is what it says itself where its content type %s says nothing',
    (contentType) => {
      expect(readManifest(byTag(), answer({ contentType }))).toMatchObject({
        value: { manifest: { mediaType: OCI_MANIFEST } },
      });
    },
  );

  it('is refused where Berth would refuse it, in its words', () => {
    const bytes = Buffer.from(JSON.stringify({ ...DOCUMENT, manifests: [] }));
    expect(refusal({ bytes })).toContain('it is an image or an index, not both');
    expect(refusal({ bytes: Buffer.from('<html>') })).toContain('must be a JSON object');
    const contentType = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    expect(refusal({ contentType, saidDigest: CONFIG.digest })).toContain('schema 1');
  });

  it('is kept in memory only if it is small', () => {
    const annotations = { filling: 'x'.repeat(300_000) };
    const bytes = Buffer.from(JSON.stringify({ ...DOCUMENT, annotations }));
    const read = readManifest(byTag(), answer({ bytes }));
    expect(read).toMatchObject({ value: { size: bytes.byteLength, bytes: undefined } });
  });
});
