/**
 * Images for the matrix, made from a seed: the same seed gives the same bytes, so a failure can be
 * looked at again. Layers are gzipped tar files (OCI image spec, layer.md), some of random bytes that
 * no compression shrinks and some of text, from a few bytes to more than two upload parts.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tarOf } from './tar.ts';

const OCI_INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const OCI_MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const OCI_CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

const KIB = 1024;
const MIB = 1024 * KIB;

export interface LayerPlan {
  readonly seed: string;
  readonly sizeBytes: number;
  readonly kind: 'random' | 'text';
}

export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

interface Layer extends Blob {
  readonly tar: Buffer;
  /** Digest of the uncompressed tar. */
  readonly diffId: string;
}

export interface Image {
  readonly platform: Platform;
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Layer[];
}

export interface ImageIndex {
  readonly index: Blob;
  readonly images: readonly Image[];
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** The machine's own platform: engines refuse or warn about images of another one. */
export const HOST_PLATFORM: Platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch };

/** Seven layers of about 36 MB: from a tiny one to one that needs three parts of 8 MiB. */
export function largeImage(seed: string): Image {
  return imageOf(HOST_PLATFORM, [
    { seed: `${seed}/tiny`, sizeBytes: 40, kind: 'text' },
    { seed: `${seed}/notes`, sizeBytes: 400 * KIB, kind: 'text' },
    { seed: `${seed}/one-part`, sizeBytes: 3 * MIB, kind: 'random' },
    { seed: `${seed}/two-parts`, sizeBytes: 9 * MIB + 1, kind: 'random' },
    { seed: `${seed}/long-text`, sizeBytes: 6 * MIB, kind: 'text' },
    { seed: `${seed}/three-parts`, sizeBytes: 20 * MIB, kind: 'random' },
    { seed: `${seed}/last`, sizeBytes: 700 * KIB, kind: 'random' },
  ]);
}

/** One layer of a few bytes. */
export function tinyImage(seed: string): Image {
  return imageOf(HOST_PLATFORM, [{ seed, sizeBytes: 40, kind: 'text' }]);
}

/** Two images of a few hundred kilobytes each: the second has the first one's layers below its own two. */
export function imagesSharingLayers(seed: string): { readonly base: Image; readonly derived: Image } {
  const shared: LayerPlan[] = [
    { seed: `${seed}/shared-random`, sizeBytes: 600 * KIB, kind: 'random' },
    { seed: `${seed}/shared-text`, sizeBytes: 300 * KIB, kind: 'text' },
    { seed: `${seed}/shared-small`, sizeBytes: 5 * KIB, kind: 'random' },
  ];
  const own: LayerPlan[] = [
    { seed: `${seed}/own-random`, sizeBytes: 200 * KIB, kind: 'random' },
    { seed: `${seed}/own-text`, sizeBytes: 100 * KIB, kind: 'text' },
  ];
  return { base: imageOf(HOST_PLATFORM, shared), derived: imageOf(HOST_PLATFORM, [...shared, ...own]) };
}

/** Two images of four layers each, of which three are the same. */
export function imagesDifferingInOneLayer(seed: string): { readonly first: Image; readonly second: Image } {
  const shared: LayerPlan[] = [
    { seed: `${seed}/shared-random`, sizeBytes: 900 * KIB, kind: 'random' },
    { seed: `${seed}/shared-text`, sizeBytes: 300 * KIB, kind: 'text' },
    { seed: `${seed}/shared-small`, sizeBytes: 5 * KIB, kind: 'random' },
  ];
  const own = (name: string): LayerPlan => ({ seed: `${seed}/${name}`, sizeBytes: 200 * KIB, kind: 'random' });
  return {
    first: imageOf(HOST_PLATFORM, [...shared, own('first')]),
    second: imageOf(HOST_PLATFORM, [...shared, own('second')]),
  };
}

