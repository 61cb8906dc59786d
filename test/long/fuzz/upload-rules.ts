/** What is answered to whoever uploads blobs. Pure. */
import { isOf } from './bytes.ts';
import { isDigest, isName } from './grammar.ts';
import type { Append, Cancel, ChunkRange, Close, OpenUpload, UploadStatus } from './operation.ts';
import { header, headerLike, outcome, refusal } from './outcome.ts';
import type { Check, Outcome } from './outcome.ts';
import { repositoryOf, withBlob, withSession } from './state.ts';
import type { Session, State } from './state.ts';

/** What other clients of the same registry do meanwhile. */
export interface Others {
  /** They change the repository. */
  readonly change: (repository: string) => boolean;
  /** They may have pushed the blob, to any repository. */
  readonly mayHave: (digest: string) => boolean;
}

const NOTHING = new Uint8Array();

export function openUpload(state: State, operation: OpenUpload, others: Others): Outcome[] {
  const { repository, session, algorithm, mount, whole } = operation;
  const opened = withSession(state, session, { repository, state: 'open', bytes: NOTHING });
  const asSession = outcome(opened, 202, ...sessionChecks(repository, 0), headerLike('oci-chunk-min-length', /^\d+$/));
  if (mount !== undefined) {
    const { digest, bytes } = mount.blob;
    const mounted = outcome(withBlob(state, repository, digest, bytes), 201, ...blobChecks(repository, digest));
    const chance = isDigest(digest) ? mountable(state, operation, others) : 'no';
    if (chance === 'no') return [asSession];
    return chance === 'yes' ? [mounted] : [mounted, asSession];
  }
  if (algorithm !== undefined && algorithm !== 'sha256' && algorithm !== 'sha512') {
    return [refusal(state, 400, 'DIGEST_INVALID')];
  }
  if (whole === undefined) return [asSession];
  const { digest, body, chunked } = whole;
  if (!isDigest(digest)) return [refusal(state, 400, 'DIGEST_INVALID')];
  if (chunked) return [refusal(state, 400, 'SIZE_INVALID')];
  if (!isOf(digest, body)) return [refusal(state, 400, 'DIGEST_INVALID')];
  return [outcome(withBlob(state, repository, digest, body), 201, ...blobChecks(repository, digest))];
}

/** Whether a mount finds the blob. `perhaps`: what other clients did decides, or what was deleted and is kept for a while. */
function mountable(state: State, { mount }: OpenUpload, others: Others): 'yes' | 'no' | 'perhaps' {
  if (mount === undefined) return 'no';
  const { blob, from } = mount;
  if (from === undefined) {
    const isLinked = [...state.repositories.values()].some(({ blobs }) => blobs.has(blob.digest));
    if (isLinked) return 'yes';
    return state.everStored.has(blob.digest) || others.mayHave(blob.digest) ? 'perhaps' : 'no';
  }
  if (!isName(from)) return 'no';
  if (others.change(from)) return 'perhaps';
  return repositoryOf(state, from).blobs.has(blob.digest) ? 'yes' : 'no';
}

export function uploadStatus(state: State, operation: UploadStatus): Outcome[] {
  const session = owned(state, operation);
  const gone = refusal(state, 404, 'BLOB_UPLOAD_UNKNOWN');
  switch (session?.state) {
    case undefined:
    case 'done':
    case 'gone':
      return [gone];
    case 'open':
      return [outcome(state, 204, ...sessionChecks(operation.repository, session.bytes.byteLength))];
    case 'unclear':
      return [outcome(state, 204, between(session))];
    case 'lost':
      return [outcome(state, 204), gone];
  }
}

export function append(state: State, operation: Append): Outcome[] {
  const faults = rangeFaults(state, operation);
  const session = owned(state, operation);
  if (session === undefined || session.state === 'gone' || session.state === 'done') {
    return [...faults, refusal(state, 404, 'BLOB_UPLOAD_UNKNOWN')];
  }
  if (faults.length > 0) return faults;
  if (session.state === 'lost') return anything(state);
  if (session.state === 'unclear') return appendUnclear(state, operation, session);
  const taken = take(state, operation, session);
  if (taken.kind === 'refused') return [taken.outcome];
  const { next, size } = taken;
  return [outcome(next, 202, ...sessionChecks(operation.repository, size))];
}

