/** A program that is run to its end, for what it prints or for the time it takes; it ends with the bench at the latest. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const RUNNING = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of RUNNING) child.kill('SIGKILL');
});

interface Ran {
  readonly output: string;
  readonly milliseconds: number;
}

export async function runCommand(program: string, words: readonly string[]): Promise<Ran> {
  const { exitCode, ...ran } = await run(program, words);
  if (exitCode !== 0) throw new Error(`${program} ${words.join(' ')} failed:\n${ran.output}`);
  return ran;
}

/** The first version number that a program prints when it is asked for it; some call that a mistake and answer all the same. */
export async function versionOf(program: string): Promise<string> {
  const { output } = await run(program, ['--version']);
  return /\d+\.\d+\.\d+\S*/.exec(output)?.[0] ?? 'unknown';
}

async function run(program: string, words: readonly string[]): Promise<Ran & { readonly exitCode: number | null }> {
  const started = performance.now();
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  RUNNING.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  try {
    await once(child, 'close');
  } catch (cause) {
    throw new Error(`${program} can't be run: is it installed? docs/performance.md says how.`, { cause });
  } finally {
    RUNNING.delete(child);
  }
  return { output, milliseconds: performance.now() - started, exitCode: child.exitCode };
}
