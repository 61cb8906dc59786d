/** What a registry holds, made up for a test, pushed to one registry and compared with what another one serves. */
import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { forEachOf } from '../../../standalone/maintenance/parallel.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const FOREIGN_LAYER = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const EMPTY = 'application/vnd.oci.empty.v1+json';
const ACCEPT = `${OCI_INDEX}, ${OCI_MANIFEST}, ${DOCKER_LIST}, ${DOCKER_MANIFEST}`;

const LAYER_BYTES = 20_000;
const AT_ONCE = 8;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** One repository, whose parts are made from the leaves up. */
export class Content {
  readonly name: string;
  readonly blobs = new Map<string, Buffer>();
  readonly manifests = new Map<
    string,
    { readonly bytes: Buffer; readonly mediaType: string; readonly parts: string[] }
  >();
  readonly tags = new Map<string, string>();

  constructor(name: string) {
    this.name = name;
  }

  blob(bytes: Buffer = randomBytes(LAYER_BYTES), mediaType = OCI_LAYER): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** As no client writes JSON: who writes a manifest anew changes its digest. */
  manifest(document: object, mediaType: string, parts: readonly Descriptor[] = []): Descriptor {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...document }, undefined, 3));
    const digest = digestOf(bytes);
    this.manifests.set(digest, { bytes, mediaType, parts: parts.map((part) => part.digest) });
    return { mediaType, digest, size: bytes.byteLength };
  }

  image(layers: readonly Descriptor[] = [this.blob()], more: object = {}): Descriptor {
    const config = this.blob(Buffer.from(JSON.stringify({ id: randomBytes(8).toString('hex') })), OCI_CONFIG);
    return this.manifest({ config, layers, ...more }, OCI_MANIFEST);
  }

  index(children: readonly Descriptor[], mediaType = OCI_INDEX, more: object = {}): Descriptor {
    return this.manifest({ manifests: children, ...more }, mediaType, children);
  }

  artifact(more: object = {}): Descriptor {
    const config = this.blob(Buffer.from('{}'), EMPTY);
    const layers = [this.blob(randomBytes(500), 'application/spdx+json')];
    return this.manifest({ artifactType: 'application/spdx+json', config, layers, ...more }, OCI_MANIFEST);
  }

  tag(name: string, { digest }: Descriptor): this {
    this.tags.set(name, digest);
    return this;
  }
}

export function imageIn(name: string): Content {
  const content = new Content(name);
  return content.tag('v1', content.image());
}

/** Fifty repositories: images that share a layer, and one of each kind that there is. */
export function manyRepositories(): Content[] {
  const shared = randomBytes(LAYER_BYTES);
  const plain = Array.from({ length: 43 }, (_, number) => {
    const content = new Content(`team-${number % 5}/app-${number}`);
    const base = content.blob(shared);
    return content.tag('v1', content.image([base, content.blob()])).tag('latest', content.image([base]));
  });
  return [...plain, ...oneOfEachKind()];
}

