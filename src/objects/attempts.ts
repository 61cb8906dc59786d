/**
 * Keys that an object has minted and owns: somebody writes under them until a lease ends, or they are left to be deleted.
 * A key is journalled here before its first byte. Whatever lies under one after its lease is swept; a key that the
 * directory may have been told of is disowned first. `Upload` and `Repository` each keep such a table.
 */
import { parseDigest, type Digest } from '../oci/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import type { Database } from './database.ts';
import type { Objects } from './stubs.ts';
import type { TaskOutcome } from './tasks.ts';

/** A write that was given up may still arrive: its key is looked at once more after this time. */
const LATE_WRITE_MS = 15 * 60_000;

export interface Attempt {
  key: string;
  multipart: string | undefined;
  digest: Digest | undefined;
  size: number | undefined;
  leaseUntil: number;
  /** How often the key was looked at after its lease. */
  looks: number;
  /** The directory may have been told of the key: it has to be disowned before it is deleted. */
  offered: boolean;
}

interface AttemptRow extends Record<string, string | number | null> {
  key: string;
  multipart: string | null;
  digest: string | null;
  size: number | null;
  lease_until: number;
  looks: number;
  offered: number;
}

export class Attempts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A key under which somebody is about to write, until the lease ends. */
  add(key: string, digest: Digest, size: number, leaseUntil: number): void {
    this.#database.run(
      'INSERT INTO attempts (key, digest, size, lease_until) VALUES (?, ?, ?, ?)',
      key,
      digest,
      size,
      leaseUntil,
    );
  }

  /** A key that nobody writes under any more, and that is to be deleted. */
  leave(key: string, multipart: string | undefined, digest: string | undefined, offered: boolean): void {
    this.#database.run(
      'INSERT OR REPLACE INTO attempts (key, multipart, digest, lease_until, offered) VALUES (?, ?, ?, 0, ?)',
      key,
      multipart ?? null,
      digest ?? null,
      offered ? 1 : 0,
    );
  }

  find(key: string): Attempt | undefined {
    if (!this.#database.opened()) return undefined;
    const row = this.#database.first<AttemptRow>('SELECT * FROM attempts WHERE key = ?', key);
    if (row === undefined) return undefined;
    return {
      key: row.key,
      multipart: row.multipart ?? undefined,
      digest: parseDigest(row.digest ?? ''),
      size: row.size ?? undefined,
      leaseUntil: row.lease_until,
      looks: row.looks,
      offered: row.offered === 1,
    };
  }

  /** Every key with the end of its lease (ms since the epoch). */
  all(): { key: string; leaseUntil: number }[] {
    const rows = this.#database.all<{ key: string; lease_until: number }>('SELECT key, lease_until FROM attempts');
    return rows.map(({ key, lease_until: leaseUntil }) => ({ key, leaseUntil }));
  }

  /** False when the key is being deleted: whatever is written under it now comes to nothing. */
  renew(key: string, leaseUntil: number): boolean {
    return this.#database.run('UPDATE attempts SET lease_until = ? WHERE key = ? AND looks = 0', leaseUntil, key) > 0;
  }

  /** Nobody writes under the key any more. */
  endLease(key: string): void {
    this.renew(key, 0);
  }

  /** From now on the directory may know the key. False when it is being deleted. */
  offer(key: string, leaseUntil: number): boolean {
    const offered = 'UPDATE attempts SET offered = 1, lease_until = ? WHERE key = ? AND looks = 0';
    return this.#database.run(offered, leaseUntil, key) > 0;
  }

  /** From now on the key is being deleted; it is looked at again at that time. */
  noteLook(key: string, again: number): void {
    this.#database.run('UPDATE attempts SET looks = looks + 1, lease_until = ? WHERE key = ?', again, key);
  }

  end(key: string): void {
    this.#database.run('DELETE FROM attempts WHERE key = ?', key);
  }
}

/** A task's step: deletes what lies under a key that did not become a blob, once its lease is over. */
export async function sweep(
  attempts: Attempts,
  { store, objects }: { store: StorageDriver; objects: Objects },
  key: string,
  now: number,
): Promise<TaskOutcome> {
  const attempt = attempts.find(key);
  if (attempt === undefined) return 'done';
  if (attempt.leaseUntil > now) return { again: attempt.leaseUntil };
  if (attempt.offered) {
    if (attempt.digest === undefined) throw new Error('an offered key has no digest');
    // A key that the directory maps is the directory's, and whoever minted it keeps its hands off.
    const { result } = await objects.directory(attempt.digest).disown(attempt.digest, key);
    if (result === 'disowned') await store.delete([key]);
  } else {
    // Noted first: from now on a writer's word that it has written comes too late.
    attempts.noteLook(key, now + LATE_WRITE_MS);
    if (attempt.multipart !== undefined) await store.abort(attempt.multipart);
    await store.delete([key]);
    if (attempt.looks === 0) return { again: now + LATE_WRITE_MS };
  }
  attempts.end(key);
  return 'done';
}
