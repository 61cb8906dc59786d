/**
 * The journal of an upload session. Every method is one synchronous step or one transaction; each transition names the
 * state that it leaves, so a step that comes too late changes nothing and says so.
 */
import type { Digest, DigestAlgorithm } from '../../oci/digest.ts';
import { Attempts } from '../attempts.ts';
import { Database } from '../database.ts';
import type { KeptBytes, UploadSession } from './messages.ts';
import { MIGRATIONS } from './schema.ts';

/** Below the 2 MB that a row may hold. */
const TAIL_PIECE_BYTES = 1_900_000;

type SessionState = 'open' | 'storing' | 'stored' | 'done' | 'gone';

export interface Session {
  repository: string;
  principal: string;
  expiresAt: number;
  state: SessionState;
  epoch: number;
  committed: number;
  algorithm: DigestAlgorithm;
  hashed: string | undefined;
  partSize: number | undefined;
  key: string | undefined;
  multipart: string | undefined;
  digest: string | undefined;
  size: number | undefined;
  /** Bytes that are still to be taken over from the object that had them: see Upload.#takeKept. */
  kept: KeptBytes | undefined;
}

interface SessionRow extends Record<string, string | number | null> {
  repository: string;
  principal: string;
  expires_at: number;
  state: SessionState;
  epoch: number;
  committed: number;
  algorithm: DigestAlgorithm;
  hashed: string | null;
  part_size: number | null;
  key: string | null;
  multipart: string | null;
  digest: string | null;
  size: number | null;
  kept_key: string | null;
  kept_size: number | null;
}

export interface CommittedPart {
  number: number;
  size: number;
  receipt: string;
  /** Hash of everything up to the end of this part, if the running hash is there. */
  hashed: string | undefined;
}

export class Journal {
  readonly database: Database;
  /** Keys that are not the session's own object: a write under way, and what is left to delete. */
  readonly attempts: Attempts;

  constructor(storage: DurableObjectStorage) {
    this.database = new Database(storage, 'Upload', MIGRATIONS);
    this.attempts = new Attempts(this.database);
  }

  open(session: UploadSession, kept: KeptBytes | undefined): void {
    const { repository, principal, expiresAt, algorithm } = session;
    this.database.ensure();
    this.database.run(
      `INSERT INTO session (repository, principal, expires_at, algorithm, kept_key, kept_size)
       VALUES (?, ?, ?, ?, ?, ?)`,
      repository,
      principal,
      expiresAt,
      algorithm,
      kept?.key ?? null,
      kept?.size ?? null,
    );
  }

  /** All that was kept elsewhere is here. */
  endKept(): void {
    this.database.run('UPDATE session SET kept_key = NULL, kept_size = NULL');
  }

  session(): Session | undefined {
    if (!this.database.opened()) return undefined;
    const row = this.database.first<SessionRow>('SELECT * FROM session');
    if (row === undefined) return undefined;
    return {
      repository: row.repository,
      principal: row.principal,
      expiresAt: row.expires_at,
      state: row.state,
      epoch: row.epoch,
      committed: row.committed,
      algorithm: row.algorithm,
      hashed: row.hashed ?? undefined,
      partSize: row.part_size ?? undefined,
      key: row.key ?? undefined,
      multipart: row.multipart ?? undefined,
      digest: row.digest ?? undefined,
      size: row.size ?? undefined,
      kept: row.kept_key === null ? undefined : { key: row.kept_key, size: row.kept_size ?? 0 },
    };
  }

  /** The writer of the old epoch can commit nothing more. */
  nextEpoch(): number {
    this.database.run('UPDATE session SET epoch = epoch + 1');
    return this.session()?.epoch ?? 0;
  }

  choosePartSize(bytes: number): void {
    this.database.run('UPDATE session SET part_size = ? WHERE part_size IS NULL', bytes);
  }

  /** Journalled before `begin`, so that the key can be swept whatever happens next. */
  setKey(key: string): boolean {
    return this.database.run("UPDATE session SET key = ? WHERE state = 'open'", key) > 0;
  }

  setMultipart(key: string, state: string): boolean {
    return this.database.run("UPDATE session SET multipart = ? WHERE state = 'open' AND key = ?", state, key) > 0;
  }

  parts(): { number: number; size: number; receipt: string }[] {
    return this.database.all('SELECT number, size, receipt FROM parts ORDER BY number');
  }

  /** The number of the last part; 0 where there is none. */
  lastPart(): number {
    return this.database.first<{ number: number | null }>('SELECT max(number) AS number FROM parts')?.number ?? 0;
  }

