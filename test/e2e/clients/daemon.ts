/**
 * Starts a container daemon by hand, as systemd would do elsewhere: waits until it answers, keeps
 * what it logs for the reason of a failure, and ends it by the process that was started and no other.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Daemons answer within a second here; a cold disk on a busy machine may take much longer. */
const START_LIMIT_MS = 30_000;
const POLL_MS = 50;
/** A daemon that has been asked to end and still runs after this is killed. */
const STOP_LIMIT_MS = 10_000;
/** Enough of the log for the line that tells why. */
const KEPT_LOG_CHARS = 20_000;

/** util-linux: has the kernel end a daemon whose test process was killed, so that none is left behind. */
const SETPRIV = '/usr/bin/setpriv';
const WITH_PARENT = ['--pdeathsig', 'TERM', '--'];

export interface Daemon {
  readonly pid: number;
  stop(): Promise<void>;
}

export class DaemonStartFailure extends Error {
  constructor(program: string, what: string, log: string) {
    const lines = log.trim().split('\n');
    // The last error line says more than the clean-up that follows it.
    const cause = lines.findLast((line) => /level=(fatal|error)|failed/.test(line)) ?? lines.at(-1) ?? '';
    super(`${program} ${what}: ${cause}`);
    this.name = 'DaemonStartFailure';
  }
}

/** Starts a daemon and resolves once `isReady` holds; throws `DaemonStartFailure` when it ends before that, or takes too long. */
export async function startDaemon(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  isReady: () => Promise<boolean>,
): Promise<Daemon> {
  const command = existsSync(SETPRIV) ? [SETPRIV, ...WITH_PARENT, program, ...args] : [program, ...args];
  const child = spawn(command[0] ?? program, command.slice(1), {
    env: { ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Its own group: a Ctrl-C on the terminal is for the test run, which then stops its daemons in order.
    detached: true,
  });
  let log = '';
  const keep = (bytes: Buffer): void => {
    log = (log + bytes.toString('utf8')).slice(-KEPT_LOG_CHARS);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', (error) => {
    keep(Buffer.from(error.message));
  });
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await isReady())) {
    if (child.pid === undefined || hasEnded(child))
      throw new DaemonStartFailure(program, 'ended while it started', log);
    if (Date.now() > deadline) {
      await stopChild(child);
      throw new DaemonStartFailure(program, `did not answer within ${String(START_LIMIT_MS)} ms`, log);
    }
    await delay(POLL_MS);
  }
  if (child.pid === undefined) throw new DaemonStartFailure(program, 'could not be started', log);
  return { pid: child.pid, stop: () => stopChild(child) };
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || hasEnded(child)) return;
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      resolve();
    }),
  );
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(patience);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
