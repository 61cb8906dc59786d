/** The one row of an endpoint: what it is, whether it is disabled, and how its receiver is doing. */
import type { Breaker } from '../../notifications/breaker.ts';
import type { EndpointDocument } from '../../notifications/endpoint-document.ts';
import type { Database } from '../database.ts';

export type Ordering = EndpointDocument['order'];

export interface Standing {
  readonly name: string;
  /** JSON, its secrets sealed; absent: the setting has it. */
  readonly document: string | undefined;
  /** The cursor in the log that it began to read after. */
  readonly since: number;
  readonly ordering: Ordering;
  readonly isDisabled: boolean;
  /** The address that answered 410. */
  readonly refusedUrl: string | undefined;
  readonly breaker: Breaker;
  readonly delivered: number;
  readonly failed: number;
}

interface Row extends Record<string, string | number | null> {
  name: string;
  document: string | null;
  since: number;
  ordering: string;
  disabled: number;
  refused_url: string | null;
  failures: number;
  opens_again_at: number | null;
  delivered: number;
  failed: number;
}

export class Standings {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** `undefined` where there is no such endpoint, or no more. */
  get(): Standing | undefined {
    if (!this.#database.opened()) return undefined;
    const row = this.#database.first<Row>(
      `SELECT name, document, since, ordering, disabled, refused_url, failures, opens_again_at, delivered, failed
       FROM endpoint`,
    );
    if (row === undefined) return undefined;
    const { name, since, failures, delivered, failed } = row;
    return {
      name,
      document: row.document ?? undefined,
      since,
      ordering: row.ordering === 'repository' ? 'repository' : 'any',
      isDisabled: row.disabled === 1,
      refusedUrl: row.refused_url ?? undefined,
      breaker: { failures, opensAgainAt: row.opens_again_at ?? undefined },
      delivered,
      failed,
    };
  }

  begin(name: string, document: string | undefined, since: number): void {
    this.#database.run('DELETE FROM endpoint');
    this.#database.run('INSERT INTO endpoint (name, document, since) VALUES (?, ?, ?)', name, document ?? null, since);
  }

  setDocument(document: string | undefined): void {
    this.#database.run('UPDATE endpoint SET document = ?', document ?? null);
  }

  disable(refusedUrl: string | undefined): void {
    this.#database.run('UPDATE endpoint SET disabled = 1, refused_url = ?', refusedUrl ?? null);
  }

  enable(): void {
    this.#database.run('UPDATE endpoint SET disabled = 0, refused_url = NULL WHERE disabled = 1');
  }

  setOrdering(ordering: Ordering): void {
    this.#database.run('UPDATE endpoint SET ordering = ?', ordering);
  }

  setBreaker({ failures, opensAgainAt }: Breaker): void {
    this.#database.run(
      'UPDATE endpoint SET failures = ?, opens_again_at = ? WHERE failures <> ? OR opens_again_at IS NOT ?',
      failures,
      opensAgainAt ?? null,
      failures,
      opensAgainAt ?? null,
    );
  }

  /** @param delivered events @param failed attempts */
  count(delivered: number, failed: number): void {
    this.#database.run('UPDATE endpoint SET delivered = delivered + ?, failed = failed + ?', delivered, failed);
  }
}
