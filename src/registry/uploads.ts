/**
 * Uploads as the front sees them. A whole body of known length and digest goes straight to the store, which verifies it
 * in flight; everything else streams through the session's object.
 */
import { logEvent } from '../observability/log.ts';
import type { WorkMeter, Answer } from '../observability/work.ts';
import type { Digest } from '../oci/digest.ts';
import type { UploadId } from '../oci/upload-id.ts';
import {
  APPEND_HEADER,
  PUT_LEASE_MS,
  type AppendRequest,
  type AppendResult,
  type BeginPutResult,
  type CancelResult,
  type CommitResult,
  type Owner,
  type PutOutcomeReport,
  type StatusResult,
} from '../objects/upload/messages.ts';
import type { Objects } from '../objects/stubs.ts';
import type { Upload } from '../objects/upload/upload.ts';
import { isFull, type StorageDriver } from '../storage/driver.ts';

/** Internal requests carry a URL that nobody resolves. */
const APPEND_URL = 'https://upload.berth.invalid/append';

const UNKNOWN = { kind: 'unknown' } as const;

export interface WholeBody {
  stream: ReadableStream;
  length: number;
  /** First byte's offset, where the client says it: a session that has bytes already refuses another one. */
  start?: number | undefined;
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

  async open(owner: Owner): Promise<UploadId> {
    const { id, stub } = this.#objects.newUpload();
    await this.#meter.call(stub.open(owner));
    return id;
  }

  /** A POST that carries the whole blob: session, bytes and commit in one. */
  async openAndPut(owner: Owner, digest: Digest, body: WholeBody): Promise<{ id: UploadId; result: AppendResult }> {
    const { id, stub } = this.#objects.newUpload();
    const begun = await this.#meter.call(stub.open(owner, { digest, length: body.length }));
    return { id, result: await this.#storeWhole(stub, owner, digest, body, begun) };
  }

  async status(owner: Owner, id: UploadId): Promise<StatusResult> {
    const stub = this.#objects.upload(id);
    return stub === undefined ? UNKNOWN : this.#meter.call(stub.status(owner));
  }

  async append(id: UploadId, request: AppendRequest, body: ReadableStream): Promise<AppendResult> {
    const stub = this.#objects.upload(id);
    return stub === undefined ? UNKNOWN : this.#append(stub, request, body);
  }

  /** A PUT with a whole body. */
  async put(owner: Owner, id: UploadId, digest: Digest, body: WholeBody): Promise<AppendResult> {
    const stub = this.#objects.upload(id);
    if (stub === undefined) return UNKNOWN;
    const begun = await this.#meter.call(stub.beginPut(owner, digest, body.length));
    return this.#storeWhole(stub, owner, digest, body, begun);
  }

  /** A PUT without a body, after PATCHes. */
  async close(owner: Owner, id: UploadId, digest: Digest): Promise<CommitResult> {
    const stub = this.#objects.upload(id);
    return stub === undefined ? UNKNOWN : this.#meter.call(stub.close(owner, digest));
  }

  async cancel(owner: Owner, id: UploadId): Promise<CancelResult> {
    const stub = this.#objects.upload(id);
    return stub === undefined ? UNKNOWN : this.#meter.call(stub.cancel(owner));
  }

  async #storeWhole(
    stub: DurableObjectStub<Upload>,
    owner: Owner,
    digest: Digest,
    { stream, length, start }: WholeBody,
    begun: BeginPutResult,
  ): Promise<AppendResult> {
    if (begun.kind === 'append') return this.#append(stub, { ...owner, start, length, digest }, stream);
    if (begun.kind !== 'direct') return begun;
    const outcome = await this.#putUnderLease(stub, begun.key, stream, length, digest);
    const ended = this.#meter.call(stub.endPut(owner, begun.key, outcome));
    // Also when the client has gone: the session must hear that its key is to be swept.
    this.#waitUntil(ended.catch(() => undefined));
    return ended;
  }

  async #putUnderLease(
    stub: DurableObjectStub<Upload>,
    key: string,
    stream: ReadableStream,
    length: number,
    digest: Digest,
  ): Promise<PutOutcomeReport> {
    const renewal = setInterval(() => {
      this.#waitUntil(this.#meter.call(stub.renewPut(key)).catch(() => undefined));
    }, PUT_LEASE_MS / 3);
    try {
      const outcome = await this.#store.put(key, stream, length, digest);
      return outcome === 'exists' ? 'failed' : outcome;
    } catch (error) {
      // The answer may have been lost on a write that succeeded; the store verified what it took.
      const present = await this.#store.head(key).catch(() => undefined);
      if (present?.size === length) return 'stored';
      logEvent('warn', 'upload body not stored', { digest, error: String(error) });
      return isFull(error) ? 'store-full' : 'failed';
    } finally {
      clearInterval(renewal);
    }
  }

  async #append(stub: DurableObjectStub<Upload>, request: AppendRequest, body: ReadableStream): Promise<AppendResult> {
    const answered = stub
      .fetch(APPEND_URL, { method: 'POST', headers: { [APPEND_HEADER]: JSON.stringify(request) }, body })
      .then((response) => response.json<Answer<AppendResult>>());
    return this.#meter.call(answered);
  }
}
