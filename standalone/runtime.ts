/**
 * Miniflare and its workerd. Requests reach workerd's own port (a direct socket) through the front, past Miniflare's
 * entry Worker. Miniflare starts workerd again when it dies; what it lacks is a way to let workerd finish,
 * patience with a workerd that dies again while it starts, and a workerd that never outlives Node (workerd.sh).
 */
import { subscribe } from 'node:diagnostics_channel';
import { Server as HttpServer } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { Log, LogLevel, Miniflare } from 'miniflare';
import type { MiniflareOptions, WorkerOptions } from 'miniflare';
import * as v from 'valibot';
import { BUNDLE_FILE } from './built-worker.ts';
import type { BuiltWorker } from './built-worker.ts';
import type { DataDirectory } from './data-directory.ts';
import { urlHost } from './exposure.ts';
import { BLOBS } from './files/layout.ts';
import { Front } from './front.ts';
import { listenFailure } from './port.ts';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';
import type { Terminal } from './terminal.ts';
import { LAUNCHER, WorkerdProcesses } from './workerd-processes.ts';

const RESTART_ATTEMPTS = 5;
const RESTART_PAUSE_MS = 200;

/** What a URL leaves out. */
const HTTP_PORT = 80;
/** workerd listens where only this machine can reach it, on a port that the system chooses. */
const INNER_SOCKET = { host: '127.0.0.1', port: 0 };

export interface RuntimeSettings {
  readonly worker: BuiltWorker;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly host: string;
  readonly port: number;
  readonly data: DataDirectory;
  /** Where blobs are plain files, the socket of their service; undefined for the bucket's emulator. */
  readonly files: string | undefined;
  readonly terminal: Terminal;
  /** workerd ended and could not be started again. */
  readonly onLost: (reason: string) => void;
}

export class Runtime {
  readonly url: string;
  readonly #miniflare: Miniflare;
  readonly #options: MiniflareOptions;
  readonly #workerds: WorkerdProcesses;
  readonly #front: Front;
  readonly #settings: RuntimeSettings;
  #draining = false;
  #restarting = false;

  private constructor(
    settings: RuntimeSettings,
    options: MiniflareOptions,
    workerds: WorkerdProcesses,
    miniflare: Miniflare,
    front: Front,
  ) {
    this.#settings = settings;
    this.#options = options;
    this.#workerds = workerds;
    this.#miniflare = miniflare;
    this.#front = front;
    const port = front.port === HTTP_PORT ? '' : `:${String(front.port)}`;
    this.url = `http://${urlHost(settings.host)}${port}`;
    workerds.onExit = (how) => void this.#serveAgain(how);
  }

  /** Serves when the promise is fulfilled. Throws StartFailure when it can't. */
  static async start(settings: RuntimeSettings): Promise<Runtime> {
    const front = await openFront(settings);
    const workerds = new WorkerdProcesses(settings.terminal);
    const options = miniflareOptions(settings, workerds);
    process.env['MINIFLARE_WORKERD_PATH'] = LAUNCHER;
    silenceLoopbackServers();
    const miniflare = withoutSignalHandlers(() => new Miniflare(options));
    try {
      await miniflare.ready;
      front.target = Number((await miniflare.unsafeGetDirectURL()).port);
      return new Runtime(settings, options, workerds, miniflare, front);
    } catch (error) {
      throw new StartFailure(`workerd can't be started: ${describeError(error)}`, { cause: error });
    }
  }

  /** The process id of the workerd that serves now. */
  get workerdPid(): number | undefined {
    return this.#workerds.pid;
  }

  /** Takes nothing new and finishes what has begun. Fulfilled when workerd has ended and all it said is printed. */
  async drain(): Promise<void> {
    this.#draining = true;
    this.#front.stopListening();
    // A workerd that is only starting has begun nothing.
    if (!this.#restarting) await this.#workerds.finish();
    await this.#front.finished();
  }

  #stopped(): boolean {
    return this.#draining;
  }

