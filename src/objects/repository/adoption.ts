/**
 * How a repository comes to serve a digest, and how it gives it up. It is the directory's only client. `adopt`:
 *   link there → renew it, done
 *   else       → write an intent with a fresh claim id → ask the directory to claim → does the intent still stand?
 *                → link and intent change places in one transaction.
 * An intent whose call was lost is ended by its task, which also releases the claim.
 * A link whose bytes are lost is healed by the next push: it stays marked until the bytes that count are seen to be there.
 */
import type { WorkMeter } from '../../observability/work.ts';
import type { Cause } from '../../notifications/event.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { metered } from '../../storage/metered.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Database } from '../database.ts';
import type { Objects } from '../stubs.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';
import { judgeWinner } from '../winner.ts';
import type { Edges } from './edges.ts';
import type { AdoptResult, Link, Links } from './links.ts';
import type { Outbox } from './outbox.ts';
import { splitSubject, subjectOf } from './task-subject.ts';

/** A claim that was not answered by then is given up. Longer than any call lasts. */
const INTENT_MS = 60_000;
const ADOPT_ROUNDS = 4;
const COLLECTED_PER_RUN = 50;
/** A blob has no type of its own; distribution's events give it this one. */
const BLOB_TYPE = 'application/octet-stream';
/** Until collection looks again whether the events of this repository have gone. */
const PAUSE_MS = 60_000;

export type AdoptionTask = 'end-intent' | 'release' | 'collect';
/** `used`: a manifest needs the blob. */
export type DropResult = 'dropped' | 'used' | 'unknown';

/** The event that adopting a blob is, where events are on. */
export interface Told {
  readonly kind: 'blob.push' | 'blob.mount';
  readonly cause: Cause;
  /** Of a mount: where from. */
  readonly fromRepository?: RepositoryName | undefined;
}

interface Parts {
  readonly database: Database;
  readonly links: Links;
  readonly edges: Edges;
  readonly tasks: Pick<Tasks<AdoptionTask>, 'add' | 'remove' | 'arm'>;
  readonly objects: Objects;
  readonly store: StorageDriver;
  readonly outbox: Outbox;
  /** Of a blob that is collected; undefined where that is no event. */
  readonly collectionCause: () => Cause | undefined;
}

export class Adoption {
  readonly #database: Database;
  readonly #links: Links;
  readonly #edges: Edges;
  readonly #tasks: Parts['tasks'];
  readonly #objects: Objects;
  readonly #store: StorageDriver;
  readonly #outbox: Outbox;
  readonly #collectionCause: Parts['collectionCause'];

  constructor({ database, links, edges, tasks, objects, store, outbox, collectionCause }: Parts) {
    this.#database = database;
    this.#links = links;
    this.#edges = edges;
    this.#tasks = tasks;
    this.#objects = objects;
    this.#store = store;
    this.#outbox = outbox;
    this.#collectionCause = collectionCause;
  }

