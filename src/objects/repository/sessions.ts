/**
 * Upload sessions as their repository remembers them: what a session came to, until it expires. A session that nothing
 * has happened to yet has no row. Every method is one synchronous step.
 *
 *   (no row) ──(a whole body in one PATCH)── kept ──┬── done
 *      ├──(a whole body in one PUT)─────────────────┘
 *      ├──(anything else)── streaming: from there on its own object knows
 *      └──(cancelled, or closed with a wrong digest)── gone
 */
import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Database } from '../database.ts';

type SessionState = 'kept' | 'streaming' | 'done' | 'gone';

export interface KnownSession {
  state: SessionState;
  /** The object that holds the bytes of a `kept` session, and of one that was when it began to stream. */
  key: string | undefined;
  digest: Digest | undefined;
  size: number;
}

interface SessionRow extends Record<string, string | number | null> {
  state: SessionState;
  key: string | null;
  digest: string | null;
  size: number;
}

export class Sessions {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(id: string): KnownSession | undefined {
    if (!this.#database.opened()) return undefined;
    const row = this.#database.first<SessionRow>('SELECT state, key, digest, size FROM sessions WHERE id = ?', id);
    if (row === undefined) return undefined;
    return { state: row.state, key: row.key ?? undefined, digest: parseDigest(row.digest ?? ''), size: row.size };
  }

  set(id: string, expiresAt: number, { state, key, digest, size }: KnownSession): void {
    this.#database.run(
      'INSERT OR REPLACE INTO sessions (id, state, key, digest, size, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      id,
      state,
      key ?? null,
      digest ?? null,
      size,
      expiresAt,
    );
  }

  /** Forgets sessions that are over, and returns when the next one will be. */
  forget(now: number, most: number): number | undefined {
    this.#database.run(
      'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
      now,
      most,
    );
    const next = this.#database.first<{ at: number | null }>('SELECT min(expires_at) AS at FROM sessions');
    return next?.at ?? undefined;
  }
}
