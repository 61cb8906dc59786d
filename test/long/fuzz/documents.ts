/** Manifests and indexes: right ones, and ones that are wrong in a single way. Pure. */
import type { Dice } from './dice.ts';
import type { Document } from './operation.ts';

const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const FOREIGN = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
export const ARTIFACT_TYPES = ['application/vnd.example.sbom', 'application/vnd.example.signature'] as const;
/** Above it a manifest does not lie in a row. */
const LARGE_BYTES = 70_000;
/** BERTH_MAX_MANIFEST_BYTES. */
const LIMIT_BYTES = 4 * 1024 * 1024;
/** Of a manifest with a subject, as JSON. */
const LARGEST_ANNOTATIONS_BYTES = 64 * 1024;
const NOTES = 6;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** What the repository has, and how large that is. */
export interface Surroundings {
  readonly blobs: readonly string[];
  readonly manifests: readonly string[];
  /** Digests that it may have or not. */
  readonly others: readonly string[];
  readonly sizeOf: (digest: string) => number;
  /** Makes it another document than any before, where it is wanted. */
  readonly serial: number | undefined;
}

export function documentOf(dice: Dice, surroundings: Surroundings): Document {
  const { serial } = surroundings;
  const sound = dice.chance(0.3) ? indexOf(dice, surroundings) : imageOf(dice, surroundings);
  const note = serial === undefined ? dice.upTo(NOTES) : `only ${String(serial)}`;
  const padding = dice.chance(0.08) ? { padding: 'x'.repeat(LARGE_BYTES) } : {};
  const fields = { ...sound.fields, note, ...padding };
  return dice.chance(0.15) ? spoiled(dice, sound, fields) : finished(sound, fields);
}

interface Sound {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly parts: Omit<Document, 'bytes' | 'contentType' | 'fault'>;
}

function imageOf(dice: Dice, { blobs, manifests, others, sizeOf }: Surroundings): Sound {
  const descriptor =
    (mediaType: string) =>
    (digest: string): Descriptor => ({ mediaType, digest, size: sizeOf(digest) });
  const pool = dice.chance(0.12) ? others : blobs;
  const configDigest = dice.some(pool) ?? dice.some(others) ?? `sha256:${'0'.repeat(64)}`;
  const layers = dice.several(pool, 3);
  const foreign = dice.chance(0.1)
    ? dice.several(others, 1).filter((digest) => !layers.includes(digest) && digest !== configDigest)
    : [];
  const mediaType = dice.chance(0.2) ? DOCKER_IMAGE : IMAGE;
  const configType = dice.chance(0.3) ? dice.pick(ARTIFACT_TYPES) : CONFIG;
  const artifactType = dice.chance(0.3) ? dice.pick(ARTIFACT_TYPES) : undefined;
  const subject = dice.chance(0.4) ? subjectOf(dice, manifests, others) : undefined;
  // One digest is one content, and has one size wherever it stands.
  const annotations = dice.chance(0.3) ? { by: 'fuzz', 'org.example/constructor': '' } : undefined;
  return {
    fields: {
      schemaVersion: 2,
      mediaType,
      artifactType,
      config: descriptor(configType)(configDigest),
      layers: [...layers.map(descriptor(LAYER)), ...foreign.map(descriptor(FOREIGN))],
      subject: subject === undefined ? undefined : descriptor(IMAGE)(subject),
      annotations,
    },
    parts: {
      ...{ mediaType, saysType: true, blobs: [...new Set([configDigest, ...layers])], foreign, children: [] },
      ...{ subject, artifactType: artifactType ?? configType, annotations },
    },
  };
}

function indexOf(dice: Dice, { manifests, blobs, others, sizeOf }: Surroundings): Sound {
  const pool = dice.chance(0.1) ? [...others, ...blobs] : manifests;
  const children = dice.several(pool, 3);
  const mediaType = dice.chance(0.2) ? DOCKER_LIST : INDEX;
  const artifactType = dice.chance(0.2) ? dice.pick(ARTIFACT_TYPES) : undefined;
  const subject = dice.chance(0.2) ? subjectOf(dice, manifests, others) : undefined;
  return {
    fields: {
      schemaVersion: 2,
      mediaType,
      artifactType,
      manifests: children.map((digest) => ({ mediaType: IMAGE, digest, size: sizeOf(digest) })),
      subject: subject === undefined ? undefined : { mediaType: IMAGE, digest: subject, size: sizeOf(subject) },
    },
    parts: {
      mediaType,
      saysType: true,
      blobs: [],
      foreign: [],
      children,
      subject,
      artifactType,
      annotations: undefined,
    },
  };
}

