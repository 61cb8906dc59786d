/**
 * Miniflare and its workerd. The served port is workerd's own (a direct socket), so requests pass neither Node nor
 * Miniflare's entry Worker. Miniflare starts workerd again when it dies; what it lacks is a way to let workerd finish,
 * and a workerd that never outlives Node (workerd.sh).
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { Log, LogLevel, Miniflare } from 'miniflare';
import type { MiniflareOptions } from 'miniflare';
import * as v from 'valibot';
import type { BuiltWorker } from './built-worker.ts';
import type { DataDirectory } from './data-directory.ts';
import { urlHost } from './exposure.ts';
import { describeError, StartFailure } from './start-failure.ts';
import type { Terminal } from './terminal.ts';

const LAUNCHER = join(import.meta.dirname, 'workerd.sh');

/** Miniflare tries once. A workerd that is killed again while it starts is no reason to give the registry up. */
const RESTART_ATTEMPTS = 5;
const RESTART_PAUSE_MS = 200;

export interface RuntimeSettings {
  readonly worker: BuiltWorker;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly host: string;
  readonly port: number;
  readonly data: DataDirectory;
  readonly terminal: Terminal;
  /** workerd ended and could not be started again. */
  readonly onLost: (reason: string) => void;
}

export class Runtime {
  readonly url: string;
  readonly #miniflare: Miniflare;
  readonly #options: MiniflareOptions;
  readonly #workerds: WorkerdProcesses;
  readonly #settings: RuntimeSettings;
  #draining = false;
  #restarting = false;

  private constructor(miniflare: Miniflare, options: MiniflareOptions, workerds: WorkerdProcesses, settings: RuntimeSettings, url: string) {
    this.#miniflare = miniflare;
    this.#options = options;
    this.#workerds = workerds;
    this.#settings = settings;
    this.url = url;
    workerds.onExit = (how) => void this.#serveAgain(how);
  }

  /** Serves when the promise is fulfilled. Throws StartFailure where the port is taken. */
  static async start(settings: RuntimeSettings): Promise<Runtime> {
    const workerds = new WorkerdProcesses(settings.terminal);
    const options = miniflareOptions(settings, workerds);
    process.env['MINIFLARE_WORKERD_PATH'] = LAUNCHER;
    const miniflare = withoutSignalHandlers(() => new Miniflare(options));
    try {
      await miniflare.ready;
      const { port } = await miniflare.unsafeGetDirectURL();
      const url = `http://${urlHost(settings.host)}:${port === '' ? '80' : port}`;
      return new Runtime(miniflare, options, workerds, settings, url);
    } catch (error) {
      throw startFailure(error, settings);
    }
  }

  /** The process id of the workerd that serves now. */
  get workerdPid(): number | undefined {
    return this.#workerds.current?.pid;
  }

  /** Lets workerd answer what it has begun and take nothing new. Fulfilled when it has ended and all it said is printed. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (!this.#restarting) await this.#workerds.finish();
  }

  async #serveAgain(how: string): Promise<void> {
    if (this.#draining || this.#restarting) return;
    this.#restarting = true;
    const { terminal, onLost } = this.#settings;
    terminal.notice({
      level: 'warn',
      event: 'workerd-ended',
      message: `workerd ended unexpectedly (${how}). A new one is started.`,
    });
    // By then Miniflare, too, knows that its workerd is gone, and `ready` is about the next one.
    await nextTurn();
    const failure = await this.#untilReady();
    this.#restarting = false;
    if (failure !== undefined) {
      if (!this.#draining) onLost(`workerd ended and can't be started again: ${failure}`);
      return;
    }
    terminal.notice({
      level: 'info',
      event: 'workerd-started',
      message: 'workerd serves again.',
      fields: { workerdPid: this.workerdPid ?? 0 },
    });
  }

  async #untilReady(): Promise<string | undefined> {
    let failure: string | undefined;
    for (let attempt = 1; attempt <= RESTART_ATTEMPTS && !this.#draining; attempt += 1) {
      try {
        if (attempt > 1) await this.#miniflare.setOptions(this.#options);
        await this.#miniflare.ready;
        if (this.#workerds.alive) return undefined;
      } catch (error) {
        failure = describeError(error);
      }
      await delay(RESTART_PAUSE_MS * attempt);
    }
    return failure ?? 'it ends again at once';
  }
}
