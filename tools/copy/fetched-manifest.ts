/**
 * A manifest as a source gave it: its bytes verbatim, proven to have its digest, and what it refers to. Whatever Berth
 * would refuse is refused here, with what Berth would say (src/oci/manifest.ts).
 */
import { createHash } from 'node:crypto';
import { digestAlgorithm, formatDigest, parseDigest, type Digest } from '../../src/oci/digest.ts';
import { parseManifest, type Manifest } from '../../src/oci/manifest.ts';
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  isSchema1,
  OCI_INDEX,
  OCI_MANIFEST,
  parseMediaType,
} from '../../src/oci/media-type.ts';
import type { Reference } from '../../src/oci/reference.ts';
import { failure, success, type Outcome } from '../registry/outcome.ts';

/** Of any registry: the most that Berth can be set to take. */
export const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;
/** Larger ones are fetched again when they are pushed, since many may wait for their layers at once. */
const KEPT_BYTES = 256 * 1024;

/** Of any type: a registry that was asked for some types only may make one of them of what it has, with another digest. */
export const ACCEPTED_MANIFESTS = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  'application/vnd.oci.artifact.manifest.v1+json',
  '*/*',
].join(', ');

/** What says nothing about a manifest; what stands in it does. */
const MEANINGLESS_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/octet-stream',
  'binary/octet-stream',
  'text/plain',
]);

export interface FetchedManifest {
  readonly digest: Digest;
  readonly size: number;
  readonly manifest: Manifest;
  /** Undefined for a large one. */
  readonly bytes: Buffer | undefined;
}

export interface ManifestAnswer {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  /** `Docker-Content-Digest`, which is not always sent. */
  readonly saidDigest: string | undefined;
}

/** Pure. */
export function readManifest(
  asked: Reference,
  { bytes, contentType, saidDigest }: ManifestAnswer,
): Outcome<FetchedManifest> {
  const type = contentType === undefined ? undefined : parseMediaType(contentType);
  // Its digest is not that of its bytes; and asking for it first makes the better message.
  if (type !== undefined && isSchema1(type))
    return failure(
      'it is a Docker schema 1 manifest, which is not copied: push it again with a client that writes schema 2 or OCI',
    );
  const expected = asked.kind === 'digest' ? asked.digest : parseDigest(saidDigest ?? '');
  const algorithm = expected === undefined ? 'sha256' : digestAlgorithm(expected);
  const digest = formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
  if (expected !== undefined && expected !== digest)
    return failure(`the source gave bytes of another digest, ${digest} instead of ${expected}: they are not copied`);
  const parsed = parseManifest(bytes, type === undefined || MEANINGLESS_TYPES.has(type) ? undefined : type);
  if (!parsed.ok) return failure(`it can't be copied: ${parsed.message}`);
  const { manifest } = parsed;
  return success({
    digest,
    size: bytes.byteLength,
    manifest,
    bytes: bytes.byteLength <= KEPT_BYTES ? bytes : undefined,
  });
}
