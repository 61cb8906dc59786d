/**
 * The directory behind --data, held by one process at a time.
 *
 *   the directory itself  this user's alone to write: directory-owner.ts.
 *   lock, workerd.alive   who works here: directory-lock.ts.
 *   version.json          {"version":1,"storage":"filesystem",…}: version-file.ts.
 *   state/                everything that Miniflare keeps: the objects' databases, the cache, and the bucket's emulator.
 *   blobs/, uploads/, held/   the bytes of blobs as plain files: files/layout.ts.
 *   files.socket          where the file service listens.
 *   peers.socket          where the Worker asks for the address of a client: peer-service.ts.
 *   entry.socket          where Miniflare's own Worker listens, which nobody asks for anything: workerd-processes.ts.
 *   control.socket        where the tools beside the registry ask for a standstill: control.ts.
 *   admin-password        what opens the admin API: admin-password.ts.
 *   encryption-key        what secrets of the admin API's are kept with: encryption-key.ts.
 *   registry-id           which registry it is, for its backups: registry-id.ts.
 *   backup.json           says that this is a backup, which `npm run backup` may renew.
 *   verify/, state.new/   a copy of the databases that `npm run verify` or `npm run backup` works with.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ADMIN_PASSWORD, NEW_ADMIN_PASSWORD } from './admin-password.ts';
import type { StorageKind } from './settings/program-settings.ts';
import { ALIVE, leftoverGone, LOCK, openForWriting, tryLock } from './directory-lock.ts';
import { ENCRYPTION_KEY, NEW_ENCRYPTION_KEY } from './encryption-key.ts';
import { demandOwnDirectory, PRIVATE_DIRECTORY_MODE, refuseLink, refuseOthersFiles } from './directory-owner.ts';
import { removeEmptyDatabases } from './empty-databases.ts';
import { BLOBS, HELD, SOCKET, UPLOADS } from './files/layout.ts';
import { describeError, StartFailure, systemErrorCode, systemFailure } from './start-failure.ts';
import { ensureRegistryId, NEW_REGISTRY_ID, REGISTRY_ID } from './registry-id.ts';
import {
  DATA_VERSION,
  isNoted,
  NEW_VERSION,
  newerPart,
  presentVersion,
  readVersion,
  VERSION,
  writeVersion,
  type VersionFile,
} from './version-file.ts';

export const STATE = 'state';
/** The objects' databases below it; what else lies there is a cache. */
export const OBJECTS = 'do';
export const NEW_STATE = 'state.new';
export const CONTROL_SOCKET = 'control.socket';
export const PEERS_SOCKET = 'peers.socket';
export const ENTRY_SOCKET = 'entry.socket';
export const BACKUP_FILE = 'backup.json';
/** The copy of the databases that `npm run verify` reads. */
export const VERIFY = 'verify';
const OWN_NAMES: ReadonlySet<string> = new Set([
  ...[LOCK, ALIVE, VERSION, NEW_VERSION, STATE, NEW_STATE, BLOBS, UPLOADS, HELD],
  ...[SOCKET, PEERS_SOCKET, ENTRY_SOCKET, CONTROL_SOCKET, BACKUP_FILE, VERIFY, ADMIN_PASSWORD, NEW_ADMIN_PASSWORD],
  ...[ENCRYPTION_KEY, NEW_ENCRYPTION_KEY, REGISTRY_ID, NEW_REGISTRY_ID],
]);

export interface DataDirectory {
  readonly state: string;
  /** The named pipe that each workerd opens and holds. */
  readonly alive: string;
  /** Where a bundle may be kept when node_modules can't be written. */
  readonly path: string;
  /**
   * Notes that this release serves the data, so that no older one does from then on, nor a backup take their place. To be called
   * when all else is ready and before any object can wake, which upgrades it: a start that fails before locks nobody out.
   */
  readonly noteServed: () => void;
}

/**
 * Opens the directory for this process, until it ends. Throws StartFailure with one line that says what to do.
 * `onWait` is called when the workerd of an earlier start has to end first.
 */
export async function openDataDirectory(
  typed: string,
  storage: StorageKind,
  onWait: () => void,
): Promise<DataDirectory> {
  const path = resolve(typed);
  create(path, typed);
  try {
    refuseLink(path, typed);
    demandUsable(path, typed);
    demandOwnDirectory(path, typed);
    lock(path, typed);
    const found = refuseVersion(path, typed, storage);
    // Before anything else is there: data without it are half a copy.
    if (found === 'new') writeVersion(path, presentVersion(storage));
    const alive = join(path, ALIVE);
    makeNamedPipe(alive, typed);
    await waitForLeftover(typed, path, onWait);
    const state = join(path, STATE);
    removeEmptyDatabases(join(state, OBJECTS));
    const noteServed = (): void => {
      ensureRegistryId(path);
      if (found !== 'new' && !isNoted(found)) writeVersion(path, presentVersion(storage));
      // What is served is a registry of its own: the next backup of another one must not take its place.
      rmSync(join(path, BACKUP_FILE), { force: true });
    };
    return { path, alive, state, noteServed };
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw cantBeUsed(typed, error);
  }
}

