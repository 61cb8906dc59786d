/**
 * One upload session: the only writer of its bytes, and the owner of its key until a repository has adopted it.
 *
 *   open ──(parts put together)── storing ──┐
 *     └──(one put under a lease)────────────┴─ stored ── adopt ── done
 *
 * Each step compares the state again after every wait, so a step that comes late changes nothing. `done` is kept until
 * expiry, so that a repeated PUT gets its answer again. Deleting is always the last step.
 * A whole body goes from the front straight to the store, under a key that is minted here for that one attempt; its
 * lease is renewed while it streams, and whatever lies under an attempt's key after its lease is swept, twice.
 */
import { DurableObject } from 'cloudflare:workers';
import * as v from 'valibot';
import { configOf, type Config } from '../../config.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { digestAlgorithm, parseDigest, type Digest } from '../../oci/digest.ts';
import { mintKey, type StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import { openStore } from '../../storage/stores.ts';
import { Objects } from '../stubs.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import { Assembler, type AssemblyOutcome } from './assembler.ts';
import { adoptStored, storeOpen } from './commit.ts';
import { drain } from './drain.ts';
import { Journal, type Session } from './journal.ts';
import {
  APPEND_HEADER,
  PUT_LEASE_MS,
  AppendRequestSchema,
  type AppendRequest,
  type AppendResult,
  type BeginPutResult,
  type CancelResult,
  type CommitResult,
  type Owner,
  type PutOutcomeReport,
  type StatusResult,
} from './messages.ts';
import { RunningHash } from './running-hash.ts';

/** A write that was given up may still arrive: its key is looked at once more after this time. */
const LATE_WRITE_MS = 15 * 60_000;
/** An expiry that meets a running request looks again after this time. */
const BUSY_RETRY_MS = 30_000;
const SMALL_PART_BYTES = 8 * 1024 * 1024;
const MIDDLE_PART_BYTES = 16 * 1024 * 1024;
const LARGE_PART_BYTES = 32 * 1024 * 1024;
/** Announced lengths from which larger parts pay: each part costs a write operation. */
const MIDDLE_BLOB_BYTES = 256 * 1024 * 1024;
const LARGE_BLOB_BYTES = 1024 * 1024 * 1024;

type TaskKind = 'expire' | 'sweep';

export class Upload extends DurableObject<Env> {
  readonly #journal: Journal;
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #tasks: Tasks<TaskKind>;
  readonly #running = new RunningHash();
  /** The PATCH under way, and when it has ended. */
  #writer: { assembler: Assembler; ended: Promise<void> } | undefined;
  /** The close under way: a second one with the same digest shares its result. */
  #closing: { digest: Digest; result: Promise<CommitResult> } | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = openStore(env);
    this.#objects = new Objects(env);
    this.#journal = new Journal(ctx.storage);
    this.#tasks = new Tasks<TaskKind>(ctx.storage, this.#journal.database, 'Upload', {
      expire: () => this.#expire(),
      sweep: (key, now) => this.#sweep(key, now),
    });
  }

  /** Opens the session; with `put`, also begins a whole-body write (a POST that carries the blob). */
  async open(owner: Owner, put?: { digest: Digest; length: number }): Promise<Answer<BeginPutResult>> {
    const now = Date.now();
    const expiresAt = now + this.#config.uploadExpiryMs;
    this.#journal.open(owner.repository, owner.principal, expiresAt);
    this.#tasks.add('expire', '', expiresAt);
    const begun: BeginPutResult = put === undefined ? { kind: 'append' } : this.#beginPut(put.digest, put.length, now);
    await this.#tasks.arm();
    return new WorkMeter().answer(begun);
  }

  status(owner: Owner): Answer<StatusResult> {
    const session = this.#owned(owner);
    const meter = new WorkMeter();
    if (session === undefined) return meter.answer({ kind: 'unknown' });
    if (session.state === 'done') {
      return meter.answer({ kind: 'done', digest: session.digest ?? '', size: session.size ?? 0 });
    }
    return meter.answer({ kind: 'open', committed: session.size ?? session.committed });
  }

  /** Appends a body (see messages.ts): the only request of an object that carries bytes. */
  override async fetch(request: Request): Promise<Response> {
    const append = v.parse(AppendRequestSchema, request.headers.get(APPEND_HEADER));
    const meter = new WorkMeter();
    const session = this.#owned(append);
    // A PUT that is repeated brings its body once more, but what is stored needs no bytes.
    const isRepeated = append.digest !== undefined && session !== undefined && session.state !== 'open';
    const appended: AppendResult = isRepeated
      ? { kind: 'appended', committed: session.committed }
      : await this.#append(append, request.body, meter);
    await drain(request.body);
    const close = appended.kind === 'appended' && append.digest !== undefined ? append.digest : undefined;
    const result = close === undefined ? appended : await this.#close(close, meter);
    return Response.json(meter.answer(result));
  }

  /** Asks how to store a whole body of known length and digest. */
  async beginPut(owner: Owner, digest: Digest, length: number): Promise<Answer<BeginPutResult>> {
    const meter = new WorkMeter();
    const session = this.#owned(owner);
    if (session === undefined) return meter.answer({ kind: 'unknown' });
    if (session.state !== 'open') return meter.answer(await this.#close(digest, meter));
    const begun = this.#beginPut(digest, length, Date.now());
    await this.#tasks.arm();
    return meter.answer(begun);
  }

  /** The front tells that its write goes on. False: the lease was lost, and what it writes will be deleted. */
  renewPut(key: string): Answer<boolean> {
    return new WorkMeter().answer(this.#journal.renewLease(key, Date.now() + PUT_LEASE_MS));
  }

  /** The front tells how its write ended. */
  async endPut(owner: Owner, key: string, outcome: PutOutcomeReport): Promise<Answer<CommitResult>> {
    const meter = new WorkMeter();
    const session = this.#owned(owner);
    const attempt = this.#journal.attempt(key);
    const digest = parseDigest(attempt?.digest ?? '');
    if (session === undefined || attempt === undefined || digest === undefined || attempt.looks > 0) {
      return meter.answer({ kind: 'unknown' });
    }
    const stored = outcome === 'stored' && this.#journal.setStored('open', key, digest, attempt.size ?? 0);
    if (!stored) this.#journal.endLease(key);
    await this.#armSweeps();
    if (outcome === 'digest-mismatch') return meter.answer({ kind: 'digest-mismatch' });
    if (outcome === 'failed') return meter.answer({ kind: 'retry' });
    if (outcome === 'store-full') return meter.answer({ kind: 'store-full' });
    return meter.answer(await this.#close(digest, meter));
  }

  /** Closes the upload: its bytes become a blob of the repository if they have this digest. */
  async close(owner: Owner, digest: Digest): Promise<Answer<CommitResult>> {
    const meter = new WorkMeter();
    if (this.#owned(owner) === undefined) return meter.answer({ kind: 'unknown' });
    return meter.answer(await this.#close(digest, meter));
  }

  /** Ends the session and deletes its bytes, unless they are a blob already. */
  async cancel(owner: Owner): Promise<Answer<CancelResult>> {
    const meter = new WorkMeter();
    const session = this.#owned(owner);
    if (session === undefined || session.state === 'done') return meter.answer({ kind: 'unknown' });
    if (session.state === 'stored' || this.#isClosing()) return meter.answer({ kind: 'too-late' });
    await this.#discard();
    return meter.answer({ kind: 'cancelled' });
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  get #config(): Config {
    return configOf(this.env);
  }

  /** The session, if it is the caller's and not over. */
  #owned({ repository, principal }: Owner): Session | undefined {
    const session = this.#journal.session();
    if (session === undefined || session.state === 'gone' || session.expiresAt <= Date.now()) return undefined;
    return session.repository === repository && session.principal === principal ? session : undefined;
  }

  #beginPut(digest: Digest, length: number, now: number): BeginPutResult {
    const session = this.#journal.session();
    const untouched = session?.state === 'open' && session.committed === 0 && this.#writer === undefined;
    const verified = this.#store.verifies.has(digestAlgorithm(digest)) && length <= this.#store.maxPutBytes;
    if (!untouched || !verified) return { kind: 'append' };
    const key = mintKey();
    this.#journal.addAttempt(key, digest, length, now + PUT_LEASE_MS);
    this.#tasks.add('sweep', key, now + PUT_LEASE_MS);
    return { kind: 'direct', key };
  }

  async #append(
    append: Omit<AppendRequest, 'digest'>,
    body: ReadableStream | null,
    meter: WorkMeter,
  ): Promise<AppendResult> {
    const { start, length } = append;
    let session = this.#owned(append);
    if (session === undefined || session.state === 'done') return { kind: 'unknown' };
    if (session.state !== 'open' || this.#isClosing()) return { kind: 'busy' };
    if (start !== undefined && start !== session.committed) {
      return { kind: 'out-of-order', committed: session.committed };
    }
    const previous = this.#writer;
    if (previous !== undefined && start === undefined) return { kind: 'busy' };
    if (body === null) return { kind: 'appended', committed: session.committed };
    const epoch = this.#journal.nextEpoch();
    if (previous !== undefined) {
      previous.assembler.supersede();
      await previous.ended;
      // Somebody else may have taken over, closed or ended the session in the meantime.
      session = this.#owned(append);
      if (session?.state !== 'open' || session.epoch !== epoch || this.#isClosing()) {
        return { kind: 'superseded' };
      }
    }
    this.#journal.choosePartSize(partSizeFor(length));
    const assembler = new Assembler(this.#journal, metered(this.#store, meter), {
      epoch,
      partSize: this.#journal.session()?.partSize ?? SMALL_PART_BYTES,
      hash: this.#running.at(session.committed, this.#journal),
    });
    const outcome = await this.#write(assembler, body, length ?? Number.MAX_SAFE_INTEGER);
    const committed = this.#journal.session()?.committed ?? 0;
    switch (outcome) {
      case 'complete': {
        const short = length !== undefined && committed - session.committed !== length;
        return { kind: short ? 'wrong-length' : 'appended', committed };
      }
      case 'overrun':
        return { kind: 'wrong-length', committed };
      case 'interrupted':
      case 'idle':
        return { kind: 'idle', committed };
      case 'full':
        return { kind: 'too-large' };
      case 'superseded':
        return { kind: 'superseded' };
      case 'store-failed':
        return { kind: 'store-failed', committed };
      case 'store-full':
        return { kind: 'store-full' };
    }
  }

  /** Lets an assembler be the session's writer for one body. */
  async #write(assembler: Assembler, body: ReadableStream, limit: number): Promise<AssemblyOutcome> {
    const running = assembler.run(body, limit);
    const writer = {
      assembler,
      ended: running.then(
        () => undefined,
        () => undefined,
      ),
    };
    this.#writer = writer;
    try {
      return await running;
    } finally {
      this.#running.keep(this.#journal.session()?.committed ?? 0, assembler.committedHash);
      if (this.#writer === writer) this.#writer = undefined;
    }
  }

  #isClosing(): boolean {
    return this.#closing !== undefined;
  }

  #close(digest: Digest, meter: WorkMeter): Promise<CommitResult> {
    if (this.#closing !== undefined) {
      return this.#closing.digest === digest ? this.#closing.result : Promise.resolve({ kind: 'busy' });
    }
    const result = this.#commit(digest, meter).finally(() => {
      this.#closing = undefined;
    });
    this.#closing = { digest, result };
    return result;
  }

  async #commit(digest: Digest, meter: WorkMeter): Promise<CommitResult> {
    const context = { journal: this.#journal, store: metered(this.#store, meter), objects: this.#objects, meter };
    const session = this.#journal.session();
    if (session === undefined || session.state === 'gone') return { kind: 'unknown' };
    if (session.state === 'done' || session.state === 'stored') {
      if (session.digest !== digest) return { kind: 'digest-mismatch' };
      if (session.state === 'done') return { kind: 'committed', size: session.size ?? 0 };
    } else {
      if (this.#writer !== undefined) return { kind: 'busy' };
      const stored = await storeOpen(context, digest, this.#running, (key, size) =>
        this.#addAttempt(key, digest, size),
      );
      if (stored.kind === 'digest-mismatch') await this.#discard();
      if (stored.kind !== 'stored') return stored;
    }
    const adopted = await adoptStored(context);
    await this.#armSweeps();
    return adopted;
  }

  #addAttempt(key: string, digest: Digest, size: number): Promise<void> {
    this.#journal.addAttempt(key, digest, size, Date.now() + PUT_LEASE_MS);
    return this.#armSweeps();
  }

  /** Ends the session; its objects go by task, and its rows with the last of them. */
  async #discard(): Promise<void> {
    this.#writer?.assembler.supersede();
    this.#journal.setGone();
    await this.#armSweeps();
  }

  async #armSweeps(): Promise<void> {
    for (const { key, leaseUntil } of this.#journal.attempts()) this.#tasks.add('sweep', key, leaseUntil);
    await this.#tasks.arm();
  }

  async #expire(): Promise<TaskOutcome> {
    const now = Date.now();
    const session = this.#journal.session();
    if (session === undefined) return 'done';
    if (session.expiresAt > now) return { again: session.expiresAt };
    if (this.#isClosing()) return { again: now + BUSY_RETRY_MS };
    await this.#discard();
    await this.#dropIfClean();
    return 'done';
  }

  /** Deletes what lies under a key that did not become a blob. */
  async #sweep(key: string, now: number): Promise<TaskOutcome> {
    const attempt = this.#journal.attempt(key);
    if (attempt !== undefined) {
      if (attempt.leaseUntil > now) return { again: attempt.leaseUntil };
      if (attempt.offered) {
        if (await this.#disown(attempt.digest, key)) await this.#store.delete([key]);
      } else {
        // Noted first: from now on the front's word that it has written comes too late.
        this.#journal.noteLook(key, now + LATE_WRITE_MS);
        if (attempt.multipart !== undefined) await this.#store.abort(attempt.multipart);
        await this.#store.delete([key]);
        if (attempt.looks === 0) return { again: now + LATE_WRITE_MS };
      }
      this.#journal.endAttempt(key);
    }
    await this.#dropIfClean();
    return 'done';
  }

  /** False when the directory maps the key: then it is the directory's, and this session keeps its hands off. */
  async #disown(digestText: string | undefined, key: string): Promise<boolean> {
    const digest = parseDigest(digestText ?? '');
    if (digest === undefined) throw new Error('an offered key has no digest');
    const { result } = await this.#objects.directory(digest).disown(digest, key);
    return result === 'disowned';
  }

  async #dropIfClean(): Promise<void> {
    const over = this.#journal.session()?.state === 'gone';
    if (over && this.#journal.attempts().length === 0) await this.#journal.database.drop();
  }
}

function partSizeFor(announced: number | undefined): number {
  if (announced === undefined || announced < MIDDLE_BLOB_BYTES) return SMALL_PART_BYTES;
  return announced < LARGE_BLOB_BYTES ? MIDDLE_PART_BYTES : LARGE_PART_BYTES;
}
