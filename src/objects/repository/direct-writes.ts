/**
 * Bodies that the front writes to the store by itself, each in one go: a PUT with the whole blob, or a PATCH that is
 * small enough to be held in memory. The repository mints the key, journals it with a lease, and adopts what was
 * written; so a push of such blobs needs no object of its own. docs/storage.md draws the states.
 *
 * - A write has a key of its own, and a front that died blocks nobody: another write of the same session begins anew.
 * - The first that ends well settles the session. Whoever comes later gets the same answer, and its key is swept.
 * - Every step compares the session's row and the key's lease again after each wait.
 */
import type { WorkMeter } from '../../observability/work.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import { mintKey, type StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import { sweep, type Attempts } from '../attempts.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Objects } from '../stubs.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';
import {
  WRITE_LEASE_MS,
  closedAs,
  type BeginResult,
  type CommitResult,
  type EndedAs,
  type EnterResult,
  type KeepResult,
  type SessionStatus,
  type UploadSession,
  type WriteOutcome,
} from '../upload/messages.ts';
import { settleOwner } from '../winner.ts';
import type { Told } from './adoption.ts';
import type { AdoptResult } from './links.ts';
import type { KnownSession, Sessions } from './sessions.ts';

const FORGOTTEN_PER_RUN = 500;
const GONE: KnownSession = { state: 'gone' };

export type DirectWriteTask = 'sweep' | 'forget-sessions';

interface Written {
  key: string;
  digest: Digest;
  size: number;
}

interface Parts {
  readonly sessions: Sessions;
  readonly attempts: Attempts;
  readonly tasks: Pick<Tasks<DirectWriteTask>, 'add' | 'remove'>;
  readonly store: StorageDriver;
  readonly objects: Objects;
  readonly adopt: (meter: WorkMeter, digest: Digest, own: Location, told: Told | undefined) => Promise<AdoptResult>;
  /** Whether the repository has a blob. */
  readonly isServed: (digest: Digest) => boolean;
}

export class DirectWrites {
  readonly #sessions: Sessions;
  readonly #attempts: Attempts;
  readonly #tasks: Pick<Tasks<DirectWriteTask>, 'add' | 'remove'>;
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #adopt: Parts['adopt'];
  readonly #isServed: Parts['isServed'];
  /** Sessions that are being closed: nobody may cancel them or bring them more bytes. */
  readonly #closing = new Set<string>();

  constructor({ sessions, attempts, tasks, store, objects, adopt, isServed }: Parts) {
    this.#sessions = sessions;
    this.#attempts = attempts;
    this.#tasks = tasks;
    this.#store = store;
    this.#objects = objects;
    this.#adopt = adopt;
    this.#isServed = isServed;
  }

  /** Under which key a whole body may be written, if the session has no bytes yet. */
  begin(session: UploadSession, digest: Digest, length: number): BeginResult {
    const now = Date.now();
    const known = this.#find(session);
    if (known !== undefined) return ended(known);
    const key = mintKey();
    this.#attempts.add(key, digest, length, now + WRITE_LEASE_MS);
    this.#tasks.add('sweep', key, now + WRITE_LEASE_MS);
    return { kind: 'direct', key };
  }

  /** The writer goes on. False: the lease was lost or the session is over, and what is written will be deleted. */
  renew(session: UploadSession, key: string): boolean {
    return this.#find(session)?.state !== 'gone' && this.#attempts.renew(key, Date.now() + WRITE_LEASE_MS);
  }

  /** A whole blob was written: makes it a blob of the repository. */
  async end(
    session: UploadSession,
    key: string,
    outcome: WriteOutcome,
    meter: WorkMeter,
    told: Told | undefined,
  ): Promise<CommitResult> {
    const written = this.#written(key, outcome);
    if (written.kind !== 'written') return written;
    const known = this.#find(session);
    if (known === undefined || known.state === 'kept') {
      return this.#commit(session, written, Date.now() + WRITE_LEASE_MS, meter, told);
    }
    this.#giveUp(key);
    switch (known.state) {
      case 'done':
        return closedAs(known.done, written.digest);
      case 'streaming':
        return { kind: 'busy' };
      case 'gone':
        return { kind: 'unknown' };
    }
  }

  /** A small body was written: the session keeps it until it is closed. */
  keep(session: UploadSession, key: string, outcome: WriteOutcome): KeepResult {
    const written = this.#written(key, outcome);
    if (written.kind !== 'written') return written;
    const known = this.#find(session);
    if (known !== undefined || this.#closing.has(session.id)) {
      this.#giveUp(key);
      return { kind: known?.state === 'gone' ? 'unknown' : 'busy' };
    }
    const { digest, size } = written;
    this.#attempts.renew(key, session.expiresAt);
    this.#remember(session, { state: 'kept', kept: { key, size }, digest });
    return { kind: 'kept', size };
  }