function cantBeUsed(typed: string, cause: unknown): StartFailure {
  const message = `${typed} can't be used: ${reasonOf(cause)}. Choose another: --data DIR`;
  return systemFailure(cause, typed) ?? new StartFailure(message, { cause });
}

/** Without the path, which the message has already. */
function reasonOf(error: unknown): string {
  const code = systemErrorCode(error);
  if (code !== 'EACCES' && code !== 'EPERM') return describeError(error);
  const user = process.geteuid?.();
  return `this user${user === undefined ? '' : ` (uid ${String(user)})`} may not write there. Let it (chown, chmod)`;
}

/**
 * What openDataDirectory would refuse for, as far as it can be told without touching anything, beside a Berth that may serve.
 *
 * @returns the line that says what to do, or undefined
 */
export function lookAtDataDirectory(typed: string, storage: StorageKind): string | undefined {
  const path = resolve(typed);
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) {
      if (!statSync(dirname(path)).isDirectory()) throw notMade(typed, 'ENOTDIR');
      return undefined;
    }
    if (!found.isDirectory()) throw isFile(typed);
    refuseLink(path, typed);
    demandUsable(path, typed);
    refuseVersion(path, typed, storage);
    return undefined;
  } catch (error) {
    const code = systemErrorCode(error);
    const isParent = code === 'ENOENT' || code === 'ENOTDIR';
    const failure =
      error instanceof StartFailure ? error : isParent ? notMade(typed, code, error) : cantBeUsed(typed, error);
    return failure.message;
  }
}

function create(path: string, typed: string): void {
  try {
    mkdirSync(path, { mode: PRIVATE_DIRECTORY_MODE });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST') {
      if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return;
      throw isFile(typed);
    }
    throw notMade(typed, code, error);
  }
}

function isFile(typed: string): StartFailure {
  return new StartFailure(`${typed} is a file, not a directory. Choose another: --data DIR`);
}

function notMade(typed: string, code: string | undefined, cause?: unknown): StartFailure {
  const reason =
    code === 'ENOENT'
      ? 'its parent directory does not exist; make that first'
      : code === 'ENOTDIR'
        ? 'part of its path is a file, not a directory'
        : reasonOf(cause);
  const message = `${typed} can't be made: ${reason}. Or choose another: --data DIR`;
  return systemFailure(cause, typed) ?? new StartFailure(message, { cause });
}

function demandUsable(path: string, typed: string): void {
  // What holds other things is nobody's to give away; what can't be read may hold anything.
  if (isReadable(path)) refuseForeign(path, typed);
  refuseOthersFiles(path, typed, join(STATE, OBJECTS));
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `--data ~` would otherwise mix the registry with somebody's home. */
function refuseForeign(path: string, typed: string): void {
  const names = readdirSync(path);
  if (names.includes(VERSION) || names.every((name) => OWN_NAMES.has(name))) return;
  throw new StartFailure(
    `${typed} holds other files and no data of Berth. Choose an empty or new directory: --data DIR`,
  );
}

function lock(path: string, typed: string): void {
  if (tryLock(path)) return;
  throw new StartFailure(
    `${typed} is in use by another Berth. Stop that one, or choose another directory and port: --data DIR --port N`,
  );
}

function refuseVersion(path: string, typed: string, storage: StorageKind): 'new' | VersionFile {
  const found = readVersion(path);
  if (found === undefined) {
    // Ours is written before anything else; that of a copy when all else is there.
    if (existsSync(join(path, STATE)) || existsSync(join(path, BLOBS)))
      throw new StartFailure(
        `${typed} is half a backup or restore: it has no ${VERSION}. Run the one that broke off again (a restore needs an empty directory), or choose another: --data DIR`,
      );
    return 'new';
  }
  if (found === 'damaged')
    throw new StartFailure(
      `${join(path, VERSION)} is damaged: it should say {"version":${String(DATA_VERSION)}}. Restore it, then start again.`,
    );
  const newer = newerPart(found);
  if (newer !== undefined)
    throw new StartFailure(
      `${typed} was written by a newer Berth (${newer}). Update Berth, or choose another directory: --data DIR`,
    );
  if (found.storage !== storage)
    throw new StartFailure(
      `${typed} keeps its blobs ${KIND_WORDS[found.storage]}. Start with --storage ${found.storage} to go on with it, or choose another directory: --data DIR`,
    );
  return found;
}

const KIND_WORDS: Record<StorageKind, string> = { filesystem: 'as plain files', r2: "in the bucket's emulator" };

/** Node has no call for it; POSIX has a command. */
function makeNamedPipe(path: string, typed: string): void {
  if (existsAsPipe(path)) return;
  const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new StartFailure(
    `${typed} lies on a file system that has no named pipes (${reason}). Choose a local one: --data DIR`,
  );
}

function existsAsPipe(path: string): boolean {
  return openForWriting(path) !== 'missing';
}

async function waitForLeftover(typed: string, path: string, onWait: () => void): Promise<void> {
  if (await leftoverGone(path, onWait)) return;
  throw new StartFailure(
    `${typed} is still in use by a workerd that an earlier Berth left behind. End it (fuser ${join(typed, ALIVE)} tells its process id), then start again.`,
  );
}
