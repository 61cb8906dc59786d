/**
 * The workerd that serves: its process, what it prints, its end. Started as Miniflare would start it, with the
 * configuration that Miniflare made (workerd-config.ts), as often as it takes. In workerd.sh, so it never outlives Node.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Duplex } from 'node:stream';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { eachLine } from './each-line.ts';
import { isNoise } from './log-lines.ts';
import type { Terminal } from './terminal.ts';

/** Becomes workerd. */
const LAUNCHER = join(import.meta.dirname, 'workerd.sh');

/** Here workerd says where it listens, and its guard hears of the end of Node. */
const CONTROL_DESCRIPTOR = 3;

/**
 * Miniflare's own Worker, to which no request comes here, listens where this user alone may come: it believes a header that says
 * where a client is. Where Miniflare would have an HTTP server of its own, for what a development server wants, nobody answers:
 * that one asks for no host, origin or secret, and any web page could reach it. Port 9 is RFC 863's, which discards what it is sent.
 */
const argumentsOf = (entrySocket: string): readonly string[] => [
  ...['serve', '--binary', '--experimental'],
  ...[`--socket-addr=entry=unix:${entrySocket}`, '--external-addr=loopback=127.0.0.1:9'],
  ...[`--control-fd=${String(CONTROL_DESCRIPTOR)}`, '-'],
];

/** Of what it says on stderr when it can't start. */
const SAID_AT_MOST = 2_000;

const Listening = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ event: v.literal('listen'), socket: v.string(), port: v.number() }),
);

export interface WorkerdSettings {
  readonly terminal: Terminal;
  /** For workerd.sh, and whatever else should differ from this process's environment. */
  readonly environment: NodeJS.ProcessEnv;
  /** What workerd reads. */
  readonly config: Buffer;
  /** The name in `config` of the socket that matters. */
  readonly socket: string;
  /** The path of a Unix socket for Miniflare's own Worker. */
  readonly entrySocket: string;
}

export class WorkerdProcesses {
  /** Called when a workerd ends that nobody told to; `how` says by what. Not when one ends before it serves. */
  onExit: ((how: string) => void) | undefined;
  readonly #settings: WorkerdSettings;
  #current: ChildProcess | undefined;
  #printed: Promise<unknown> = Promise.resolve();

  constructor(settings: WorkerdSettings) {
    this.#settings = settings;
  }

  /** Undefined while there is none: the number of one that has ended may be somebody else's by now. */
  get pid(): number | undefined {
    return this.alive ? this.#current?.pid : undefined;
  }

  get alive(): boolean {
    return this.#current !== undefined && this.#current.exitCode === null && this.#current.signalCode === null;
  }

  /** Fulfilled with its port when it serves. Rejects with what it said when it ends before. */
  async start(): Promise<number> {
    const { environment, config, socket, entrySocket } = this.#settings;
    // Of the workerd before this one.
    rmSync(entrySocket, { force: true });
    const child = spawn(LAUNCHER, argumentsOf(entrySocket), {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      // The Worker's clock has no zone, as at Cloudflare; Miniflare's own Workers are told not to colour what they say.
      env: { ...process.env, TZ: 'UTC', FORCE_COLOR: '0', ...environment },
    });
    let said = '';
    const listen = (text: string): void => {
      if (said.length < SAID_AT_MOST) said += text;
    };
    child.stderr.setEncoding('utf8').on('data', listen);
    const port = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        const why = said.split('\n').find((line) => !isNoise(line));
        reject(new Error(why ?? describeEnd(code, signal)));
      });
      listening(child, socket, resolve);
    });
    this.#current = child;
    this.#printed = Promise.all([this.#print(child.stdout, 'stdout'), this.#print(child.stderr, 'stderr')]);
    child.once('exit', () => {
      dismissGuard(child);
    });
    // It may end before it has read all.
    child.stdin.on('error', () => undefined);
    child.stdin.end(config);
    const served = await port;
    child.stderr.off('data', listen);
    if (!this.alive) throw new Error(describeEnd(child.exitCode, child.signalCode));
    child.once('exit', (code, signal) => {
      this.onExit?.(describeEnd(code, signal));
    });
    return served;
  }

  /**
   * SIGTERM: workerd accepts nothing more, answers what it has begun and ends, and all that it printed is passed on.
   * A connection on which nothing was ever asked holds it for 15 seconds at most (workerd's own limit).
   */
  async finish(): Promise<void> {
    this.onExit = undefined;
    const child = this.#current;
    if (child === undefined || !this.alive) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    rmSync(this.#settings.entrySocket, { force: true });
    await this.#printed;
  }

  async #print(stream: Readable, name: 'stdout' | 'stderr'): Promise<void> {
    await eachLine(stream, (line) => {
      this.#settings.terminal.workerdLine(line, name);
    });
  }
}

function listening({ stdio }: ChildProcess, socket: string, tell: (port: number) => void): void {
  const control = stdio[CONTROL_DESCRIPTOR];
  if (!(control instanceof Duplex)) return;
  createInterface({ input: control }).on('line', (line) => {
    const { success, output } = v.safeParse(Listening, line);
    if (success && output.socket === socket) tell(output.port);
  });
}

/** One guard waits for each workerd (workerd.sh); without this it would stay until Node ends, one for each restart. */
function dismissGuard({ stdio }: ChildProcess): void {
  const control = stdio[CONTROL_DESCRIPTOR];
  if (!(control instanceof Duplex)) return;
  // The guard may have gone too.
  control.on('error', () => undefined);
  control.end('ended\n');
}

function describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
  return signal ?? `exit code ${String(code)}`;
}