export function oneOfEachKind(): Content[] {
  const multi = new Content('kinds/index');
  const platforms = [multi.image(), multi.image()];
  multi.tag('oci', multi.index(platforms)).tag('again', multi.index(platforms, OCI_INDEX, { annotations: { a: 'b' } }));

  const docker = new Content('kinds/docker');
  const config = docker.blob(Buffer.from('{"docker":true}'), 'application/vnd.docker.container.image.v1+json');
  const layer = docker.blob(undefined, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
  const child = docker.manifest({ config, layers: [layer] }, DOCKER_MANIFEST);
  docker.tag('list', docker.index([{ ...child, ...platformOf('amd64') }], DOCKER_LIST));

  const nested = new Content('kinds/nested');
  nested.tag('top', nested.index([nested.index([nested.image(), nested.index([nested.image()])]), nested.image()]));

  const signed = new Content('kinds/signed');
  const image = signed.image();
  const referrer = signed.artifact({ subject: image });
  const schemaTag = image.digest.replace(':', '-');
  signed
    .tag('v1', image)
    .tag(schemaTag, signed.index([referrer]))
    .tag(`${schemaTag}.sig`, signed.image());

  const artifact = new Content('kinds/artifact');
  artifact.tag('sbom', artifact.artifact());

  const empty = new Content('kinds/zero-bytes');
  empty.tag('v1', empty.image([empty.blob(Buffer.alloc(0)), empty.blob()]));

  const foreign = new Content('kinds/foreign');
  const elsewhere = {
    mediaType: FOREIGN_LAYER,
    digest: digestOf(randomBytes(8)),
    size: 1_000,
    urls: ['https://elsewhere.example/layer'],
  };
  const foreignConfig = foreign.blob(Buffer.from('{"os":"windows"}'), 'application/vnd.docker.container.image.v1+json');
  foreign.tag(
    'v1',
    foreign.manifest({ config: foreignConfig, layers: [elsewhere, layerOf(foreign)] }, DOCKER_MANIFEST),
  );

  return [multi, docker, nested, signed, artifact, empty, foreign];
}

function layerOf(content: Content): Descriptor {
  return content.blob(undefined, 'application/vnd.docker.image.rootfs.diff.tar.gzip');
}

function platformOf(architecture: string): object {
  return { platform: { os: 'linux', architecture } };
}

export async function pushContent(url: string, content: Content, headers: Record<string, string> = {}): Promise<void> {
  const base = `${url}/v2/${content.name}`;
  for (const [digest, bytes] of content.blobs) {
    const opened = await fetch(`${base}/blobs/uploads/`, { method: 'POST', headers });
    expect(opened.status).toBe(202);
    const upload = new URL(opened.headers.get('location') ?? '', url);
    upload.searchParams.set('digest', digest);
    const stored = await fetch(upload, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    });
    expect(stored.status, await stored.text()).toBe(201);
  }
  const references = [...content.manifests.keys()].map((digest) => [digest, digest] as const);
  for (const [reference, digest] of [...references, ...content.tags]) {
    const { bytes, mediaType } = content.manifests.get(digest) ?? { bytes: Buffer.alloc(0), mediaType: '' };
    const stored = await fetch(`${base}/manifests/${reference}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': mediaType },
      body: new Uint8Array(bytes),
    });
    expect(stored.status, `${content.name}:${reference} ${await stored.text()}`).toBe(201);
  }
}

/** Every tag, manifest and blob, byte for byte. */
export async function expectServed(url: string, content: Content, headers: Record<string, string> = {}): Promise<void> {
  const base = `${url}/v2/${content.name}`;
  const listed: unknown = await (await fetch(`${base}/tags/list`, { headers })).json();
  expect(listed).toEqual({ name: content.name, tags: [...content.tags.keys()].sort() });
  const references = [...content.manifests.keys()].map((digest) => [digest, digest] as const);
  for (const [reference, digest] of [...references, ...content.tags]) {
    const answer = await fetch(`${base}/manifests/${reference}`, { headers: { ...headers, accept: ACCEPT } });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const expected = content.manifests.get(digest);
    expect(bytes.equals(expected?.bytes ?? Buffer.alloc(0)), `${content.name}@${reference}`).toBe(true);
    expect(answer.headers.get('content-type')).toBe(expected?.mediaType);
    expect(answer.headers.get('docker-content-digest')).toBe(digest);
  }
  for (const [digest, expected] of content.blobs) {
    const answer = await fetch(`${base}/blobs/${digest}`, { headers });
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(answer.status, `${content.name}@${digest}`).toBe(200);
    expect(bytes.equals(expected), `${content.name}@${digest}`).toBe(true);
    expect(digestOf(bytes)).toBe(digest);
  }
}

/** As `pushContent` and `expectServed`, for many: some at a time. */
export async function pushAll(url: string, contents: readonly Content[]): Promise<void> {
  await forEachOf(contents, AT_ONCE, (content) => pushContent(url, content));
}

export async function expectAllServed(url: string, contents: readonly Content[]): Promise<void> {
  await forEachOf(contents, AT_ONCE, (content) => expectServed(url, content));
}

/** Which blobs of it a registry has, as `name@digest`. */
export async function presentBlobs(url: string, contents: readonly Content[]): Promise<Set<string>> {
  const present = new Set<string>();
  await forEachOf(contents, AT_ONCE, async ({ name, blobs }) => {
    for (const digest of blobs.keys()) {
      const { status } = await fetch(`${url}/v2/${name}/blobs/${digest}`, { method: 'HEAD' });
      if (status === 200) present.add(`${name}@${digest}`);
    }
  });
  return present;
}
