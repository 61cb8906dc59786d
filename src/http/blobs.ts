/** Blobs: `GET` and `HEAD /v2/<name>/blobs/<digest>` (end-2), with ranges (RFC 9110 §14). */
import { RegistryError } from '../oci/error.ts';
import { formatContentRange, parseRange } from '../oci/range.ts';
import { immutable } from './caching.ts';
import { entityTag, notModified } from './conditional.ts';
import { digestOf, type RepositoryContext } from './context.ts';

export async function getBlob(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, config, params } = context;
  const digest = digestOf(params['digest'] ?? '');
  const isHead = request.method === 'HEAD';
  const location = await (isHead ? registry.headBlob(repository, digest) : registry.locateBlob(repository, digest));
  if (location === undefined) throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
  const { size } = location;
  // A content type, or some runtimes compress the answer, and the digest then fails at the client.
  const headers = new Headers({
    'accept-ranges': 'bytes',
    'cache-control': immutable(config),
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: entityTag(digest),
  });
  if (notModified(request, digest)) return new Response(null, { status: 304, headers });
  const range = parseRange(isHead ? undefined : (request.headers.get('range') ?? undefined), size);
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
