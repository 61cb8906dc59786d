/**
 * Manifests: `GET`, `HEAD`, `PUT` and `DELETE /v2/<name>/manifests/<reference>` (end-3, end-7, end-9). Bytes are kept
 * verbatim.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Moves } from '../auth/decision.ts';
import { matchesTag } from '../auth/patterns.ts';
import { mayMoveTags } from '../auth/policy.ts';
import { digestAlgorithm, formatDigest, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/error.ts';
import { parseManifest, type Manifest } from '../oci/manifest.ts';
import { formatReference, type Reference, type Tag } from '../oci/reference.ts';
import type { NewManifest } from '../objects/repository/manifests.ts';
import type { PushTold, PutManifestResult } from '../objects/repository/messages.ts';
import { auditDeletion } from './audit.ts';
import { MANIFEST_ROOM, readBody } from './body.ts';
import { immutable, NEVER_CACHED } from './caching.ts';
import { causeOf } from './cause.ts';
import { demandMatch, entityTag, notModified, preconditionFailed, preconditionsOf } from './conditional.ts';
import { referenceOf, tagOf, type RepositoryContext } from './context.ts';
import { outboxFull } from './error-response.ts';
import { locationOf } from './location.ts';
import { notePull } from './pull-events.ts';
import { warning } from './warning.ts';

/** Given by one push, each of which is an event. */
const MOST_TAGS = 50;
/** A list of referrers copies them, so what they may weigh is bounded. */
const LARGEST_REFERRER_ANNOTATIONS_BYTES = 64 * 1024;

export async function getManifest(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry } = context;
  const reference = referenceOf(context);
  const isHead = request.method === 'HEAD';
  const found = await registry.getManifest(repository, reference, isHead ? 'head' : 'body');
  if (found === undefined) throw unknownManifest(reference);
  demandMatch(request, found.digest);
  const headers = new Headers({
    // Only a digest names the same bytes for ever.
    'cache-control': reference.kind === 'digest' ? immutable(context) : NEVER_CACHED,
    'docker-content-digest': found.digest,
    etag: entityTag(found.digest),
  });
  if (notModified(request, found.digest)) return new Response(null, { status: 304, headers });
  headers.set('content-type', found.mediaType);
  headers.set('content-length', String(found.size));
  const { digest, mediaType, size } = found;
  const tag = reference.kind === 'tag' ? { tag: reference.tag } : {};
  notePull(context, 'manifest.pull', { mediaType, digest, size, ...tag });
  return new Response(isHead ? null : (found.body ?? null), { headers });
}

export async function putManifest(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, config, askAgain } = context;
  const reference = referenceOf(context);
  const bytes = await readBody(request, config.maxManifestBytes, MANIFEST_ROOM);
  if (bytes === 'too-large') {
    throw new RegistryError('SIZE_INVALID', {
      status: 413,
      message: `the manifest is larger than this registry takes: at most ${String(config.maxManifestBytes)} bytes`,
      detail: { limit: config.maxManifestBytes },
    });
  }
  const moves = await askAgain();
  const manifest = parsed(bytes, request.headers.get('content-type') ?? undefined);
  const digest = digestFor(reference, bytes);
  const tags = tagsFor(context, reference);
  const target = {
    reference,
    tags,
    fixedTags: fixedAmong(tags, moves),
    preconditions: preconditionsOf(request),
    mayLack: config.allowMissing,
    told: await toldOf(context, manifest),
  };
  const result = await registry.putManifest(repository, summary(manifest, digest, bytes), bytes, target);
  switch (result.kind) {
    case 'stored':
      return new Response(null, {
        status: 201,
        headers: storedHeaders(context, manifest, digest, tags, result),
      });
    case 'tag-fixed':
      throw tagFixed(result);
    case 'precondition-failed':
      throw preconditionFailed(result.current);
    case 'missing':
      throw new RegistryError('MANIFEST_BLOB_UNKNOWN', {
        message: `push what the manifest refers to first: ${result.digests.join(', ')}`,
        detail: { digests: result.digests },
      });
    case 'full':
      throw new RegistryError('UNAVAILABLE', {
        status: 507,
        message: 'this repository has reached the size that one repository may have; delete tags and manifests first',
      });
    case 'outbox-full':
      throw outboxFull();
    case 'retry':
      throw new RegistryError('UNAVAILABLE', { headers: { 'retry-after': '1' } });
  }
}

export async function deleteManifest(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, policy, principal, circumstances } = context;
  const reference = referenceOf(context);
  const mayMove = mayMoveTags(policy, principal, repository, circumstances);
  const result = await registry.deleteManifest(repository, reference, preconditionsOf(request), {
    mayMove,
    cause: await causeOf(context),
  });
  switch (result.kind) {
    case 'deleted':
      auditDeletion(context, formatReference(reference));
      return new Response(null, { status: 202 });
    case 'unknown':
      throw unknownManifest(reference);
    case 'outbox-full':
      throw outboxFull();
    case 'memory-full':
      throw new RegistryError('DENIED', {
        message:
          'this repository remembers as many deleted tags as it can, so that nobody gives them anew who may not move tags; ' +
          'nothing was deleted. Somebody whom the policy lets push with "overwrite": true can still delete',
      });
    case 'precondition-failed':
      throw preconditionFailed(result.current);
  }
}

