/**
 * Makes a process stand still for a moment (SIGSTOP), so that its files can be copied as they are at one instant: what a
 * power cut would have left then, but for nothing being lost that was written.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from './start-failure.ts';

/** Threads stop when they leave the kernel, which one that waits for the disk does only then. */
const STOP_PATIENCE_MS = 5_000;
const POLL_MS = 2;

/** Fulfilled when no thread of it runs any more. False when that doesn't come about; then it goes on running. */
export async function stopProcess(pid: number): Promise<boolean> {
  const deadline = performance.now() + STOP_PATIENCE_MS;
  try {
    process.kill(pid, 'SIGSTOP');
    while (!standsStill(pid)) {
      if (performance.now() > deadline) {
        continueProcess(pid);
        return false;
      }
      await delay(POLL_MS);
    }
    return true;
  } catch (error) {
    continueProcess(pid);
    if (hasEnded(error)) return false;
    throw error;
  }
}

export function continueProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if (!hasEnded(error)) throw error;
  }
}

/** The signal is sent to the process, and reaches one thread after the other. */
function standsStill(pid: number): boolean {
  if (process.platform !== 'linux') {
    const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
    return stdout.trim().startsWith('T');
  }
  const threads = `/proc/${String(pid)}/task`;
  return readdirSync(threads).every((thread) => {
    try {
      // proc_pid_stat(5): the state stands behind the name, which is in brackets and may hold anything.
      const stat = readFileSync(`${threads}/${thread}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
    } catch (error) {
      // A thread that ended meanwhile.
      if (hasEnded(error)) return true;
      throw error;
    }
  });
}

function hasEnded(error: unknown): boolean {
  return ['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '');
}
