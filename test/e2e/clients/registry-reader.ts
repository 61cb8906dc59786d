/** Reads a registry as the specification's pull describes it (end-2, end-3) and checks every byte against its digest. */
import { sha256Of } from './fixtures.ts';
import { diffIdOf, parseManifest } from './image-files.ts';

const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

export interface StoredImage {
  readonly manifestDigest: string;
  readonly configDigest: string;
  readonly layerDigests: readonly string[];
  /** SHA-256 of each layer's uncompressed bytes. */
  readonly diffIds: readonly string[];
}

/**
 * Reads `host:port/repository:tag` whole; throws where an answer is not 200 or its bytes are not what their digest says.
 *
 * @param headers go with each request, for a registry that asks who comes
 */
export async function readImage(
  reference: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<StoredImage> {
  const parsed = /^(?<host>[^/]+)\/(?<repository>.+):(?<tag>[^:/]+)$/.exec(reference)?.groups;
  const base = `http://${parsed?.['host'] ?? ''}/v2/${parsed?.['repository'] ?? ''}`;
  const manifest = await get(`${base}/manifests/${parsed?.['tag'] ?? ''}`, headers);
  const { config, layers } = parseManifest(manifest);
  await getBlob(base, config, headers);
  const diffIds: string[] = [];
  for (const layer of layers) diffIds.push(diffIdOf(await getBlob(base, layer, headers)));
  return {
    manifestDigest: sha256Of(manifest),
    configDigest: config.digest,
    layerDigests: layers.map((layer) => layer.digest),
    diffIds,
  };
}

async function getBlob(
  base: string,
  descriptor: { readonly digest: string; readonly size: number },
  headers: Readonly<Record<string, string>>,
): Promise<Buffer> {
  const bytes = await get(`${base}/blobs/${descriptor.digest}`, headers);
  const digest = sha256Of(bytes);
  if (digest !== descriptor.digest || bytes.length !== descriptor.size) {
    throw new Error(`${base}/blobs/${descriptor.digest} came as ${digest} of ${String(bytes.length)} bytes`);
  }
  return bytes;
}

async function get(url: string, headers: Readonly<Record<string, string>>): Promise<Buffer> {
  const answer = await fetch(url, { headers: { ...headers, accept: MANIFEST_TYPES } });
  if (answer.status !== 200)
    throw new Error(`GET ${url} was answered ${String(answer.status)}: ${await answer.text()}`);
  return Buffer.from(await answer.arrayBuffer());
}
