/**
 * workerd, and the front before it. Miniflare makes workerd's configuration once, in a process of its own
 * (workerd-config.ts). Requests reach workerd's own port (a direct socket) through the front, past Miniflare's entry
 * Worker. A workerd that dies is started again, with patience for one that dies again while it starts.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { MiniflareOptions, WorkerOptions } from 'miniflare';
import * as v from 'valibot';
import { NOT_PUBLIC_NETWORKS } from '../src/notifications/destination.ts';
import { BUNDLE_FILE } from './built-worker.ts';
import type { BuiltWorker } from './built-worker.ts';
import { ENTRY_SOCKET, OBJECTS } from './data-directory.ts';
import type { DataDirectory } from './data-directory.ts';
import { urlHost } from './exposure.ts';
import { BLOBS } from './files/layout.ts';
import { Front } from './front.ts';
import { EVENT_QUEUE, OUTBOUND, PEERS, SERVED_SCHEME } from './own-bindings.ts';
import { servePeers, type PeerService } from './peer-service.ts';
import { listenFailure } from './port.ts';
import { socketPath } from './socket-path.ts';
import { describeError, StartFailure, systemErrorCode, systemFailure } from './start-failure.ts';
import type { Terminal } from './terminal.ts';
import type { SecureSide } from './tls/secure-side.ts';
import { WorkerdProcesses } from './workerd-processes.ts';

const CONFIG_PROGRAM = join(import.meta.dirname, 'workerd-config.ts');

const RESTART_ATTEMPTS = 5;
const RESTART_PAUSE_MS = 200;
/** As wrangler.toml names it. */
const REPOSITORY_CLASS = 'Repository';

/** What a URL leaves out. */
const DEFAULT_PORTS = { http: 80, https: 443 } as const;
type Scheme = keyof typeof DEFAULT_PORTS;
/** workerd listens where only this machine can reach it, on a port that the system chooses. */
const INNER_SOCKET = { host: '127.0.0.1', port: 0 };
/** What Miniflare calls it: the first Worker's default export. */
const INNER_SOCKET_NAME = 'direct:0:default';

export interface RuntimeSettings {
  readonly worker: BuiltWorker;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly host: string;
  /** More at once are turned away. */
  readonly mostClients: number;
  readonly port: number;
  /** Undefined where plain HTTP is spoken. */
  readonly secure: SecureSide | undefined;
  readonly data: DataDirectory;
  /** Where blobs are plain files, the socket of their service; undefined for the bucket's emulator. */
  readonly files: string | undefined;
  readonly terminal: Terminal;
  /** workerd ended and could not be started again. */
  readonly onLost: (reason: string) => void;
}

interface Parts {
  readonly workerds: WorkerdProcesses;
  readonly front: Front;
  readonly peers: PeerService;
}

export class Runtime {
  readonly url: string;
  readonly #workerds: WorkerdProcesses;
  readonly #front: Front;
  readonly #peers: PeerService;
  readonly #settings: RuntimeSettings;
  #draining = false;
  #restarting = false;

  private constructor(settings: RuntimeSettings, { workerds, front, peers }: Parts) {
    this.#settings = settings;
    this.#workerds = workerds;
    this.#front = front;
    this.#peers = peers;
    const scheme = schemeOf(settings);
    const port = front.port === DEFAULT_PORTS[scheme] ? '' : `:${String(front.port)}`;
    this.url = `${scheme}://${urlHost(settings.host)}${port}`;
    workerds.onExit = (how) => void this.#serveAgain(how);
  }

