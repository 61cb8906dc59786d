/** What is answered to whoever asks for manifests and blobs, or changes them. Pure. */
import { isDeepStrictEqual } from 'node:util';
import { digestOfBytes } from './bytes.ts';
import { areMalformed, hold, isDigest, isTag, names, referenceProblem } from './grammar.ts';
import type { DeleteBlob, DeleteManifest, GetBlob, GetManifest, PutManifest } from './operation.ts';
import { bytes, detail, header, headerLike, outcome, refusal } from './outcome.ts';
import type { Check, Outcome } from './outcome.ts';
import { digestOf, repositoryOf, usersOf, withManifest, withoutBlob, withoutManifest, withoutTag } from './state.ts';
import type { Repository, State } from './state.ts';

const BLOB_TYPE = 'application/octet-stream';

export function getManifest(state: State, operation: GetManifest): Outcome[] {
  const { repository, reference, method } = operation;
  const problem = referenceProblem(reference);
  if (problem !== undefined) return [refusal(state, 400, problem)];
  const there = repositoryOf(state, repository);
  const digest = digestOf(there, reference);
  const found = digest === undefined ? undefined : there.manifests.get(digest);
  if (digest === undefined || found === undefined) return [refusal(state, 404, 'MANIFEST_UNKNOWN')];
  const known = [header('docker-content-digest', digest), header('etag', `"${digest}"`)];
  return conditionally(state, operation, digest, known, () => [
    outcome(state, 200, ...known, header('content-type', found.mediaType), bytes(method, found.document.bytes)),
  ]);
}

export function getBlob(state: State, operation: GetBlob): Outcome[] {
  const { repository, digest, method } = operation;
  if (!isDigest(digest)) return [refusal(state, 400, 'DIGEST_INVALID')];
  const blob = repositoryOf(state, repository).blobs.get(digest);
  if (blob === undefined) return [refusal(state, 404, 'BLOB_UNKNOWN')];
  const known = [header('docker-content-digest', digest), header('etag', `"${digest}"`)];
  return conditionally(state, operation, digest, known, () => {
    const slice = method === 'HEAD' ? 'whole' : sliceOf(operation, blob.byteLength);
    const size = String(blob.byteLength);
    if (slice === 'unsatisfiable') {
      return [refusal(state, 416, 'RANGE_INVALID', header('content-range', `bytes */${size}`))];
    }
    const type = header('content-type', BLOB_TYPE);
    if (slice === 'whole') return [outcome(state, 200, ...known, type, bytes(method, blob))];
    // Their bytes are byteranges.test.ts's, which reads the parts back.
    if (slice === 'several') return [outcome(state, 206, ...known, headerLike('content-type', SEVERAL_TYPE))];
    const { first, last } = slice;
    const range = header('content-range', `bytes ${String(first)}-${String(last)}/${size}`);
    return [outcome(state, 206, ...known, type, range, bytes(method, blob.subarray(first, last + 1)))];
  });
}

/** What RFC 9110 §13 makes of a read of something that is there. A condition that cannot be read matches nothing. */
function conditionally(
  state: State,
  { ifMatch, ifNoneMatch }: GetManifest | GetBlob,
  digest: string,
  known: readonly Check[],
  otherwise: () => Outcome[],
): Outcome[] {
  if (ifMatch !== undefined && !names(ifMatch, digest)) return [preconditionFailed(state, digest)];
  if (names(ifNoneMatch, digest)) return [outcome(state, 304, ...known)];
  return otherwise();
}

const SEVERAL_TYPE = /^multipart\/byteranges; boundary=/;

type OneSlice = 'whole' | 'unsatisfiable' | { first: number; last: number };
type Slice = OneSlice | 'several';

function sliceOf({ range, ifRange, digest }: GetBlob, size: number): Slice {
  if (range === undefined || size === 0 || (ifRange !== undefined && ifRange !== `"${digest}"`)) return 'whole';
  if (!range.includes(',')) return oneSliceOf(range, size);
  const parts = range
    .slice('bytes='.length)
    .split(',')
    .map((part) => oneSliceOf(`bytes=${part}`, size));
  if (parts.includes('whole')) return 'whole';
  const slices = parts.filter((part) => typeof part === 'object');
  const [only, second] = slices;
  if (only === undefined) return 'unsatisfiable';
  if (second === undefined) return only;
  // Together more than the blob has: the whole of it is less.
  return slices.reduce((sum, { first, last }) => sum + last - first + 1, 0) > size ? 'whole' : 'several';
}

