/**
 * The directory behind --data, held by one process at a time.
 *
 *   lock           an SQLite file whose exclusive lock the serving process holds. The kernel drops it with the process,
 *                  SIGKILL included, so it is never stale and nothing has to be cleaned up or guessed from process ids.
 *   workerd.alive  a named pipe that workerd holds open as long as it lives (workerd.sh). It tells whether a workerd
 *                  whose Node was killed still writes here; its guard ends it in that moment, and we wait for that.
 *   version.json   {"version":1,"storage":"filesystem"}: what the data look like, so that an older Berth doesn't touch
 *                  newer data, and blobs are looked for where they are.
 *   state/         everything that Miniflare keeps: the objects' databases, the cache, and the bucket's emulator.
 *   blobs/, uploads/, held/   the bytes of blobs as plain files: files/layout.ts.
 */
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { STORAGE_KINDS, type StorageKind } from './arguments.ts';
import { BLOBS, HELD, SOCKET, UPLOADS } from './files/layout.ts';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';

const DATA_VERSION = 1;
/** What was written before there were two kinds of storage is of the first. */
const VersionFile = v.object({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  storage: v.optional(v.picklist(STORAGE_KINDS), 'r2'),
});

const LOCK = 'lock';
const ALIVE = 'workerd.alive';
const VERSION = 'version.json';
const NEW_VERSION = 'version.json.new';
const STATE = 'state';
const OWN_NAMES: ReadonlySet<string> = new Set([
  LOCK,
  ALIVE,
  VERSION,
  NEW_VERSION,
  STATE,
  BLOBS,
  UPLOADS,
  HELD,
  SOCKET,
]);

/** A guard needs milliseconds to end its workerd; a machine under load may need more. */
const LEFTOVER_PATIENCE_MS = 5_000;
const LEFTOVER_POLL_MS = 20;

const SQLITE_BUSY = 5;

/** Nobody but the user who runs the registry has any business in its data. */
const PRIVATE_DIRECTORY_MODE = 0o700;

export interface DataDirectory {
  readonly state: string;
  /** The named pipe that each workerd opens and holds. */
  readonly alive: string;
  /** Where a bundle may be kept when node_modules can't be written. */
  readonly path: string;
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
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    refuseForeign(path, typed);
    lock(path, typed);
    checkVersion(path, typed, storage);
    const alive = join(path, ALIVE);
    makeNamedPipe(alive, typed);
    await waitForLeftover(alive, typed, onWait);
    return { path, alive, state: join(path, STATE) };
  } catch (error) {
    if (error instanceof StartFailure) throw error;
    throw new StartFailure(
      `${typed} can't be used (${describeError(error)}). Choose another: npm start -- --data DIR`,
      {
        cause: error,
      },
    );
  }
}

function create(path: string, typed: string): void {
  try {
    mkdirSync(path, { mode: PRIVATE_DIRECTORY_MODE });
  } catch (error) {
    const code = systemErrorCode(error);
    // Also for a file of that name, which reading it as a directory will tell.
    if (code === 'EEXIST') return;
    const reason = code === 'ENOENT' ? 'its parent directory does not exist; make that first' : describeError(error);
    throw new StartFailure(`${typed} can't be made: ${reason}. Or choose another: npm start -- --data DIR`, {
      cause: error,
    });
  }
}

/** `--data ~` would otherwise mix the registry with somebody's home. */
function refuseForeign(path: string, typed: string): void {
  const names = readdirSync(path);
  if (names.includes(VERSION) || names.every((name) => OWN_NAMES.has(name))) return;
  throw new StartFailure(
    `${typed} holds other files and no data of Berth. Choose an empty or new directory: npm start -- --data DIR`,
  );
}

/** Never closed: the lock has to last as long as the process, whatever the garbage collector thinks. */
const held = new Set<DatabaseSync>();

function lock(path: string, typed: string): void {
  const database = new DatabaseSync(join(path, LOCK), { timeout: 0 });
  try {
    // Nothing is ever written, so there is nothing to journal; the lock alone matters.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY)
      throw new StartFailure(
        `${typed} is in use by another Berth. Stop that one, or choose another directory: npm start -- --data DIR`,
        { cause: error },
      );
    throw error;
  }
  held.add(database);
}

function checkVersion(path: string, typed: string, storage: StorageKind): void {
  const file = join(path, VERSION);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    writeVersion(path, storage);
    return;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), VersionFile), text);
  if (!parsed.success)
    throw new StartFailure(
      `${file} is damaged: it should say {"version":${String(DATA_VERSION)}}. Restore it, then start again.`,
    );
  if (parsed.output.version > DATA_VERSION)
    throw new StartFailure(
      `${typed} was written by a newer Berth (data version ${String(parsed.output.version)}, this one knows ${String(DATA_VERSION)}). Update Berth, or choose another directory: npm start -- --data DIR`,
    );
  if (parsed.output.storage !== storage)
    throw new StartFailure(
      `${typed} keeps its blobs ${KIND_WORDS[parsed.output.storage]}. Start with --storage ${parsed.output.storage} to go on with it, or choose another directory: npm start -- --data DIR`,
    );
}

const KIND_WORDS: Record<StorageKind, string> = { filesystem: 'as plain files', r2: "in the bucket's emulator" };

function writeVersion(path: string, storage: StorageKind): void {
  const unfinished = join(path, NEW_VERSION);
  // A crash may have left one, or somebody else a link: neither is written through.
  rmSync(unfinished, { force: true });
  const descriptor = openSync(unfinished, 'wx', 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify({ version: DATA_VERSION, storage })}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, join(path, VERSION));
}

/** Node has no call for it; POSIX has a command. */
function makeNamedPipe(path: string, typed: string): void {
  if (existsAsPipe(path)) return;
  const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim();
  throw new StartFailure(
    `${typed} lies on a file system that has no named pipes (${reason}). Choose a local one: npm start -- --data DIR`,
  );
}

function existsAsPipe(path: string): boolean {
  return openForWriting(path) !== 'missing';
}

/** Opening a pipe for writing without waiting succeeds only while somebody holds its other end. */
function openForWriting(path: string): 'held' | 'free' | 'missing' {
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

async function waitForLeftover(alive: string, typed: string, onWait: () => void): Promise<void> {
  for (let waited = 0; openForWriting(alive) === 'held'; waited += LEFTOVER_POLL_MS) {
    if (waited === 0) onWait();
    if (waited >= LEFTOVER_PATIENCE_MS)
      throw new StartFailure(
        `${typed} is still in use by a workerd that an earlier Berth left behind. End it (fuser ${join(typed, ALIVE)} tells its process id), then start again.`,
      );
    await delay(LEFTOVER_POLL_MS);
  }
}
