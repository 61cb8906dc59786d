/**
 * A Berth of the test's own: the program behind `npm start` in a process group of its own, on a free port and with a
 * data directory of its own, ready to be signalled, killed and started again. Everything is learned from what the
 * program prints (one JSON object a line) and from the system's table of processes.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { NODE_FLAGS, PROGRAM } from '../../standalone/node-flags.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** A first start builds the Worker, on a machine that may be busy. */
const START_LIMIT_MS = 90_000;
const LINE_LIMIT_MS = 60_000;
const END_LIMIT_MS = 60_000;
const POLL_MS = 20;

export interface BerthOptions {
  /** 0, which is the default, takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** A new temporary directory by default. */
  readonly data?: string;
  /** What `npm start` uses by itself when it is not given. */
  readonly storage?: 'filesystem' | 'r2';
  /** False: with --no-sync. */
  readonly sync?: boolean;
  /** The file that says who may do what. */
  readonly policy?: string;
  /** Settings (BERTH_…) and whatever else should differ from this process's environment; undefined unsets. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** `npm` runs `npm start`, with npm and its shell around; `node`, the default, only the program. */
  readonly through?: 'node' | 'npm';
  /** A command that runs the words that follow it, for example one that sets a limit first. */
  readonly within?: readonly string[];
  /** The checkout to start in. */
  readonly root?: string;
  /** All that stands behind `npm start --`, in place of what port, data and the others make. */
  readonly words?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

const Line = v.looseObject({ level: v.string(), event: v.string() });
export type Line = v.InferOutput<typeof Line>;
const Serving = v.looseObject({
  event: v.literal('serving'),
  url: v.pipe(v.string(), v.url()),
  pid: v.number(),
  workerdPid: v.number(),
});
const Restarted = v.looseObject({ event: v.literal('workerd-restarted'), workerdPid: v.number() });

/** Starts a Berth and waits until it serves. Rejects with all that it printed if it does not. */
export async function startBerth(options: BerthOptions = {}): Promise<BerthProcess> {
  const run = runBerth(options);
  const serving = await Promise.race([
    run.waitFor((line) => v.is(Serving, line), { limitMs: START_LIMIT_MS, from: 0 }),
    run.exited.then((exit) => {
      throw new Error(`Berth ended before it served (${describe(exit)}):\n${run.output.join('\n')}`);
    }),
  ]).catch(async (error: unknown) => {
    run.signalGroup('SIGKILL');
    await run.discard();
    throw error;
  });
  const { url, pid } = v.parse(Serving, serving);
  return new BerthProcess(run, options, url, pid);
}

/** Starts a Berth that is not expected to serve: what it prints and how it ends. */
export function runBerth(options: BerthOptions = {}): BerthRun {
  return new BerthRun(options);
}

/** The processes and the output of one start. */
export class BerthRun {
  readonly data: string;
  /** Every line that it printed, on stdout and stderr, in the order in which they came. */
  readonly output: string[] = [];
  readonly errors: string[] = [];
  readonly exited: Promise<Exit>;
  /** npm, or the program itself. */
  readonly #child: ChildProcess;
  readonly #lines = new EventEmitter().setMaxListeners(0);
  readonly #parsed: Line[] = [];
  readonly #group: number;

