/**
 * Bodies that the front writes to the store by itself, each in one go: a PUT with the whole blob, or a PATCH that is
 * small enough to be held in memory. The repository mints the key, journals it with a lease, and adopts what was
 * written; so a push of such blobs needs no object of its own. docs/storage.md draws the states.
 *
 * - A write has a key of its own, and a front that died blocks nobody: another write of the same session begins anew.
 * - The first that ends well settles the session. Whoever comes later gets the same answer, and its key is swept.
 * - Every step compares the session's row and the key's lease again after each wait.
 */
import { logEvent } from '../../observability/log.ts';
import type { WorkMeter } from '../../observability/work.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import { isFull, mintKey, type StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import { sweep, type Attempts } from '../attempts.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Objects } from '../stubs.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';
import {
  WRITE_LEASE_MS,
  type BeginResult,
  type CommitResult,
  type EndedAs,
  type EnterResult,
  type KeepResult,
  type SessionStatus,
  type UploadSession,
  type WriteOutcome,
} from '../upload/messages.ts';
import { judgeWinner } from '../winner.ts';
import type { AdoptResult } from './links.ts';
import type { KnownSession, Sessions } from './sessions.ts';

const ADOPT_ROUNDS = 3;
const FORGOTTEN_PER_RUN = 500;

export type DirectWriteTask = 'sweep' | 'forget-sessions';

interface Parts {
  readonly sessions: Sessions;
  readonly attempts: Attempts;
  readonly tasks: Pick<Tasks<DirectWriteTask>, 'add' | 'remove'>;
  readonly store: StorageDriver;
  readonly objects: Objects;
  readonly adopt: (meter: WorkMeter, digest: Digest, own: Location) => Promise<AdoptResult>;
}

export class DirectWrites {
  readonly #sessions: Sessions;
  readonly #attempts: Attempts;
  readonly #tasks: Pick<Tasks<DirectWriteTask>, 'add' | 'remove'>;
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #adopt: Parts['adopt'];
  /** Sessions that are being closed: nobody may cancel them or bring them more bytes. */
  readonly #closing = new Set<string>();

  constructor({ sessions, attempts, tasks, store, objects, adopt }: Parts) {
    this.#sessions = sessions;
    this.#attempts = attempts;
    this.#tasks = tasks;
    this.#store = store;
    this.#objects = objects;
    this.#adopt = adopt;
  }

  /** Under which key a whole body may be written, if the session has no bytes yet. */
  begin(session: UploadSession, digest: Digest, length: number): BeginResult {
    const now = Date.now();
    const known = this.#sessions.find(session.id);
    if (isOver(session, now)) return { kind: 'unknown' };
    if (known !== undefined) return known.state === 'kept' ? { kind: 'elsewhere' } : ended(known);
    const key = mintKey();
    this.#attempts.add(key, digest, length, now + WRITE_LEASE_MS);
    this.#tasks.add('sweep', key, now + WRITE_LEASE_MS);
    return { kind: 'direct', key };
  }

  /** The writer goes on. False: the lease was lost or the session is over, and what is written will be deleted. */
  renew(session: UploadSession, key: string): boolean {
    const now = Date.now();
    const isWanted = !isOver(session, now) && this.#sessions.find(session.id)?.state !== 'gone';
    return isWanted && this.#attempts.renew(key, now + WRITE_LEASE_MS);
  }

  /** A whole blob was written: makes it a blob of the repository. */
  async end(session: UploadSession, key: string, outcome: WriteOutcome, meter: WorkMeter): Promise<CommitResult> {
    const written = this.#written(session, key, outcome);
    if (written.kind !== 'written') return written;
    const { digest, size } = written;
    const known = this.#sessions.find(session.id);
    if (known?.state === 'done' || known?.state === 'gone') {
      this.#giveUp(key);
      return closedAs(known, digest);
    }
    if (known?.state === 'streaming') {
      this.#giveUp(key);
      return { kind: 'busy' };
    }
    return this.#commit(session, { key, digest, size }, Date.now() + WRITE_LEASE_MS, meter);
  }

