/**
 * One of sixteen shards of the directory of blobs: digest → the object that holds its bytes, and the claims on it.
 *
 * `Repository` is its only client, for uploads, mounts and collection alike, but for `disown` and `swap`, which an
 * upload asks for its own key. The rules (docs/architecture.md, "Who owns the bytes"):
 * - A claim is known by its id, which is never used twice. A claim that arrives after its own release is refused.
 * - The first key that is brought for a digest counts; a later one is told the key that does.
 * - A digest that nobody has claimed for the grace period is doomed in one transaction: its mapping goes, its key
 *   becomes a tombstone. Only then is the object deleted, by a task.
 * - A key with a tombstone is never accepted again.
 */
import { DurableObject } from 'cloudflare:workers';
import { configOf, type Config } from '../../config.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import type { Digest } from '../../oci/digest.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { openStore } from '../../storage/stores.ts';
import { Database } from '../database.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import { MIGRATIONS } from './schema.ts';

/** Tombstones and released claims outlive every retry: the longest upload, the longest grace and a wide margin. */
const REMEMBER_MS = 120 * 86_400_000;
const FORGET_EVERY_MS = 86_400_000;
/** Rows that one run of the `forget` task deletes. */
const FORGET_ROWS = 1_000;

/** Where a digest's bytes lie. */
export interface Location {
  store: string;
  key: string;
  size: number;
}

export type ClaimResult = { kind: 'claimed'; location: Location } | { kind: 'refused' };
export type DisownResult = 'owned-by-directory' | 'disowned';

interface BlobRow extends Record<string, string | number | null> {
  digest: string;
  store: string;
  key: string;
  size: number;
  claims: number;
  unclaimed_since: number | null;
}

type TaskKind = 'doom' | 'delete-object' | 'forget';

