/** Who this repository is, and whether the catalog knows that it has content. */
import type { RepositoryName } from '../../oci/repository-name.ts';
import type { Database } from '../database.ts';
import type { Objects } from '../stubs.ts';
import type { TaskOutcome, Tasks } from '../tasks.ts';

export type PresenceTask = 'announce';

export class Presence {
  readonly #database: Database;
  readonly #tasks: Pick<Tasks<PresenceTask>, 'add'>;
  readonly #objects: Objects;

  constructor(database: Database, tasks: Pick<Tasks<PresenceTask>, 'add'>, objects: Objects) {
    this.#database = database;
    this.#tasks = tasks;
    this.#objects = objects;
  }

  /** Before the first write. */
  open(name: RepositoryName): void {
    this.#database.ensure();
    if (this.#database.first('SELECT 1 AS found FROM identity') !== undefined) return;
    this.#database.run(
      'INSERT INTO identity (name, incarnation, sequence, present) VALUES (?, ?, 0, 0)',
      name,
      crypto.randomUUID(),
    );
  }

  /** Has the catalog hear of a repository that came to be, or that was emptied; false where it is as it was. */
  note(isPresent: boolean, now: number): boolean {
    const present = isPresent ? 1 : 0;
    const changed = this.#database.run(
      'UPDATE identity SET present = ?, sequence = sequence + 1 WHERE present <> ?',
      present,
      present,
    );
    if (changed > 0) this.#tasks.add('announce', '', now);
    return changed > 0;
  }

  async announce(): Promise<TaskOutcome> {
    const identity = this.#database.first<{ name: string; present: number; sequence: number }>(
      'SELECT name, present, sequence FROM identity',
    );
    if (identity === undefined) return 'done';
    const { name, present, sequence } = identity;
    await this.#objects.catalog().set(name, present === 1, sequence);
    return 'done';
  }
}
