/** The image that is pushed and pulled: a layer and a configuration of bytes that nobody else has, so both may be deleted. */
import { createHash, randomBytes } from 'node:crypto';
import { formatDigest, type Digest } from '../../src/oci/digest.ts';

/** More than a buffer on the way holds, and less than anybody minds. */
const LAYER_BYTES = 256 * 1024;
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

export interface Content {
  readonly bytes: Buffer;
  readonly digest: Digest;
}

export interface TestImage {
  readonly layer: Content;
  readonly config: Content;
  readonly manifest: Content & { readonly mediaType: string };
}

/** Of one that is there, as far as it was pushed. */
export interface PushedImage extends TestImage {
  /** Its manifest was sent, whatever became of it. */
  readonly isTagged: boolean;
  readonly isComplete: boolean;
}

export function makeImage(): TestImage {
  const layer = contentOf(randomBytes(LAYER_BYTES));
  const config = contentOf(
    json({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { 'berth-doctor': 'a test; may be deleted' } },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  );
  const manifest = contentOf(
    json({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: CONFIG_TYPE, digest: config.digest, size: config.bytes.length },
      layers: [{ mediaType: LAYER_TYPE, digest: layer.digest, size: layer.bytes.length }],
    }),
  );
  return { layer, config, manifest: { ...manifest, mediaType: MANIFEST_TYPE } };
}

function contentOf(bytes: Buffer): Content {
  return { bytes, digest: digestOf(bytes) };
}

export function digestOf(bytes: Uint8Array): Digest {
  return formatDigest('sha256', createHash('sha256').update(bytes).digest('hex'));
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
