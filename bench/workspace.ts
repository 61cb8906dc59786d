/**
 * Where a bench keeps its data while it runs, and its figures for good. Beside the project and not in the system's place
 * for temporary files, which may be no disk at all; and never in memory, since what is measured ends on a disk.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const RESULTS = join(import.meta.dirname, 'results');
/** statfs(2), TMPFS_MAGIC and RAMFS_MAGIC. */
const KEPT_IN_MEMORY = [0x0102_1994, 0x8584_58f6];

/**
 * A folder that is deleted when the process ends, whatever ends it but SIGKILL.
 *
 * @param kept another one, which stays
 */
export function openWorkspace(kept?: string): string {
  const place = kept ?? RESULTS;
  mkdirSync(place, { recursive: true });
  if (KEPT_IN_MEMORY.includes(statfsSync(place).type)) {
    throw new Error(`${place} is kept in memory: choose a place on a disk, then measure again.`);
  }
  const folder = kept ?? mkdtempSync(join(RESULTS, 'data-'));
  process.once('exit', () => {
    if (kept === undefined) deleteFolder(folder);
  });
  // Servers have process groups of their own and hear nothing of a Ctrl-C here; what ends them listens for 'exit'.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  return folder;
}

/** Whoever was killed may write for a moment longer. */
export function deleteFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/** The file that holds every single figure. */
export function keepResults(kind: string, time: string, results: unknown): string {
  const file = join(RESULTS, `${time.replaceAll(':', '-')}-${kind}.json`);
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
  return file;
}

/** Nobody pays for what another left to the disk. */
export async function writeBack(): Promise<void> {
  await promisify(execFile)('sync');
}
