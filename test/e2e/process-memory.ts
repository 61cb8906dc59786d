/** How much memory processes take, as the system tells (proc(5)). Where there is no /proc, all of it is 0. */
import { readFileSync, writeFileSync } from 'node:fs';

const KIBIBYTE = 1_024;

/** Bytes. Of each process its own peak, added up: as much as all can have taken at one moment. */
export function peakMemory(pids: readonly number[]): number {
  return sum(pids, (pid) => field(pid, 'status', 'VmHWM'));
}

/** Bytes, right now. What several processes share is counted once (PSS). */
export function presentMemory(pids: readonly number[]): number {
  return sum(pids, (pid) => field(pid, 'smaps_rollup', 'Pss'));
}

/** From now on a peak is counted anew. */
export function forgetPeaks(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
    } catch {
      // It has just ended, or may not be told: then its peak counts from its start, which is never lower.
    }
  }
}

function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + of(pid), 0);
}

/** 0 for a process that has just ended. */
function field(pid: number, file: 'status' | 'smaps_rollup', name: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * KIBIBYTE;
  } catch {
    return 0;
  }
}