export class BlobDirectory extends DurableObject<Env> {
  readonly #database: Database;
  readonly #store: StorageDriver;
  readonly #tasks: Tasks<TaskKind>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = openStore(env);
    this.#database = new Database(ctx.storage, 'BlobDirectory', MIGRATIONS);
    this.#tasks = new Tasks<TaskKind>(ctx.storage, this.#database, 'BlobDirectory', {
      doom: (digest, now) => this.#doom(digest, now),
      'delete-object': (key) => this.#deleteObject(key),
      forget: (_subject, now) => this.#forget(now),
    });
  }

  /**
   * Claims a digest, bringing `own` bytes if the caller has some. Without them it must be claimed by somebody: what nobody
   * has any more can be mounted from nowhere. Repeating a claim changes nothing.
   */
  async claim(digest: Digest, claimId: string, own?: Location): Promise<Answer<ClaimResult>> {
    const now = Date.now();
    this.#database.ensure();
    const result = this.#database.transaction((): ClaimResult => {
      if (this.#database.first('SELECT 1 AS found FROM released WHERE id = ?', claimId)) return { kind: 'refused' };
      const mapped = this.#find(digest) ?? this.#map(digest, own, now);
      if (mapped === undefined || (own === undefined && mapped.claims === 0)) return { kind: 'refused' };
      const known = this.#database.first('SELECT 1 AS found FROM claims WHERE id = ?', claimId);
      if (known === undefined) {
        this.#database.run('INSERT INTO claims (id, digest) VALUES (?, ?)', claimId, digest);
        this.#database.run('UPDATE blobs SET claims = claims + 1, unclaimed_since = NULL WHERE digest = ?', digest);
        this.#tasks.remove('doom', digest);
      }
      return { kind: 'claimed', location: location(mapped) };
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(result);
  }

  /** Gives a claim up, for good: its id is refused from now on. */
  async release(digest: Digest, claimId: string): Promise<Answer<null>> {
    const now = Date.now();
    this.#database.ensure();
    this.#database.transaction(() => {
      this.#remember('released', claimId, now);
      if (this.#database.run('DELETE FROM claims WHERE id = ?', claimId) === 0) return;
      this.#database.run('UPDATE blobs SET claims = claims - 1 WHERE digest = ?', digest);
      if (this.#find(digest)?.claims === 0) this.#startGrace(digest, now);
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(null);
  }

  /** The upload that owns `key` gives it up: unless the directory maps it, it is refused from now on. */
  async disown(digest: Digest, key: string): Promise<Answer<DisownResult>> {
    const now = Date.now();
    this.#database.ensure();
    const result = this.#database.transaction((): DisownResult => {
      if (this.#find(digest)?.key === key) return 'owned-by-directory';
      this.#remember('tombstones', key, now);
      return 'disowned';
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(result);
  }

  /** An uploader found `damaged` missing or of the wrong size: if the mapping is still that, `own` takes its place. */
  async swap(digest: Digest, damaged: string, own: Location): Promise<Answer<ClaimResult>> {
    const now = Date.now();
    this.#database.ensure();
    const result = this.#database.transaction((): ClaimResult => {
      const mapped = this.#find(digest);
      if (mapped === undefined) return { kind: 'refused' };
      if (mapped.key !== damaged || this.#isTombstone(own.key)) return { kind: 'claimed', location: location(mapped) };
      const { store, key, size } = own;
      this.#database.run('UPDATE blobs SET store = ?, key = ?, size = ? WHERE digest = ?', store, key, size, digest);
      this.#entomb(damaged, now);
      return { kind: 'claimed', location: own };
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(result);
  }

  /** Where a digest's bytes lie now. Writes nothing. */
  lookup(digest: Digest): Answer<Location | undefined> {
    const mapped = this.#database.opened() ? this.#find(digest) : undefined;
    return new WorkMeter().answer(mapped === undefined ? undefined : location(mapped));
  }

  /** Whether `claim` without bytes would be granted. Writes nothing. */
  isClaimed(digest: Digest): Answer<boolean> {
    return new WorkMeter().answer(this.#database.opened() && (this.#find(digest)?.claims ?? 0) > 0);
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  get #config(): Config {
    return configOf(this.env);
  }

  #find(digest: string): BlobRow | undefined {
    return this.#database.first<BlobRow>('SELECT * FROM blobs WHERE digest = ?', digest);
  }

  #map(digest: Digest, own: Location | undefined, now: number): BlobRow | undefined {
    if (own === undefined || this.#isTombstone(own.key)) return undefined;
    this.#database.run(
      'INSERT INTO blobs (digest, store, key, size, claims, unclaimed_since) VALUES (?, ?, ?, ?, 0, ?)',
      digest,
      own.store,
      own.key,
      own.size,
      now,
    );
    return { digest, ...own, claims: 0, unclaimed_since: now };
  }

  #startGrace(digest: string, now: number): void {
    this.#database.run('UPDATE blobs SET unclaimed_since = ? WHERE digest = ?', now, digest);
    this.#tasks.add('doom', digest, now + this.#config.graceMs);
  }

  #doom(digest: string, now: number): TaskOutcome {
    return this.#database.transaction((): TaskOutcome => {
      const mapped = this.#find(digest);
      if (mapped?.unclaimed_since == null || mapped.claims > 0) return 'done';
      const due = mapped.unclaimed_since + this.#config.graceMs;
      if (due > now) return { again: due };
      this.#database.run('DELETE FROM blobs WHERE digest = ?', digest);
      this.#entomb(mapped.key, now);
      return 'done';
    });
  }

  /** A key that is refused from now on, and whose object goes once that is durable. */
  #entomb(key: string, now: number): void {
    this.#remember('tombstones', key, now);
    this.#tasks.add('delete-object', key, now);
  }

  async #deleteObject(key: string): Promise<TaskOutcome> {
    await this.#store.delete([key]);
    return 'done';
  }

  #isTombstone(key: string): boolean {
    return this.#database.first('SELECT 1 AS found FROM tombstones WHERE key = ?', key) !== undefined;
  }

  #remember(table: 'tombstones' | 'released', value: string, now: number): void {
    const column = table === 'tombstones' ? 'key' : 'id';
    this.#database.run(`INSERT OR REPLACE INTO ${table} (${column}, until) VALUES (?, ?)`, value, now + REMEMBER_MS);
    this.#tasks.add('forget', '', now + REMEMBER_MS);
  }

  #forget(now: number): TaskOutcome {
    for (const [table, column] of [
      ['tombstones', 'key'],
      ['released', 'id'],
    ] as const) {
      this.#database.run(
        `DELETE FROM ${table} WHERE ${column} IN (SELECT ${column} FROM ${table} WHERE until <= ? ORDER BY until LIMIT ?)`,
        now,
        FORGET_ROWS,
      );
    }
    const next = this.#database.first<{ until: number | null }>(
      'SELECT min(until) AS until FROM (SELECT min(until) AS until FROM tombstones UNION ALL SELECT min(until) FROM released)',
    )?.until;
    return next == null ? 'done' : { again: Math.max(next, now + (next <= now ? 0 : FORGET_EVERY_MS)) };
  }
}

function location({ store, key, size }: BlobRow): Location {
  return { store, key, size };
}
