/**
 * The bytes of blobs as plain files (layout.ts says where). It keeps the rules of src/storage/driver.ts: a write creates,
 * an object appears whole or not at all, and what was answered lies on the disk.
 *
 * A finished write is renamed into its place, so its bytes are written once. An object's name in its directory is synced
 * before the answer, like the bytes. Only one process works in a data directory, so who looks and then renames is alone
 * with that key as long as the keys under way are known.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { NoSuchUpload, SlowBody, WrongBody } from './failures.ts';
import { writeBody } from './incoming.ts';
import {
  BLOBS,
  HELD,
  heldPath,
  mintUploadId,
  objectNameOf,
  objectPath,
  PUT_PREFIX,
  uploadPath,
  UPLOADS,
  type ObjectPath,
} from './layout.ts';
import { Space } from './space.ts';
import { WritesInFlight } from './writes-in-flight.ts';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
/** Whoever wrote too slowly asks why within moments, if at all. */
const MOST_SLOW_KEYS = 1_000;

export interface Digest {
  readonly algorithm: 'sha256' | 'sha512';
  readonly hex: string;
}

/** One part that `complete` names. */
export interface Part {
  readonly number: number;
  readonly offset: number;
  readonly size: number;
  readonly token: string;
}

export class FileStore {
  readonly #root: string;
  readonly #sync: boolean;
  readonly #space: Space;
  readonly #writes = new WritesInFlight();
  /** Keys that somebody is about to take, and when he has. */
  readonly #taking = new Map<string, Promise<unknown>>();
  /** Whose own names are known to be synced. */
  readonly #durableDirectories = new Set<string>();
  readonly #deletions = new Set<Promise<void>>();
  /** Keys whose bodies came too slowly, the latest at the end. */
  readonly #slow = new Set<string>();
  #holding = false;

  private constructor(root: string, sync: boolean) {
    this.#root = root;
    this.#sync = sync;
    this.#space = new Space(root);
  }

  /** @param sync false trades what survives a power cut for speed. */
  static async open(root: string, { sync }: { sync: boolean }): Promise<FileStore> {
    for (const name of [BLOBS, UPLOADS, HELD]) {
      await mkdir(join(root, name), { mode: PRIVATE_DIRECTORY, recursive: true });
    }
    const store = new FileStore(root, sync);
    await store.#syncDirectory(root);
    await store.#syncNames();
    await store.#sweep();
    return store;
  }

  /** Throws DiskFull when not a byte more may be written. */
  demandSpace(): Promise<void> {
    return this.#space.demand(0);
  }

