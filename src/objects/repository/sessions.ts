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
import type { Done, KeptBytes } from '../upload/messages.ts';

export type KnownSession =
  | { state: 'kept'; kept: KeptBytes; digest: Digest }
  /** `kept`: what it had before it streamed, for its object to take over. */
  | { state: 'streaming'; kept: KeptBytes | undefined }
  | { state: 'done'; done: Done }
  | { state: 'gone' };

interface SessionRow extends Record<string, string | number | null> {
  state: KnownSession['state'];
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
    const { state, key, size } = row;
    const digest = parseDigest(row.digest ?? '');
    const kept = key === null ? undefined : { key, size };
    switch (state) {
      case 'gone':
        return { state };
      case 'streaming':
        return { state, kept };
      case 'kept':
        if (kept !== undefined && digest !== undefined) return { state, kept, digest };
        break;
      case 'done':
        if (digest !== undefined) return { state, done: { kind: 'done', digest, size } };
    }
    throw new Error(`a session that is ${state} has no object or no digest`);
  }

  set(id: string, expiresAt: number, known: KnownSession): void {
    const kept = known.state === 'kept' || known.state === 'streaming' ? known.kept : undefined;
    const done = known.state === 'done' ? known.done : undefined;
    this.#database.run(
      'INSERT OR REPLACE INTO sessions (id, state, key, digest, size, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      id,
      known.state,
      kept?.key ?? null,
      known.state === 'kept' ? known.digest : (done?.digest ?? null),
      kept?.size ?? done?.size ?? 0,
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
