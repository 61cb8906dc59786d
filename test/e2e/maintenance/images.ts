/** Images over plain HTTP, and a record of what was answered, so that another registry can be asked for all of it. */
import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'vitest';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

export interface Image {
  readonly repository: string;
  readonly tag: string;
  readonly manifest: string;
  readonly layers: readonly Layer[];
}

export interface Layer {
  readonly digest: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export function newLayer(size = 20_000): Layer {
  const bytes = randomBytes(size);
  return { bytes, digest: digestOf(bytes) };
}

export function imageOf(
  repository: string,
  tag: string,
  layers: readonly Layer[],
  annotations: Readonly<Record<string, string>> = {},
): Image {
  const [config, ...rest] = layers.map(({ digest, bytes }, index) => ({
    mediaType: index === 0 ? CONFIG_TYPE : LAYER_TYPE,
    digest,
    size: bytes.byteLength,
  }));
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: rest, annotations };
  return { repository, tag, layers, manifest: JSON.stringify(manifest) };
}

export function newImage(repository: string, tag: string): Image {
  return imageOf(repository, tag, [newLayer(), newLayer()]);
}

/** As clients do: only what the registry says that it does not have. Rejects unless all of it is acknowledged. */
export async function push(url: string, image: Image): Promise<void> {
  for (const layer of image.layers) await pushLayer(url, image.repository, layer);
  const response = await fetch(`${url}/v2/${image.repository}/manifests/${image.tag}`, {
    method: 'PUT',
    headers: { 'content-type': MANIFEST_TYPE },
    body: image.manifest,
  });
  expect(response.status, await response.text()).toBe(201);
}

export async function pushLayer(
  url: string,
  repository: string,
  { digest, bytes }: Layer,
): Promise<'pushed' | 'there'> {
  const there = await fetch(`${url}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' });
  if (there.status === 200) return 'there';
  const upload = await openSession(url, repository);
  upload.searchParams.set('digest', digest);
  const response = await fetch(upload, { method: 'PUT', body: bytes });
  expect(response.status, await response.text()).toBe(201);
  return 'pushed';
}

export async function openSession(url: string, repository: string): Promise<URL> {
  const response = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  expect(response.status).toBe(202);
  return new URL(response.headers.get('location') ?? '', url);
}

/** Rejects unless the tag, the manifest and every layer are there, to the byte. */
export async function expectServed(url: string, { repository, tag, manifest, layers }: Image): Promise<void> {
  const response = await fetch(`${url}/v2/${repository}/manifests/${tag}`);
  expect(await response.text(), `${repository}:${tag}`).toBe(manifest);
  for (const { digest } of layers) expect(await pulledDigest(url, repository, digest)).toBe(digest);
}

/** The digest of what is served under a digest, or the status of the refusal. */
export async function pulledDigest(url: string, repository: string, digest: string): Promise<string | number> {
  const response = await fetch(`${url}/v2/${repository}/blobs/${digest}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.status === 200 ? digestOf(bytes) : response.status;
}

/** Pushes one image after the other until told to stop, and keeps those that were answered. */
export class Pusher {
  readonly answered: Image[] = [];
  readonly #url: string;
  readonly #repository: string;
  readonly #ended: Promise<void>;
  #stopped = false;

  constructor(url: string, repository: string) {
    this.#url = url;
    this.#repository = repository;
    this.#ended = this.#run();
    // Told of by stop().
    this.#ended.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ended;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      const image = newImage(this.#repository, `t${String(number)}`);
      await push(this.#url, image);
      this.answered.push(image);
    }
  }
}
