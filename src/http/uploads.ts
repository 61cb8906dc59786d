/**
 * Upload sessions: `POST /v2/<name>/blobs/uploads/` (end-4a, end-4b, end-4c), `PATCH` (end-5), `PUT ?digest=` (end-6),
 * `GET` (end-13) and `DELETE` (end-14) of the session. A mount (end-11) that cannot be is one as well.
 * `Range` and `Content-Range` have no unit here, unlike on a blob.
 */
import { authorize } from '../auth/policy.ts';
import { principalName } from '../auth/principal.ts';
import { parseDigest, parseDigestAlgorithm, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/error.ts';
import { formatUploadRange, parseContentRange } from '../oci/range.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts';
import { formatUploadId, type UploadId } from '../oci/upload-id.ts';
import type { AppendResult } from '../objects/upload/messages.ts';
import type { ClosingOwner, Owner, Taken } from '../registry/uploads.ts';
import { logEvent } from '../observability/log.ts';
import { contentLength } from './body.ts';
import { causeOf } from './cause.ts';
import { outboxFull, storeFull } from './error-response.ts';
import { digestOf, query, uploadIdOf, type RepositoryContext } from './context.ts';
import { locationOf } from './location.ts';

const NO_CONTENT = 204;

export async function openUpload(context: RepositoryContext): Promise<Response> {
  const { request, uploads } = context;
  const given = query(context, 'digest');
  const length = contentLength(request);
  const mounted = query(context, 'mount') === undefined ? undefined : await mountedOrNot(context);
  if (mounted !== undefined) return blobAnswer(context, mounted);
  const id = uploads.open(ownerOf(context), algorithmOf(context));
  if (given === undefined) return sessionAnswer(context, 202, id, 0);
  const owner = await closingOwnerOf(context);
  const digest = digestOf(given);
  if (length === 0) return commitAnswer(context, digest, await uploads.close(owner, id, digest));
  if (request.body === null || length === undefined) {
    throw new RegistryError('SIZE_INVALID', {
      message: 'a POST with a digest brings the whole blob and says its Content-Length; or POST without a digest first',
    });
  }
  return commitAnswer(context, digest, await uploads.put(owner, id, digest, { stream: request.body, length }));
}

/** Whatever goes wrong with a mount, the bytes can be uploaded instead. */
async function mountedOrNot(context: RepositoryContext): Promise<Digest | undefined> {
  try {
    return await mountBlob(context);
  } catch (error) {
    logEvent('warn', 'mount failed', { repository: context.repository, error: String(error) });
    return undefined;
  }
}

/** The blob that was mounted, or `undefined`: then nobody can tell why not. */
async function mountBlob(context: RepositoryContext): Promise<Digest | undefined> {
  const { registry, repository } = context;
  const digest = parseDigest(query(context, 'mount') ?? '');
  if (digest === undefined) return undefined;
  const from = query(context, 'from');
  if (from === undefined) {
    const mayRead = mayPull(context, undefined);
    return mayRead && (await registry.mountFromAnywhere(repository, digest, await causeOf(context)))
      ? digest
      : undefined;
  }
  const source = parseRepositoryName(from);
  const mayRead = source !== undefined && mayPull(context, source);
  const asked = { name: source ?? repository, mayRead, cause: await causeOf(context) };
  return (await registry.mount(repository, digest, asked)) ? digest : undefined;
}

/** Whether the caller may, under the policy and the very credential or token of this request (CVE-2026-117685). */
function mayPull({ policy, principal, circumstances }: RepositoryContext, source: RepositoryName | undefined): boolean {
  return authorize(policy, principal, 'pull', source, circumstances).allowed;
}

/** What the client will name the blob's digest by (end-4c). */
function algorithmOf(context: RepositoryContext): DigestAlgorithm | undefined {
  const given = query(context, 'digest-algorithm');
  if (given === undefined) return undefined;
  const algorithm = parseDigestAlgorithm(given);
  if (algorithm !== undefined) return algorithm;
  throw new RegistryError('DIGEST_INVALID', { message: 'digest-algorithm must be sha256 or sha512' });
}

export async function appendToUpload(context: RepositoryContext): Promise<Response> {
  const { request, uploads } = context;
  const stream = request.body ?? new Blob([]).stream();
  const taken = await uploads.append(ownerOf(context), uploadIdOf(context), { stream, ...chunkOf(request) });
  const { id, result } = taken;
  if (result.kind === 'appended') return sessionAnswer(context, 202, id, result.committed);
  throw failure(context, taken);
}

export async function closeUpload(context: RepositoryContext): Promise<Response> {
  const { request, uploads } = context;
  const id = uploadIdOf(context);
  const digest = digestOf(query(context, 'digest') ?? '');
  const owner = await closingOwnerOf(context);
  const { start, length } = chunkOf(request);
  const stream = request.body;
  if (stream === null || length === 0) return commitAnswer(context, digest, await uploads.close(owner, id, digest));
  const isWhole = contentLength(request) !== undefined && length !== undefined && (start ?? 0) === 0;
  const taken = isWhole
    ? await uploads.put(owner, id, digest, { stream, length, start })
    : await uploads.appendAndClose(owner, id, digest, { stream, start, length });
  return commitAnswer(context, digest, taken);
}

export async function getUpload(context: RepositoryContext): Promise<Response> {
  const { id, result } = await context.uploads.status(ownerOf(context), uploadIdOf(context));
  if (result.kind !== 'open') throw unknownUpload();
  return sessionAnswer(context, NO_CONTENT, id, result.committed);
}

export async function cancelUpload(context: RepositoryContext): Promise<Response> {
  const result = await context.uploads.cancel(ownerOf(context), uploadIdOf(context));
  if (result.kind === 'unknown') throw unknownUpload();
  if (result.kind === 'too-late') {
    throw new RegistryError('BLOB_UPLOAD_INVALID', {
      status: 409,
      message: 'this upload is being finished, and cannot be cancelled any more',
    });
  }
  return new Response(null, { status: NO_CONTENT });
}

/** A session belongs to its repository and to the principal that opened it. */
function ownerOf({ repository, principal }: RepositoryContext): Owner {
  return { repository, principal: principalName(principal) };
}

async function closingOwnerOf(context: RepositoryContext): Promise<ClosingOwner> {
  return { ...ownerOf(context), cause: await causeOf(context) };
}

/** Where a chunk starts and how long it is, as far as the client says. */
function chunkOf(request: Request): { start: number | undefined; length: number | undefined } {
  const length = contentLength(request);
  const header = request.headers.get('content-range');
  if (header === null) return { start: undefined, length };
  const range = parseContentRange(header);
  if (range === undefined) {
    throw new RegistryError('RANGE_INVALID', {
      status: 400,
      message: 'Content-Range of a chunk must be <first>-<last>, both inclusive, as in 0-1023',
    });
  }
  const announced = range.end - range.start + 1;
  if (length !== undefined && length !== announced) {
    throw new RegistryError('SIZE_INVALID', {
      message: 'Content-Range and Content-Length announce different sizes',
      detail: { range: announced, length },
    });
  }
  return { start: range.start, length: announced };
}

function sessionAnswer(context: RepositoryContext, status: number, id: UploadId, committed: number): Response {
  return new Response(null, { status, headers: sessionHeaders(context, id, committed) });
}

function sessionHeaders(context: RepositoryContext, id: UploadId, committed: number): Record<string, string> {
  const { request, place, repository, uploads } = context;
  const text = formatUploadId(id);
  return {
    location: locationOf(request, place, `/v2/${repository}/blobs/uploads/${text}`),
    range: formatUploadRange(committed),
    'docker-upload-uuid': text,
    'oci-chunk-min-length': String(uploads.minChunkBytes),
  };
}

function commitAnswer(context: RepositoryContext, digest: Digest, taken: Taken<AppendResult>): Response {
  if (taken.result.kind !== 'committed') throw failure(context, taken, digest);
  return blobAnswer(context, digest);
}

function blobAnswer({ request, place, repository }: RepositoryContext, digest: Digest): Response {
  const location = locationOf(request, place, `/v2/${repository}/blobs/${digest}`);
  return new Response(null, { status: 201, headers: { location, 'docker-content-digest': digest } });
}

function unknownUpload(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', {
    message: 'no such upload: it was finished, cancelled or has expired; begin again with a POST',
  });
}

