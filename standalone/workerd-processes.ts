/**
 * The workerd that Miniflare has running: its process, what it prints, its end. Miniflare keeps its child to itself;
 * Node announces every child process on a diagnostics channel.
 */
import { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import type { Terminal } from './terminal.ts';

/** Run by Miniflare in place of workerd; it becomes workerd. */
export const LAUNCHER = join(import.meta.dirname, 'workerd.sh');

/** Miniflare's control channel, on which workerd's guard listens for the end of Node. */
const CONTROL_DESCRIPTOR = 3;

export class WorkerdProcesses {
  /** Called when a workerd ends that nobody told to; `how` says by what. */
  onExit: ((how: string) => void) | undefined;
  readonly #terminal: Terminal;
  #current: ChildProcess | undefined;
  #printed: Promise<unknown> = Promise.resolve();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    subscribe('child_process', (message) => {
      const child = announcedChild(message);
      // It is announced before it knows what it runs.
      if (child !== undefined)
        process.nextTick(() => {
          this.#adopt(child);
        });
    });
  }

  /** Undefined while there is none: the number of one that has ended may be somebody else's by now. */
  get pid(): number | undefined {
    return this.alive ? this.#current?.pid : undefined;
  }

  get alive(): boolean {
    return this.#current !== undefined && this.#current.exitCode === null && this.#current.signalCode === null;
  }

  /** For Miniflare's `handleRuntimeStdio`, which it calls for each workerd that it starts. */
  readonly readOutput = (stdout: Readable, stderr: Readable): void => {
    this.#printed = Promise.all([this.#print(stdout, 'stdout'), this.#print(stderr, 'stderr')]);
  };

  /**
   * SIGTERM: workerd accepts nothing more, answers what it has begun and ends, and all that it printed is passed on.
   * A connection on which nothing was ever asked holds it for 15 seconds at most (workerd's own limit).
   */
  async finish(): Promise<void> {
    const child = this.#current;
    if (child === undefined || !this.alive) return;
    // Miniflare listens for this end, would take it for a crash, and would start another workerd.
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    dismissGuard(child);
    await this.#printed;
  }

  #adopt(child: ChildProcess): void {
    if (child.spawnfile !== LAUNCHER) return;
    this.#current = child;
    child.once('exit', (code, signal) => {
      dismissGuard(child);
      this.onExit?.(signal ?? `exit code ${String(code)}`);
    });
  }

  async #print(stream: Readable, name: 'stdout' | 'stderr'): Promise<void> {
    const lines = createInterface({ input: stream, crlfDelay: Infinity });
    lines.on('line', (line) => {
      this.#terminal.workerdLine(line, name);
    });
    await once(lines, 'close');
  }
}

/** One guard waits for each workerd (workerd.sh); without this it would stay until Node ends, one for each restart. */
function dismissGuard(child: ChildProcess): void {
  const control = child.stdio[CONTROL_DESCRIPTOR];
  if (!(control instanceof Writable)) return;
  // The guard may have gone too.
  control.on('error', () => undefined);
  control.end('ended\n');
}

function announcedChild(message: unknown): ChildProcess | undefined {
  if (typeof message !== 'object' || message === null || !('process' in message)) return undefined;
  return message.process instanceof ChildProcess ? message.process : undefined;
}
