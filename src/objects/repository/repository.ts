/**
 * One repository name: its tags, manifests, links to blobs and the edges between them, all in one SQLite store, so
 * that a tag is linearizable and a manifest appears together with everything that keeps its blobs alive.
 */
import { DurableObject } from 'cloudflare:workers';
import { configOf, type Config } from '../../config.ts';
import type { Cause } from '../../notifications/event.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import type { Digest } from '../../oci/digest.ts';
import { preconditionsHold, type Preconditions } from '../../oci/precondition.ts';
import type { Reference } from '../../oci/reference.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';
import { openStore } from '../../storage/stores.ts';
import { Attempts } from '../attempts.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import { Database } from '../database.ts';
import { eventProducer, type EventQueueBindings } from '../event-queue/producer.ts';
import { Objects } from '../stubs.ts';
import { Tasks } from '../tasks.ts';
import type {
  BeginResult,
  CancelResult,
  CommitResult,
  EndedAs,
  EnterResult,
  KeepResult,
  SessionStatus,
  UploadSession,
  WriteOutcome,
} from '../upload/messages.ts';
import { Adoption, type AdoptionTask, type Told } from './adoption.ts';
import { collectionCauseOf } from './collection-cause.ts';
import { DirectWrites, type DirectWriteTask } from './direct-writes.ts';
import { Edges } from './edges.ts';
import { INLINE_MANIFEST_BYTES, LargeManifests, type LargeManifestTask } from './large-manifests.ts';
import { Links, type AdoptResult } from './links.ts';
import { ManifestChanges, MISSING_REPORTED } from './manifest-changes.ts';
import { Manifests, type NewManifest, type ReferrersPage } from './manifests.ts';
import type {
  DeleteBlobResult,
  DeleteManifestResult,
  GetManifestResult,
  ListTagsResult,
  PushTarget,
  PutManifestResult,
} from './messages.ts';
import { Outbox, type OutboxTask } from './outbox.ts';
import { Presence, type PresenceTask } from './presence.ts';
import { MIGRATIONS } from './schema.ts';
import { Sessions } from './sessions.ts';

/** Of an object's 10 GB; above it manifests are refused, while deletes and collection still work. */
const FULL_BYTES = 8_000_000_000;

type TaskKind = PresenceTask | AdoptionTask | LargeManifestTask | DirectWriteTask | OutboxTask;

export class Repository extends DurableObject<Env> {
  readonly #database: Database;
  readonly #links: Links;
  readonly #edges: Edges;
  readonly #manifests: Manifests;
  readonly #tasks: Tasks<TaskKind>;
  readonly #presence: Presence;
  readonly #outbox: Outbox;
  readonly #adoption: Adoption;
  readonly #changes: ManifestChanges;
  readonly #large: LargeManifests;
  readonly #writes: DirectWrites;

