/**
 * Copies the objects' databases while they change, in passes: each copies what has changed since the one before. Only the
 * last pass, for which the registry stands still, makes a copy that means something; the ones before make it short.
 *
 * A database in WAL mode is two files, `x.sqlite` and `x.sqlite-wal`, that belong together, so what is gone is removed
 * from the copy: a log that is not the database's own would damage it. `x.sqlite-shm` is made anew from them.
 */
import { constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync, type BigIntStats } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { systemErrorCode } from '../start-failure.ts';

const PRIVATE_DIRECTORY = 0o700;
/** Times of files are only so fine: 2 s on the coarsest file systems. What changed just before may change again unseen. */
const TIME_GRAIN_MS = 2_000n;
const NS_PER_MS = 1_000_000n;

interface Seen {
  readonly identity: string;
  /** Whether it might change without looking different. */
  readonly fresh: boolean;
}

export class StateCopy {
  readonly #from: string;
  readonly #to: string;
  readonly #skipped: (directory: string) => boolean;
  #seen = new Map<string, Seen>();

  /** @param skipped tells, by its name, which directory is left out. */
  constructor(from: string, to: string, skipped: (directory: string) => boolean) {
    this.#from = from;
    this.#to = to;
    this.#skipped = skipped;
  }

  /** Answers how many bytes had to be copied. */
  pass(): number {
    const before = this.#seen;
    this.#seen = new Map();
    let copied = 0;
    for (const path of databasesIn(this.#from, this.#skipped)) {
      const name = relative(this.#from, path);
      const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const seen = look(stats);
      const earlier = before.get(name);
      const unchanged = earlier !== undefined && !earlier.fresh && earlier.identity === seen.identity;
      if (!unchanged) {
        if (!copyUnlessGone(path, join(this.#to, name))) continue;
        copied += Number(stats.size);
      }
      this.#seen.set(name, seen);
      before.delete(name);
    }
    for (const name of before.keys()) rmSync(join(this.#to, name), { force: true });
    return copied;
  }
}

function look({ ino, size, mtimeNs, ctimeNs }: BigIntStats): Seen {
  const fresh = mtimeNs / NS_PER_MS + TIME_GRAIN_MS >= BigInt(Date.now());
  return { identity: [ino, size, mtimeNs, ctimeNs].join(' '), fresh };
}

function* databasesIn(directory: string, skipped: (name: string) => boolean): Generator<string> {
  // A registry that nobody has written to has none.
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory() && !skipped(entry.name)) yield* databasesIn(path, skipped);
    else if (/\.sqlite(?:-wal)?$/.test(entry.name)) yield path;
  }
}

/** Shares the blocks where the file system can. */
function copyUnlessGone(from: string, to: string): boolean {
  mkdirSync(dirname(to), { mode: PRIVATE_DIRECTORY, recursive: true });
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    return false;
  }
}