/** Of a manifest that is there, or comes later, or never. */
function subjectOf(dice: Dice, manifests: readonly string[], others: readonly string[]): string | undefined {
  return dice.chance(0.2) ? dice.some(others) : (dice.some(manifests) ?? dice.some(others));
}

function finished({ parts }: Sound, fields: Readonly<Record<string, unknown>>): Document {
  return { ...parts, bytes: Buffer.from(JSON.stringify(fields)), contentType: parts.mediaType, fault: undefined };
}

type Spoiling = (sound: Sound, fields: Readonly<Record<string, unknown>>) => Document;

const invalid = { status: 400, code: 'MANIFEST_INVALID' };
const unsupported = { status: 400, code: 'UNSUPPORTED' };

/** Each way of being wrong, or of being right in an odd way. */
const SPOILINGS: readonly [Spoiling, ...Spoiling[]] = [
  // Right: the header says what the document does not.
  ({ parts }, fields) => ({
    ...finished({ parts, fields }, { ...fields, mediaType: undefined }),
    saysType: false,
  }),
  // Right: a type with a parameter.
  (sound, fields) => ({ ...finished(sound, fields), contentType: `${sound.parts.mediaType}; charset=utf-8` }),
  (sound, fields) => ({ ...finished(sound, fields), contentType: 'text/html', fault: invalid }),
  (sound, fields) => ({
    ...finished(sound, { ...fields, mediaType: undefined }),
    ...{ contentType: 'text/html', fault: unsupported },
  }),
  (sound, fields) => ({ ...finished(sound, { ...fields, schemaVersion: 1, fsLayers: [] }), fault: unsupported }),
  (sound, fields) => ({ ...finished(sound, { ...fields, schemaVersion: '2' }), fault: invalid }),
  (sound, fields) => ({ ...finished(sound, { ...fields, MediaType: sound.parts.mediaType }), fault: invalid }),
  (sound, fields) => ({ ...finished(sound, { ...fields, layers: [], manifests: [] }), fault: invalid }),
  (sound, fields) => ({ ...finished(sound, { ...fields, annotations: { a: 1 } }), fault: invalid }),
  (sound, fields) => ({ ...finished(sound, { ...fields, subject: { digest: 'sha256:0' } }), fault: invalid }),
  (sound, fields) => ({
    ...finished(sound, { ...fields, subject: { mediaType: IMAGE, digest: `sha256:${'0'.repeat(64)}`, size: -1 } }),
    fault: invalid,
  }),
  (sound) => ({ ...finished(sound, {}), bytes: new Uint8Array(), fault: invalid }),
  (sound) => ({ ...finished(sound, {}), bytes: Buffer.from('['.repeat(40)), fault: invalid }),
  (sound, fields) => ({
    ...finished(sound, fields),
    bytes: Buffer.from(`\ufeff${JSON.stringify(fields)}`),
    fault: invalid,
  }),
  (sound, fields) => ({
    ...finished(sound, fields),
    ...{ bytes: Buffer.from(JSON.stringify(fields).replace('{', '{"note":1,')), fault: invalid },
  }),
  (sound, fields) => ({
    ...finished(sound, fields),
    bytes: Buffer.from(JSON.stringify(fields)).subarray(1),
    fault: invalid,
  }),
  (sound, fields) => {
    const subject = { mediaType: IMAGE, digest: `sha256:${'1'.repeat(64)}`, size: 7 };
    const annotations = { large: 'x'.repeat(LARGEST_ANNOTATIONS_BYTES) };
    return { ...finished(sound, { ...fields, subject, annotations }), fault: invalid };
  },
  (sound, fields) => ({
    ...finished(sound, { ...fields, padding: 'x'.repeat(LIMIT_BYTES) }),
    fault: { status: 413, code: 'SIZE_INVALID' },
  }),
];

function spoiled(dice: Dice, sound: Sound, fields: Readonly<Record<string, unknown>>): Document {
  return dice.pick(SPOILINGS)(sound, fields);
}