  constructor(ctx: DurableObjectState, env: Env & EventQueueBindings) {
    super(ctx, env);
    const store = openStore(env);
    const objects = new Objects(env);
    const database = new Database(ctx.storage, 'Repository', MIGRATIONS);
    this.#database = database;
    this.#links = new Links(database, () => this.#config.graceMs);
    this.#edges = new Edges(database, this.#links);
    this.#manifests = new Manifests(database, this.#links, this.#edges);
    const tasks = new Tasks<TaskKind>(ctx.storage, database, 'Repository', {
      announce: () => this.#presence.announce(),
      'end-intent': (subject, now) => this.#adoption.endIntent(subject, now),
      release: (subject) => this.#adoption.release(subject),
      disown: (subject) => this.#large.disown(subject),
      collect: (_subject, now) => this.#adoption.collect(now),
      sweep: (key, now) => this.#writes.sweep(key, now),
      'forget-sessions': (_subject, now) => this.#writes.forget(now),
      drain: (_subject, now) => this.#outbox.drain(now),
    });
    this.#tasks = tasks;
    this.#presence = new Presence(database, tasks, objects);
    const links = this.#links;
    this.#outbox = new Outbox({
      database,
      tasks,
      producer: eventProducer(env, new WorkMeter()),
      bounds: () => this.#config,
    });
    const outbox = this.#outbox;
    const collectionCause = () => collectionCauseOf(this.#config);
    this.#adoption = new Adoption({
      ...{ database, links, edges: this.#edges, tasks, objects, store, outbox, collectionCause },
    });
    this.#changes = new ManifestChanges({
      ...{ database, links, manifests: this.#manifests, presence: this.#presence, outbox },
      planCollection: () => {
        this.#adoption.planCollection();
      },
    });
    this.#large = new LargeManifests({ links, tasks, store, objects, adoption: this.#adoption });
    this.#writes = new DirectWrites({
      sessions: new Sessions(database),
      attempts: new Attempts(database),
      tasks,
      store,
      objects,
      adopt: (meter, digest, own, told) => this.#adoption.adopt(meter, digest, own, told),
      isServed: (digest) => links.find(digest) !== undefined,
    });
  }

  /** Makes the repository serve a digest. `own` names the bytes that an upload brings. */
  async adopt(name: RepositoryName, digest: Digest, own: Location, cause?: Cause): Promise<Answer<AdoptResult>> {
    const meter = new WorkMeter();
    this.#presence.open(name);
    return this.#told(await this.#adoption.adopt(meter, digest, own, toldOf(cause)), meter);
  }

  /**
   * As `adopt`, of a blob that another repository has; false where only an upload can bring its bytes.
   *
   * @param isKnown whether somebody was seen to have it. Otherwise that is asked first: who makes up digests must not have
   * this repository made, or written to.
   */
  async mount(name: RepositoryName, digest: Digest, isKnown: boolean, told?: Told): Promise<Answer<boolean>> {
    const meter = new WorkMeter();
    if (!isKnown && !(await this.#adoption.isThereSomewhere(meter, digest))) return meter.answer(false);
    this.#presence.open(name);
    return this.#told(await this.#adoption.mount(meter, digest, told), meter);
  }

  /** Asks how to write a whole body of known length and digest (see direct-writes.ts). */
  async beginWrite(session: UploadSession, digest: Digest, length: number): Promise<Answer<BeginResult>> {
    this.#presence.open(session.repository);
    return this.#told(this.#writes.begin(session, digest, length));
  }

  async renewWrite(session: UploadSession, key: string): Promise<Answer<boolean>> {
    return this.#told(this.#writes.renew(session, key));
  }

  /** The whole blob was written, or not: its end is the end of the session. */
  async endWrite(
    session: UploadSession,
    key: string,
    outcome: WriteOutcome,
    cause?: Cause,
  ): Promise<Answer<CommitResult>> {
    const meter = new WorkMeter();
    const result = await this.#writes.end(session, key, outcome, meter, toldOf(cause));
    return this.#told(result, meter);
  }

  /** A small body was written, or not: its session keeps it until it is closed. */
  async keepWrite(session: UploadSession, key: string, outcome: WriteOutcome): Promise<Answer<KeepResult>> {
    return this.#told(this.#writes.keep(session, key, outcome));
  }

  async closeUpload(session: UploadSession, digest: Digest, cause?: Cause): Promise<Answer<CommitResult | EndedAs>> {
    const meter = new WorkMeter();
    const result = await this.#writes.close(session, digest, meter, toldOf(cause));
    return this.#told(result, meter);
  }

  uploadStatus(session: UploadSession): Answer<SessionStatus> {
    return new WorkMeter().answer(this.#writes.status(session));
  }

  async cancelUpload(
    session: UploadSession,
    isUnopened: boolean,
  ): Promise<Answer<CancelResult | { kind: 'streaming' }>> {
    this.#presence.open(session.repository);
    return this.#told({ kind: this.#writes.cancel(session, isUnopened) });
  }

  /** Asked by an upload's own object, before it takes its first byte. */
  async enterUpload(session: UploadSession): Promise<Answer<EnterResult>> {
    this.#presence.open(session.repository);
    return this.#told(this.#writes.enter(session));
  }

  /** Where a linked blob lies. `renew` keeps it for another grace: a client that is told it exists will not push it. */
  async locate(digest: Digest, renew: boolean): Promise<Answer<Location | undefined>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer(undefined);
    const link = renew ? this.#links.renew(digest, Date.now()) : this.#links.find(digest);
    await (renew ? this.#tasks.arm() : this.#tasks.armOnce());
    // Whoever is told that a damaged blob exists would not push it, and so never heal it.
    return meter.answer(renew && link?.damaged === true ? undefined : link?.location);
  }

  /** A read found nothing at `stale`: asks the directory where the digest's bytes are now. */
  async relocate(digest: Digest, stale: string): Promise<Answer<Location | undefined>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer(undefined);
    return meter.answer(await this.#adoption.relocate(meter, digest, stale));
  }

  /** Gives a blob up, unless a manifest needs it. */
  async deleteBlob(digest: Digest, preconditions: Preconditions, cause?: Cause): Promise<Answer<DeleteBlobResult>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ kind: 'unknown', user: undefined });
    const result = this.#database.transaction((): DeleteBlobResult => {
      const isThere = this.#links.find(digest) !== undefined;
      if (isThere && !preconditionsHold(preconditions, digest)) return { kind: 'precondition-failed', user: undefined };
      const now = Date.now();
      if (isThere && cause !== undefined && this.#outbox.isFull(now)) return { kind: 'outbox-full', user: undefined };
      const kind = this.#adoption.drop(digest, now);
      if (kind === 'dropped' && cause !== undefined) this.#outbox.write('blob.delete', { digest }, cause, now);
      const link = kind === 'used' ? this.#links.find(digest) : undefined;
      return { kind, user: link === undefined ? undefined : this.#edges.userOf(link.id) };
    });
    return this.#told(result, meter);
  }

  async getManifest(reference: Reference): Promise<Answer<GetManifestResult | undefined>> {
    const meter = new WorkMeter();
    if (this.#database.opened()) await this.#tasks.armOnce();
    const found = this.#database.opened() ? this.#manifests.find(reference) : undefined;
    if (found === undefined) return meter.answer(undefined);
    const location = found.bytes === undefined ? this.#links.find(found.digest)?.location : undefined;
    return meter.answer({ ...found, location });
  }

  /**
   * Stores a manifest and moves its tags to it, if they may be moved and the preconditions hold. Everything that it needs
   * must be here, unless a setting allows otherwise; or nothing changes.
   */
  async putManifest(
    name: RepositoryName,
    manifest: NewManifest,
    bytes: Uint8Array,
    target: PushTarget,
  ): Promise<Answer<PutManifestResult>> {
    const meter = new WorkMeter();
    const needed = [...manifest.blobs, ...manifest.children];
    const { mayLack } = target;
    if (!this.#database.opened()) {
      // Nothing is here; saying so must not make the repository.
      if (!preconditionsHold(target.preconditions, undefined)) {
        return meter.answer({ kind: 'precondition-failed', current: undefined });
      }
      if (needed.length > 0 && !mayLack) {
        return meter.answer({ kind: 'missing', digests: needed.slice(0, MISSING_REPORTED) });
      }
    }
    this.#database.ensure();
    if (this.#database.sizeBytes > FULL_BYTES) return meter.answer({ kind: 'full' });
    if (bytes.byteLength > INLINE_MANIFEST_BYTES) {
      // Looked at before the store is given anything, and again below: storing takes a while.
      const refusal = this.#changes.refusal(manifest, target);
      if (refusal !== undefined) return meter.answer(refusal);
      const isKnown = this.#manifests.typeOf(manifest.digest) !== undefined;
      const isStored = await this.#large.store(meter, manifest.digest, bytes, isKnown);
      if (!isStored) return meter.answer({ kind: 'retry' });
    }
    return this.#told(this.#changes.push(name, manifest, bytes, target), meter);
  }

  /**
   * Deletes a tag; or a manifest with every tag that leads to it. Blobs that nothing needs any more are collected.
   *
   * @param mayMove whether the caller may move any tag: for them alone more are remembered than there is a bound for
   */
  async deleteManifest(
    reference: Reference,
    preconditions: Preconditions,
    mayMove = false,
    cause?: Cause,
  ): Promise<Answer<DeleteManifestResult>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ kind: 'unknown' });
    return this.#told(this.#changes.delete(reference, preconditions, mayMove, cause), meter);
  }

  /** One page of the manifests whose subject this is, after the one with this id: all, or those of one type. */
  async referrers(subject: Digest, type: string | undefined, after: number): Promise<Answer<ReferrersPage>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ referrers: [], next: undefined });
    await this.#tasks.armOnce();
    return meter.answer(this.#manifests.referrers(subject, type, after));
  }

  /** Tags after `last`, at most `limit`. */
  async listTags(last: string, limit: number): Promise<Answer<ListTagsResult>> {
    const meter = new WorkMeter();
    if (!this.#database.opened() || !this.#manifests.any()) return meter.answer({ kind: 'unknown' });
    await this.#tasks.armOnce();
    return meter.answer({ kind: 'tags', tags: this.#manifests.listTags(last, limit) });
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  get #config(): Config {
    return configOf(this.env);
  }

  /** The answer of a method that may have written tasks. */
  async #told<T>(result: T, meter = new WorkMeter()): Promise<Answer<T>> {
    if (this.#database.opened()) await this.#tasks.arm();
    return meter.answer(result);
  }
}

function toldOf(cause: Cause | undefined): Told | undefined {
  return cause === undefined ? undefined : { kind: 'blob.push', cause };
}
