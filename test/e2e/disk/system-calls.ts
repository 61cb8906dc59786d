/** What processes ask of the system to have on the disk, seen from outside with strace(1). */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'vitest';

const CALLS = 'fsync,fdatasync,rename,renameat,renameat2';

export class SystemCalls {
  readonly #tracer: ChildProcess;
  readonly #file: string;

  private constructor(tracer: ChildProcess, file: string) {
    this.#tracer = tracer;
    this.#file = file;
  }

  /** Sees what these processes do from now on. The test is skipped where there is no strace, or it may not look. */
  static async of(context: TestContext, pids: readonly number[]): Promise<SystemCalls> {
    const directory = mkdtempSync(join(tmpdir(), 'berth-strace-'));
    const file = join(directory, 'calls');
    const words = ['-f', '-y', '-e', `trace=${CALLS}`, '-o', file, ...pids.flatMap((pid) => ['-p', String(pid)])];
    const tracer = spawn('strace', words, { stdio: ['ignore', 'ignore', 'pipe'] });
    context.onTestFinished(() => {
      tracer.kill('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    });
    const attached = await new Promise<boolean>((resolve) => {
      const waiting = new Set(pids);
      tracer.once('error', () => {
        resolve(false);
      });
      tracer.once('exit', () => {
        resolve(false);
      });
      createInterface({ input: tracer.stderr }).on('line', (line) => {
        const pid = Number(/Process (\d+) attached/.exec(line)?.[1]);
        waiting.delete(pid);
        if (waiting.size === 0) resolve(true);
      });
    });
    if (!attached) {
      const message = 'strace cannot look at these processes here';
      if (process.env['BERTH_REQUIRE_CLIENTS'] === '1') throw new Error(message);
      console.warn(`skipped: ${message}`);
      return context.skip(message);
    }
    return new SystemCalls(tracer, file);
  }

  /** All calls that succeeded, one a line, in the order in which they ended. */
  async stop(): Promise<readonly string[]> {
    const ended = once(this.#tracer, 'exit');
    this.#tracer.kill('SIGTERM');
    await ended;
    return succeeded(readFileSync(this.#file, 'utf8').split('\n'));
  }
}

/** Puts together what strace tells in two lines, since other threads did something meanwhile. */
function succeeded(lines: readonly string[]): string[] {
  const begun = new Map<string, string>();
  const calls: string[] = [];
  for (const line of lines) {
    const [, thread = '', call = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (call.endsWith('<unfinished ...>')) {
      begun.set(thread, call.slice(0, -'<unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1];
    const whole = resumed === undefined ? call : `${begun.get(thread) ?? ''}${resumed}`;
    if (whole.endsWith('= 0')) calls.push(whole);
  }
  return calls;
}