  /**
   * What `put` would say before it has read a byte: 'exists', or DiskFull is thrown. Nothing is promised by it. Once after a
   * `put` that threw SlowBody it says so again: a key is never used twice.
   */
  async expect(key: string, length: number): Promise<'free' | 'exists'> {
    if (this.#slow.delete(key)) throw new SlowBody('the body before was too slow');
    if (await exists(this.#place(key).path)) return 'exists';
    await this.#space.demand(length);
    return 'free';
  }

  async put(
    key: string,
    body: Readable,
    length: number,
    digest: Digest | undefined,
  ): Promise<'stored' | 'exists' | 'digest-mismatch'> {
    const place = this.#place(key);
    if (await exists(place.path)) return 'exists';
    const reservation = await this.#space.reserve(length);
    const unfinished = join(this.#root, UPLOADS, `${PUT_PREFIX}${randomUUID()}`);
    const hash = digest === undefined ? undefined : createHash(digest.algorithm);
    try {
      const file = await open(unfinished, 'wx', PRIVATE_FILE);
      try {
        const target = { file, offset: 0, hash, sync: this.#sync, onWritten: reservation.written };
        await writeBody(body, length, target);
      } finally {
        await file.close();
      }
      if (hash?.digest('hex') !== digest?.hex) return 'digest-mismatch';
      return await this.#moveInto(place, unfinished);
    } catch (error) {
      if (error instanceof SlowBody) this.#rememberSlow(key);
      throw error;
    } finally {
      reservation.end();
      await rm(unfinished, { force: true });
    }
  }

  #rememberSlow(key: string): void {
    this.#slow.add(key);
    const [oldest] = this.#slow;
    if (this.#slow.size > MOST_SLOW_KEYS && oldest !== undefined) this.#slow.delete(oldest);
  }

  /** Nobody may get to hear of the id: then the file stays empty, and `delete` of the key takes it away. */
  async begin(key: string): Promise<string> {
    const id = mintUploadId(this.#place(key));
    await this.#space.demand(0);
    const path = this.#upload(id);
    const file = await open(path, 'wx', PRIVATE_FILE);
    await file.close();
    try {
      await this.#syncDirectory(join(this.#root, UPLOADS));
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return id;
  }

  /** Answers a token, which `complete` wants to see again. */
  writePart(id: string, number: number, { offset, body, length }: { offset: number; body: Readable; length: number }) {
    const path = this.#upload(id);
    return this.#writes.write(id, number, async (signal) => {
      const reservation = await this.#space.reserve(length);
      try {
        const file = await openUpload(path, constants.O_WRONLY);
        try {
          await writeBody(body, length, { file, offset, sync: this.#sync, onWritten: reservation.written, signal });
        } finally {
          await file.close();
        }
      } finally {
        reservation.end();
      }
    });
  }

  /** Makes the object of parts 1 to n, each of which begins where the one before ends. */
  async complete(id: string, key: string, parts: readonly Part[]): Promise<'stored' | 'exists'> {
    const place = this.#place(key);
    const path = this.#upload(id);
    if (await exists(place.path)) return 'exists';
    const size = sizeOf(parts);
    const outcome = await this.#writes.close(id, async () => {
      const stale = parts.find(({ number, token }) => !this.#writes.isLast(id, number, token));
      if (stale !== undefined) throw new WrongBody(`part ${String(stale.number)} was written again since`);
      const file = await openUpload(path, constants.O_RDWR);
      try {
        const { size: present } = await file.stat();
        if (present < size) throw new WrongBody(`${String(present)} bytes are there of ${String(size)}`);
        // Parts that were written and are not named.
        if (present > size) await file.truncate(size);
        if (this.#sync) await file.sync();
      } finally {
        await file.close();
      }
      return this.#moveInto(place, path);
    });
    await this.#dropUnheardOf([place]);
    return outcome;
  }

  /** Succeeds also when there is no such write any more. */
  async abort(id: string): Promise<void> {
    const path = this.#upload(id);
    await this.#writes.close(id, () => rm(path, { force: true }));
  }

  async delete(keys: readonly string[]): Promise<void> {
    const deletion = this.#delete(keys);
    this.#deletions.add(deletion);
    try {
      await deletion;
    } finally {
      this.#deletions.delete(deletion);
    }
  }

  async #delete(keys: readonly string[]): Promise<void> {
    const places: ObjectPath[] = [];
    for (const key of keys) {
      const place = this.#place(key);
      places.push(place);
      const { path } = place;
      if (!this.#holding) await rm(path, { force: true });
      else await ignoreMissing(rename(path, heldPath(this.#root, key)));
    }
    await this.#dropUnheardOf(places);
  }

  /**
   * Of these keys, the multipart writes that began and that the Worker may not know: a crash came before it had noted the
   * id. It writes no part before it has, so they are empty. One that is not is ended by `abort`.
   */
  async #dropUnheardOf(places: readonly ObjectPath[]): Promise<void> {
    const names = new Set(places.map(({ name }) => name));
    for (const id of await readdir(join(this.#root, UPLOADS))) {
      if (!names.has(objectNameOf(id) ?? '') || this.#writes.isBusy(id)) continue;
      const path = this.#upload(id);
      if ((await sizeAt(path)) === 0) await rm(path, { force: true });
    }
  }

  /** From now on what is deleted is kept, until `release`: a backup copies what was there when it began. */
  hold(): Promise<void> {
    this.#holding = true;
    return Promise.resolve();
  }

  async release(): Promise<void> {
    this.#holding = false;
    // One that began before may still be moving its file there.
    await Promise.allSettled(this.#deletions);
    await this.#dropHeld();
  }

  /** A process that was killed may have renamed a file and not synced its name, which is acknowledged when it is found. */
  async #syncNames(): Promise<void> {
    const blobs = join(this.#root, BLOBS);
    await this.#syncDirectory(blobs);
    for (const shard of await readdir(blobs, { withFileTypes: true })) {
      if (!shard.isDirectory()) continue;
      await this.#syncDirectory(join(blobs, shard.name));
      this.#durableDirectories.add(join(blobs, shard.name));
    }
  }

  /** What a crash left: nobody goes on with a `put`, and no backup waits for what it held. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(join(this.#root, UPLOADS))) {
      if (name.startsWith(PUT_PREFIX)) await rm(join(this.#root, UPLOADS, name), { force: true });
    }
    await this.#dropHeld();
  }

  async #dropHeld(): Promise<void> {
    for (const name of await readdir(join(this.#root, HELD))) await rm(join(this.#root, HELD, name), { force: true });
  }

  /** Gives a finished file its place, unless somebody has it. */
  async #moveInto({ path, directory }: ObjectPath, finished: string): Promise<'stored' | 'exists'> {
    while (this.#taking.has(path)) await this.#taking.get(path);
    const taken = this.#take(path, directory, finished);
    this.#taking.set(
      path,
      taken.catch(() => undefined),
    );
    try {
      return await taken;
    } finally {
      this.#taking.delete(path);
    }
  }

  async #take(path: string, directory: string, finished: string): Promise<'stored' | 'exists'> {
    if (await exists(path)) return 'exists';
    if (!this.#durableDirectories.has(directory)) {
      await mkdir(directory, { mode: PRIVATE_DIRECTORY, recursive: true });
      await this.#syncDirectory(join(this.#root, BLOBS));
      this.#durableDirectories.add(directory);
    }
    await rename(finished, path);
    try {
      await this.#syncDirectory(directory);
    } catch (error) {
      // Whoever looks would take it for stored, and a power cut might still take its name away.
      await rm(path, { force: true });
      throw error;
    }
    return 'stored';
  }

  async #syncDirectory(directory: string): Promise<void> {
    if (!this.#sync) return;
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  #place(key: string): ObjectPath {
    const place = objectPath(this.#root, key);
    if (place === undefined) throw new WrongBody(`${key} is no key`);
    return place;
  }

  #upload(id: string): string {
    const path = uploadPath(this.#root, id);
    if (path === undefined) throw new WrongBody(`${id} is no multipart write`);
    return path;
  }
}

/** Throws WrongBody unless the parts are 1 to n, without a gap between them. */
function sizeOf(parts: readonly Part[]): number {
  let end = 0;
  for (const [index, { number, offset, size }] of parts.entries()) {
    if (number !== index + 1 || offset !== end) {
      throw new WrongBody('name the parts from 1 on, in order and without a gap');
    }
    end += size;
  }
  if (parts.length === 0) throw new WrongBody('name at least one part');
  return end;
}

async function openUpload(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (isMissing(error)) throw new NoSuchUpload('there is no such multipart write', { cause: error });
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await sizeAt(path)) !== undefined;
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function ignoreMissing(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
