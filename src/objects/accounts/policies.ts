/** The versions of the policy that the admin API was given. A writer says which one it has seen (compare and swap). */
import type { Database } from '../database.ts';
import type { ExpectedVersion, PolicyVersion, PutPolicyResult, StoredPolicy } from './messages.ts';

/** Older ones are dropped. */
const KEPT_VERSIONS = 20;

type PolicyRow = { version: number; document: string; made_at: number; made_by: string };

const COLUMNS = 'version, document, made_at, made_by';

export class Policies {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The one that counts, or an older one. */
  get(version?: number): StoredPolicy | undefined {
    const [row] =
      version === undefined
        ? this.#database.all<PolicyRow>(`SELECT ${COLUMNS} FROM policies ORDER BY version DESC LIMIT 1`)
        : this.#database.all<PolicyRow>(`SELECT ${COLUMNS} FROM policies WHERE version = ?`, version);
    return row && { version: row.version, document: row.document, madeAt: row.made_at, madeBy: row.made_by };
  }

  /** Newest first. */
  versions(): PolicyVersion[] {
    return this.#database
      .all<Omit<PolicyRow, 'document'>>('SELECT version, made_at, made_by FROM policies ORDER BY version DESC')
      .map((row) => ({ version: row.version, madeAt: row.made_at, madeBy: row.made_by }));
  }

  put(document: string, madeBy: string, expected: ExpectedVersion, now: number): PutPolicyResult {
    return this.#database.transaction(() => {
      const current = this.get()?.version;
      const isExpected =
        expected === 'any' ? current !== undefined : current === (expected === 'none' ? undefined : expected);
      if (!isExpected) return { kind: 'conflict', current };
      const version = (current ?? 0) + 1;
      this.#database.run(`INSERT INTO policies (${COLUMNS}) VALUES (?, ?, ?, ?)`, version, document, now, madeBy);
      this.#database.run('DELETE FROM policies WHERE version <= ?', version - KEPT_VERSIONS);
      return { kind: 'stored', version };
    });
  }
}
