/**
 * The directory that a backup or restore writes to: made if it is new, and in no one else's hands. What root left in another
 * user's directory would be closed to that one: his next backups, or the Berth that he starts there, would end with EACCES.
 */
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { LOCK, tryLock } from '../directory-lock.ts';
import { foreignOwner, type OwnerAdvice } from '../directory-owner.ts';
import { describeError, StartFailure, systemErrorCode } from '../start-failure.ts';

const COPYING: OwnerAdvice = { asOwner: 'Run this as that one', another: 'choose another directory' };

/**
 * @param refuse is given the names of what lies there, and throws if it must not be touched.
 * Throws StartFailure when the directory can't be used or another process works in it.
 */
export function openTarget(typed: string, refuse: (names: readonly string[]) => void): string {
  const path = resolve(typed);
  try {
    make(path, typed);
    demandOwner(path, typed);
    const names = readdirSync(path).filter((name) => name !== LOCK);
    refuse(names);
    if (tryLock(path)) return path;
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw new StartFailure(`${typed} can't be used: ${describeError(error)}`, { cause: error });
  }
  throw new StartFailure(`${typed} is in use: another backup or restore works with it. Wait for that, then try again.`);
}

/** Its parent has to be there: what should lie on another disk must not fill this one because that is not mounted. */
function make(path: string, typed: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT')
      throw new StartFailure(`${typed} can't be made: its parent directory does not exist. Make that first.`, {
        cause: error,
      });
    if (code !== 'EEXIST') throw error;
  }
}

function demandOwner(path: string, typed: string): void {
  const { uid } = statSync(path);
  const foreign = foreignOwner(uid, typed, COPYING);
  if (foreign !== undefined && !isMadeForOwner(path, uid)) throw foreign;
}

/** On a share (NFS with squash, CIFS) all may belong to one user, whoever makes it; then nobody is closed out. */
function isMadeForOwner(path: string, uid: number): boolean {
  try {
    const probe = mkdtempSync(join(path, '.owner-'));
    try {
      return lstatSync(probe).uid === uid;
    } finally {
      rmdirSync(probe);
    }
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return false;
  }
}
