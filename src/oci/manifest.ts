/**
 * Manifests and indexes (image-spec manifest.md, image-index.md; Docker schema 2). A manifest is read for what it refers
 * to and for nothing else; its bytes are kept and served verbatim.
 *
 * One document must not be an image to one client and an index to another (CVE-2021-41190): what has both `layers` and
 * `manifests` is refused, and so is a `mediaType` that disagrees with the Content-Type.
 */
import * as v from 'valibot';
import type { Digest } from './digest.ts';
import { DescriptorSchema, TypeName, type Descriptor } from './descriptor.ts';
import { foldNames, lookAlike, parseJsonDocument, type JsonObject } from './json-document.ts';
import { isForeignLayer, isImage, isIndex, isSchema1, OCI_INDEX, OCI_MANIFEST, parseMediaType } from './media-type.ts';

/** Config, layers and children together. Real ones have hundreds; each costs a row in the repository. */
export const MAX_MANIFEST_DESCRIPTORS = 10_000;
/** Deeper than any real document; a parser that recurses must not be led to its end. */
export const MAX_JSON_DEPTH = 32;

export interface Manifest {
  mediaType: string;
  /** Whether the document itself says its type. */
  saysType: boolean;
  kind: 'image' | 'index' | 'other';
  /** Config and layers, each digest once: the repository must have them. */
  blobs: readonly Descriptor[];
  /** Layers that are fetched from elsewhere: the repository may have them. */
  foreign: readonly Descriptor[];
  /** Child manifests: the repository must have them. */
  manifests: readonly Descriptor[];
  /** What this manifest refers to; it may come later, or never. */
  subject: Digest | undefined;
  /** As the referrers API names it: the manifest's own artifactType, or the type of an image's config. */
  artifactType: string | undefined;
  annotations: Readonly<Record<string, string>>;
}

type Refusal = { ok: false; reason: 'invalid' | 'schema1' | 'unsupported'; message: string };
export type ManifestResult = { ok: true; manifest: Manifest } | Refusal;

const LISTS = ['layers', 'blobs', 'manifests'] as const;

const list = v.nullish(v.array(DescriptorSchema, 'must be a list of descriptors'));

/** Null is what Go's encoder writes for an empty list or map, so it is taken wherever a field may be absent. */
const DocumentSchema = v.looseObject({
  mediaType: v.nullish(v.string('must be a string')),
  artifactType: v.nullish(TypeName),
  config: v.nullish(DescriptorSchema),
  layers: list,
  /** The list of the OCI artifact manifest, which came and went before image-spec 1.1. */
  blobs: list,
  manifests: list,
  subject: v.nullish(DescriptorSchema),
  annotations: v.nullish(v.custom<Readonly<Record<string, string>>>(isObjectOfStrings, 'must be an object of strings')),
});
type Document = v.InferOutput<typeof DocumentSchema>;
/** A record of the library would leave out names that objects have by nature, such as `constructor`. */
function isObjectOfStrings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((entry) => typeof entry === 'string');
}

const NAMES = foldNames(['schemaVersion', ...Object.keys(DocumentSchema.entries)]);

/** Reads a manifest that came with this Content-Type. Never throws; a message says what to mend. */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): ManifestResult {
  const json = parseJsonDocument(bytes, MAX_JSON_DEPTH);
  if (!json.ok) return invalid(`the manifest ${json.message}`);
  const problem = shapeProblem(json.value);
  if (problem !== undefined) return problem;
  // The first mistake is enough: a list of a million wrong entries must not become a million issues.
  const parsed = v.safeParse(DocumentSchema, json.value, { abortEarly: true });
  if (!parsed.success) return invalid(describe(parsed.issues[0]));
  const document = parsed.output;
  const type = mediaTypeOf(document, contentType);
  if (!type.ok) return type;
  const { mediaType } = type;
  return (
    kindProblem(document, json.value['schemaVersion'], mediaType) ??
    sizeProblem(document) ?? { ok: true, manifest: readDocument(document, mediaType) }
  );
}

/** What can be told before anything is looked at closely. */
function shapeProblem(value: JsonObject): Refusal | undefined {
  if (value['schemaVersion'] === 1 && Array.isArray(value['fsLayers'])) return schema1();
  const alike = lookAlike(value, NAMES);
  if (alike !== undefined) return invalid(`${alike.key} must be spelled ${alike.name}`);
  const lengths = LISTS.map((name) => value[name]).map((entries) => (Array.isArray(entries) ? entries.length : 0));
  if (lengths.reduce((sum, length) => sum + length, 1) > MAX_MANIFEST_DESCRIPTORS) {
    return invalid(`the manifest must refer to at most ${String(MAX_MANIFEST_DESCRIPTORS)} blobs and manifests`);
  }
  return undefined;
}

/** `layers[3].digest must be …` */
function describe(issue: v.InferIssue<typeof DocumentSchema>): string {
  const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? `[${String(key)}]` : `.${String(key)}`));
  return `${path.join('').slice(1, MAX_PATH_CHARACTERS)} ${issue.message}`;
}

