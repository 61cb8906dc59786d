/**
 * Who may write a data directory: the user who runs the registry, and nobody else. Others could put their bytes under
 * digests that clients trust, or have files written where they like through a link.
 *
 * A directory that is new or empty is made so. In one that others could write when it was used, nothing can be trusted for
 * having been ours: that is for its owner to judge, and he is told what to type.
 */
import { accessSync, chmodSync, constants, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import { StartFailure, systemErrorCode } from './start-failure.ts';

/** Nobody but the user who runs the registry has any business in its data. */
export const PRIVATE_DIRECTORY_MODE = 0o700;
const WRITABLE_BY_OTHERS = 0o022;
const PERMISSIONS = 0o7777;

/** What is to be done about a directory of another user's: who works there, and how another one is named. */
export interface OwnerAdvice {
  readonly asOwner: string;
  readonly another: string;
}

const SERVING: OwnerAdvice = { asOwner: 'Start Berth as that one', another: 'choose another: --data DIR' };

/** The failure, in one line that says what to do, where another user has the directory; undefined where this one has. */
export function foreignOwner(uid: number, typed: string, { asOwner, another }: OwnerAdvice): StartFailure | undefined {
  // Windows knows no such owner.
  const user = process.geteuid?.();
  if (user === undefined || uid === user) return undefined;
  return new StartFailure(
    `${typed} belongs to another user (uid ${String(uid)}; this is ${String(user)}). ${asOwner}, give it away (chown -R ${String(user)} ${typed}), or ${another}`,
  );
}

/** Throws StartFailure with one line that says what to do, unless the directory is this user's alone to write. */
export function demandOwnDirectory(path: string, typed: string): void {
  const { mode, uid } = lstatSync(path);
  const foreign = foreignOwner(uid, typed, SERVING);
  if (foreign !== undefined) throw foreign;
  const isEmpty = readdirSync(path).length === 0;
  if (isEmpty && (mode & PERMISSIONS) !== PRIVATE_DIRECTORY_MODE) chmodSync(path, PRIVATE_DIRECTORY_MODE);
  // Somebody may have been quicker.
  const isTaken = isEmpty && readdirSync(path).length === 0;
  if (isTaken || (mode & WRITABLE_BY_OTHERS) === 0) return;
  throw new StartFailure(
    `${typed} can be written by other users (mode ${(mode & PERMISSIONS).toString(8)}). If nobody else has written there, take that away (chmod go-w ${typed}) and start again; or choose another: --data DIR`,
  );
}

/**
 * Throws StartFailure, with the first of them, for the directory or files in it that belong to another user and that this one may
 * not use: a restore or a copy that root made.
 *
 * @param databases the directories below it whose files are looked at as well. Of blobs there are too many
 */
export function refuseOthersFiles(path: string, typed: string, databases: string): void {
  const user = process.geteuid?.();
  for (const file of filesOf(path, databases)) {
    const found = lstatSync(file, { throwIfNoEntry: false });
    if (found === undefined || found.isSymbolicLink() || found.uid === user || isUsable(file)) continue;
    throw new StartFailure(
      `${join(typed, relative(path, file))} belongs to another user (uid ${String(found.uid)}; this is ${String(user)}), and this one may not use it. If ${typed} holds data of Berth, give all of it to this one (chown -R ${String(user)} ${typed}); or choose another: --data DIR`,
    );
  }
}

function* filesOf(path: string, databases: string): Generator<string> {
  yield path;
  for (const name of readdirSync(path)) yield join(path, name);
  yield join(path, databases);
  for (const name of namesIn(join(path, databases))) {
    yield join(path, databases, name);
    for (const file of namesIn(join(path, databases, name))) yield join(path, databases, name, file);
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return [];
    throw error;
  }
}

function isUsable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    return true;
  } catch (error) {
    // A disk that can only be read has a message of its own.
    return systemErrorCode(error) !== 'EACCES';
  }
}

/** Whoever may change a link decides where the data lie. */
export function refuseLink(path: string, typed: string): void {
  if (!lstatSync(path).isSymbolicLink()) return;
  throw new StartFailure(
    `${typed} is a symbolic link. Name the directory that it leads to: npm start -- --data ${leadsTo(path) ?? 'DIR'}`,
  );
}

function leadsTo(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
