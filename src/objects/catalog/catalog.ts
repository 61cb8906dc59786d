/**
 * The sorted list of repository names. Repositories announce themselves by task, after the answer, so the catalog is
 * eventually complete; what it is told carries the repository's own counter, and older news is ignored.
 */
import { DurableObject } from 'cloudflare:workers';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { MIGRATIONS } from './schema.ts';

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
      `INSERT INTO repositories (name, present, sequence) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET present = excluded.present, sequence = excluded.sequence
       WHERE excluded.sequence > repositories.sequence`,
      name,
      present ? 1 : 0,
      sequence,
    );
    return new WorkMeter().answer(null);
  }

  /** Names of repositories that have content, after `last`, at most `limit`, sorted by their bytes. */
  list(last: string, limit: number): Answer<string[]> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer([]);
    const rows = this.#database.all<{ name: string }>(
      'SELECT name FROM repositories WHERE present = 1 AND name > ? ORDER BY name LIMIT ?',
      last,
      limit,
    );
    return meter.answer(rows.map(({ name }) => name));
  }
}
