/**
 * The sorted list of repository names. Repositories announce themselves by task, after the answer, so the catalog is
 * eventually complete; what it is told carries the repository's own counter, and older news is ignored.
 */
import { DurableObject } from 'cloudflare:workers';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { MIGRATIONS } from './schema.ts';

/** Begins what stands for a name; no name has one. */
export const MARKER_SIGN = '~';
const MARKER_BYTES = 16;

export class Catalog extends DurableObject<Env> {
  readonly #database: Database;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new Database(ctx.storage, 'Catalog', MIGRATIONS);
  }

  /** Whether the repository has content; `sequence` grows with every change of that. */
  set(name: string, present: boolean, sequence: number): Answer<null> {
    this.#database.ensure();
    this.#database.run(
      `INSERT INTO repositories (name, present, sequence, marker) VALUES (?, ?, ?, lower(hex(randomblob(${String(MARKER_BYTES)}))))
       ON CONFLICT DO UPDATE SET present = excluded.present, sequence = excluded.sequence
       WHERE excluded.sequence > repositories.sequence`,
      name,
      present ? 1 : 0,
      sequence,
    );
    return new WorkMeter().answer(null);
  }

  /**
   * Names of repositories that have content, after `last` (a name or a marker), at most `limit`, sorted by their bytes.
   *
   * @param onlyAfterKnown whether a name that was never a repository's is answered with null
   */
  list(last: string, limit: number, onlyAfterKnown = false): Answer<string[] | null> {
    const meter = new WorkMeter();
    const isName = last !== '' && !last.startsWith(MARKER_SIGN);
    if (!this.#database.opened()) return meter.answer(onlyAfterKnown && isName ? null : []);
    const after = isName || last === '' ? last : this.#named(last.slice(MARKER_SIGN.length));
    if (after === undefined) return meter.answer([]);
    if (onlyAfterKnown && isName && !this.#isKnown(after)) return meter.answer(null);
    const rows = this.#database.all<{ name: string }>(
      'SELECT name FROM repositories WHERE present = 1 AND name > ? ORDER BY name LIMIT ?',
      after,
      limit,
    );
    return meter.answer(rows.map(({ name }) => name));
  }

  /** What stands for a name, and tells nothing of it, where the next page begins after one that its reader may not see. */
  markerOf(name: string): Answer<string | undefined> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer(undefined);
    const row = this.#database.first<{ marker: string }>('SELECT marker FROM repositories WHERE name = ?', name);
    return meter.answer(row === undefined ? undefined : `${MARKER_SIGN}${row.marker}`);
  }

  /** Also one that has no content any more: whoever turns the pages may have been shown it a moment ago. */
  #isKnown(name: string): boolean {
    return this.#database.first('SELECT 1 FROM repositories WHERE name = ?', name) !== undefined;
  }

  #named(marker: string): string | undefined {
    return this.#database.first<{ name: string }>('SELECT name FROM repositories WHERE marker = ?', marker)?.name;
  }
}
