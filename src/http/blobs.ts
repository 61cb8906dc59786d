/** Blobs: `GET`, `HEAD` and `DELETE /v2/<name>/blobs/<digest>` (end-2, end-10), with ranges (RFC 9110 §14). */
import { RegistryError } from '../oci/error.ts';
import { formatContentRange, parseRange } from '../oci/range.ts';
import { immutable } from './caching.ts';
import {
  demandMatch,
  entityTag,
  notModified,
  preconditionFailed,
  preconditionsOf,
  rangeApplies,
} from './conditional.ts';
import { digestOf, type RepositoryContext } from './context.ts';

export async function getBlob(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, params } = context;
  const digest = digestOf(params['digest'] ?? '');
  const isHead = request.method === 'HEAD';
  const location = await (isHead ? registry.headBlob(repository, digest) : registry.locateBlob(repository, digest));
  if (location === undefined) throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
  demandMatch(request, digest);
  const { size } = location;
  const headers = new Headers({
    'cache-control': immutable(context),
    'docker-content-digest': digest,
    etag: entityTag(digest),
  });
  if (notModified(request, digest)) return new Response(null, { status: 304, headers });
  headers.set('accept-ranges', 'bytes');
  // A content type, or some runtimes compress the answer, and the digest then fails at the client.
  headers.set('content-type', 'application/octet-stream');
  const asked = isHead || !rangeApplies(request, digest) ? undefined : (request.headers.get('range') ?? undefined);
  const range = parseRange(asked, size);
  if (range.kind === 'unsatisfiable') {
    throw new RegistryError('RANGE_INVALID', { headers: { 'content-range': `bytes */${String(size)}` } });
  }
  const length = range.kind === 'slice' ? range.length : size;
  headers.set('content-length', String(length));
  if (range.kind === 'slice') headers.set('content-range', formatContentRange(range.offset, range.length, size));
  if (isHead) return new Response(null, { headers });
  const body = await registry.readBlob(repository, digest, location, range.kind === 'slice' ? range : undefined);
  if (body === undefined) throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
  return new Response(body, { status: range.kind === 'slice' ? 206 : 200, headers });
}

export async function deleteBlob(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, params } = context;
  const digest = digestOf(params['digest'] ?? '');
  const { kind, user } = await registry.deleteBlob(repository, digest, preconditionsOf(request));
  switch (kind) {
    case 'dropped':
      return new Response(null, { status: 202 });
    case 'unknown':
      throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
    case 'precondition-failed':
      throw preconditionFailed(digest);
    case 'used':
      throw new RegistryError('UNSUPPORTED', {
        message: `the blob is part of ${user ?? 'a manifest'}: delete that first, and the blob goes by itself`,
        detail: { digest, manifest: user },
        headers: { allow: 'GET, HEAD' },
      });
  }
}