function failure(context: RepositoryContext, { id, result }: Taken<AppendResult>, digest?: Digest): RegistryError {
  switch (result.kind) {
    case 'unknown':
      return unknownUpload();
    case 'digest-mismatch':
      return new RegistryError('DIGEST_INVALID', {
        message: 'the bytes that arrived have another digest; nothing was stored',
        detail: { digest },
      });
    case 'out-of-order':
      return new RegistryError('RANGE_INVALID', {
        message: `the next chunk starts at byte ${String(result.committed)}`,
        headers: sessionHeaders(context, id, result.committed),
      });
    case 'wrong-length':
      return new RegistryError('SIZE_INVALID', {
        message: `the body and its announced length differ; ${String(result.committed)} bytes are safe, go on from there`,
        headers: sessionHeaders(context, id, result.committed),
      });
    case 'idle':
      return new RegistryError('BLOB_UPLOAD_INVALID', {
        status: 408,
        message: `the body stopped, or came too slowly; ${String(result.committed)} bytes are safe, go on from there`,
        headers: sessionHeaders(context, id, result.committed),
      });
    case 'store-failed':
      return new RegistryError('UNAVAILABLE', {
        message: `the store failed; ${String(result.committed)} bytes are safe, go on from there`,
        headers: sessionHeaders(context, id, result.committed),
      });
    case 'store-full':
      return storeFull();
    case 'outbox-full':
      return outboxFull();
    case 'too-large':
      return new RegistryError('SIZE_INVALID', { status: 413, message: 'the blob has more parts than one may have' });
    case 'busy':
    case 'superseded':
      return new RegistryError('BLOB_UPLOAD_INVALID', {
        status: 409,
        message:
          'another request is writing or finishing this upload; ask GET for its offset, and go on with a Content-Range',
      });
    case 'retry':
    case 'appended':
    case 'committed':
      return new RegistryError('UNAVAILABLE', {
        message: 'the bytes could not be stored just now; nothing is lost, send the request again',
        headers: { 'retry-after': '1' },
      });
  }
}