  /**
   * Takes a blob that others have. False where only an upload can bring its bytes: nobody claims it, or they are lost, and
   * a client that is told that it is there would not push and heal it.
   */
  async mount(meter: WorkMeter, digest: Digest, told?: Told): Promise<boolean> {
    if (this.#links.find(digest)?.damaged === true) return false;
    const adopted = await this.adopt(meter, digest, undefined, told);
    if (adopted.kind !== 'linked') return false;
    const { key, size } = adopted.location;
    if ((await metered(this.#store, meter).head(key))?.size === size) return true;
    this.#links.markDamaged(digest, true);
    return false;
  }

  /** Whether anybody has it. Writes nothing. */
  isThereSomewhere(meter: WorkMeter, digest: Digest): Promise<boolean> {
    return meter.call(this.#objects.directory(digest).isClaimed(digest));
  }

  /**
   * `own` names the bytes that an upload brings; a mount brings none.
   *
   * @param told the event that is written with the link, or when the link is renewed; absent where there is none
   */
  async adopt(meter: WorkMeter, digest: Digest, own: Location | undefined, told?: Told): Promise<AdoptResult> {
    if (told !== undefined && this.#outbox.isFull(Date.now())) return { kind: 'outbox-full' };
    for (let round = 0; round < ADOPT_ROUNDS; round += 1) {
      const claimId = crypto.randomUUID();
      const present = this.#begin(digest, claimId, told);
      await this.#tasks.arm();
      if (present !== undefined) return { kind: 'linked', location: await this.#healed(meter, digest, present, own) };
      const claimed = await meter.call(this.#objects.directory(digest).claim(digest, claimId, own));
      const landed = this.#land(digest, claimId, claimed.kind === 'claimed' ? claimed.location : undefined, told);
      await this.#tasks.arm();
      if (landed !== undefined) return landed;
    }
    throw new Error(`adopting ${digest} was interrupted ${String(ADOPT_ROUNDS)} times`);
  }

  /** A read found nothing at `stale`: asks the directory where the digest's bytes are now. */
  async relocate(meter: WorkMeter, digest: Digest, stale: string): Promise<Location | undefined> {
    const link = this.#links.find(digest);
    if (link?.location.key !== stale) return link?.location;
    const found = await meter.call(this.#objects.directory(digest).lookup(digest));
    if (found === undefined || found.key === stale) {
      this.#links.markDamaged(digest, true);
      return undefined;
    }
    this.#links.relocate(digest, found);
    return found;
  }

  /** Gives a blob up at once, unless a manifest needs it. */
  drop(digest: Digest, now: number): DropResult {
    const link = this.#links.find(digest);
    if (link === undefined) return 'unknown';
    if (!this.#links.drop(link.id)) return 'used';
    this.#tasks.add('release', subjectOf(digest, link.claimId), now);
    return 'dropped';
  }

  /** Has links that nothing uses any more looked at once their grace is over. */
  planCollection(): void {
    const next = this.#links.nextExpiry();
    if (next !== undefined) this.#tasks.add('collect', '', next);
  }

  endIntent(subject: string, now: number): TaskOutcome {
    const { digest, rest: claimId } = splitSubject(subject);
    this.#database.transaction(() => {
      if (this.#links.endIntent(claimId)) this.#tasks.add('release', subjectOf(digest, claimId), now);
    });
    return 'done';
  }

  async release(subject: string): Promise<TaskOutcome> {
    const { digest, rest: claimId } = splitSubject(subject);
    await this.#objects.directory(digest).release(digest, claimId);
    return 'done';
  }

  collect(now: number): TaskOutcome {
    if (this.#outbox.isFull(now)) return { again: now + PAUSE_MS };
    return this.#database.transaction((): TaskOutcome => {
      for (const { digest, claimId } of this.#links.dropExpired(now, COLLECTED_PER_RUN)) {
        this.#tasks.add('release', subjectOf(digest, claimId), now);
        const cause = this.#collectionCause();
        if (cause !== undefined) this.#outbox.write('blob.delete', { digest }, cause, now);
      }
      const next = this.#links.nextExpiry();
      return next === undefined ? 'done' : { again: next };
    });
  }

  #begin(digest: Digest, claimId: string, told: Told | undefined): Link | undefined {
    const now = Date.now();
    return this.#database.transaction(() => {
      const link = this.#links.renew(digest, now);
      if (link !== undefined) {
        this.#tell(digest, link.location, told, now);
        return link;
      }
      this.#links.insertIntent(claimId, digest);
      this.#tasks.add('end-intent', subjectOf(digest, claimId), now + INTENT_MS);
      return undefined;
    });
  }

  /**
   * Where a link leads, after it was healed if need be. The mark goes with the verdict, in one statement: a crash before
   * leaves a blob that nobody is promised, so that it is pushed again.
   */
  async #healed(meter: WorkMeter, digest: Digest, link: Link, own: Location | undefined): Promise<Location> {
    const { location, damaged } = link;
    // Bytes that were lost after they were linked: who brings no others heals nothing.
    if (!damaged || own === undefined || own.key === location.key) return location;
    const store = metered(this.#store, meter);
    const verdict = await judgeWinner(this.#objects, store, meter, digest, own, location);
    if (verdict === 'own') this.#links.relocate(digest, own);
    if (verdict === 'other') this.#links.markDamaged(digest, false);
    return verdict === 'own' ? own : location;
  }

  /** Turns an intent into a link, if it still stands; `undefined` asks the caller to begin anew. */
  #land(
    digest: Digest,
    claimId: string,
    claimed: Location | undefined,
    told: Told | undefined,
  ): AdoptResult | undefined {
    const now = Date.now();
    return this.#database.transaction((): AdoptResult | undefined => {
      if (!this.#links.endIntent(claimId)) return undefined;
      this.#tasks.remove('end-intent', subjectOf(digest, claimId));
      if (claimed === undefined) return { kind: 'refused' };
      const meanwhile = this.#links.renew(digest, now);
      this.#tell(digest, meanwhile?.location ?? claimed, told, now);
      if (meanwhile !== undefined) {
        this.#tasks.add('release', subjectOf(digest, claimId), now);
        return { kind: 'linked', location: meanwhile.location };
      }
      const link = this.#links.insert(digest, claimed, claimId, now);
      this.#edges.blobArrived(digest, link.id);
      this.#tasks.add('collect', '', link.keepUntil);
      return { kind: 'linked', location: link.location };
    });
  }

  #tell(digest: Digest, { size }: Location, told: Told | undefined, now: number): void {
    if (told === undefined) return;
    const { kind, cause, fromRepository } = told;
    const from = fromRepository === undefined ? {} : { fromRepository };
    this.#outbox.write(kind, { mediaType: BLOB_TYPE, digest, size, ...from }, cause, now);
  }
}
