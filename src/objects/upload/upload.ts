/**
 * One upload session whose bytes stream: the only writer of them, and the owner of their key until a repository has
 * adopted it. A blob that is small, or comes whole in one PUT, needs no such object (repository/direct-writes.ts).
 *
 *   open ──(parts put together)── storing ──┐
 *     └──(the tail, by one put)─────────────┴─ stored ── adopt ── done
 *
 * Before it takes the first byte it enters the session at the repository, which says whether the session is still open
 * and which bytes it has. Each step compares the state again after every wait, so a step that comes late changes
 * nothing. `done` and `gone` are kept until expiry, so that a repeated PUT gets its answer again, and a cancelled
 * session stays so. Deleting is always the last step.
 */
import { DurableObject } from 'cloudflare:workers';
import * as v from 'valibot';
import type { Cause } from '../../notifications/event.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import { openStore } from '../../storage/stores.ts';
import { sweep } from '../attempts.ts';
import { Objects } from '../stubs.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import { Assembler, type AssemblyOutcome } from './assembler.ts';
import { adoptStored, isServed, storeOpen } from './commit.ts';
import { drain } from './drain.ts';
import { Journal, type Session } from './journal.ts';
import {
  APPEND_HEADER,
  WRITE_LEASE_MS,
  AppendRequestSchema,
  closedAs,
  type AppendRequest,
  type AppendResult,
  type CancelResult,
  type CommitResult,
  type StatusResult,
  type UploadSession,
} from './messages.ts';
import { RunningHash } from './running-hash.ts';

/** An expiry that meets a running request looks again after this time. */
const BUSY_RETRY_MS = 30_000;
const SMALL_PART_BYTES = 8 * 1024 * 1024;
const MIDDLE_PART_BYTES = 16 * 1024 * 1024;
const LARGE_PART_BYTES = 32 * 1024 * 1024;
/** Announced lengths from which larger parts pay: each part costs a write operation. */
const MIDDLE_BLOB_BYTES = 256 * 1024 * 1024;
const LARGE_BLOB_BYTES = 1024 * 1024 * 1024;

type TaskKind = 'expire' | 'sweep';
type Entered = { kind: 'open' } | CommitResult;

export class Upload extends DurableObject<Env> {
  readonly #journal: Journal;
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #tasks: Tasks<TaskKind>;
  readonly #running = new RunningHash();
  /** While it was being entered. The repository is told as well, for when this object has forgotten it. */
  #isCancelled = false;
  /** The PATCH under way, and when it has ended. */
  #writer: { assembler: Assembler; ended: Promise<void> } | undefined;
  /** The taking over of kept bytes under way: whoever comes meanwhile waits for the same. */
  #taking: Promise<Entered> | undefined;
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

