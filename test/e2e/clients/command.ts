/**
 * Runs real client programs: every run has a time limit, its output is captured, and a failure tells
 * the command, the exit and the last lines that the program printed. A program that overstays is
 * ended together with what it started, since clients fork (podman, ctr's unpackers, docker's plugins).
 */
import { spawn } from 'node:child_process';

/** Long enough for a few dozen megabytes on two busy cores; short enough that a hang is named before the test's own limit. */
const COMMAND_LIMIT_MS = 60_000;
/** What a failure quotes of the output: the cause stands in the last lines. */
const QUOTED_OUTPUT_CHARS = 2_000;

export interface CommandOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly limitMs?: number;
  /** What it reads from its standard input; without it, that is empty. */
  readonly input?: Uint8Array;
}

export interface CommandResult {
  readonly stdout: Buffer;
  readonly stderr: string;
  /** Both streams as text, in the order in which they came. */
  readonly output: string;
}

export class CommandFailure extends Error {
  constructor(command: string, ending: string, output: string) {
    super(`${command}\n${ending}\n${output.slice(-QUOTED_OUTPUT_CHARS)}`);
    this.name = 'CommandFailure';
  }
}

/** Runs a program to its end; throws `CommandFailure` when it can't start, exits with another code than 0, or overstays. */
export async function runCommand(
  program: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const limitMs = options.limitMs ?? COMMAND_LIMIT_MS;
  const said = `$ ${[program, ...args].join(' ')}`;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A process group of its own, so that the limit reaches the children too.
      detached: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const both: Buffer[] = [];
    let overstayed = false;
    const limit = setTimeout(() => {
      overstayed = true;
      if (child.pid !== undefined) endGroup(child.pid);
    }, limitMs);
    child.stdout.on('data', (bytes: Buffer) => {
      stdout.push(bytes);
      both.push(bytes);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      stderr.push(bytes);
      both.push(bytes);
    });
    // A program that ends before it has read everything says why by its exit.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.on('error', (error) => {
      clearTimeout(limit);
      reject(new CommandFailure(said, `could not be started: ${error.message}`, ''));
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const output = Buffer.concat(both).toString('utf8');
      if (overstayed) reject(new CommandFailure(said, `was ended after ${String(limitMs)} ms`, output));
      else if (code !== 0) reject(new CommandFailure(said, `ended with ${signal ?? `code ${String(code)}`}`, output));
      else resolve({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8'), output });
    });
  });
}

/** Ends a process group that this file started; one that has ended already is what was wanted. */
function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It ended between the limit and the signal.
  }
}
