/**
 * One repository name: its tags, manifests, links to blobs and the edges between them, all in one SQLite store, so
 * that a tag is linearizable and a manifest appears together with everything that keeps its blobs alive.
 *
 * It is the directory's only client. `adopt` turns a digest into a link:
 *   link there → renew it, done
 *   else       → write an intent with a fresh claim id → ask the directory to claim → does the intent still stand?
 *                → link and intent change places in one transaction.
 * An intent whose call was lost is ended by its task, which also releases the claim.
 */
import { DurableObject } from 'cloudflare:workers';
import { configOf, type Config } from '../../config.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Reference, Tag } from '../../oci/reference.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';
import { mintKey, type StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import { openStore } from '../../storage/stores.ts';
import { Attempts } from '../attempts.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import { Database } from '../database.ts';
import { Objects } from '../stubs.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
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
import { judgeWinner } from '../winner.ts';
import { DirectWrites, type DirectWriteTask } from './direct-writes.ts';
import { Links, type AdoptResult, type Link } from './links.ts';
import { Manifests, type ManifestContent, type NewManifest, type StoredManifest } from './manifests.ts';
import { MIGRATIONS } from './schema.ts';
import { Sessions } from './sessions.ts';

/** A claim that was not answered by then is given up. Longer than any call lasts. */
const INTENT_MS = 60_000;
/** An object that a manifest push stored and did not link by then is given up. */
const CONTENT_MS = 10 * 60_000;
const ADOPT_ROUNDS = 4;
/** Manifests up to this size lie in the table; a larger one is a blob, so that nobody can fill the object's 10 GB. */
const INLINE_MANIFEST_BYTES = 64 * 1024;
/** Of an object's 10 GB; above it manifests are refused, while deletes and collection still work. */
const FULL_BYTES = 8_000_000_000;
const MISSING_REPORTED = 100;
const COLLECTED_PER_RUN = 50;

export type PutManifestResult =
  { kind: 'stored' } | { kind: 'missing'; digests: Digest[] } | { kind: 'full' } | { kind: 'retry' };
/** `location` says where the bytes of a large manifest are. */
export type GetManifestResult = StoredManifest & { location: Location | undefined };
export type ListTagsResult = { kind: 'tags'; tags: string[] } | { kind: 'unknown' };

type TaskKind = 'announce' | 'end-intent' | 'release' | 'disown' | 'collect' | DirectWriteTask;

export class Repository extends DurableObject<Env> {
  readonly #database: Database;
  readonly #store: StorageDriver;
  readonly #objects: Objects;
  readonly #links: Links;
  readonly #manifests: Manifests;
  readonly #tasks: Tasks<TaskKind>;
  readonly #writes: DirectWrites;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = openStore(env);
    this.#objects = new Objects(env);
    this.#database = new Database(ctx.storage, 'Repository', MIGRATIONS);
    this.#links = new Links(this.#database, () => this.#config.graceMs);
    this.#manifests = new Manifests(this.#database, this.#links);
    this.#tasks = new Tasks<TaskKind>(ctx.storage, this.#database, 'Repository', {
      announce: () => this.#announce(),
      'end-intent': (subject, now) => this.#endIntent(subject, now),
      release: (subject) => this.#release(subject),
      disown: (subject) => this.#disown(subject),
      collect: (_subject, now) => this.#collect(now),
      sweep: (key, now) => this.#writes.sweep(key, now),
      'forget-sessions': (_subject, now) => this.#writes.forget(now),
    });
    this.#writes = new DirectWrites({
      sessions: new Sessions(this.#database),
      attempts: new Attempts(this.#database),
      tasks: this.#tasks,
      store: this.#store,
      objects: this.#objects,
      adopt: (meter, digest, own) => this.#adopt(meter, digest, own),
    });
  }

  /** Makes the repository serve a digest. `own` names the bytes that an upload brings; a mount brings none. */
  async adopt(name: RepositoryName, digest: Digest, own?: Location): Promise<Answer<AdoptResult>> {
    const meter = new WorkMeter();
    this.#open(name);
    return meter.answer(await this.#adopt(meter, digest, own));
  }

  /** Asks how to write a whole body of known length and digest (see direct-writes.ts). */
  async beginWrite(session: UploadSession, digest: Digest, length: number): Promise<Answer<BeginResult>> {
    this.#open(session.repository);
    return this.#told(this.#writes.begin(session, digest, length));
  }

  async renewWrite(session: UploadSession, key: string): Promise<Answer<boolean>> {
    return this.#told(this.#writes.renew(session, key));
  }

  /** The whole blob was written, or not: its end is the end of the session. */
  async endWrite(session: UploadSession, key: string, outcome: WriteOutcome): Promise<Answer<CommitResult>> {
    const meter = new WorkMeter();
    const result = await this.#writes.end(session, key, outcome, meter);
    return this.#told(result, meter);
  }

  /** A small body was written, or not: its session keeps it until it is closed. */
  async keepWrite(session: UploadSession, key: string, outcome: WriteOutcome): Promise<Answer<KeepResult>> {
    return this.#told(this.#writes.keep(session, key, outcome));
  }

  async closeUpload(session: UploadSession, digest: Digest): Promise<Answer<CommitResult | EndedAs>> {
    const meter = new WorkMeter();
    const result = await this.#writes.close(session, digest, meter);
    return this.#told(result, meter);
  }

  uploadStatus(session: UploadSession): Answer<SessionStatus> {
    return new WorkMeter().answer(this.#writes.status(session));
  }

  async cancelUpload(
    session: UploadSession,
    isUnopened: boolean,
  ): Promise<Answer<CancelResult | { kind: 'streaming' }>> {
    this.#open(session.repository);
    return this.#told({ kind: this.#writes.cancel(session, isUnopened) });
  }

  /** Asked by an upload's own object, before it takes its first byte. */
  async enterUpload(session: UploadSession): Promise<Answer<EnterResult>> {
    this.#open(session.repository);
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
    const link = this.#links.find(digest);
    if (link?.location.key !== stale) return meter.answer(link?.location);
    const found = await meter.call(this.#objects.directory(digest).lookup(digest));
    if (found === undefined || found.key === stale) {
      this.#links.markDamaged(digest, true);
      return meter.answer(undefined);
    }
    this.#links.relocate(digest, found);
    return meter.answer(found);
  }

  async getManifest(reference: Reference): Promise<Answer<GetManifestResult | undefined>> {
    const meter = new WorkMeter();
    if (this.#database.opened()) await this.#tasks.armOnce();
    const found = this.#database.opened() ? this.#manifests.find(reference) : undefined;
    if (found === undefined) return meter.answer(undefined);
    const location = found.bytes === undefined ? this.#links.find(found.digest)?.location : undefined;
    return meter.answer({ ...found, location });
  }

  /** Stores a manifest and moves the tag to it. Everything that it needs must be here, or nothing changes. */
  async putManifest(
    name: RepositoryName,
    manifest: NewManifest,
    bytes: Uint8Array,
    tag: Tag | undefined,
  ): Promise<Answer<PutManifestResult>> {
    const meter = new WorkMeter();
    const needed = [...manifest.blobs, ...manifest.children];
    if (!this.#database.opened() && needed.length > 0) {
      // Nothing is here; saying so must not make the repository.
      return meter.answer({ kind: 'missing', digests: needed.slice(0, MISSING_REPORTED) });
    }
    this.#database.ensure();
    if (this.#database.sizeBytes > FULL_BYTES) return meter.answer({ kind: 'full' });
    const missing = this.#manifests.missing(manifest, MISSING_REPORTED);
    if (missing.length > 0) return meter.answer({ kind: 'missing', digests: missing });
    this.#open(name);
    if (bytes.byteLength > INLINE_MANIFEST_BYTES && !(await this.#storeContent(meter, manifest.digest, bytes))) {
      return meter.answer({ kind: 'retry' });
    }
    const now = Date.now();
    // Looked up again, in the transaction that relies on it: storing a large manifest has waited in between.
    const result = this.#database.transaction((): PutManifestResult => {
      const lacking = this.#manifests.missing(manifest, MISSING_REPORTED);
      if (lacking.length > 0) return { kind: 'missing', digests: lacking };
      const content = this.#content(manifest.digest, bytes);
      if (content === undefined) return { kind: 'retry' };
      this.#manifests.insert(manifest, content, now);
      if (tag !== undefined) this.#manifests.setTag(tag, manifest.digest, now);
      this.#notePresence(now);
      return { kind: 'stored' };
    });
    await this.#tasks.arm();
    return meter.answer(result);
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

  async #adopt(meter: WorkMeter, digest: Digest, own: Location | undefined): Promise<AdoptResult> {
    for (let round = 0; round < ADOPT_ROUNDS; round += 1) {
      const claimId = crypto.randomUUID();
      const present = this.#beginAdopt(digest, claimId);
      await this.#tasks.arm();
      if (present !== undefined) return { kind: 'linked', location: present.location };
      const claimed = await meter.call(this.#objects.directory(digest).claim(digest, claimId, own));
      const landed = this.#land(digest, claimId, claimed.kind === 'claimed' ? claimed.location : undefined);
      await this.#tasks.arm();
      if (landed !== undefined) return landed;
    }
    throw new Error(`adopting ${digest} was interrupted ${String(ADOPT_ROUNDS)} times`);
  }

  #beginAdopt(digest: Digest, claimId: string): Link | undefined {
    const now = Date.now();
    return this.#database.transaction(() => {
      const link = this.#links.renew(digest, now);
      if (link !== undefined) {
        // The uploader looks whether the winner is there, and has it swapped if not.
        if (link.damaged) this.#links.markDamaged(digest, false);
        return link;
      }
      this.#links.insertIntent(claimId, digest);
      this.#tasks.add('end-intent', subjectOf(digest, claimId), now + INTENT_MS);
      return undefined;
    });
  }

  /** Turns an intent into a link, if it still stands; `undefined` asks the caller to begin anew. */
  #land(digest: Digest, claimId: string, claimed: Location | undefined): AdoptResult | undefined {
    const now = Date.now();
    return this.#database.transaction((): AdoptResult | undefined => {
      if (!this.#links.endIntent(claimId)) return undefined;
      this.#tasks.remove('end-intent', subjectOf(digest, claimId));
      if (claimed === undefined) return { kind: 'refused' };
      const meanwhile = this.#links.renew(digest, now);
      if (meanwhile !== undefined) {
        this.#tasks.add('release', subjectOf(digest, claimId), now);
        return { kind: 'linked', location: meanwhile.location };
      }
      const link = this.#links.insert(digest, claimed, claimId, now);
      this.#tasks.add('collect', '', link.keepUntil);
      return { kind: 'linked', location: link.location };
    });
  }

  /** Stores a large manifest's bytes as a blob and links it; false if the caller has to push again. */
  async #storeContent(meter: WorkMeter, digest: Digest, bytes: Uint8Array): Promise<boolean> {
    const store = metered(this.#store, meter);
    const known = this.#manifests.find({ kind: 'digest', digest }) && this.#links.find(digest);
    if (known !== undefined && (await store.head(known.location.key))?.size === bytes.byteLength) return true;
    const own: Location = { store: store.name, key: mintKey(), size: bytes.byteLength };
    const givingUp = subjectOf(digest, own.key);
    this.#tasks.add('disown', givingUp, Date.now() + CONTENT_MS);
    await this.#tasks.arm();
    if ((await store.put(own.key, bytes, own.size, digest)) !== 'stored') return false;
    const adopted = await this.#adopt(meter, digest, own);
    if (adopted.kind === 'refused') return false;
    const verdict = await judgeWinner(this.#objects, store, meter, digest, own, adopted.location);
    // Either way the directory decides whose key it is: the task finds it mapped, or deletes it.
    if (verdict === 'own') this.#tasks.remove('disown', givingUp);
    else this.#tasks.add('disown', givingUp, Date.now());
    return verdict !== 'adopt-again';
  }

  #content(digest: Digest, bytes: Uint8Array): ManifestContent | undefined {
    if (bytes.byteLength <= INLINE_MANIFEST_BYTES) return { kind: 'inline', bytes };
    const link = this.#links.find(digest);
    return link === undefined ? undefined : { kind: 'linked', linkId: link.id };
  }

  #open(name: RepositoryName): void {
    this.#database.ensure();
    if (this.#database.first('SELECT 1 AS found FROM identity') !== undefined) return;
    this.#database.run('INSERT INTO identity VALUES (?, ?, 0, 0)', name, crypto.randomUUID());
  }

  /** Has the catalog hear of a repository that came to be, or that was emptied. */
  #notePresence(now: number): void {
    const present = this.#manifests.any() ? 1 : 0;
    const changed = this.#database.run(
      'UPDATE identity SET present = ?, sequence = sequence + 1 WHERE present <> ?',
      present,
      present,
    );
    if (changed > 0) this.#tasks.add('announce', '', now);
  }

  async #announce(): Promise<TaskOutcome> {
    const identity = this.#database.first<{ name: string; present: number; sequence: number }>(
      'SELECT name, present, sequence FROM identity',
    );
    if (identity === undefined) return 'done';
    const { name, present, sequence } = identity;
    await this.#objects.catalog().set(name, present === 1, sequence);
    return 'done';
  }

  #endIntent(subject: string, now: number): TaskOutcome {
    const { digest, rest: claimId } = splitSubject(subject);
    this.#database.transaction(() => {
      if (this.#links.endIntent(claimId)) this.#tasks.add('release', subjectOf(digest, claimId), now);
    });
    return 'done';
  }

  async #release(subject: string): Promise<TaskOutcome> {
    const { digest, rest: claimId } = splitSubject(subject);
    await this.#objects.directory(digest).release(digest, claimId);
    return 'done';
  }

  async #disown(subject: string): Promise<TaskOutcome> {
    const { digest, rest: key } = splitSubject(subject);
    const { result } = await this.#objects.directory(digest).disown(digest, key);
    if (result === 'disowned') await this.#store.delete([key]);
    return 'done';
  }

  #collect(now: number): TaskOutcome {
    return this.#database.transaction((): TaskOutcome => {
      for (const { digest, claimId } of this.#links.dropExpired(now, COLLECTED_PER_RUN)) {
        this.#tasks.add('release', subjectOf(digest, claimId), now);
      }
      const next = this.#links.nextExpiry();
      return next === undefined ? 'done' : { again: next };
    });
  }
}

/** A task's subject: a digest and what belongs to it. Neither can hold a space. */
function subjectOf(digest: Digest, rest: string): string {
  return `${digest} ${rest}`;
}

function splitSubject(subject: string): { digest: Digest; rest: string } {
  const [digest = '', rest = ''] = subject.split(' ');
  const parsed = parseDigest(digest);
  if (parsed === undefined) throw new Error(`task subject '${subject}' has no digest`);
  return { digest: parsed, rest };
}