  constructor(options: BerthOptions) {
    const { port = 0, host, storage, sync = true, policy, environment = {}, through = 'node', root = ROOT } = options;
    this.data = options.data ?? temporaryDirectory();
    const words = options.words ?? [
      ...['--port', String(port), '--data', this.data],
      ...(host === undefined ? [] : ['--host', host]),
      ...(storage === undefined ? [] : ['--storage', storage]),
      ...(sync ? [] : ['--no-sync']),
      ...(policy === undefined ? [] : ['--policy', policy]),
    ];
    const program =
      through === 'npm'
        ? ['npm', 'start', '--']
        : [join(root, 'node_modules', '.bin', 'node'), ...NODE_FLAGS, join(root, PROGRAM)];
    const [command = '', ...rest] = [...(options.within ?? []), ...program, ...words];
    this.#child = spawn(command, rest, {
      cwd: root,
      // Of its own, so that a signal for the group reaches Berth and not the tests, and nothing of it can be overlooked.
      detached: true,
      env: { ...outerEnvironment(), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${command} can't be run`);
    this.#group = pid;
    RUNNING.add(this);
    this.exited = this.#watch();
    // Whoever is interested awaits it; nobody has to.
    this.exited.catch(() => undefined);
  }

  get lines(): readonly Line[] {
    return this.#parsed;
  }

  /** The first line that matches, of those yet to come or, with `from`, of those from that index on. */
  async waitFor(
    matches: (line: Line) => boolean,
    { limitMs = LINE_LIMIT_MS, from = this.#parsed.length }: { limitMs?: number; from?: number } = {},
  ): Promise<Line> {
    const signal = AbortSignal.timeout(limitMs);
    for (let index = from; ; index += 1) {
      while (index >= this.#parsed.length) {
        await once(this.#lines, 'line', { signal }).catch((cause: unknown) => {
          throw new Error(`the awaited line never came; there were:\n${this.output.join('\n')}`, { cause });
        });
      }
      const line = this.#parsed[index];
      if (line !== undefined && matches(line)) return line;
    }
  }

  /** To the process that was started: npm, where npm was asked for. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To every process at once, as a terminal's Ctrl-C does. */
  signalGroup(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#group, signal);
    } catch (error) {
      // ESRCH: there is nobody left.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }

  /** What is alive of it, guards and workerd included, whoever its parent is by now. */
  async processes(): Promise<ProcessInfo[]> {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,args=']);
    return stdout
      .split('\n')
      .map((row) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(row))
      .filter((row) => row !== null)
      .filter(([, , , group, state]) => Number(group) === this.#group && state?.startsWith('Z') === false)
      .map(([, pid, parent, , , command = '']) => ({ pid: Number(pid), parent: Number(parent), command }));
  }

  /** Fulfilled when no process of it is left. */
  async gone(): Promise<void> {
    const deadline = Date.now() + END_LIMIT_MS;
    for (;;) {
      const left = await this.processes();
      if (left.length === 0) return;
      if (Date.now() > deadline)
        throw new Error(`still there:\n${left.map(({ pid, command }) => `${String(pid)} ${command}`).join('\n')}`);
      // Nobody tells when a process ends that isn't one's child.
      await delay(POLL_MS);
    }
  }

  /** Ends whatever runs, and deletes the data directory if it is a temporary one. */
  async discard(): Promise<void> {
    this.signalGroup('SIGKILL');
    await this.gone();
    RUNNING.delete(this);
    if (TEMPORARY.delete(this.data)) rmSync(this.data, { recursive: true, force: true });
  }

  async #watch(): Promise<Exit> {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the output is not piped');
    createInterface({ input: stdout }).on('line', (text) => {
      this.output.push(text);
      this.#parse(text);
    });
    createInterface({ input: stderr }).on('line', (text) => {
      this.output.push(text);
      this.errors.push(text);
      // Beside an access log the program's own lines are here.
      this.#parse(text);
    });
    const [code, signal] = v.parse(
      v.tuple([v.nullable(v.number()), v.nullable(v.custom<NodeJS.Signals>((name) => typeof name === 'string'))]),
      await once(this.#child, 'close'),
    );
    return { code, signal };
  }

  #parse(text: string): void {
    // npm prints what it runs; only Berth prints JSON.
    const line = v.safeParse(v.pipe(v.string(), v.startsWith('{'), v.parseJson(), Line), text);
    if (!line.success) return;
    this.#parsed.push(line.output);
    this.#lines.emit('line');
  }
}

/** A Berth that serves. */
export class BerthProcess {
  readonly url: string;
  readonly port: number;
  readonly data: string;
  /** Node's; npm's, where there is one, is its parent. */
  readonly pid: number;
  readonly run: BerthRun;
  readonly #options: BerthOptions;

  constructor(run: BerthRun, options: BerthOptions, url: string, pid: number) {
    this.run = run;
    this.#options = options;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.data = run.data;
    this.pid = pid;
  }

  /** Of the workerd that serves now, or served last. */
  get workerdPid(): number {
    const { workerdPid } = v.parse(
      v.union([Serving, Restarted]),
      this.lines.findLast((line) => v.is(Serving, line) || v.is(Restarted, line)),
    );
    return workerdPid;
  }

  get lines(): readonly Line[] {
    return this.run.lines;
  }

  get exited(): Promise<Exit> {
    return this.run.exited;
  }

  /** SIGTERM, to npm where npm was asked for; fulfilled when all of it has ended. The data stay. */
  async stop(): Promise<Exit> {
    this.run.signal('SIGTERM');
    const exit = await this.exited;
    await this.run.gone();
    return exit;
  }

  /** SIGKILL for Node alone; fulfilled when nothing is left of it. The data stay. */
  async kill(): Promise<void> {
    process.kill(this.pid, 'SIGKILL');
    await this.run.gone();
  }

  /** SIGKILL for workerd alone; fulfilled with the next one's process id when that serves. */
  async killWorkerd(): Promise<number> {
    const restarted = this.run.waitFor((line) => v.is(Restarted, line));
    process.kill(this.workerdPid, 'SIGKILL');
    return v.parse(Restarted, await restarted).workerdPid;
  }

  /** SIGKILL for Node, workerd and everything else at once; fulfilled when nothing is left. The data stay. */
  async killAll(): Promise<void> {
    this.run.signalGroup('SIGKILL');
    await this.run.gone();
  }

  /** Another start on the same port and data, once this one has ended. */
  startAgain(changes: Omit<BerthOptions, 'port' | 'data'> = {}): Promise<BerthProcess> {
    return startBerth({ ...this.#options, ...changes, port: this.port, data: this.data });
  }

  /** Ends whatever runs, and deletes the data directory if it is a temporary one. */
  discard(): Promise<void> {
    return this.run.discard();
  }
}

const RUNNING = new Set<BerthRun>();
const TEMPORARY = new Set<string>();

process.once('exit', () => {
  for (const run of RUNNING) run.signalGroup('SIGKILL');
  for (const directory of TEMPORARY) rmSync(directory, { recursive: true, force: true });
});

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'berth-test-'));
  TEMPORARY.add(directory);
  return directory;
}

/** Without what npm and vitest set for their own child, which would look to Berth as if it were that. */
export function outerEnvironment(): NodeJS.ProcessEnv {
  const inner = (name: string): boolean =>
    name.toLowerCase().startsWith('npm_') ||
    name.startsWith('VITEST') ||
    name.startsWith('BERTH_') ||
    name === 'NODE_ENV';
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !inner(name)));
}

function describe({ code, signal }: Exit): string {
  return signal ?? `exit code ${String(code)}`;
}
