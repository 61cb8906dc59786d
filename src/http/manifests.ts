/** Manifests: `GET`, `HEAD` and `PUT /v2/<name>/manifests/<reference>` (end-3, end-7). Bytes are kept verbatim. */
import { createHash } from 'node:crypto';
import { digestAlgorithm, formatDigest, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/error.ts';
import { parseManifest, type Manifest } from '../oci/manifest.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import type { NewManifest } from '../objects/repository/manifests.ts';
import { readBody } from './body.ts';
import { immutable, NEVER_CACHED } from './caching.ts';
import { entityTag, notModified } from './conditional.ts';
import { referenceOf, type RepositoryContext } from './context.ts';

export async function getManifest(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, config } = context;
  const reference = referenceOf(context);
  const isHead = request.method === 'HEAD';
  const found = await registry.getManifest(repository, reference, isHead ? 'head' : 'body');
  if (found === undefined) {
    throw new RegistryError('MANIFEST_UNKNOWN', { detail: { reference: formatReference(reference) } });
  }
  const headers = new Headers({
    // Only a digest names the same bytes for ever.
    'cache-control': reference.kind === 'digest' ? immutable(config) : NEVER_CACHED,
    'content-type': found.mediaType,
    'docker-content-digest': found.digest,
    etag: entityTag(found.digest),
  });
  if (notModified(request, found.digest)) return new Response(null, { status: 304, headers });
  headers.set('content-length', String(found.size));
  return new Response(isHead ? null : (found.body ?? null), { headers });
}

export async function putManifest(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, config } = context;
  const reference = referenceOf(context);
  const bytes = await readBody(request, config.maxManifestBytes);
  if (bytes === 'too-large') {
    throw new RegistryError('SIZE_INVALID', {
      status: 413,
      message: `the manifest is larger than this registry takes: at most ${String(config.maxManifestBytes)} bytes`,
      detail: { limit: config.maxManifestBytes },
    });
  }
  const manifest = parsed(bytes, request.headers.get('content-type') ?? undefined);
  const digest = digestFor(reference, bytes);
  const result = await registry.putManifest(repository, summary(manifest, digest, bytes), bytes, reference);
  switch (result.kind) {
    case 'stored':
      return new Response(null, {
        status: 201,
        headers: { location: `/v2/${repository}/manifests/${digest}`, 'docker-content-digest': digest },
      });
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
    case 'retry':
      throw new RegistryError('UNAVAILABLE', { headers: { 'retry-after': '1' } });
  }
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
  return {
    digest,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    subject: manifest.subject,
    size: bytes.byteLength,
    blobs: manifest.blobs.map((descriptor) => descriptor.digest),
    optionalBlobs: manifest.foreign.map((descriptor) => descriptor.digest),
    children: manifest.manifests.map((descriptor) => descriptor.digest),
  };
}
