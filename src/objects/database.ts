/**
 * The SQLite store of a Durable Object: numbered migrations, and nothing written before the first write.
 *
 * Reading an object that was never written must leave no trace (anybody can name a repository), so readers ask
 * `opened()` and take `false` for empty; writers call `ensure()`, which creates or upgrades the tables.
 * Migrations only add. A store that a newer release wrote is refused: guessing at its meaning could lose data.
 */
export type SqlValue = ArrayBuffer | string | number | null;

export class Database {
  readonly #storage: DurableObjectStorage;
  readonly #name: string;
  readonly #migrations: readonly string[];
  #current = false;

  /** `migrations[n]` brings a store from version n to n + 1. */
  constructor(storage: DurableObjectStorage, name: string, migrations: readonly string[]) {
    this.#storage = storage;
    this.#name = name;
    this.#migrations = migrations;
  }

  /** Whether anything was ever written. An older store is upgraded on the way. */
  opened(): boolean {
    if (this.#current) return true;
    const found = this.#storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").toArray();
    if (found.length === 0) return false;
    this.ensure();
    return true;
  }

  ensure(): void {
    if (this.#current) return;
    this.#storage.transactionSync(() => {
      this.#storage.sql.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)');
      const version = this.first<{ version: number }>('SELECT version FROM schema_version')?.version ?? 0;
      if (version > this.#migrations.length) {
        throw new Error(
          `${this.#name}: these data were written by a newer Berth (schema ${String(version)}, this release knows ` +
            `${String(this.#migrations.length)}): deploy that release or a later one`,
        );
      }
      for (const migration of this.#migrations.slice(version)) this.#storage.sql.exec(migration);
      if (version === 0) this.#storage.sql.exec('INSERT INTO schema_version VALUES (?)', this.#migrations.length);
      else this.#storage.sql.exec('UPDATE schema_version SET version = ?', this.#migrations.length);
    });
    this.#current = true;
  }

  /** Deletes everything, schema included, so that the object costs nothing any more. */
  async drop(): Promise<void> {
    this.#current = false;
    await this.#storage.deleteAll();
  }

  all<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]): Row[] {
    return this.#storage.sql.exec<Row>(query, ...bindings).toArray();
  }

  /** As `all`, one row in memory at a time, for who may stop early. Nothing may be written meanwhile. */
  *each<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]): Generator<Row> {
    yield* this.#storage.sql.exec<Row>(query, ...bindings);
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- a query's rows are known where it stands
  first<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]): Row | undefined {
    return this.#storage.sql.exec<Row>(query, ...bindings).toArray()[0];
  }

  /** Runs a statement and tells how many rows it wrote, indexes included: zero means that nothing matched. */
  run(query: string, ...bindings: SqlValue[]): number {
    return this.#storage.sql.exec(query, ...bindings).rowsWritten;
  }

  /** All or nothing; `work` must not wait for anything. */
  transaction<T>(work: () => T): T {
    return this.#storage.transactionSync(work);
  }

  get sizeBytes(): number {
    return this.#storage.sql.databaseSize;
  }
}
