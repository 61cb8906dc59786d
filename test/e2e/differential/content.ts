/** What the script pushes, always the same bytes, and the names by which paths speak of it. */
import { createHash } from 'node:crypto';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

const letters = Buffer.from('abcdefghijklmnopqrstuvwxyz');
const digits = Buffer.from('0123456789');
const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const absent = Buffer.from('nobody ever pushes this');

const image = imageOf({ mediaType: OCI_MANIFEST });
const other = imageOf({ mediaType: OCI_MANIFEST, annotations: { which: 'the other' } });
const descriptor = (mediaType: string, bytes: Buffer): object => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});

const BODIES = {
  letters,
  digits,
  config,
  absent,
  nothing: Buffer.alloc(0),
  image,
  other,
  untyped: imageOf({}),
  docker: imageOf({ mediaType: DOCKER_MANIFEST }),
  'with-subject': imageOf({ mediaType: OCI_MANIFEST, subject: descriptor(OCI_MANIFEST, image) }),
  'with-artifact-type': imageOf({ mediaType: OCI_MANIFEST, artifactType: 'application/vnd.example.sbom' }),
  'without-layer-blob': imageOf({ mediaType: OCI_MANIFEST, layers: [descriptor(OCI_LAYER, absent)] }),
  'without-config-blob': imageOf({ mediaType: OCI_MANIFEST, config: descriptor(OCI_CONFIG, absent) }),
  'without-config': imageOf({ mediaType: OCI_MANIFEST, config: undefined }),
  'bad-digest': imageOf({ mediaType: OCI_MANIFEST, layers: [{ mediaType: OCI_LAYER, digest: 'sha256:xyz', size: 1 }] }),
  'wrong-size': imageOf({ mediaType: OCI_MANIFEST, layers: [{ ...descriptor(OCI_LAYER, letters), size: 27 }] }),
  'both-kinds': imageOf({ mediaType: OCI_MANIFEST, manifests: [descriptor(OCI_MANIFEST, image)] }),
  'version-1': imageOf({ mediaType: OCI_MANIFEST, schemaVersion: 1 }),
  index: indexOf({ mediaType: OCI_INDEX }),
  list: indexOf({ mediaType: DOCKER_LIST, manifests: [] }),
  'empty-index': indexOf({ mediaType: OCI_INDEX, manifests: [] }),
  'index-without-child': indexOf({ mediaType: OCI_INDEX, manifests: [descriptor(OCI_MANIFEST, absent)] }),
  'schema-1': Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      name: 'manifests/a',
      tag: 'v1',
      architecture: 'amd64',
      fsLayers: [],
      history: [],
    }),
  ),
  unknown: Buffer.from(JSON.stringify({ mediaType: 'application/vnd.example.thing+json', hello: 'world' })),
  spaced: Buffer.from(`  ${image.toString()}\n`),
  'cut-off': image.subarray(0, 40),
} as const satisfies Record<string, Buffer>;

export const CONTENT: ReadonlyMap<string, Buffer> = new Map(Object.entries(BODIES));

/** Digests, and texts that would be long to read. */
export const NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(BODIES).map(([name, bytes]): [string, string] => [name, digestOf(bytes)]),
  ['letters-sha512', digestOf(letters, 'sha512')],
  ['image-sha512', digestOf(image, 'sha512')],
  ['letters-upper-case', digestOf(letters).toUpperCase().replace('SHA', 'sha')],
  ['letters-encoded', digestOf(letters).replace(':', '%3A')],
  ['letters-short', digestOf(letters).slice(0, -1)],
  // In two parts: some disks take none of more than 255 bytes.
  ['name-of-255', `${'n'.repeat(127)}/${'n'.repeat(127)}`],
  ['name-of-256', `${'n'.repeat(127)}/${'n'.repeat(128)}`],
  ['tag-of-128', 't'.repeat(128)],
  ['tag-of-129', 't'.repeat(129)],
  ['5000-characters', 'x'.repeat(5_000)],
]);

/** In place of each digest that an answer holds, its name. */
export function named(text: string): string {
  let result = text;
  for (const [name, value] of NAMES) if (value.length > 64) result = result.replaceAll(value, `{${name}}`);
  return result;
}

function imageOf(fields: object): Buffer {
  const document = {
    schemaVersion: 2,
    config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: OCI_LAYER, digest: digestOf(letters), size: letters.length }],
    ...fields,
  };
  return Buffer.from(JSON.stringify(document));
}

function indexOf(fields: object): Buffer {
  const manifests = [{ mediaType: OCI_MANIFEST, digest: digestOf(image), size: image.length }];
  return Buffer.from(JSON.stringify({ schemaVersion: 2, manifests, ...fields }));
}

function digestOf(bytes: Buffer, algorithm: 'sha256' | 'sha512' = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