  async #serveAgain(how: string): Promise<void> {
    if (this.#stopped() || this.#restarting) return;
    this.#restarting = true;
    const { terminal, onLost } = this.#settings;
    terminal.notice({
      level: 'warn',
      event: 'workerd-ended',
      message: `workerd ended unexpectedly (${how}); a new one is starting`,
    });
    // By then Miniflare, too, knows that its workerd is gone, and `ready` is about the next one.
    await nextTurn();
    const failure = await this.#untilReady();
    this.#restarting = false;
    if (this.#stopped()) return;
    if (failure !== undefined) {
      onLost(`workerd ended and can't be started again: ${failure}`);
      return;
    }
    terminal.notice({
      level: 'info',
      event: 'workerd-restarted',
      message: `Serving ${this.url} again.`,
      fields: { workerdPid: this.workerdPid ?? 0 },
    });
  }

  /** Answers why there is no workerd, or undefined when there is one. The port stays what it was. */
  async #untilReady(): Promise<string | undefined> {
    let failure = 'it ends again at once';
    for (let attempt = 1; attempt <= RESTART_ATTEMPTS && !this.#stopped(); attempt += 1) {
      try {
        // The first time Miniflare does it by itself.
        if (attempt > 1) await this.#miniflare.setOptions(this.#options);
        await this.#miniflare.ready;
        this.#front.target = Number((await this.#miniflare.unsafeGetDirectURL()).port);
        if (this.#workerds.alive) return undefined;
      } catch (error) {
        failure = describeError(error);
      }
      await delay(RESTART_PAUSE_MS * attempt);
    }
    return failure;
  }
}

async function openFront({ host, port }: RuntimeSettings): Promise<Front> {
  try {
    return await Front.listen(host, port);
  } catch (error) {
    // Between our own look at the port and now somebody else may have taken it.
    throw listenFailure(systemErrorCode(error), host, port, error);
  }
}

function miniflareOptions(settings: RuntimeSettings, workerds: WorkerdProcesses): MiniflareOptions {
  const { worker, variables, data, terminal } = settings;
  return {
    // Otherwise Miniflare asks the internet what `request.cf` looks like.
    cf: false,
    log: new MiniflareLog(terminal),
    logRequests: false,
    defaultPersistRoot: data.state,
    handleRuntimeStdio: workerds.readOutput,
    unsafeRuntimeEnv: { BERTH_WORKERD_BINARY: workerdBinary(), BERTH_WORKERD_ALIVE: data.alive },
    workers: [
      {
        ...worker.options,
        ...storageOptions(settings),
        name: worker.name,
        modules: [{ type: 'ESModule', path: BUNDLE_FILE, contents: worker.bundle }],
        bindings: v.parse(JsonRecord, variables),
        unsafeDirectSockets: [INNER_SOCKET],
      },
    ],
  };
}

/** What src/storage/stores.ts chooses by. The emulator of the bucket is not even started where nothing lies in it. */
function storageOptions({ files, data, worker }: RuntimeSettings): Partial<WorkerOptions> {
  if (files === undefined) return {};
  return {
    r2Buckets: {},
    serviceBindings: {
      ...worker.options.serviceBindings,
      FILES: { external: { address: `unix:${files}`, http: {} } },
      DISK: { disk: { path: join(data.path, BLOBS), writable: false } },
    },
  };
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
const Json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(Json), JsonRecord]),
);
const JsonRecord = v.record(v.string(), Json);

class MiniflareLog extends Log {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    super(LogLevel.WARN);
    this.#terminal = terminal;
  }

  override logWithLevel(level: LogLevel, message: string): void {
    if (level > this.level) return;
    this.#terminal.notice({
      level: level === LogLevel.ERROR ? 'error' : 'warn',
      event: 'miniflare',
      message: message.split('\n', 1)[0] ?? '',
    });
  }
}

/** The one that Miniflare itself would run. */
function workerdBinary(): string {
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  return v.parse(v.object({ default: v.string() }), fromMiniflare('workerd')).default;
}

/** Miniflare ends the process on a signal, at once and with everything that is in flight. Ours to decide. */
function withoutSignalHandlers<T>(make: () => T): T {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const before = signals.map((signal) => process.listeners(signal));
  const made = make();
  for (const [index, signal] of signals.entries())
    for (const listener of process.listeners(signal))
      if (before[index]?.includes(listener) !== true) process.off(signal, listener);
  return made;
}

/**
 * Miniflare runs an HTTP server of its own in this process, on a loopback port, for what a development server wants. It
 * asks for no host, origin or secret, writes files under names that it is sent, and lists objects: any web page and any
 * user of this machine could reach it. Berth needs nothing of it, so it answers nobody.
 */
function silenceLoopbackServers(): void {
  if (loopbackSilenced) return;
  loopbackSilenced = true;
  subscribe('tracing:net.server.listen:asyncEnd', (message) => {
    const server = typeof message === 'object' && message !== null && 'server' in message ? message.server : undefined;
    if (!(server instanceof HttpServer)) return;
    server.prependListener('connection', (socket: Socket) => {
      socket.destroy();
    });
  });
}

let loopbackSilenced = false;