  tailBytes(): number {
    return this.database.first<{ bytes: number | null }>('SELECT sum(length(bytes)) AS bytes FROM tail')?.bytes ?? 0;
  }

  /** The tail in its pieces, one in memory at a time. */
  *tailPieces(): Generator<Uint8Array<ArrayBuffer>> {
    for (const { id } of this.database.all<{ id: number }>('SELECT id FROM tail ORDER BY id')) {
      const piece = this.database.first<{ bytes: ArrayBuffer }>('SELECT bytes FROM tail WHERE id = ?', id);
      if (piece !== undefined) yield new Uint8Array(piece.bytes);
    }
  }

  /** Copies the tail to the start of `target`. */
  readTail(target: Uint8Array): void {
    let offset = 0;
    for (const piece of this.tailPieces()) {
      target.set(piece, offset);
      offset += piece.byteLength;
    }
  }

  /** The next part in a row is stored: it, and whatever of it lay in the tail, become one. False: another epoch writes. */
  commitPart(epoch: number, part: CommittedPart): boolean {
    return this.database.transaction(() => {
      if (!this.#writes(epoch)) return false;
      const { number, size, receipt } = part;
      this.database.run('INSERT INTO parts (number, size, receipt) VALUES (?, ?, ?)', number, size, receipt);
      this.database.run('DELETE FROM tail');
      this.database.run(
        'UPDATE session SET committed = (SELECT sum(size) FROM parts), hashed = ?',
        part.hashed ?? null,
      );
      return true;
    });
  }

  /** Appends to the tail; what is there already is not written again. */
  commitTail(epoch: number, bytes: Uint8Array, hashed: string | undefined): boolean {
    return this.database.transaction(() => {
      if (!this.#writes(epoch)) return false;
      for (let start = 0; start < bytes.byteLength; start += TAIL_PIECE_BYTES) {
        const piece = new Uint8Array(bytes.subarray(start, start + TAIL_PIECE_BYTES)).buffer;
        this.database.run('INSERT INTO tail (bytes) VALUES (?)', piece);
      }
      this.database.run('UPDATE session SET committed = committed + ?, hashed = ?', bytes.byteLength, hashed ?? null);
      return true;
    });
  }

  /** Parts are being put together to one object. Its digest is what the client says; nothing is proven yet. */
  beginStoring(digest: Digest): boolean {
    return this.database.run("UPDATE session SET state = 'storing', digest = ? WHERE state = 'open'", digest) > 0;
  }

  /** The bytes lie at `key` and are proven to have `digest`. */
  setStored(from: 'open' | 'storing', key: string, digest: Digest, size: number): boolean {
    return this.database.transaction(() => {
      const session = this.session();
      if (session?.state !== from || !this.#isWritable(session, key)) return false;
      this.database.run(
        "UPDATE session SET state = 'stored', key = ?, multipart = NULL, digest = ?, size = ?",
        key,
        digest,
        size,
      );
      this.attempts.end(key);
      this.database.run('DELETE FROM parts');
      this.database.run('DELETE FROM tail');
      if (session.key !== undefined && session.key !== key) this.#leave(session);
      return true;
    });
  }

  /** The repository serves the digest. `keep`: by this session's object; otherwise that is left to be deleted. */
  setDone(key: string, keep: boolean): boolean {
    return this.database.transaction(() => {
      const session = this.session();
      if (session?.state !== 'stored' || session.key !== key) return false;
      this.database.run("UPDATE session SET state = 'done', key = NULL");
      if (!keep) this.#leave(session);
      return true;
    });
  }

  /** Nothing of the session counts any more; its object is left to be deleted. */
  setGone(): void {
    this.database.transaction(() => {
      const session = this.session();
      if (session === undefined) return;
      this.#leave(session);
      this.database.run(
        "UPDATE session SET state = 'gone', epoch = epoch + 1, key = NULL, multipart = NULL, hashed = NULL",
      );
      this.database.run('DELETE FROM parts');
      this.database.run('DELETE FROM tail');
    });
  }

  /** Hands the session's object over to the sweep. */
  #leave({ key, multipart, digest, state }: Session): void {
    if (key !== undefined) this.attempts.leave(key, multipart, digest, state === 'stored');
  }

  /** A key that the sweep has looked at is being deleted, whatever has been written there since. */
  #isWritable(session: Session, key: string): boolean {
    return key === session.key || this.attempts.find(key)?.looks === 0;
  }

  #writes(epoch: number): boolean {
    return (
      this.database.first('SELECT 1 AS found FROM session WHERE epoch = ? AND state = ?', epoch, 'open') !== undefined
    );
  }
}
