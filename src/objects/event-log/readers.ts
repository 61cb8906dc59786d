/** The endpoints that read the log, each from its own cursor on: those of the admin API, and those of a setting. */
import type { EventKind } from '../../notifications/event.ts';
import type { Database } from '../database.ts';
import { KEPT_MS } from './keeping.ts';
import type { ConfiguredReader, Origin, Reader } from './messages.ts';

interface Row extends Record<string, string | number> {
  name: string;
  since: number;
  origin: string;
}

export class Readers {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  all(): Reader[] {
    return this.#database
      .all<Row>('SELECT name, since, origin FROM readers WHERE removed_at IS NULL ORDER BY name')
      .map(readerOf);
  }

  /** Those of the admin API whose names come after this one, by name. */
  ofAdmin(after: string, limit: number): string[] {
    return this.#database
      .all<{ name: string }>(
        "SELECT name FROM readers WHERE origin = 'admin' AND removed_at IS NULL AND name > ? ORDER BY name LIMIT ?",
        after,
        limit,
      )
      .map(({ name }) => name);
  }

  get(name: string): Reader | undefined {
    const query = 'SELECT name, since, origin FROM readers WHERE name = ? AND removed_at IS NULL';
    return this.#database.all<Row>(query, name).map(readerOf)[0];
  }

  /** The cursor that it begins to read after: that of its first time. */
  add(name: string, events: readonly EventKind[], since: number): number {
    // One that a setting no longer names is another one's.
    this.#database.run('DELETE FROM readers WHERE name = ? AND removed_at IS NOT NULL', name);
    this.#put(name, events, since, 'admin');
    return this.get(name)?.since ?? since;
  }

  remove(name: string): void {
    this.#database.run('DELETE FROM readers WHERE name = ?', name);
  }

  /**
   * Has those of the setting be what it says now. One that it names no more goes on where it was if it is named again while the
   * log still has what comes meanwhile: the batch may be of the version before, while a new one is rolled out, or back.
   */
  configure(configured: readonly ConfiguredReader[], since: number, now: number): void {
    const names = new Set(configured.map(({ name }) => name));
    this.#database.run('DELETE FROM readers WHERE removed_at <= ?', now - KEPT_MS);
    for (const { name, origin } of this.all()) {
      if (origin !== 'setting' || names.has(name)) continue;
      this.#database.run('UPDATE readers SET removed_at = ? WHERE name = ?', now, name);
    }
    for (const { name, events } of configured) this.#put(name, events, since, 'setting');
  }

  wantsAny(kinds: readonly EventKind[]): boolean {
    const wanted = this.#database.all<{ events: string }>('SELECT events FROM readers WHERE removed_at IS NULL');
    return wanted.some(({ events }) => events.split(' ').some((event) => kinds.some((kind) => kind === event)));
  }

  get count(): number {
    return (
      this.#database.first<{ count: number }>('SELECT count(*) AS count FROM readers WHERE removed_at IS NULL')
        ?.count ?? 0
    );
  }

  #put(name: string, events: readonly EventKind[], since: number, origin: Origin): void {
    this.#database.run(
      `INSERT INTO readers (name, since, events, origin) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET events = excluded.events, origin = excluded.origin, removed_at = NULL
       WHERE events <> excluded.events OR origin <> excluded.origin OR removed_at IS NOT NULL`,
      name,
      since,
      events.join(' '),
      origin,
    );
  }
}

function readerOf({ name, since, origin }: Row): Reader {
  return { name, since, origin: origin === 'setting' ? 'setting' : 'admin' };
}
