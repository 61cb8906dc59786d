/** Blobs: `GET`, `HEAD` and `DELETE /v2/<name>/blobs/<digest>` (end-2, end-10), with ranges (RFC 9110 §14). */
import type { WorkMeter } from '../observability/work.ts';
import { RegistryError } from '../oci/error.ts';
import { formatContentRange, MOST_RANGES, parseRange, type BlobRange } from '../oci/range.ts';
import type { BlobReader } from '../registry/registry.ts';
import { byteranges } from './byteranges.ts';
import { immutable } from './caching.ts';
import { causeOf } from './cause.ts';
import {
  demandMatch,
  entityTag,
  notModified,
  preconditionFailed,
  preconditionsOf,
  rangeApplies,
} from './conditional.ts';
import { auditDeletion } from './audit.ts';
import { digestOf, type RepositoryContext } from './context.ts';
import { outboxFull } from './error-response.ts';
import { notePull } from './pull-events.ts';

/** With a type, or some runtimes compress the answer, and the digest then fails at the client. */
const BLOB_TYPE = 'application/octet-stream';

export async function getBlob(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, params, meter } = context;
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
  const asked = isHead || !rangeApplies(request, digest) ? undefined : (request.headers.get('range') ?? undefined);
  const range = servable(parseRange(asked, size), size);
  const content = isHead
    ? { contentType: BLOB_TYPE, contentLength: size, body: null }
    : await contentOf(range, size, registry.blobReader(repository, digest, location), meter);
  if (content === undefined) throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
  notePull(context, 'blob.pull', { mediaType: BLOB_TYPE, digest, size });
  headers.set('content-type', content.contentType);
  headers.set('content-length', String(content.contentLength));
  if (range.kind === 'slice') headers.set('content-range', formatContentRange(range, size));
  return new Response(content.body, { status: range.kind === 'whole' ? 200 : 206, headers });
}

type ServableRange = Exclude<BlobRange, { kind: 'unsatisfiable' | 'too-many' }>;

function servable(range: BlobRange, size: number): ServableRange {
  switch (range.kind) {
    case 'unsatisfiable':
      throw new RegistryError('RANGE_INVALID', { headers: { 'content-range': `bytes */${String(size)}` } });
    case 'too-many':
      throw new RegistryError('RANGE_INVALID', {
        status: 400,
        message: `a request may ask for ${String(MOST_RANGES)} ranges here; ask for fewer, or for longer ones`,
        detail: { limit: MOST_RANGES },
      });
    default:
      return range;
  }
}

interface Content {
  contentType: string;
  /** In bytes. */
  contentLength: number;
  body: ReadableStream;
}

/** `undefined` where the bytes are nowhere. */
async function contentOf(
  range: ServableRange,
  size: number,
  read: BlobReader,
  meter: WorkMeter,
): Promise<Content | undefined> {
  switch (range.kind) {
    case 'whole':
      return content(await read(undefined), size);
    case 'slice':
      return content(await read(range), range.length);
    case 'several': {
      const opened = await read(range.slices[0]);
      if (opened === undefined) return undefined;
      // The others are read while the answer is under way.
      meter.countStoreOperation(range.slices.length - 1);
      return byteranges(range.slices, opened, { size, contentType: BLOB_TYPE, read });
    }
  }
}

function content(body: ReadableStream | undefined, contentLength: number): Content | undefined {
  return body === undefined ? undefined : { contentType: BLOB_TYPE, contentLength, body };
}

export async function deleteBlob(context: RepositoryContext): Promise<Response> {
  const { request, repository, registry, params } = context;
  const digest = digestOf(params['digest'] ?? '');
  const cause = await causeOf(context);
  const { kind, user } = await registry.deleteBlob(repository, digest, preconditionsOf(request), cause);
  switch (kind) {
    case 'dropped':
      auditDeletion(context, digest);
      return new Response(null, { status: 202 });
    case 'unknown':
      throw new RegistryError('BLOB_UNKNOWN', { detail: { digest } });
    case 'outbox-full':
      throw outboxFull();
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
