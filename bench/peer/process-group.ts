/** The processes of a group, whoever their parents are by now: what a server has started and may leave behind. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const END_LIMIT_MS = 60_000;
const POLL_MS = 20;

/** Process ids; without those that have ended and are still in the table. */
export function processesOf(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => groupOf(pid) === group);
}

export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch (error) {
    // ESRCH: there is nobody left.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Fulfilled when none of it is left; they are killed if they take too long. */
export async function gone(group: number): Promise<void> {
  const deadline = Date.now() + END_LIMIT_MS;
  // Nobody tells when a process ends that isn't one's child.
  while (processesOf(group).length > 0) {
    if (Date.now() > deadline) signalGroup(group, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/** proc(5): `pid (name) state ppid pgrp …`, where the name may hold anything. */
function groupOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' ? undefined : Number(group);
  } catch {
    return undefined;
  }
}