/** An index of an amd64 and an arm64 image that have one layer in common. */
export function multiPlatformIndex(seed: string): ImageIndex {
  const common: LayerPlan = { seed: `${seed}/common`, sizeBytes: 2 * MIB, kind: 'random' };
  const images = [
    imageOf({ os: 'linux', architecture: 'amd64' }, [
      common,
      { seed: `${seed}/amd64`, sizeBytes: 500 * KIB, kind: 'random' },
      { seed: `${seed}/amd64-text`, sizeBytes: 900 * KIB, kind: 'text' },
    ]),
    imageOf({ os: 'linux', architecture: 'arm64', variant: 'v8' }, [
      common,
      { seed: `${seed}/arm64`, sizeBytes: 9 * MIB, kind: 'random' },
    ]),
  ];
  const index = blobOf(
    OCI_INDEX_TYPE,
    jsonBytes({
      schemaVersion: 2,
      mediaType: OCI_INDEX_TYPE,
      manifests: images.map(({ manifest, platform }) => ({ ...descriptorOf(manifest), platform })),
      annotations: { 'org.opencontainers.image.title': 'two platforms' },
    }),
  );
  return { index, images };
}

/** Everything that an image consists of, its manifest last. */
export function blobsOf(image: Image): readonly Blob[] {
  return [image.config, ...image.layers, image.manifest];
}

export function descriptorOf(blob: Blob): { mediaType: string; digest: string; size: number } {
  return { mediaType: blob.mediaType, digest: blob.digest, size: blob.bytes.length };
}

export function sha256Of(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The hexadecimal part of a SHA-256 digest, as file names use it. */
export function hexOf(digest: string): string {
  return digest.slice('sha256:'.length);
}

/** Bytes from a seed: a keystream that no compression shrinks, or text of repeated words. */
export function contentOf(plan: LayerPlan): Buffer {
  const key = createHash('sha256').update(plan.seed).digest();
  const random = createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(plan.sizeBytes));
  if (plan.kind === 'random') return random;
  const words = ['anchor ', 'bollard ', 'crane ', 'dock\n', 'ensign ', 'fender ', 'gangway ', 'hull\n'];
  const text: string[] = [];
  let sizeBytes = 0;
  for (let at = 0; sizeBytes < plan.sizeBytes; at += 1) {
    const word = words[(random[at] ?? 0) % words.length] ?? '';
    text.push(word);
    sizeBytes += word.length;
  }
  return Buffer.from(text.join('')).subarray(0, plan.sizeBytes);
}

function imageOf(platform: Platform, plans: readonly LayerPlan[]): Image {
  const layers = plans.map(layerOf);
  const config = blobOf(
    OCI_CONFIG_TYPE,
    jsonBytes({
      ...platform,
      created: '1970-01-01T00:00:00Z',
      config: { Cmd: ['/content'] },
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
      history: plans.map((plan) => ({ created: '1970-01-01T00:00:00Z', created_by: `content ${plan.seed}` })),
    }),
  );
  const manifest = blobOf(
    OCI_MANIFEST_TYPE,
    jsonBytes({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST_TYPE,
      config: descriptorOf(config),
      layers: layers.map(descriptorOf),
    }),
  );
  return { platform, manifest, config, layers };
}

function layerOf(plan: LayerPlan): Layer {
  const tar = tarOf([
    { name: 'content/' },
    { name: `content/${hexOf(sha256Of(Buffer.from(plan.seed))).slice(0, 12)}`, content: contentOf(plan) },
  ]);
  // Level 1: the random layers gain nothing from a slower one.
  return { ...blobOf(OCI_LAYER_TYPE, gzipSync(tar, { level: 1 })), tar, diffId: sha256Of(tar) };
}

function blobOf(mediaType: string, bytes: Buffer): Blob {
  return { mediaType, digest: sha256Of(bytes), bytes };
}

/** Indented by three, as no client writes JSON: a registry that writes a manifest anew changes its digest. */
function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, null, 3));
}