/** What the event of this push tells, where events are on. */
async function toldOf(
  context: RepositoryContext,
  { annotations, blobs, foreign, manifests }: Manifest,
): Promise<PushTold | undefined> {
  const cause = await causeOf(context);
  if (cause === undefined) return undefined;
  const references = [...blobs, ...foreign, ...manifests].map(({ mediaType, digest, size }) => ({
    ...{ mediaType, digest, size },
  }));
  return {
    cause,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    ...(references.length === 0 ? {} : { references }),
  };
}

function unknownManifest(reference: Reference): RegistryError {
  return new RegistryError('MANIFEST_UNKNOWN', { detail: { reference: formatReference(reference) } });
}

/** The tags that a push moves: the one in the path, or those of `?tag=` beside a digest (end-7b). */
function tagsFor({ url }: RepositoryContext, reference: Reference): Tag[] {
  const named = [...new Set(url.searchParams.getAll('tag'))].map(tagOf);
  if (named.length > MOST_TAGS) {
    throw new RegistryError('TAG_INVALID', {
      status: 414,
      message: `a push gives at most ${String(MOST_TAGS)} tags: push the same manifest again with the others`,
    });
  }
  if (reference.kind === 'digest') return named;
  if (named.length === 0) return [reference.tag];
  throw new RegistryError('UNSUPPORTED', {
    status: 400,
    message: 'tag= goes with a push by digest: PUT /v2/<name>/manifests/<digest>?tag=…',
  });
}

/** The tags that this caller may give and not move. */
function fixedAmong(tags: readonly Tag[], moves: Moves): readonly Tag[] {
  if (moves === 'any') return [];
  return tags.filter((tag) => !moves.exempt.some((pattern) => matchesTag(pattern, tag)));
}

function tagFixed({ tag, current, isDeleted }: Extract<PutManifestResult, { kind: 'tag-fixed' }>): RegistryError {
  const leads = isDeleted ? 'was deleted and led to' : 'leads to';
  return new RegistryError('DENIED', {
    message: `the tag ${tag} ${leads} ${current}, and the policy does not let you move it; nothing was changed. Push under another tag`,
    detail: { tag, current },
  });
}

function storedHeaders(
  { request, place, repository, url }: RepositoryContext,
  manifest: Manifest,
  digest: Digest,
  tags: readonly Tag[],
  { lacking, mediaType }: Extract<PutManifestResult, { kind: 'stored' }>,
): Headers {
  const headers = new Headers({
    location: locationOf(request, place, `/v2/${repository}/manifests/${digest}`),
    'docker-content-digest': digest,
  });
  if (manifest.subject !== undefined) headers.set('oci-subject', manifest.subject);
  if (url.searchParams.has('tag')) for (const tag of tags) headers.append('oci-tag', tag);
  if (lacking > 0) headers.append('warning', warning('some of what the manifest refers to is not in this repository'));
  if (!manifest.saysType) {
    headers.append('warning', warning(`the manifest has no mediaType; it is served as ${mediaType}`));
  }
  return headers;
}

function parsed(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const result = parseManifest(bytes, contentType);
  if (result.ok) return result.manifest;
  throw new RegistryError(result.reason === 'invalid' ? 'MANIFEST_INVALID' : 'UNSUPPORTED', {
    status: 400,
    message: result.message,
  });
}

/** The digest of the bytes as sent; a push by digest names it, and must name the right one. */
function digestFor(reference: Reference, bytes: Uint8Array): Digest {
  if (reference.kind === 'tag') return digestBytes('sha256', bytes);
  const actual = digestBytes(digestAlgorithm(reference.digest), bytes);
  if (actual === reference.digest) return actual;
  throw new RegistryError('DIGEST_INVALID', {
    message: 'the manifest has another digest than the one it is pushed under',
    detail: { given: reference.digest, actual },
  });
}

function digestBytes(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
  return formatDigest(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}

function summary(manifest: Manifest, digest: Digest, bytes: Uint8Array): NewManifest {
  const hasAnnotations = manifest.subject !== undefined && Object.keys(manifest.annotations).length > 0;
  const annotations = hasAnnotations ? JSON.stringify(manifest.annotations) : undefined;
  if (Buffer.byteLength(annotations ?? '') > LARGEST_REFERRER_ANNOTATIONS_BYTES) {
    throw new RegistryError('MANIFEST_INVALID', {
      message: `annotations of a manifest with a subject must be at most ${String(LARGEST_REFERRER_ANNOTATIONS_BYTES)} bytes as JSON`,
      detail: { limit: LARGEST_REFERRER_ANNOTATIONS_BYTES },
    });
  }
  return {
    digest,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    subject: manifest.subject,
    annotations,
    size: bytes.byteLength,
    blobs: manifest.blobs.map((descriptor) => descriptor.digest),
    optionalBlobs: manifest.foreign.map((descriptor) => descriptor.digest),
    children: manifest.manifests.map((descriptor) => descriptor.digest),
  };
}
