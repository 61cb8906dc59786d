/**
 * Who works in a data directory. Two files tell:
 *
 *   lock           an SQLite file whose exclusive lock one process holds. The kernel drops it with the process, SIGKILL
 *                  included, so it is never stale and nothing has to be cleaned up or guessed from process ids.
 *   workerd.alive  a named pipe that workerd holds open as long as it lives (workerd.sh). It tells whether a workerd
 *                  whose Node was killed still writes here; its guard ends it in that moment, and we wait for that.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from './start-failure.ts';

export const LOCK = 'lock';
export const ALIVE = 'workerd.alive';

/** A guard needs milliseconds to end its workerd; a machine under load may need more. */
const LEFTOVER_PATIENCE_MS = 5_000;
const LEFTOVER_POLL_MS = 20;

const SQLITE_BUSY = 5;

/** Never closed: the lock has to last as long as the process, whatever the garbage collector thinks. */
const held = new Set<DatabaseSync>();

/** Takes the lock until this process ends. False when another process has it. */
export function tryLock(directory: string): boolean {
  const database = new DatabaseSync(join(directory, LOCK), { timeout: 0 });
  try {
    // Nothing is ever written, so there is nothing to journal; the lock alone matters.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return false;
    throw error;
  }
  held.add(database);
  return true;
}

/** Opening a pipe for writing without waiting succeeds only while somebody holds its other end. */
export function openForWriting(path: string): 'held' | 'free' | 'missing' {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return 'held';
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENXIO') return 'free';
    if (code === 'ENOENT') return 'missing';
    throw error;
  }
}

/** Waits until no workerd of a killed Node is left. False when one does not leave. */
export async function leftoverGone(directory: string, onWait: () => void): Promise<boolean> {
  for (let waited = 0; openForWriting(join(directory, ALIVE)) === 'held'; waited += LEFTOVER_POLL_MS) {
    if (waited === 0) onWait();
    if (waited >= LEFTOVER_PATIENCE_MS) return false;
    await delay(LEFTOVER_POLL_MS);
  }
  return true;
}
