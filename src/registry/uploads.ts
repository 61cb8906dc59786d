/**
 * Uploads as the front sees them. A body whose length and digest are known goes straight to the store, which verifies it
 * in flight; a small one is held, hashed and stored in one go; everything else streams through the session's object.
 */
import { createHash } from 'node:crypto';
import { logEvent } from '../observability/log.ts';
import type { WorkMeter, Answer } from '../observability/work.ts';
import { digestAlgorithm, formatDigest, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import type { Cause } from '../notifications/event.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { UploadId } from '../oci/upload-id.ts';
import type { Repository } from '../objects/repository/repository.ts';
import {
  APPEND_HEADER,
  WRITE_LEASE_MS,
  closedAs,
  type AppendRequest,
  type AppendResult,
  type CancelResult,
  type CommitResult,
  type UploadSession,
  type WriteOutcome,
} from '../objects/upload/messages.ts';
import type { Objects } from '../objects/stubs.ts';
import { isFull, type StorageDriver } from '../storage/driver.ts';
import { withFirstBytes } from './first-bytes.ts';

/** Internal requests carry a URL that nobody resolves. */
const APPEND_URL = 'https://upload.berth.invalid/append';

const UNKNOWN = { kind: 'unknown' } as const;

/** Whose session: a repository's and a principal's. */
export interface Owner {
  repository: RepositoryName;
  principal: string;
}

/** Who ends an upload, which is told of. */
export interface ClosingOwner extends Owner {
  /** Of the event that the end of an upload is, where events are on. */
  cause: Cause | undefined;
}

export interface WholeBody {
  stream: ReadableStream;
  length: number;
  /** First byte's offset, where the client says it: a session that has bytes already refuses another one. */
  start?: number | undefined;
}

export interface Chunk {
  stream: ReadableStream;
  start: number | undefined;
  length: number | undefined;
}

/** A result, and the id by which the client had better go on. */
export interface Taken<T> {
  id: UploadId;
  result: T;
}

export class Uploads {
  readonly #objects: Objects;
  readonly #store: StorageDriver;
  readonly #meter: WorkMeter;
  readonly #waitUntil: (work: Promise<unknown>) => void;

  constructor(objects: Objects, store: StorageDriver, meter: WorkMeter, waitUntil: (work: Promise<unknown>) => void) {
    this.#objects = objects;
    this.#store = store;
    this.#meter = meter;
    this.#waitUntil = waitUntil;
  }

  /** @param algorithm of the digest that the bytes will have, where the client says it */
  open({ repository, principal }: Owner, algorithm: DigestAlgorithm = 'sha256'): UploadId {
    return this.#objects.newUpload(repository, principal, algorithm);
  }

  /** A chunk of so many bytes or more is stored as it comes; what is left of a smaller one waits in rows. */
  get minChunkBytes(): number {
    return this.#store.minPartBytes;
  }

  /** How many bytes a session has. */
  async status(owner: Owner, id: UploadId): Promise<Taken<{ kind: 'open'; committed: number } | { kind: 'unknown' }>> {
    const session = this.#session(owner, id);
    if (session === undefined) return { id, result: UNKNOWN };
    const known = await this.#meter.call(this.#repository(session).uploadStatus(session));
    if (known.kind === 'unknown') return { id, result: UNKNOWN };
    if (known.kind === 'open') return { id, result: { kind: 'open', committed: known.committed } };
    const there = await this.#meter.call(this.#objects.upload(session).status(session));
    if (there.kind === 'unopened') return { id, result: { kind: 'open', committed: known.committed } };
    return { id: streaming(id), result: there.kind === 'open' ? there : UNKNOWN };
  }

  /** A PATCH. */
  async append(owner: Owner, id: UploadId, { stream, start, length }: Chunk): Promise<Taken<AppendResult>> {
    const session = this.#session(owner, id);
    if (session === undefined) return { id, result: UNKNOWN };
    const onward = (body: ReadableStream) => this.#onward(id, { ...session, start, length }, body);
    // Whoever says where a chunk starts will send more of them.
    if (id.streams || start !== undefined || id.algorithm !== 'sha256') return onward(stream);
    return withFirstBytes(stream, length, async (first) => {
      if (first.kind === 'stream') {
        const taken = await onward(first.stream);
        const { result } = taken;
        const isShort = first.brokeOff() && (result.kind === 'appended' || result.kind === 'wrong-length');
        return isShort ? { id: taken.id, result: { kind: 'idle', committed: result.committed } } : taken;
      }
      const { bytes, brokeOff } = first;
      if (brokeOff && bytes.byteLength === 0) {
        const known = await this.status(owner, id);
        if (known.result.kind === 'unknown') return { id, result: UNKNOWN };
        return { id: known.id, result: { kind: 'idle', committed: known.result.committed } };
      }
      const kept = bytes.byteLength > 0 ? await this.#keep(session, bytes) : 'elsewhere';
      if (kept === 'elsewhere') return onward(new Blob([bytes]).stream());
      if (kept.kind !== 'appended') return { id, result: kept };
      const { committed } = kept;
      if (brokeOff) return { id, result: { kind: 'idle', committed } };
      return { id, result: committed === (length ?? committed) ? kept : { kind: 'wrong-length', committed } };
    });
  }

  /** A PUT or POST with a whole body. */
  async put(owner: ClosingOwner, id: UploadId, digest: Digest, body: WholeBody): Promise<Taken<AppendResult>> {
    const session = this.#session(owner, id);
    if (session === undefined) return { id, result: UNKNOWN };
    const { stream, length, start } = body;
    const canWrite = this.#store.verifies.has(digestAlgorithm(digest)) && length <= this.#store.maxPutBytes;
    const begun =
      id.streams || !canWrite
        ? ({ kind: 'elsewhere' } as const)
        : await this.#meter.call(this.#repository(session).beginWrite(session, digest, length));
    if (begun.kind === 'elsewhere')
      return this.#onward(id, { ...session, start, length, digest, cause: owner.cause }, stream);
    if (begun.kind === 'done') return { id, result: closedAs(begun, digest) };
    if (begun.kind === 'unknown') return { id, result: begun };
    const outcome = await this.#write(session, begun.key, stream, length, digest);
    const isSlow = outcome === 'too-slow';
    const ended = this.#meter.call(
      this.#repository(session).endWrite(session, begun.key, isSlow ? 'failed' : outcome, owner.cause),
    );
    // Also when the client has gone: the repository must hear that its key is to be swept.
    this.#waitUntil(ended.catch(() => undefined));
    const result = await ended;
    return { id, result: isSlow && result.kind === 'retry' ? { kind: 'idle', committed: 0 } : result };
  }

  /** A PUT whose body is of unknown length, or the last chunk of several. */
  async appendAndClose(owner: ClosingOwner, id: UploadId, digest: Digest, chunk: Chunk): Promise<Taken<AppendResult>> {
    const session = this.#session(owner, id);
    if (session === undefined) return { id, result: UNKNOWN };
    const { stream, start, length } = chunk;
    return this.#onward(id, { ...session, start, length, digest, cause: owner.cause }, stream);
  }

  /** A PUT without a body, after PATCHes. */
  async close(owner: ClosingOwner, id: UploadId, digest: Digest): Promise<Taken<CommitResult>> {
    const session = this.#session(owner, id);
    if (session === undefined) return { id, result: UNKNOWN };
    if (!id.streams) {
      const closed = await this.#meter.call(this.#repository(session).closeUpload(session, digest, owner.cause));
      if (closed.kind === 'done') return { id, result: closedAs(closed, digest) };
      if (closed.kind !== 'elsewhere') return { id, result: closed };
    }
    const result = await this.#meter.call(this.#objects.upload(session).close(session, digest, owner.cause));
    return { id: streaming(id), result };
  }

  async cancel(owner: Owner, id: UploadId): Promise<CancelResult> {
    const session = this.#session(owner, id);
    if (session === undefined) return UNKNOWN;
    const repository = this.#repository(session);
    const cancelled = await this.#meter.call(repository.cancelUpload(session, false));
    if (cancelled.kind !== 'streaming') return cancelled;
    const there = await this.#meter.call(this.#objects.upload(session).cancel(session));
    if (there.kind !== 'unopened') return there;
    const unopened = await this.#meter.call(repository.cancelUpload(session, true));
    return unopened.kind === 'streaming' ? UNKNOWN : unopened;
  }

  #session({ repository, principal }: Owner, id: UploadId): UploadSession | undefined {
    return this.#objects.session(repository, principal, id);
  }

  #repository({ repository }: UploadSession): DurableObjectStub<Repository> {
    return this.#objects.repository(repository);
  }

  /** Stores a small body under its digest, for the PUT to come. */
  async #keep(session: UploadSession, bytes: Uint8Array): Promise<AppendResult | 'elsewhere'> {
    const digest = formatDigest('sha256', createHash('sha256').update(bytes).digest('hex'));
    const begun = await this.#meter.call(this.#repository(session).beginWrite(session, digest, bytes.byteLength));
    if (begun.kind === 'elsewhere') return 'elsewhere';
    if (begun.kind !== 'direct') return UNKNOWN;
    const written = await this.#write(session, begun.key, bytes, bytes.byteLength, digest);
    const outcome = written === 'too-slow' ? 'failed' : written;
    const ended = this.#meter.call(this.#repository(session).keepWrite(session, begun.key, outcome));
    this.#waitUntil(ended.catch(() => undefined));
    const kept = await ended;
    if (kept.kind === 'retry') return { kind: 'store-failed', committed: 0 };
    return kept.kind === 'kept' ? { kind: 'appended', committed: kept.size } : kept;
  }

  /** Writes a whole body under a lease that is renewed meanwhile. Once the lease is lost, nobody waits for it any more. */
  async #write(
    session: UploadSession,
    key: string,
    body: ReadableStream | Uint8Array,
    length: number,
    digest: Digest,
  ): Promise<WriteOutcome | 'too-slow'> {
    let renewal: ReturnType<typeof setInterval> | undefined;
    // The answer then ends the request, and with it the write: its body may never come to an end by itself.
    const lost = new Promise<'failed'>((resolve) => {
      renewal = setInterval(() => {
        const renewed = this.#meter.call(this.#repository(session).renewWrite(session, key)).then((isHeld) => {
          if (!isHeld) resolve('failed');
        });
        this.#waitUntil(renewed.catch(() => undefined));
      }, WRITE_LEASE_MS / 3);
    });
    try {
      return await Promise.race([this.#put(key, body, length, digest), lost]);
    } finally {
      clearInterval(renewal);
    }
  }

  async #put(
    key: string,
    body: ReadableStream | Uint8Array,
    length: number,
    digest: Digest,
  ): Promise<WriteOutcome | 'too-slow'> {
    try {
      const outcome = await this.#store.put(key, body, length, digest);
      return outcome === 'exists' ? 'failed' : outcome;
    } catch (error) {
      // The answer may have been lost on a write that succeeded; the store verified what it took.
      const present = await this.#store.head(key).catch(() => undefined);
      if (present?.size === length) return 'stored';
      logEvent('warn', 'upload body not stored', { digest, error: String(error) });
      return isFull(error) ? 'store-full' : 'failed';
    }
  }

  /** Streams a body through the session's object. */
  async #onward(id: UploadId, request: AppendRequest, body: ReadableStream): Promise<Taken<AppendResult>> {
    const answered = this.#objects
      .upload(request)
      .fetch(APPEND_URL, { method: 'POST', headers: { [APPEND_HEADER]: JSON.stringify(request) }, body })
      .then((response) => response.json<Answer<AppendResult>>());
    return { id: streaming(id), result: await this.#meter.call(answered) };
  }
}

/** The client's next requests need not ask the repository where the session's bytes are. */
function streaming(id: UploadId): UploadId {
  return { ...id, streams: true };
}