  /** A small body was written: the session keeps it until it is closed. */
  keep(session: UploadSession, key: string, outcome: WriteOutcome): KeepResult {
    const written = this.#written(session, key, outcome);
    if (written.kind !== 'written') return written;
    if (this.#sessions.find(session.id) !== undefined || this.#closing.has(session.id)) {
      this.#giveUp(key);
      return { kind: 'busy' };
    }
    const { digest, size } = written;
    this.#attempts.renew(key, session.expiresAt);
    this.#remember(session, { state: 'kept', key, digest, size });
    return { kind: 'kept', size };
  }

  /** Closes a session whose bytes are kept; any other is closed by its own object. */
  async close(session: UploadSession, digest: Digest, meter: WorkMeter): Promise<CommitResult | EndedAs> {
    const known = this.#sessions.find(session.id);
    if (isOver(session, Date.now())) return { kind: 'unknown' };
    if (known?.state !== 'kept') return known === undefined ? { kind: 'elsewhere' } : ended(known);
    const { key, size } = known;
    if (key === undefined || known.digest === undefined) throw new Error('a kept session has no object');
    // Of another algorithm: the session's object reads the bytes and hashes them.
    if (digestAlgorithm(digest) !== digestAlgorithm(known.digest)) return { kind: 'elsewhere' };
    if (digest !== known.digest) {
      // Its bytes are proven to be another blob, which is being linked or will be by the next try.
      if (this.#isOffered(known)) return { kind: 'busy' };
      this.#giveUp(key);
      this.#remember(session, { ...known, state: 'gone', key: undefined });
      return { kind: 'digest-mismatch' };
    }
    return this.#commit(session, { key, digest, size }, session.expiresAt, meter);
  }

  status(session: UploadSession): SessionStatus {
    const known = this.#sessions.find(session.id);
    if (isOver(session, Date.now()) || known?.state === 'done' || known?.state === 'gone') return { kind: 'unknown' };
    return { kind: known?.state === 'streaming' ? 'streaming' : 'open', committed: known?.size ?? 0 };
  }

  /** Ends a session; one that streams is ended by its own object first, unless that never opened it. */
  cancel(session: UploadSession, isUnopened: boolean): 'cancelled' | 'streaming' | 'too-late' | 'unknown' {
    const known = this.#sessions.find(session.id);
    if (isOver(session, Date.now()) || known?.state === 'done' || known?.state === 'gone') return 'unknown';
    if (known?.state === 'streaming' && !isUnopened) return 'streaming';
    if (this.#closing.has(session.id) || this.#isOffered(known)) return 'too-late';
    if (known?.key !== undefined) this.#giveUp(known.key);
    this.#remember(session, { state: 'gone', key: undefined, digest: undefined, size: 0 });
    return 'cancelled';
  }

  /** From now on the session's bytes go through its own object, which asks before it takes the first. */
  enter(session: UploadSession): EnterResult {
    const known = this.#sessions.find(session.id);
    if (isOver(session, Date.now()) || known?.state === 'gone') return { kind: 'unknown' };
    if (known?.state === 'done') return { kind: 'done', digest: known.digest ?? '', size: known.size };
    const { key, digest } = known ?? {};
    const isClosing = this.#closing.has(session.id) || (known?.state === 'kept' && this.#isOffered(known));
    if (isClosing) return { kind: 'busy' };
    // What was kept stays until the session expires: the object copies it, and may crash while it does.
    this.#remember(session, { state: 'streaming', key, digest, size: known?.size ?? 0 });
    return {
      kind: 'open',
      kept: key === undefined ? undefined : { key, digest: digest ?? '', size: known?.size ?? 0 },
    };
  }

  async sweep(key: string, now: number): Promise<TaskOutcome> {
    return sweep(this.#attempts, { store: this.#store, objects: this.#objects }, key, now);
  }

  forget(now: number): TaskOutcome {
    const next = this.#sessions.forget(now, FORGOTTEN_PER_RUN);
    return next === undefined ? 'done' : { again: next };
  }

  /** What a writer's report comes to; whatever is not stored is swept. */
  #written(
    session: UploadSession,
    key: string,
    outcome: WriteOutcome,
  ): { kind: 'written'; digest: Digest; size: number } | CommitResult {
    const attempt = this.#attempts.find(key);
    if (attempt?.digest === undefined || attempt.looks > 0) return { kind: 'unknown' };
    const over = isOver(session, Date.now());
    if (over || outcome !== 'stored') this.#giveUp(key);
    if (over) return { kind: 'unknown' };
    switch (outcome) {
      case 'stored':
        return { kind: 'written', digest: attempt.digest, size: attempt.size ?? 0 };
      case 'failed':
        return { kind: 'retry' };
      case 'digest-mismatch':
      case 'store-full':
        return { kind: outcome };
    }
  }

  async #commit(
    session: UploadSession,
    { key, digest, size }: { key: string; digest: Digest; size: number },
    leaseUntil: number,
    meter: WorkMeter,
  ): Promise<CommitResult> {
    const store = metered(this.#store, meter);
    const own: Location = { store: store.name, key, size };
    this.#closing.add(session.id);
    try {
      for (let round = 0; round < ADOPT_ROUNDS; round += 1) {
        if (!this.#attempts.offer(key, leaseUntil)) return this.#tooLate(session, digest);
        const adopted = await this.#adopt(meter, digest, own);
        if (adopted.kind === 'refused') return this.#tooLate(session, digest);
        const verdict = await judgeWinner(this.#objects, store, meter, digest, own, adopted.location);
        if (verdict === 'adopt-again') continue;
        this.#settle(session, own, digest, verdict === 'own');
        return { kind: 'committed', size };
      }
      return { kind: 'retry' };
    } catch (error) {
      const { repository } = session;
      logEvent('warn', 'upload not adopted', { repository, digest, error: String(error) });
      return { kind: isFull(error) ? 'store-full' : 'retry' };
    } finally {
      this.#closing.delete(session.id);
    }
  }

  #isOffered(known: KnownSession | undefined): boolean {
    return known?.key !== undefined && this.#attempts.find(known.key)?.offered === true;
  }

  /** The key is being deleted; but another request may have closed the session with it. */
  #tooLate(session: UploadSession, digest: Digest): CommitResult {
    const known = this.#sessions.find(session.id);
    return known?.state === 'done' ? closedAs(known, digest) : { kind: 'unknown' };
  }

  /** The repository serves the digest: by this key, which is the directory's now, or by another. */
  #settle(session: UploadSession, { key, size }: Location, digest: Digest, isOwn: boolean): void {
    const known = this.#sessions.find(session.id);
    if (isOwn) {
      this.#attempts.end(key);
      this.#tasks.remove('sweep', key);
    } else {
      this.#giveUp(key);
    }
    if (known !== undefined && known.state !== 'kept') return;
    if (known?.key !== undefined && known.key !== key) this.#giveUp(known.key);
    this.#remember(session, { state: 'done', key: undefined, digest, size });
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

function isOver({ expiresAt }: UploadSession, now: number): boolean {
  return expiresAt <= now;
}

/** What a session that is settled, or is in its own object's hands, answers to whoever would write. */
function ended(known: KnownSession): EndedAs {
  switch (known.state) {
    case 'done':
      return { kind: 'done', digest: known.digest ?? '', size: known.size };
    case 'gone':
      return { kind: 'unknown' };
    case 'kept':
    case 'streaming':
      return { kind: 'elsewhere' };
  }
}

function closedAs(known: KnownSession, digest: Digest): CommitResult {
  if (known.state !== 'done') return { kind: 'unknown' };
  return known.digest === digest ? { kind: 'committed', size: known.size } : { kind: 'digest-mismatch' };
}
