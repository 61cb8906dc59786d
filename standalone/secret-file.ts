/**
 * A secret that Berth makes by itself, in a file of its owner alone beside the data. It is never half there: it is written
 * under another name first.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';

const OWNER_ONLY = 0o600;

/** What a file is called while it is written. */
export function unfinishedName(name: string): string {
  return `${name}.new`;
}

/**
 * Undefined where there is none yet. Throws StartFailure where it cannot be read.
 *
 * @param remedy what its owner can do then
 */
export function readSecretFile(path: string, remedy: string): string | undefined {
  try {
    // A link would have somebody else's file made readable, or read; a named pipe would have the start wait for its writer.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      if (!fstatSync(descriptor).isFile()) throw new Error('it is no file');
      fchmodSync(descriptor, OWNER_ONLY);
      return readFileSync(descriptor, 'utf8').trimEnd();
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw (
      notYours(error, path) ??
      new StartFailure(`${path} can't be read (${describeError(error)}). ${remedy}`, { cause: error })
    );
  }
}

/** Nothing is wrong with the secret then: it must not be made anew, which would lose what it opens. */
function notYours(error: unknown, path: string): StartFailure | undefined {
  if (!['EACCES', 'EPERM'].includes(systemErrorCode(error) ?? '')) return undefined;
  const user = String(process.geteuid?.());
  return new StartFailure(
    `${path} is not this user's (uid ${user}) to read. Keep it, and give all that is there to this one: chown -R ${user} ${dirname(path)}`,
    { cause: error },
  );
}

/** In place of what is there. */
export function writeSecretFile(directory: string, name: string, secret: string): void {
  const unfinished = join(directory, unfinishedName(name));
  rmSync(unfinished, { force: true });
  const descriptor = openSync(unfinished, 'wx', OWNER_ONLY);
  try {
    writeSync(descriptor, `${secret}\n`);
    giveToOwnerOf(directory, descriptor);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, join(directory, name));
  syncDirectory(directory);
}

/** What root makes in a directory of the service's has to be the service's to read. */
function giveToOwnerOf(directory: string, descriptor: number): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(directory);
  if (uid !== 0) fchownSync(descriptor, uid, gid);
}

/** Otherwise a power cut could take the name back, after something was done with the secret. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