  /** `unopened`: nothing came here yet. */
  status(caller: UploadSession): Answer<StatusResult> {
    const meter = new WorkMeter();
    if (this.#journal.session() === undefined) return meter.answer({ kind: 'unopened' });
    const session = this.#owned(caller);
    if (session === undefined) return meter.answer({ kind: 'unknown' });
    // A finished session is over for everybody but who repeats its PUT.
    if (session.state === 'done') return meter.answer({ kind: 'unknown' });
    const committed = session.size ?? session.kept?.size ?? session.committed;
    return meter.answer({ kind: 'open', committed });
  }

  /** Appends a body (see messages.ts): the only request of an object that carries bytes. */
  override async fetch(request: Request): Promise<Response> {
    const append = v.parse(AppendRequestSchema, request.headers.get(APPEND_HEADER));
    const meter = new WorkMeter();
    const entered = await this.#enter(append, append, meter);
    if (entered.kind !== 'open') {
      await drain(request.body);
      return Response.json(meter.answer(entered));
    }
    const session = this.#owned(append);
    // A PUT that is repeated brings its body once more, but what is stored needs no bytes.
    const isRepeated = append.digest !== undefined && session !== undefined && session.state !== 'open';
    const appended: AppendResult = isRepeated
      ? { kind: 'appended', committed: session.committed }
      : await this.#append(append, request.body, meter);
    await drain(request.body);
    const close = appended.kind === 'appended' && append.digest !== undefined ? append.digest : undefined;
    const result = close === undefined ? appended : await this.#close(close, meter, append.cause);
    return Response.json(meter.answer(result));
  }

  /** Closes the upload: its bytes become a blob of the repository if they have this digest. */
  async close(caller: UploadSession, digest: Digest, cause?: Cause): Promise<Answer<CommitResult>> {
    const meter = new WorkMeter();
    const entered = await this.#enter(caller, { digest }, meter);
    if (entered.kind !== 'open') return meter.answer(entered);
    if (this.#owned(caller) === undefined) return meter.answer({ kind: 'unknown' });
    return meter.answer(await this.#close(digest, meter, cause));
  }

  /** Ends the session and deletes its bytes, unless they are a blob already. */
  async cancel(caller: UploadSession): Promise<Answer<CancelResult | { kind: 'unopened' }>> {
    const meter = new WorkMeter();
    if (this.#journal.session() === undefined) {
      this.#isCancelled = true;
      return meter.answer({ kind: 'unopened' });
    }
    const session = this.#owned(caller);
    if (session === undefined || session.state === 'done') return meter.answer({ kind: 'unknown' });
    if (session.state === 'stored' || this.#isClosing()) return meter.answer({ kind: 'too-late' });
    await this.#discard();
    return meter.answer({ kind: 'cancelled' });
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  /** Sees to it that the session is open here, with the bytes that were kept elsewhere before it came to this object. */
  async #enter(
    caller: UploadSession,
    { digest, length }: { digest?: Digest | undefined; length?: number | undefined },
    meter: WorkMeter,
  ): Promise<Entered> {
    if (this.#journal.session() === undefined) {
      const entered = await meter.call(this.#objects.repository(caller.repository).enterUpload(caller));
      if (entered.kind === 'done') return digest === undefined ? { kind: 'unknown' } : closedAs(entered, digest);
      if (entered.kind !== 'open') return entered;
      if (this.#isCancelled) return { kind: 'unknown' };
      // Somebody else may have entered meanwhile.
      if (this.#journal.session() === undefined) {
        // Whoever closes it with its first body has named the algorithm now.
        const algorithm = digest === undefined ? caller.algorithm : digestAlgorithm(digest);
        this.#journal.open({ ...caller, algorithm }, entered.kept);
        this.#tasks.add('expire', '', caller.expiresAt);
        await this.#tasks.arm();
      }
    }
    if (this.#journal.session()?.kept === undefined) return { kind: 'open' };
    this.#journal.choosePartSize(partSizeFor(length));
    this.#taking ??= this.#takeKept(caller, meter).finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  /** Appends what was kept, as if its client sent it once more. After a crash it goes on where it was. */
  async #takeKept(caller: UploadSession, meter: WorkMeter): Promise<Entered> {
    const { kept, committed = 0 } = this.#journal.session() ?? {};
    const length = (kept?.size ?? 0) - committed;
    if (kept !== undefined && length > 0) {
      const object = await metered(this.#store, meter).read(kept.key, { offset: committed, length });
      if (object === undefined) return { kind: 'retry' };
      const appended = await this.#append({ ...caller, start: committed, length }, object.body, meter);
      if (appended.kind === 'unknown' || appended.kind === 'store-full') return appended;
      if (appended.kind !== 'appended') return { kind: 'retry' };
    }
    this.#journal.endKept();
    return { kind: 'open' };
  }

  /** The session, if it is the caller's and not over. */
  #owned({ repository, principal }: UploadSession): Session | undefined {
    const session = this.#journal.session();
    if (session === undefined || session.state === 'gone' || session.expiresAt <= Date.now()) return undefined;
    return session.repository === repository && session.principal === principal ? session : undefined;
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
      hash: this.#running.at(session, this.#journal),
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

  #close(digest: Digest, meter: WorkMeter, cause: Cause | undefined): Promise<CommitResult> {
    if (this.#closing !== undefined) {
      return this.#closing.digest === digest ? this.#closing.result : Promise.resolve({ kind: 'busy' });
    }
    const result = this.#commit(digest, meter, cause).finally(() => {
      this.#closing = undefined;
    });
    this.#closing = { digest, result };
    return result;
  }

  async #commit(digest: Digest, meter: WorkMeter, cause: Cause | undefined): Promise<CommitResult> {
    const context = { journal: this.#journal, store: metered(this.#store, meter), objects: this.#objects, meter };
    const session = this.#journal.session();
    if (session === undefined || session.state === 'gone') return { kind: 'unknown' };
    if (session.state === 'done' || session.state === 'stored') {
      if (session.digest !== digest) return { kind: 'digest-mismatch' };
      if (session.state === 'done') {
        // The blob may have been deleted since, and only a new upload brings it back.
        return (await isServed(context)) ? { kind: 'committed', size: session.size ?? 0 } : { kind: 'unknown' };
      }
    } else {
      if (this.#writer !== undefined) return { kind: 'busy' };
      const stored = await storeOpen(context, digest, this.#running, (key, size) =>
        this.#addAttempt(key, digest, size),
      );
      if (stored.kind === 'digest-mismatch') await this.#discard();
      if (stored.kind !== 'stored') return stored;
    }
    const adopted = await adoptStored(context, cause);
    await this.#armSweeps();
    return adopted;
  }

  #addAttempt(key: string, digest: Digest, size: number): Promise<void> {
    this.#journal.attempts.add(key, digest, size, Date.now() + WRITE_LEASE_MS);
    return this.#armSweeps();
  }

  /** Ends the session; its objects go by task, and its rows with the last of them once it has expired. */
  async #discard(): Promise<void> {
    this.#writer?.assembler.supersede();
    this.#journal.setGone();
    await this.#armSweeps();
  }

  async #armSweeps(): Promise<void> {
    for (const { key, leaseUntil } of this.#journal.attempts.all()) this.#tasks.add('sweep', key, leaseUntil);
    await this.#tasks.arm();
  }

  async #expire(): Promise<TaskOutcome> {
    const now = Date.now();
    const session = this.#journal.session();
    if (session === undefined) return 'done';
    if (session.expiresAt > now) return { again: session.expiresAt };
    if (this.#isClosing()) return { again: now + BUSY_RETRY_MS };
    await this.#discard();
    await this.#dropIfOver();
    return 'done';
  }

  async #sweep(key: string, now: number): Promise<TaskOutcome> {
    const outcome = await sweep(this.#journal.attempts, { store: this.#store, objects: this.#objects }, key, now);
    if (outcome === 'done') await this.#dropIfOver();
    return outcome;
  }

  async #dropIfOver(): Promise<void> {
    const session = this.#journal.session();
    const isOver = session?.state === 'gone' && session.expiresAt <= Date.now();
    if (isOver && this.#journal.attempts.all().length === 0) await this.#journal.database.drop();
  }
}

function partSizeFor(announced: number | undefined): number {
  if (announced === undefined || announced < MIDDLE_BLOB_BYTES) return SMALL_PART_BYTES;
  return announced < LARGE_BLOB_BYTES ? MIDDLE_PART_BYTES : LARGE_PART_BYTES;
}