/** An annotation's key can be as long as the manifest. */
const MAX_PATH_CHARACTERS = 200;

type MediaTypeResult = { ok: true; mediaType: string } | Refusal;

function mediaTypeOf(document: Document, contentType: string | undefined): MediaTypeResult {
  const sent = contentType === undefined ? undefined : parseMediaType(contentType);
  if (contentType !== undefined && sent === undefined) {
    return invalid("Content-Type must be a media type: send the manifest's own");
  }
  const written = document.mediaType ?? undefined;
  if (written !== undefined && parseMediaType(written) !== written) {
    return invalid('mediaType must be a media type in lower case, without parameters');
  }
  if (sent !== undefined && written !== undefined && sent !== written) {
    return invalid(`mediaType is ${written}, but Content-Type says ${sent}: they must be the same`);
  }
  const mediaType = sent ?? written ?? typeByStructure(document);
  if (mediaType === undefined) {
    return invalid('the manifest must have a mediaType, or come with a Content-Type: nothing else says what it is');
  }
  // It is served under its own type: anything that a browser would show as a page is no manifest. Forms are curl's default.
  if (!mediaType.startsWith('application/') || mediaType === 'application/x-www-form-urlencoded') {
    return {
      ok: false,
      reason: 'unsupported',
      message: `${mediaType} is no type of manifest: send the manifest's own as Content-Type, such as ${OCI_MANIFEST}`,
    };
  }
  return { ok: true, mediaType };
}

function typeByStructure({ manifests, layers, config }: Document): string | undefined {
  if (isSet(manifests)) return OCI_INDEX;
  return isSet(layers) || isSet(config) ? OCI_MANIFEST : undefined;
}

function kindProblem(document: Document, schemaVersion: unknown, mediaType: string): Refusal | undefined {
  const { config, layers, manifests } = document;
  const [image, index] = [isImage(mediaType), isIndex(mediaType)];
  if (isSchema1(mediaType) || (schemaVersion === 1 && (image || index))) return schema1();
  if (isSet(layers) && isSet(manifests)) {
    return invalid('layers and manifests must not be in one document: it is an image or an index, not both');
  }
  if ((image || index) && schemaVersion !== 2) return invalid('schemaVersion must be 2');
  if (image) {
    if (!isSet(config)) return invalid('config must be there: an image manifest has a config');
    if (layers === undefined)
      return invalid('layers must be there: an image manifest has layers, if only an empty list');
    if (isSet(manifests)) return invalid('manifests must not be in an image manifest: push it as an index');
  }
  if (index) {
    if (manifests === undefined) return invalid('manifests must be there: an index has them, if only an empty list');
    if (isSet(config)) return invalid('config must not be in an index: push it as an image manifest');
    if (isSet(layers)) return invalid('layers must not be in an index: push it as an image manifest');
  }
  return undefined;
}

/** One digest is one content, so it has one size. */
function sizeProblem(document: Document): Refusal | undefined {
  const { config, subject, layers, blobs, manifests } = document;
  const sizes = new Map<Digest, number>();
  for (const { digest, size } of [config, subject, layers, blobs, manifests].flat().filter(isSet)) {
    const known = sizes.get(digest) ?? size;
    if (known !== size) {
      return invalid(`${digest} must have one size: it is given ${String(known)} and ${String(size)} bytes`);
    }
    sizes.set(digest, size);
  }
  return undefined;
}

function readDocument(document: Document, mediaType: string): Manifest {
  const { config, subject, layers, blobs, manifests, artifactType, annotations } = document;
  const kind = isImage(mediaType) ? 'image' : isIndex(mediaType) ? 'index' : 'other';
  const entries = [...(layers ?? []), ...(blobs ?? [])];
  // A config is never fetched from elsewhere, whatever its type says.
  const required = unique([config, ...entries.filter((entry) => !isForeignLayer(entry.mediaType))].filter(isSet));
  const foreign = unique(entries.filter((entry) => isForeignLayer(entry.mediaType)));
  const digests = new Set(required.map((entry) => entry.digest));
  return {
    mediaType,
    saysType: isSet(document.mediaType),
    kind,
    blobs: required,
    foreign: foreign.filter((entry) => !digests.has(entry.digest)),
    manifests: unique(manifests ?? []),
    subject: subject?.digest,
    artifactType: orAbsent(artifactType) ?? (kind === 'image' ? orAbsent(config?.mediaType) : undefined),
    annotations: annotations ?? {},
  };
}

/** The spec speaks of types that are "empty or missing". */
function orAbsent(type: string | null | undefined): string | undefined {
  return type === null || type === '' ? undefined : type;
}

function unique(descriptors: readonly Descriptor[]): Descriptor[] {
  return [...new Map(descriptors.map((descriptor) => [descriptor.digest, descriptor])).values()];
}

function isSet<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function invalid(message: string): Refusal {
  return { ok: false, reason: 'invalid', message };
}

function schema1(): Refusal {
  return {
    ok: false,
    reason: 'schema1',
    message: 'Docker schema 1 manifests are not taken: push again with a client that writes schema 2 or OCI',
  };
}
