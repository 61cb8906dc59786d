/**
 * Images as files, in the two forms that clients exchange: the OCI image layout (image-spec,
 * image-layout.md; a folder or a tar of it) and the archive that `docker save` writes and
 * `docker load` reads. Reading back takes the layers' bytes from what a client holds.
 */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as v from 'valibot';
import { runCommand } from './command.ts';
import { blobsOf, descriptorOf, hexOf, sha256Of } from './fixtures.ts';
import type { Blob, Image, ImageIndex } from './fixtures.ts';
import type { Scratch } from './scratch.ts';
import { tarOf } from './tar.ts';
import type { TarEntry } from './tar.ts';

/** The annotation that names an entry of a layout's index.json. */
const REF_NAME = 'org.opencontainers.image.ref.name';

const DescriptorSchema = v.object({ mediaType: v.string(), digest: v.string(), size: v.number() });
const LayoutIndexSchema = v.object({ manifests: v.array(DescriptorSchema) });
const ManifestSchema = v.object({ config: DescriptorSchema, layers: v.array(DescriptorSchema) });
const SavedImagesSchema = v.array(v.object({ Config: v.string(), Layers: v.array(v.string()) }));

export type ManifestContent = v.InferOutput<typeof ManifestSchema>;

export function parseManifest(bytes: Uint8Array): ManifestContent {
  return v.parse(ManifestSchema, parseJson(bytes));
}

/** Writes a layout whose only entry is the image, named by a tag. */
export function writeLayout(folder: string, image: Image, tag: string): void {
  writeEntries(folder, layoutEntries(image.manifest, blobsOf(image), tag));
}

export function writeIndexLayout(folder: string, { index, images }: ImageIndex, tag: string): void {
  writeEntries(folder, layoutEntries(index, [index, ...images.flatMap(blobsOf)], tag));
}

/** Writes the layout as one tar file, as `ctr images import` wants it; `name` may be a whole reference. */
export function writeLayoutArchive(file: string, image: Image, name: string): void {
  writeFileSync(file, tarOf(layoutEntries(image.manifest, blobsOf(image), name)));
}

/** Writes what `docker load` reads: the config, each layer's tar, and manifest.json that names them. */
export function writeDockerArchive(file: string, image: Image, reference: string): void {
  const configName = `${hexOf(image.config.digest)}.json`;
  const layers = image.layers.map((layer) => ({ name: `${hexOf(layer.diffId)}.tar`, content: layer.tar }));
  const contents = [{ Config: configName, RepoTags: [reference], Layers: layers.map((layer) => layer.name) }];
  writeFileSync(
    file,
    tarOf([
      { name: configName, content: image.config.bytes },
      ...layers,
      { name: 'manifest.json', content: Buffer.from(JSON.stringify(contents)) },
    ]),
  );
}

/** The descriptor that a layout's index.json names, for a layout with one entry. */
export function layoutEntry(folder: string): { readonly mediaType: string; readonly digest: string } {
  const { manifests } = v.parse(LayoutIndexSchema, parseJson(readFileSync(join(folder, 'index.json'))));
  const [entry] = manifests;
  if (entry === undefined || manifests.length > 1)
    throw new Error(`${folder} holds ${String(manifests.length)} images`);
  return entry;
}

export function readLayoutBlob(folder: string, digest: string): Buffer {
  return readFileSync(join(folder, 'blobs/sha256', hexOf(digest)));
}

/** Digests of all the blobs that lie in a layout, as their file names claim them. */
export function layoutBlobs(folder: string): string[] {
  return readdirSync(join(folder, 'blobs/sha256')).map((hex) => `sha256:${hex}`);
}

/** Unpacks what `docker save` or `podman save` wrote and hashes the layers' uncompressed bytes. */
export async function savedDiffIds(archive: string, folder: string, scratch: Scratch): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  await runCommand('tar', ['-xf', archive, '-C', folder], { env: scratch.env });
  const [saved] = v.parse(SavedImagesSchema, parseJson(readFileSync(join(folder, 'manifest.json'))));
  return (saved?.Layers ?? []).map((layer) => diffIdOf(readFileSync(join(folder, layer))));
}

/** Digest of a layer's uncompressed bytes, whether it is gzipped or not (RFC 1952: a gzip file begins 1f 8b). */
export function diffIdOf(layer: Buffer): string {
  return sha256Of(layer[0] === 0x1f && layer[1] === 0x8b ? gunzipSync(layer) : layer);
}

export function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

function layoutEntries(root: Blob, blobs: readonly Blob[], name: string): TarEntry[] {
  const unique = new Map(blobs.map((blob) => [blob.digest, blob]));
  const index = { schemaVersion: 2, manifests: [{ ...descriptorOf(root), annotations: { [REF_NAME]: name } }] };
  return [
    { name: 'oci-layout', content: Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' })) },
    { name: 'index.json', content: Buffer.from(JSON.stringify(index)) },
    { name: 'blobs/' },
    { name: 'blobs/sha256/' },
    ...[...unique.values()].map(({ digest, bytes }) => ({ name: `blobs/sha256/${hexOf(digest)}`, content: bytes })),
  ];
}

function writeEntries(folder: string, entries: readonly TarEntry[]): void {
  for (const { name, content } of entries) {
    if (content === undefined) mkdirSync(join(folder, name), { recursive: true });
    else writeFileSync(join(folder, name), content);
  }
}
