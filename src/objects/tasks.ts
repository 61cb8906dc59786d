/**
 * The one table of tasks that every object has, and its alarm loop.
 *
 * A task is written in the transaction that makes it necessary, so it cannot be lost, and is run at least once, so
 * every handler is idempotent. An alarm that throws is retried six times and then dropped by the platform, so the loop
 * never throws: it first arms the next alarm, pushes each task's due time back, and only then works. A handler that
 * fails is tried again with growing delay, and keeps no other from its turn.
 */
import { logEvent } from '../observability/log.ts';
import type { Database } from './database.ts';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 600_000;
/** Tasks of one alarm; the rest waits for the next, which is armed at once. */
const TASKS_PER_ALARM = 64;

/** What a handler answers: the task is finished, or is to run again at a time (ms since the epoch). */
export type TaskOutcome = 'done' | { again: number };
export type TaskHandler = (subject: string, now: number) => Promise<TaskOutcome> | TaskOutcome;

interface TaskRow extends Record<string, number | string> {
  id: number;
  kind: string;
  subject: string;
  due: number;
  attempts: number;
}

export class Tasks<Kind extends string> {
  readonly #database: Database;
  readonly #storage: DurableObjectStorage;
  readonly #owner: string;
  readonly #handlers: Readonly<Record<Kind, TaskHandler>>;
  #armed = false;
  /** When the alarm that this object has set will ring (ms since the epoch), as far as it knows. */
  #alarmAt: number | undefined;

  constructor(
    storage: DurableObjectStorage,
    database: Database,
    owner: string,
    handlers: Readonly<Record<Kind, TaskHandler>>,
  ) {
    this.#storage = storage;
    this.#database = database;
    this.#owner = owner;
    this.#handlers = handlers;
  }

  /** Writes a task; one that is there already keeps the earlier time. Call `arm` once the transaction is through. */
  add(kind: Kind, subject: string, due: number): void {
    this.#database.run(
      `INSERT INTO tasks (kind, subject, due) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET due = min(due, excluded.due), attempts = 0 WHERE due > excluded.due OR attempts > 0`,
      kind,
      subject,
      due,
    );
  }

  remove(kind: Kind, subject: string): void {
    this.#database.run('DELETE FROM tasks WHERE kind = ? AND subject = ?', kind, subject);
  }

  /** Sets the alarm to the earliest task. Every request that wrote calls it, so a lost alarm comes back. */
  async arm(): Promise<void> {
    const due = this.#nextDue();
    if (due === undefined) return;
    // An alarm that is past should have rung: perhaps it was lost.
    if (this.#alarmAt !== undefined && this.#alarmAt > Date.now() && this.#alarmAt <= due) return;
    const alarm = await this.#storage.getAlarm();
    if (alarm === null || alarm > due) await this.#setAlarm(due);
  }

  /** As `arm`, at the first request after the object woke: a pull-only object, too, gets a lost alarm back. */
  async armOnce(): Promise<void> {
    if (this.#armed) return;
    this.#armed = true;
    await this.arm();
  }

  /** The alarm handler. */
  async run(now: number): Promise<void> {
    // Before anything that may fail: an alarm that throws is dropped in the end, and its object forgotten.
    await this.#setAlarm(now + LONGEST_RETRY_MS);
    try {
      await this.#work(now);
    } catch (error) {
      logEvent('error', 'alarm failed', { owner: this.#owner, error: String(error) });
    }
  }

  async #work(now: number): Promise<void> {
    const due = this.#database.opened()
      ? this.#database.all<TaskRow>(
          'SELECT id, kind, subject, due, attempts FROM tasks WHERE due <= ? ORDER BY due LIMIT ?',
          now,
          TASKS_PER_ALARM,
        )
      : [];
    for (const task of due) {
      this.#database.run('UPDATE tasks SET due = ?, attempts = attempts + 1 WHERE id = ?', retryAt(task, now), task.id);
    }
    if (due.length > 0) await this.#rearm();
    for (const task of due) {
      const outcome = await this.#attempt(task, now);
      // The handler may have dropped the whole store.
      if (outcome !== undefined && this.#database.opened()) this.#finish(task, outcome);
    }
    if (this.#database.opened()) await this.#rearm();
    else await this.#deleteAlarm();
  }

  /** A task that was added anew while its handler ran has begun to count again, and stays. */
  #finish({ id, attempts }: TaskRow, outcome: TaskOutcome): void {
    if (outcome === 'done') {
      this.#database.run('DELETE FROM tasks WHERE id = ? AND attempts = ?', id, attempts + 1);
    } else {
      const again = 'UPDATE tasks SET due = ?, attempts = 0 WHERE id = ? AND attempts = ?';
      this.#database.run(again, outcome.again, id, attempts + 1);
    }
  }

  async #attempt(task: TaskRow, now: number): Promise<TaskOutcome | undefined> {
    try {
      if (!isKind(task.kind, this.#handlers)) throw new Error('no handler: was it written by a newer release?');
      return await this.#handlers[task.kind](task.subject, now);
    } catch (error) {
      const { kind, subject, attempts } = task;
      logEvent('warn', 'task failed', {
        owner: this.#owner,
        kind,
        subject,
        attempts: attempts + 1,
        error: String(error),
      });
      return undefined;
    }
  }

  async #rearm(): Promise<void> {
    const due = this.#nextDue();
    if (due === undefined) await this.#deleteAlarm();
    else await this.#setAlarm(due);
  }

  async #setAlarm(at: number): Promise<void> {
    // At once: the platform takes these calls in the order in which they are made.
    this.#alarmAt = at;
    try {
      await this.#storage.setAlarm(at);
    } catch (error) {
      this.#alarmAt = undefined;
      throw error;
    }
  }

  async #deleteAlarm(): Promise<void> {
    this.#alarmAt = undefined;
    await this.#storage.deleteAlarm();
  }

  /** The platform refuses an alarm at or before the epoch. */
  #nextDue(): number | undefined {
    const due = this.#database.first<{ due: number | null }>('SELECT min(due) AS due FROM tasks')?.due ?? undefined;
    return due === undefined ? undefined : Math.max(due, 1);
  }
}

/** Doubles from one second to ten minutes. */
function retryAt({ attempts }: TaskRow, now: number): number {
  return now + Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts, 20));
}

function isKind<Kind extends string>(kind: string, handlers: Readonly<Record<Kind, TaskHandler>>): kind is Kind {
  return Object.hasOwn(handlers, kind);
}
