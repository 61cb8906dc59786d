/**
 * Berth's queue, log and endpoints as `npm start` serves them, and the Worker that puts events into them (worker.ts). workerd
 * is a process of its own, so the bench's, with its receivers, shares no thread with it.
 */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { Log, LogLevel, Miniflare, type ModuleDefinition, type WorkerOptions } from 'miniflare';
import * as v from 'valibot';
import { builtWorker } from '../../standalone/built-worker.ts';
import { miniflareOptions } from '../../standalone/runtime.ts';
import { workerVariables } from '../../standalone/settings/worker-variables.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const HOST = '127.0.0.1';
const DRIVER = 'driver';
/** Named as they import each other; the first one is the entry. */
const DRIVER_FILES = ['bench/events/worker.ts', 'src/notifications/uuid.ts'];
const BATCH_EVENTS = 100;

const Said = v.object({ last: v.number() });

export class EventChain {
  readonly #miniflare: Miniflare;
  readonly #url: string;
  /** Events that were made so far. */
  #made = 0;

  private constructor(miniflare: Miniflare, url: string) {
    this.#miniflare = miniflare;
    this.#url = url;
  }

  /** @param folder all that it writes to @param settings as of `npm start` */
  static async start(folder: string, settings: Readonly<Record<string, string>>): Promise<EventChain> {
    const signal = new AbortController().signal;
    const worker = await builtWorker({ root: ROOT, fallback: folder, signal, onBuild: () => undefined });
    const variables = workerVariables(worker.options.bindings, settings, HOST);
    const data = { path: folder, state: join(folder, 'state') };
    const options = miniflareOptions({ worker, variables, files: undefined, data });
    const miniflare = new Miniflare({
      ...options,
      log: new Log(LogLevel.WARN),
      workers: [...options.workers, driver(worker.name)],
    });
    await miniflare.ready;
    return new EventChain(miniflare, (await miniflare.unsafeGetDirectURL(DRIVER)).href);
  }

  get made(): number {
    return this.#made;
  }

  /** Fulfilled once they have been taken. */
  async send(to: 'log' | 'queue', batches: number): Promise<void> {
    await this.#ask('POST', `/${to}?first=${String(this.#made)}&batches=${String(batches)}`);
    this.#made += batches * BATCH_EVENTS;
  }

  /** Fulfilled once so many of those that were made are in the log. */
  async reached(count: number): Promise<void> {
    await this.#ask('GET', `/reached?cursor=${String(count)}`);
  }

  async last(): Promise<number> {
    return (await this.#ask('GET', '/last')).last;
  }

  async stop(): Promise<void> {
    await this.#miniflare.dispose();
  }

  async #ask(method: 'GET' | 'POST', path: string): Promise<v.InferOutput<typeof Said>> {
    const response = await fetch(new URL(path, this.#url), { method });
    if (!response.ok) throw new Error(`${path}: ${String(response.status)} ${await response.text()}`);
    return v.parse(Said, await response.json());
  }
}

function driver(berth: string): WorkerOptions {
  return {
    name: DRIVER,
    compatibilityDate: '2026-07-15',
    modules: DRIVER_FILES.map((path): ModuleDefinition => ({
      type: 'ESModule',
      path,
      contents: stripTypeScriptTypes(readFileSync(join(ROOT, path), 'utf8')),
    })),
    durableObjects: {
      EVENT_QUEUE: { className: 'EventQueue', scriptName: berth, useSQLite: true },
      EVENT_LOG: { className: 'EventLog', scriptName: berth, useSQLite: true },
    },
    unsafeDirectSockets: [{ host: HOST, port: 0 }],
  };
}
