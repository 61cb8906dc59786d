/** A proxy of the test's own: the program behind `npx berth proxy`, on a free port. It ends with the test that started it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { onTestFinished } from 'vitest';
import { NODE_FLAGS } from '../../../standalone/node-flags.ts';
import { peakMemory } from '../process-memory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const START_LIMIT_MS = 60_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ProxyRun {
  /** Every line that it printed, in the order in which they came. */
  readonly output: string[] = [];
  readonly errors: string[] = [];
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines = new EventEmitter().setMaxListeners(0);

  constructor(words: readonly string[], through: readonly string[] = PROGRAM) {
    const [command = '', ...rest] = [...through, ...words];
    this.#child = spawn(command, rest, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: outerEnvironment() });
    this.exited = this.#watch();
    onTestFinished(async () => {
      this.#child.kill('SIGKILL');
      await this.exited;
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The first line that matches, of those that came and those to come. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(START_LIMIT_MS);
    for (let index = 0; ; index += 1) {
      while (index >= this.output.length) {
        await once(this.#lines, 'line', { signal }).catch((cause: unknown) => {
          throw new Error(`no line ${String(pattern)}; there were:\n${this.output.join('\n')}`, { cause });
        });
      }
      const match = pattern.exec(this.output[index] ?? '');
      if (match !== null) return match;
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async #watch(): Promise<Exit> {
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error('the output is not piped');
    for (const [stream, kept] of [
      [stdout, [this.output]],
      [stderr, [this.output, this.errors]],
    ] as const)
      createInterface({ input: stream }).on('line', (text) => {
        for (const lines of kept) lines.push(text);
        this.#lines.emit('line');
      });
    const [code, signal] = v.parse(
      v.tuple([v.nullable(v.number()), v.nullable(v.custom<NodeJS.Signals>((name) => typeof name === 'string'))]),
      await once(this.#child, 'close'),
    );
    return { code, signal };
  }
}

/** One that serves. */
export interface ProxyProcess {
  readonly run: ProxyRun;
  readonly url: string;
  /** `host:port`, for the names of images. */
  readonly host: string;
  /** Bytes, so far. 0 where the system does not tell. */
  peakMemory(): number;
}

export async function startProxy(upstream: string, words: readonly string[] = []): Promise<ProxyProcess> {
  const run = new ProxyRun([upstream, '--port', '0', '--verbose', ...words]);
  const [, url = ''] = await Promise.race([
    run.line(/^Berth proxy \S+ listens on (http:\S+), passes/),
    run.exited.then(({ code }) => {
      throw new Error(`the proxy ended with ${String(code)} before it served:\n${run.output.join('\n')}`);
    }),
  ]);
  return { run, url, host: new URL(url).host, peakMemory: () => peakMemory([run.pid]) };
}

export const PROGRAM: readonly string[] = [
  join(ROOT, 'node_modules', '.bin', 'node'),
  ...NODE_FLAGS,
  join(ROOT, 'scripts', 'proxy.mjs'),
];

/** Without what npm sets for its own child, by which the proxy would take itself for that. */
function outerEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_')));
}
