/**
 * Links and intents: the digests that a repository may serve, and the claims that it is asking for.
 * Every method is one synchronous step; callers put steps that belong together into one transaction.
 */
import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Database } from '../database.ts';

export interface Link {
  id: number;
  location: Location;
  claimId: string;
  keepUntil: number;
}

interface LinkRow extends Record<string, string | number> {
  id: number;
  store: string;
  key: string;
  size: number;
  claim_id: string;
  keep_until: number;
}

export class Links {
  readonly #database: Database;
  readonly #graceMs: number;

  constructor(database: Database, graceMs: number) {
    this.#database = database;
    this.#graceMs = graceMs;
  }

  find(digest: Digest): Link | undefined {
    const row = this.#database.first<LinkRow>(
      'SELECT id, store, key, size, claim_id, keep_until FROM links WHERE digest = ?',
      digest,
    );
    if (row === undefined) return undefined;
    const { id, store, key, size, claim_id: claimId, keep_until: keepUntil } = row;
    return { id, location: { store, key, size }, claimId, keepUntil };
  }

  /** Finds a link and gives it a full grace again; writes only when less than half of it is left. */
  renew(digest: Digest, now: number): Link | undefined {
    const link = this.find(digest);
    if (link === undefined || link.keepUntil - now >= this.#graceMs / 2) return link;
    const keepUntil = now + this.#graceMs;
    this.#database.run('UPDATE links SET keep_until = ? WHERE id = ?', keepUntil, link.id);
    return { ...link, keepUntil };
  }

  insert(digest: Digest, { store, key, size }: Location, claimId: string, now: number): Link {
    const keepUntil = now + this.#graceMs;
    this.#database.run(
      'INSERT INTO links (digest, store, key, size, claim_id, keep_until) VALUES (?, ?, ?, ?, ?, ?)',
      digest,
      store,
      key,
      size,
      claimId,
      keepUntil,
    );
    const link = this.find(digest);
    if (link === undefined) throw new Error('a link vanished within its own transaction');
    return link;
  }

  relocate(digest: Digest, { store, key, size }: Location): void {
    this.#database.run('UPDATE links SET store = ?, key = ?, size = ? WHERE digest = ?', store, key, size, digest);
  }

  /** A manifest refers to the link from now on, so it is kept. */
  use(linkId: number): void {
    this.#database.run('UPDATE links SET uses = uses + 1 WHERE id = ?', linkId);
  }

  /** Drops links that nothing uses and whose grace is over, and returns the claims to release. */
  dropExpired(now: number, most: number): { digest: Digest; claimId: string }[] {
    const rows = this.#database.all<{ id: number; digest: string; claim_id: string }>(
      'SELECT id, digest, claim_id FROM links WHERE uses = 0 AND keep_until <= ? ORDER BY keep_until LIMIT ?',
      now,
      most,
    );
    for (const { id } of rows) this.#database.run('DELETE FROM links WHERE id = ?', id);
    return rows.flatMap(({ digest, claim_id: claimId }) => {
      const parsed = parseDigest(digest);
      return parsed === undefined ? [] : [{ digest: parsed, claimId }];
    });
  }

  /** When the next unused link's grace ends. */
  nextExpiry(): number | undefined {
    const row = this.#database.first<{ at: number | null }>('SELECT min(keep_until) AS at FROM links WHERE uses = 0');
    return row?.at ?? undefined;
  }

  insertIntent(claimId: string, digest: Digest): void {
    this.#database.run('INSERT INTO intents (claim_id, digest) VALUES (?, ?)', claimId, digest);
  }

  /** Ends an intent; false if it had ended already. */
  endIntent(claimId: string): boolean {
    return this.#database.run('DELETE FROM intents WHERE claim_id = ?', claimId) > 0;
  }
}