/** Whoever says where he goes on takes the session over; without that nobody can tell what becomes of it. */
function appendUnclear(state: State, operation: Append, session: Session & { state: 'unclear' }): Outcome[] {
  const { range, body, repository } = operation;
  const start = range?.says?.start;
  const busy = refusal(state, 409, 'BLOB_UPLOAD_INVALID');
  const elsewhere = refusal(state, 416, 'RANGE_INVALID', between(session));
  if (start === undefined || range?.says?.length !== body.byteLength) return anything(lost(state, operation));
  if (start < session.least || start > session.most) return [busy, elsewhere];
  const bytes = joined(session.bytes.subarray(0, start), body);
  const next = withSession(state, operation.session, { repository, state: 'open', bytes });
  return [outcome(next, 202, ...sessionChecks(repository, bytes.byteLength)), busy, elsewhere];
}

export function close(state: State, operation: Close): Outcome[] {
  const { repository, digest, body } = operation;
  const session = owned(state, operation);
  const faults = rangeFaults(state, operation);
  if (!isDigest(digest)) faults.push(refusal(state, 400, 'DIGEST_INVALID'));
  if (faults.length > 0) return session === undefined ? [...faults, unknown(state)] : faults;
  if (session === undefined || session.state === 'gone') return [unknown(state)];
  if (session.state === 'done') return closeAgain(state, operation, session.digest);
  if (session.state === 'lost' || session.state === 'unclear') return closeUncertain(state, operation);
  const taken = take(state, operation, session);
  if (taken.kind === 'refused') return [taken.outcome];
  const { bytes, next } = taken;
  if (isOf(digest, bytes)) {
    const done = withSession(next, operation.session, { repository, state: 'done', digest });
    return [outcome(withBlob(done, repository, digest, bytes), 201, ...blobChecks(repository, digest))];
  }
  const ended = refusal(withSession(next, operation.session, { repository, state: 'gone' }), 400, 'DIGEST_INVALID');
  // A whole body that is another one is not stored, and the session goes on, unless it streams already.
  const isWhole = session.bytes.byteLength === 0 && body.byteLength > 0 && !operation.chunked;
  return isWhole ? [refusal(state, 400, 'DIGEST_INVALID'), ended] : [ended];
}

/** A PUT that is repeated, as long as its blob is there. */
function closeAgain(state: State, { repository, digest }: Close, closedWith: string): Outcome[] {
  const other = digest === closedWith ? [] : [refusal(state, 400, 'DIGEST_INVALID')];
  if (!repositoryOf(state, repository).blobs.has(closedWith)) return [unknown(state), ...other];
  if (other.length > 0) return other;
  return [outcome(state, 201, ...blobChecks(repository, digest))];
}

function closeUncertain(state: State, operation: Close): Outcome[] {
  const { repository, digest, whole } = operation;
  const next = lost(state, operation);
  if (whole === undefined) return refusals(next);
  return [
    outcome(withBlob(next, repository, digest, whole), 201, ...blobChecks(repository, digest)),
    ...refusals(next),
  ];
}

export function cancel(state: State, operation: Cancel): Outcome[] {
  const session = owned(state, operation);
  if (session === undefined || session.state === 'done' || session.state === 'gone') return [unknown(state)];
  const { repository } = operation;
  const cancelled = outcome(withSession(state, operation.session, { repository, state: 'gone' }), 204);
  if (session.state === 'open') return [cancelled];
  return [cancelled, unknown(state), refusal(state, 409, 'BLOB_UPLOAD_INVALID')];
}

/** What is left of a session after the connection of a request that writes it was cut. */
export function cutOff(state: State, operation: Append | Close | Cancel): State {
  const session = owned(state, operation);
  if (session === undefined || session.state === 'gone' || session.state === 'done') return state;
  if (session.state === 'open' && operation.kind === 'append' && rangeFaults(state, operation).length === 0) {
    const { bytes, repository } = session;
    const start = operation.range?.says?.start ?? bytes.byteLength;
    if (start !== bytes.byteLength) return state;
    const all = joined(bytes, operation.body);
    const span = { least: bytes.byteLength, most: all.byteLength };
    return withSession(state, operation.session, { repository, state: 'unclear', bytes: all, ...span });
  }
  return lost(state, operation);
}