function oneSliceOf(range: string, size: number): OneSlice {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? [];
  if (from === '' && to === '') return 'whole';
  if (from === '')
    return Number(to) === 0 ? 'unsatisfiable' : { first: Math.max(0, size - Number(to)), last: size - 1 };
  const isBackwards = to !== '' && BigInt(to) < BigInt(from);
  if (isBackwards || Number(from) >= size) return 'unsatisfiable';
  return { first: Number(from), last: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

export function putManifest(state: State, operation: PutManifest): Outcome[] {
  const { repository, reference, document, tags } = operation;
  const faults = putFaults(state, operation);
  if (faults.length > 0) return faults;
  const there = repositoryOf(state, repository);
  const digest = reference.includes(':') ? reference : digestOfBytes('sha256', document.bytes);
  const moved = reference.includes(':') ? [...new Set(tags)] : [reference];
  const compared = moved.length > 0 ? moved : [digest];
  const failing = compared.find((one) => !hold(operation, digestOf(there, one)));
  if (failing !== undefined) return [preconditionFailed(state, digestOf(there, failing))];
  const missing = missingOf(there, operation);
  if (missing.length > 0) {
    const told = detail((given) => isDeepStrictEqual(digestsIn(given), new Set(missing)), missing.join(' '));
    return [refusal(state, 404, 'MANIFEST_BLOB_UNKNOWN', told)];
  }
  return [
    outcome(
      withManifest(state, repository, digest, document, moved),
      201,
      header('docker-content-digest', digest),
      header('location', `/v2/${repository}/manifests/${digest}`),
      header('oci-subject', document.subject),
      header('oci-tag', tags.length === 0 ? undefined : moved.join(', ')),
      document.saysType ? header('warning', undefined) : headerLike('warning', /^299 - "/),
    ),
  ];
}

/** What is wrong with the request itself. Which of several is told first is the registry's business. */
function putFaults(state: State, operation: PutManifest): Outcome[] {
  const { reference, document, tags } = operation;
  const faults: Outcome[] = [];
  const problem = referenceProblem(reference);
  if (problem !== undefined) faults.push(refusal(state, 400, problem));
  if (document.fault !== undefined) faults.push(refusal(state, document.fault.status, document.fault.code));
  const [algorithm = ''] = reference.split(':');
  const isOther =
    problem === undefined && reference.includes(':') && reference !== digestOfBytes(algorithm, document.bytes);
  if (isOther) faults.push(refusal(state, 400, 'DIGEST_INVALID'));
  if (tags.some((tag) => !isTag(tag))) faults.push(refusal(state, 400, 'TAG_INVALID'));
  if (tags.length > 0 && !reference.includes(':')) faults.push(refusal(state, 400, 'UNSUPPORTED'));
  if (areMalformed(operation)) faults.push(refusal(state, 400, 'UNSUPPORTED'));
  return faults;
}

function missingOf({ blobs, manifests }: Repository, { document }: PutManifest): string[] {
  const lacking = document.blobs.filter((blob) => !blobs.has(blob));
  const orphans = document.children.filter((child) => !manifests.has(child) && !blobs.has(child));
  return [...lacking, ...orphans];
}

function digestsIn(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || !('digests' in given)) return undefined;
  return Array.isArray(given.digests) ? new Set(given.digests) : undefined;
}

export function deleteManifest(state: State, operation: DeleteManifest): Outcome[] {
  const { repository, reference } = operation;
  const problem = referenceProblem(reference);
  const faults = problem === undefined ? [] : [refusal(state, 400, problem)];
  if (areMalformed(operation)) faults.push(refusal(state, 400, 'UNSUPPORTED'));
  if (faults.length > 0) return faults;
  const digest = digestOf(repositoryOf(state, repository), reference);
  if (digest === undefined) return [refusal(state, 404, 'MANIFEST_UNKNOWN')];
  if (!hold(operation, digest)) return [preconditionFailed(state, digest)];
  const next = reference.includes(':')
    ? withoutManifest(state, repository, digest)
    : withoutTag(state, repository, reference);
  return [outcome(next, 202)];
}

export function deleteBlob(state: State, operation: DeleteBlob): Outcome[] {
  const { repository, digest } = operation;
  const faults = isDigest(digest) ? [] : [refusal(state, 400, 'DIGEST_INVALID')];
  if (areMalformed(operation)) faults.push(refusal(state, 400, 'UNSUPPORTED'));
  if (faults.length > 0) return faults;
  const there = repositoryOf(state, repository);
  if (!there.blobs.has(digest)) return [refusal(state, 404, 'BLOB_UNKNOWN')];
  if (!hold(operation, digest)) return [preconditionFailed(state, digest)];
  const users = usersOf(there, digest);
  if (users.length === 0) return [outcome(withoutBlob(state, repository, digest), 202)];
  const named = detail((given) => users.includes(manifestIn(given)), `one of ${users.join(' ')}`);
  return [refusal(state, 405, 'UNSUPPORTED', named, headerLike('allow', /GET/))];
}

function manifestIn(given: unknown): string {
  return typeof given === 'object' && given !== null && 'manifest' in given ? String(given.manifest) : '';
}

function preconditionFailed(state: State, current: string | undefined): Outcome {
  const told = detail(
    (given) => isDeepStrictEqual(given, { current: current ?? null }),
    `${current ?? 'null'} as current`,
  );
  return refusal(state, 412, 'DENIED', told);
}
