/**
 * Links and intents: the digests that a repository may serve, and the claims that it is asking for.
 * Every method is one synchronous step; callers put steps that belong together into one transaction.
 */
import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { Database } from '../database.ts';

/** Of a grace; more than one, so that not every renewal has to write. */
const KEEP_FACTOR = 1.5;

/** `outbox-full`: too many events wait for the Queue, so nothing changes now. */
export type AdoptResult = { kind: 'linked'; location: Location } | { kind: 'refused' } | { kind: 'outbox-full' };

export interface Link {
  id: number;
  location: Location;
  claimId: string;
  keepUntil: number;
  damaged: boolean;
}

interface LinkRow extends Record<string, string | number> {
  id: number;
  store: string;
  key: string;
  size: number;
  claim_id: string;
  keep_until: number;
  damaged: number;
}

export class Links {
  readonly #database: Database;
  readonly #graceMs: () => number;

  constructor(database: Database, graceMs: () => number) {
    this.#database = database;
    this.#graceMs = graceMs;
  }

  find(digest: Digest): Link | undefined {
    const row = this.#database.first<LinkRow>(
      'SELECT id, store, key, size, claim_id, keep_until, damaged FROM links WHERE digest = ?',
      digest,
    );
    if (row === undefined) return undefined;
    const { id, store, key, size, claim_id: claimId, keep_until: keepUntil, damaged } = row;
    return { id, location: { store, key, size }, claimId, keepUntil, damaged: damaged === 1 };
  }

  /** Finds a link and sees to it that a full grace is left; what is written lasts half a grace longer, so few are. */
  renew(digest: Digest, now: number): Link | undefined {
    const link = this.find(digest);
    if (link === undefined || link.keepUntil - now >= this.#graceMs()) return link;
    const keepUntil = this.#keepUntil(now);
    this.#database.run('UPDATE links SET keep_until = ? WHERE id = ?', keepUntil, link.id);
    return { ...link, keepUntil };
  }

  /** Nothing lies where the link and the directory say: only a new push can heal that, so nobody is told it exists. */
  markDamaged(digest: Digest, damaged: boolean): void {
    this.#database.run('UPDATE links SET damaged = ? WHERE digest = ?', damaged ? 1 : 0, digest);
  }

  insert(digest: Digest, { store, key, size }: Location, claimId: string, now: number): Link {
    const keepUntil = this.#keepUntil(now);
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

  /** The bytes are there now, so that the link is sound again. */
  relocate(digest: Digest, { store, key, size }: Location): void {
    this.#database.run(
      'UPDATE links SET store = ?, key = ?, size = ?, damaged = 0 WHERE digest = ?',
      store,
      key,
      size,
      digest,
    );
  }

  /** A manifest refers to the link from now on, so it is kept. */
  use(linkId: number): void {
    this.#database.run('UPDATE links SET uses = uses + 1 WHERE id = ?', linkId);
  }

  /** As many manifests refer to the link from now on as there are in `awaited` for its digest without an edge to it. */
  useForAwaiting(linkId: number): void {
    this.#database.run(
      `UPDATE links SET uses = uses + (
         SELECT count(*) FROM awaited a WHERE a.digest = links.digest AND a.kind = 'blob'
         AND NOT EXISTS (SELECT 1 FROM blob_edges e WHERE e.manifest = a.manifest AND e.link = links.id)
       ) WHERE id = ?`,
      linkId,
    );
  }

  /** A manifest that referred to the link is gone. */
  unuse(linkId: number): void {
    this.#database.run('UPDATE links SET uses = uses - 1 WHERE id = ?', linkId);
  }

  /** Drops a link at once; false if a manifest uses it. */
  drop(linkId: number): boolean {
    return this.#database.run('DELETE FROM links WHERE id = ? AND uses = 0', linkId) > 0;
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

  #keepUntil(now: number): number {
    return now + this.#graceMs() * KEEP_FACTOR;
  }
}
