/**
 * One webhook: what it wants, how far it has read the log, what it has to try again, and what became of its deliveries. Each
 * has an object of its own, so a slow or dead one is nobody else's business.
 */
import { DurableObject } from 'cloudflare:workers';
import { stateOf } from '../../notifications/breaker.ts';
import { WorkMeter, type Answer } from '../../observability/work.ts';
import { Database } from '../database.ts';
import { Objects } from '../stubs.ts';
import { Tasks } from '../tasks.ts';
import { Deliveries, type Log } from './deliveries.ts';
import type { EndpointFigures, Replay, ReplayResult } from './messages.ts';
import { readyEndpoint, storedIsDisabled } from './ready-endpoint.ts';
import { Readings } from './readings.ts';
import { Records, type Attempt, type DeadLetter } from './records.ts';
import { MIGRATIONS } from './schema.ts';
import { Waiting } from './waiting.ts';

type EndpointTask = 'deliver';
const DEAD_LETTERS_PER_REPLAY = 1_000;

interface Row extends Record<string, string | number | null> {
  name: string;
  document: string;
  disabled: number;
  failures: number;
  opens_again_at: number | null;
  delivered: number;
  failed: number;
}

export class Endpoint extends DurableObject<Env> {
  readonly #database: Database;
  readonly #waiting: Waiting;
  readonly #readings: Readings;
  readonly #records: Records;
  readonly #deliveries: Deliveries;
  readonly #tasks: Tasks<EndpointTask>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const objects = new Objects(env);
    const database = new Database(ctx.storage, 'Endpoint', MIGRATIONS);
    this.#database = database;
    this.#waiting = new Waiting(database);
    this.#readings = new Readings(database);
    this.#records = new Records(database);
    const log: Log = {
      read: async (after) => (await objects.eventLog().read(after)).result,
      events: async (cursors) => (await objects.eventLog().events(cursors)).result,
    };
    this.#deliveries = new Deliveries({
      database,
      waiting: this.#waiting,
      readings: this.#readings,
      records: this.#records,
      log,
      fetcher: outbound(env),
      ready: () => this.#ready(),
      disable: () => {
        this.#disable('its receiver answered 410');
      },
    });
    this.#tasks = new Tasks<EndpointTask>(ctx.storage, database, 'Endpoint', {
      deliver: (_subject, now) => this.#deliveries.run(now),
    });
  }

  /** Something was appended to the log. */
  async wake(): Promise<Answer<null>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer(null);
    this.#tasks.add('deliver', '', Date.now());
    await this.#tasks.arm();
    return meter.answer(null);
  }

  /**
   * Makes it, or changes what it is.
   *
   * @param document as it is stored, its secrets sealed @param since the cursor that a new one begins to read after
   */
  async configure(name: string, document: string, since: number): Promise<Answer<null>> {
    this.#database.ensure();
    this.#database.transaction(() => {
      const row = this.#row();
      const disabled = storedIsDisabled(document);
      if (row === undefined) {
        this.#database.run('INSERT INTO endpoint (name, document, disabled) VALUES (?, ?, ?)', name, document, Number(disabled));
        this.#readings.begin(since);
      } else {
        this.#database.run('UPDATE endpoint SET document = ?, disabled = 0, failures = 0, opens_again_at = NULL', document);
        // What happened meanwhile is among the dead letters.
        if (row.disabled === 1 && !disabled) this.#readings.moveTo({ number: 0, cursor: 0, until: undefined }, since);
      }
      if (disabled) this.#disable('it was disabled');
      this.#tasks.add('deliver', '', Date.now());
    });
    await this.#tasks.arm();
    return new WorkMeter().answer(null);
  }

  async remove(): Promise<Answer<null>> {
    if (this.#database.opened()) await this.#database.drop();
    await this.ctx.storage.deleteAlarm();
    return new WorkMeter().answer(null);
  }

  figures(): Answer<EndpointFigures | undefined> {
    const meter = new WorkMeter();
    const row = this.#database.opened() ? this.#row() : undefined;
    if (row === undefined) return meter.answer(undefined);
    const { failures, opens_again_at: opensAgainAt, delivered, failed, disabled } = row;
    const waiting = this.#waiting.all();
    const breaker = stateOf({ failures, opensAgainAt: opensAgainAt ?? undefined }, Date.now());
    return meter.answer({
      waiting: waiting.length,
      cursor: this.#readings.all()[0]?.cursor ?? 0,
      delivered,
      failed,
      deadLetters: this.#records.deadLetterCount,
      oldestWaitingSince: waiting.length === 0 ? undefined : Math.min(...waiting.map(({ begunAt }) => begunAt)),
      breaker,
      opensAgainAt: breaker === 'open' ? (opensAgainAt ?? undefined) : undefined,
      disabled: disabled === 1,
    });
  }

  /** Newest first. */
  attempts(): Answer<Attempt[]> {
    return new WorkMeter().answer(this.#database.opened() ? this.#records.attempts() : []);
  }

  deadLetters(after: number, limit: number): Answer<DeadLetter[]> {
    return new WorkMeter().answer(this.#database.opened() ? this.#records.deadLetters(after, limit) : []);
  }

  /** Has events sent again; a dead letter that is sent again is none any more. */
  async replay(replay: Replay): Promise<Answer<ReplayResult>> {
    const meter = new WorkMeter();
    if (!this.#database.opened()) return meter.answer({ kind: 'begun', spans: 0 });
    const result = this.#database.transaction((): ReplayResult => {
      if (replay.kind === 'span') {
        return this.#readings.addReplay(replay.first, replay.last) ? { kind: 'begun', spans: 1 } : { kind: 'too-many' };
      }
      const { numbers } = replay;
      const letters = this.#records
        .deadLetters(0, DEAD_LETTERS_PER_REPLAY)
        .filter(({ number }) => numbers === 'all' || numbers.includes(number));
      let spans = 0;
      for (const { number, first, last } of letters) {
        if (!this.#readings.addReplay(first, last)) break;
        this.#records.unburied([number]);
        spans += 1;
      }
      return spans === 0 && letters.length > 0 ? { kind: 'too-many' } : { kind: 'begun', spans };
    });
    this.#tasks.add('deliver', '', Date.now());
    await this.#tasks.arm();
    return meter.answer(result);
  }

  override async alarm(): Promise<void> {
    await this.#tasks.run(Date.now());
  }
}