  /** Closes a session whose bytes are kept; any other is closed by its own object. */
  async close(
    session: UploadSession,
    digest: Digest,
    meter: WorkMeter,
    told: Told | undefined,
  ): Promise<CommitResult | EndedAs> {
    const known = this.#find(session);
    if (known === undefined) return { kind: 'elsewhere' };
    // Of another algorithm: the session's object reads the bytes and hashes them.
    const isKnown = known.state === 'kept' && digestAlgorithm(digest) === digestAlgorithm(known.digest);
    if (!isKnown) return ended(known);
    if (digest !== known.digest) {
      // Its bytes are proven to be another blob, which is being linked or will be by the next try.
      if (this.#isOffered(known)) return { kind: 'busy' };
      this.#giveUp(known.kept.key);
      this.#remember(session, GONE);
      return { kind: 'digest-mismatch' };
    }
    return this.#commit(session, { ...known.kept, digest }, session.expiresAt, meter, told);
  }

  status(session: UploadSession): SessionStatus {
    const known = this.#find(session);
    switch (known?.state) {
      case 'done':
      case 'gone':
        return { kind: 'unknown' };
      case 'streaming':
        return { kind: 'streaming', committed: known.kept?.size ?? 0 };
      case 'kept':
      case undefined:
        return { kind: 'open', committed: known?.kept.size ?? 0 };
    }
  }

  /** Ends a session; one that streams is ended by its own object first, unless that never opened it. */
  cancel(session: UploadSession, isUnopened: boolean): 'cancelled' | 'streaming' | 'too-late' | 'unknown' {
    const known = this.#find(session);
    if (known?.state === 'done' || known?.state === 'gone') return 'unknown';
    if (known?.state === 'streaming' && !isUnopened) return 'streaming';
    if (this.#closing.has(session.id) || this.#isOffered(known)) return 'too-late';
    if (known?.kept !== undefined) this.#giveUp(known.kept.key);
    this.#remember(session, GONE);
    return 'cancelled';
  }

  /** From now on the session's bytes go through its own object, which asks before it takes the first. */
  enter(session: UploadSession): EnterResult {
    const known = this.#find(session);
    if (known?.state === 'gone') return { kind: 'unknown' };
    if (known?.state === 'done') return known.done;
    if (this.#closing.has(session.id) || this.#isOffered(known)) return { kind: 'busy' };
    // What was kept stays until the session expires: the object copies it, and may crash while it does.
    this.#remember(session, { state: 'streaming', kept: known?.kept });
    return { kind: 'open', kept: known?.kept };
  }

  async sweep(key: string, now: number): Promise<TaskOutcome> {
    return sweep(this.#attempts, { store: this.#store, objects: this.#objects }, key, now);
  }

  forget(now: number): TaskOutcome {
    const next = this.#sessions.forget(now, FORGOTTEN_PER_RUN);
    return next === undefined ? 'done' : { again: next };
  }

  /** The session's row. One that has expired is gone, whatever it was, and so is one whose blob was deleted since. */
  #find({ id, expiresAt }: UploadSession): KnownSession | undefined {
    if (expiresAt <= Date.now()) return GONE;
    const known = this.#sessions.find(id);
    return known?.state === 'done' && !this.#isServed(known.done.digest) ? GONE : known;
  }

  /** What a writer's report comes to; whatever is not stored is swept. */
  #written(key: string, outcome: WriteOutcome): ({ kind: 'written' } & Written) | CommitResult {
    const attempt = this.#attempts.find(key);
    if (attempt?.digest === undefined || attempt.looks > 0) return { kind: 'unknown' };
    if (outcome === 'stored') return { kind: 'written', key, digest: attempt.digest, size: attempt.size ?? 0 };
    this.#giveUp(key);
    return { kind: outcome === 'failed' ? 'retry' : outcome };
  }

  async #commit(
    session: UploadSession,
    { key, digest, size }: Written,
    leaseUntil: number,
    meter: WorkMeter,
    told: Told | undefined,
  ): Promise<CommitResult> {
    const store = metered(this.#store, meter);
    const own: Location = { store: store.name, key, size };
    const adopt = async (isFirst: boolean): Promise<AdoptResult> =>
      this.#attempts.offer(key, leaseUntil)
        ? this.#adopt(meter, digest, own, isFirst ? told : undefined)
        : { kind: 'refused' };
    this.#closing.add(session.id);
    try {
      const settled = await settleOwner({ objects: this.#objects, store, meter }, digest, own, adopt);
      switch (settled) {
        case 'own':
        case 'other':
          this.#settle(session, own, digest, settled === 'own');
          return { kind: 'committed', size };
        case 'refused': {
          // The key is being deleted; but another request may have closed the session with it.
          const known = this.#find(session);
          return known?.state === 'done' ? closedAs(known.done, digest) : { kind: 'unknown' };
        }
        case 'outbox-full':
        case 'retry':
        case 'store-full':
          return { kind: settled };
      }
    } finally {
      this.#closing.delete(session.id);
    }
  }

  #isOffered(known: KnownSession | undefined): boolean {
    return known?.state === 'kept' && this.#attempts.find(known.kept.key)?.offered === true;
  }

  /** The repository serves the digest: by this key, which is the directory's now, or by another. */
  #settle(session: UploadSession, { key, size }: Location, digest: Digest, isOwn: boolean): void {
    if (isOwn) {
      this.#attempts.end(key);
      this.#tasks.remove('sweep', key);
    } else {
      this.#giveUp(key);
    }
    const known = this.#find(session);
    if (known !== undefined && known.state !== 'kept') return;
    if (known !== undefined && known.kept.key !== key) this.#giveUp(known.kept.key);
    this.#remember(session, { state: 'done', done: { kind: 'done', digest, size } });
  }

  #giveUp(key: string): void {
    this.#attempts.endLease(key);
    this.#tasks.add('sweep', key, Date.now());
  }

  #remember(session: UploadSession, known: KnownSession): void {
    this.#sessions.set(session.id, session.expiresAt, known);
    this.#tasks.add('forget-sessions', '', session.expiresAt);
  }
}

/** What a session that is settled, or has bytes already, answers to whoever would write or close it. */
function ended(known: KnownSession): EndedAs {
  switch (known.state) {
    case 'done':
      return known.done;
    case 'gone':
      return { kind: 'unknown' };
    case 'kept':
    case 'streaming':
      return { kind: 'elsewhere' };
  }
}