function lost(state: State, { session, repository }: Append | Close | Cancel): State {
  return withSession(state, session, { repository, state: 'lost' });
}

type Taken =
  | { readonly kind: 'taken'; readonly next: State; readonly bytes: Uint8Array; readonly size: number }
  | { readonly kind: 'refused'; readonly outcome: Outcome };

/** The body at the end of what the session has. */
function take(state: State, operation: Append | Close, session: Session & { state: 'open' }): Taken {
  const { range, body, repository } = operation;
  const has = session.bytes.byteLength;
  const said = operation.kind === 'close' && body.byteLength === 0 && !operation.chunked ? undefined : range?.says;
  if (said !== undefined && said.start !== has) {
    return { kind: 'refused', outcome: refusal(state, 416, 'RANGE_INVALID', header('range', rangeOf(has))) };
  }
  const bytes = joined(session.bytes, body.subarray(0, said?.length));
  const size = bytes.byteLength;
  const next = withSession(state, operation.session, { repository, state: 'open', bytes });
  if (said === undefined || said.length === body.byteLength) return { kind: 'taken', next, bytes, size };
  return { kind: 'refused', outcome: refusal(next, 400, 'SIZE_INVALID', header('range', rangeOf(size))) };
}

function rangeFaults(
  state: State,
  { range, body, chunked }: { range?: ChunkRange | undefined; body: Uint8Array; chunked: boolean },
): Outcome[] {
  if (range === undefined) return [];
  if (range.says === undefined) return [refusal(state, 400, 'RANGE_INVALID')];
  const disagree = !chunked && range.says.length !== body.byteLength;
  return disagree ? [refusal(state, 400, 'SIZE_INVALID')] : [];
}

function owned(state: State, { session, repository }: { session: number; repository: string }): Session | undefined {
  const known = state.sessions.get(session);
  return known?.repository === repository ? known : undefined;
}

function unknown(state: State): Outcome {
  return refusal(state, 404, 'BLOB_UPLOAD_UNKNOWN');
}

function anything(state: State): Outcome[] {
  return [outcome(state, 202), ...refusals(state)];
}

function refusals(state: State): Outcome[] {
  return [
    unknown(state),
    refusal(state, 400, 'DIGEST_INVALID'),
    refusal(state, 400, 'SIZE_INVALID'),
    refusal(state, 409, 'BLOB_UPLOAD_INVALID'),
    refusal(state, 416, 'RANGE_INVALID'),
  ];
}

function sessionChecks(repository: string, size: number): Check[] {
  return [header('range', rangeOf(size)), sessionLocation(repository)];
}

/** The location, which has the session's id at its end. */
function sessionLocation(repository: string): Check {
  return ({ headers }) => {
    const location = headers.get('location');
    const id = headers.get('docker-upload-uuid');
    const isRight = id !== undefined && location === `/v2/${repository}/blobs/uploads/${id}`;
    return isRight ? undefined : `location is ${location ?? 'absent'}, of the upload ${id ?? 'without an id'}`;
  };
}

function blobChecks(repository: string, digest: string): Check[] {
  return [header('location', `/v2/${repository}/blobs/${digest}`), header('docker-content-digest', digest)];
}

function between({ least, most }: { least: number; most: number }): Check {
  return ({ headers }) => {
    const last = Number(/^0-(\d+)$/.exec(headers.get('range') ?? '')?.[1]);
    const isWithin = last >= Math.max(0, least - 1) && last <= Math.max(0, most - 1);
    return isWithin
      ? undefined
      : `range is ${headers.get('range') ?? 'absent'}, not from ${String(least)} to ${String(most)} bytes`;
  };
}

function rangeOf(size: number): string {
  return `0-${String(Math.max(0, size - 1))}`;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  return Buffer.concat([one, other]);
}
