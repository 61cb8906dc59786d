/**
 * A queue of events for one machine, in the place of Cloudflare's: what was sent is written down before it is answered, and
 * goes when the consumer has done with it. A batch that fails is delivered again, with growing delay, and holds up those
 * behind it, since here they would fail as well; but a message that this release can not read is set aside.
 */
import { DurableObject } from 'cloudflare:workers';
import { logEvent } from '../../observability/log.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { consumeEvents } from '../consume-events.ts';
import type { QueuedMessage } from '../event-log/messages.ts';
import { parseQueuedText } from '../event-log/queued-message.ts';
import { Tasks, type TaskOutcome } from '../tasks.ts';
import { MIGRATIONS } from './schema.ts';

/** As many as Cloudflare's consumer gets. */
const BATCH_MESSAGES = 100;
/** Past it nothing is taken, and each repository keeps its own. */
const MOST_MESSAGES = 1_000_000;
/** Then other tasks of the alarm get their turn. */
const BATCHES_PER_RUN = 50;

interface Row extends Record<string, string | number> {
  id: number;
  body: string;
}

export class EventQueue extends DurableObject<Env> {
  readonly #database: Database;
  readonly #tasks: Tasks<'deliver'>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#database = new Database(ctx.storage, 'EventQueue', MIGRATIONS);
    this.#tasks = new Tasks<'deliver'>(ctx.storage, this.#database, 'EventQueue', {
      deliver: (_subject, now) => this.#deliver(now),
    });
  }

  async send(messages: readonly QueuedMessage[]): Promise<Answer<null>> {
    this.#database.ensure();
    if (this.#length() >= MOST_MESSAGES) throw new Error('the queue of events is full');
    this.#database.transaction(() => {
      for (const message of messages) {
        this.#database.run('INSERT INTO messages (body) VALUES (?)', JSON.stringify(message));
      }
      this.#tasks.add('deliver', '', Date.now());
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(null);
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }

  async #deliver(now: number): Promise<TaskOutcome> {
    for (let batch = 0; batch < BATCHES_PER_RUN; batch += 1) {
      const rows = this.#database.all<Row>('SELECT id, body FROM messages ORDER BY id LIMIT ?', BATCH_MESSAGES);
      const last = rows.at(-1);
      if (last === undefined) return 'done';
      const read = rows.map((row) => ({ row, event: parseQueuedText(row.body) }));
      const events = read.flatMap(({ event }) => (event === undefined ? [] : [event]));
      if (events.length > 0) await consumeEvents(this.env, events);
      this.#database.transaction(() => {
        for (const { row, event } of read) if (event === undefined) this.#setAside(row, now);
        this.#database.run('DELETE FROM messages WHERE id <= ?', last.id);
      });
    }
    return { again: now };
  }

  #setAside({ id, body }: Row, now: number): void {
    this.#database.run('INSERT INTO unreadable (body, set_aside_at) VALUES (?, ?)', body, now);
    logEvent('error', 'events set aside', { messageId: id, messages: 1, reason: 'no message that this release knows' });
  }

  /** Rows go from the front, so the ids that are there have no gaps. */
  #length(): number {
    // Two queries of one end each look a row up; one of both ends would read them all.
    const query = 'SELECT (SELECT max(id) FROM messages) - (SELECT min(id) FROM messages) + 1 AS length';
    return this.#database.first<{ length: number | null }>(query)?.length ?? 0;
  }
}