  /** Serves when the promise is fulfilled. Throws StartFailure when it can't. */
  static async start(settings: RuntimeSettings): Promise<Runtime> {
    const front = await openFront(settings);
    const { terminal, data } = settings;
    terminal.knowPeers(front.peers);
    try {
      const peers = await servePeers(front.peers, data.path);
      const workerds = new WorkerdProcesses({
        terminal,
        environment: { BERTH_WORKERD_BINARY: workerdBinary(), BERTH_WORKERD_ALIVE: data.alive },
        config: await workerdConfig(miniflareOptions({ ...settings, peers: peers.path }), terminal),
        socket: INNER_SOCKET_NAME,
        entrySocket: socketPath(data.path, ENTRY_SOCKET),
      });
      // workerd wakes objects by itself, whose alarms are due.
      data.noteServed();
      front.target = await workerds.start();
      return new Runtime(settings, { workerds, front, peers });
    } catch (error) {
      const other = systemFailure(error, data.path);
      throw other ?? new StartFailure(`workerd can't be started: ${describeError(error)}`, { cause: error });
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
    this.#peers.close();
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
    let failure = '';
    for (let attempt = 1; attempt <= RESTART_ATTEMPTS && !this.#stopped(); attempt += 1) {
      try {
        this.#front.target = await this.#workerds.start();
        return undefined;
      } catch (error) {
        failure = describeError(error);
      }
      await delay(RESTART_PAUSE_MS * attempt);
    }
    return failure;
  }
}

function schemeOf({ secure }: { readonly secure?: RuntimeSettings['secure'] }): Scheme {
  return secure === undefined ? 'http' : 'https';
}

async function openFront({ host, port, mostClients, secure }: RuntimeSettings): Promise<Front> {
  try {
    return await Front.listen(host, port, mostClients, secure);
  } catch (error) {
    // Between our own look at the port and now somebody else may have taken it.
    throw listenFailure(systemErrorCode(error), host, port, error);
  }
}

/** What Miniflare warns of is passed on; throws what it says when it makes nothing. */
async function workerdConfig(options: MiniflareOptions, terminal: Terminal): Promise<Buffer> {
  const child = spawn(process.execPath, [CONFIG_PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(options));
  const [config, said] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')]);
  if (child.exitCode !== 0) throw new Error(said.trim());
  for (const message of said.split('\n').filter((line) => line !== ''))
    terminal.notice({ level: 'warn', event: 'miniflare', message });
  return config;
}

/** What Miniflare's options are made of. */
type OptionSettings = Pick<RuntimeSettings, 'worker' | 'variables' | 'files'> & {
  readonly secure?: RuntimeSettings['secure'];
  readonly data: Pick<DataDirectory, 'state' | 'path'>;
  /** The socket of peer-service.ts; without it nobody knows where clients are. */
  readonly peers?: string;
};

/** All of it is JSON. */
export function miniflareOptions(settings: OptionSettings): MiniflareOptions & { workers: WorkerOptions[] } {
  const { worker, variables, data, peers } = settings;
  return {
    // Otherwise Miniflare asks the internet what `request.cf` looks like.
    cf: false,
    logRequests: false,
    defaultPersistRoot: data.state,
    workers: [
      {
        ...worker.options,
        ...eventOptions(worker),
        ...storageOptions(settings),
        serviceBindings: {
          ...worker.options.serviceBindings,
          ...storageServices(settings),
          ...(peers === undefined ? {} : { [PEERS]: { external: { address: `unix:${peers}`, http: {} } } }),
          [OUTBOUND]: outboundService(v.parse(Webhooks, variables)),
        },
        // Here is one isolate, which counts by itself (src/http/access/guesses.ts).
        ratelimits: {},
        name: worker.name,
        modules: [{ type: 'ESModule', path: BUNDLE_FILE, contents: worker.bundle }],
        bindings: { ...v.parse(JsonRecord, variables), [SERVED_SCHEME]: schemeOf(settings) },
        unsafeDirectSockets: [INNER_SOCKET],
      },
    ],
  };
}

/** The emulator of the bucket is not even started where nothing lies in it. */
function storageOptions({ files }: OptionSettings): Partial<WorkerOptions> {
  return files === undefined ? {} : { r2Buckets: {} };
}

type Services = NonNullable<WorkerOptions['serviceBindings']>;

/** What src/storage/stores.ts and src/objects/made-repositories.ts choose by. */
function storageServices({ files, data, worker }: OptionSettings): Services {
  const repositories: Services = {
    REPOSITORY_FILES: { disk: { path: repositoryObjects(data, worker), writable: false } },
  };
  if (files === undefined) return repositories;
  return {
    ...repositories,
    FILES: { external: { address: `unix:${files}`, http: {} } },
    DISK: { disk: { path: join(data.path, BLOBS), writable: false } },
  };
}

/** The emulator of Cloudflare's Queues keeps all in memory: here an object keeps what is on its way (event-queue.ts). */
function eventOptions({ options }: BuiltWorker): Partial<WorkerOptions> {
  return {
    queueProducers: {},
    queueConsumers: {},
    durableObjects: { ...options.durableObjects, [EVENT_QUEUE]: { className: 'EventQueue', useSQLite: true } },
  };
}

/** Webhooks go through it: it looks at the address that a name resolves to, when it connects (CVE-2020-13788, CVE-2026-32591). */
function outboundService({ BERTH_WEBHOOKS_PRIVATE: privates }: v.InferOutput<typeof Webhooks>): Services[string] {
  const peers =
    privates === 'on'
      ? { allow: ['public', 'private', 'local'] }
      : { allow: ['public'], deny: [...NOT_PUBLIC_NETWORKS] };
  return { network: { ...peers, tlsOptions: { trustBrowserCas: true } } };
}

const Webhooks = v.object({ BERTH_WEBHOOKS_PRIVATE: v.optional(v.string()) });

/** Where workerd keeps the databases of one class. It would make the directory itself, but opens its disks before. */
function repositoryObjects({ state }: OptionSettings['data'], { name }: BuiltWorker): string {
  const path = join(state, OBJECTS, `${name}-${REPOSITORY_CLASS}`);
  mkdirSync(path, { recursive: true });
  return path;
}

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
const Json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(Json), JsonRecord]),
);
const JsonRecord = v.record(v.string(), Json);

/** The one that Miniflare itself would run. */
function workerdBinary(): string {
  const fromMiniflare = createRequire(createRequire(import.meta.url).resolve('miniflare'));
  return v.parse(v.object({ default: v.string() }), fromMiniflare('workerd')).default;
}
