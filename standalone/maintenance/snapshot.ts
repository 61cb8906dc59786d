/**
 * The databases of all objects as they were at one instant, whether a Berth serves them or not. What it is while it
 * serves: what a crash at that instant would have left. Every push that was answered before is in it.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { OBJECTS, STATE } from '../data-directory.ts';
import type { Access } from './data-access.ts';
import { StateCopy } from './state-copy.ts';

/** So much is copied in little more than an instant. */
const SHORT_PAUSE_BYTES = 32 * 1024 * 1024;
/** A registry under load may change faster than a disk copies. */
const MOST_LIVE_PASSES = 4;

/**
 * Puts them into `target`, which is emptied first. Where a Berth serves, it keeps from then on what is deleted, until
 * `release` or the end of this process.
 * @param uploads whether those of unfinished uploads are wanted too.
 */
export async function takeSnapshot(
  { path, control }: Pick<Access, 'path' | 'control'>,
  target: string,
  { uploads }: { readonly uploads: boolean },
): Promise<void> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(join(target, OBJECTS), { mode: 0o700, recursive: true });
  const isSkipped = (directory: string): boolean => !uploads && directory.endsWith('-Upload');
  const copy = new StateCopy(join(path, STATE, OBJECTS), join(target, OBJECTS), isSkipped);
  if (control === undefined) {
    copy.pass();
    return;
  }
  await control.order('hold');
  for (let pass = 0; pass < MOST_LIVE_PASSES; pass += 1) {
    if (copy.pass() <= SHORT_PAUSE_BYTES) break;
  }
  await control.order('pause');
  try {
    copy.pass();
  } finally {
    // Before anything else; and it tells whether the copy is of one instant.
    await control.order('resume');
  }
}
