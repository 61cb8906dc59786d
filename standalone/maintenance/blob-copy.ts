/**
 * Copies the files of blobs from one data directory into another, and none that is there: a key is never used for other
 * bytes. A file gets its place when all of it is on the disk, so whatever is there is whole, also after a crash.
 */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../../src/oci/digest.ts';
import { BLOBS, heldPath, objectPath, PUT_PREFIX, UPLOADS } from '../files/layout.ts';
import { systemErrorCode } from '../start-failure.ts';
import { syncDirectory, syncFile } from './durable.ts';
import type { Mapping, MappedBlob } from './mapping.ts';
import { forEachOf } from './parallel.ts';

const AT_ONCE = 4;
const PRIVATE_DIRECTORY = 0o700;

export interface CopyOutcome {
  copied: number;
  copiedBytes: number;
  /** Of another size at their source, or not there. */
  lacking: Digest[];
}

/** @param progress is called with the size of each blob when it is done. */
export async function copyBlobs(
  mapping: Mapping,
  { from, to }: { readonly from: string; readonly to: string },
  progress: (bytes: number) => void,
): Promise<CopyOutcome> {
  const outcome: CopyOutcome = { copied: 0, copiedBytes: 0, lacking: [] };
  const unfinished = join(to, UPLOADS);
  // What an earlier run left, and a place for this one.
  await rm(unfinished, { recursive: true, force: true });
  for (const name of [BLOBS, UPLOADS]) await mkdir(join(to, name), { mode: PRIVATE_DIRECTORY, recursive: true });
  const changed = new Set<string>();
  await forEachOf(mapping.blobs(), AT_ONCE, async (blob) => {
    const place = placeOf(to, blob);
    if ((await sizeOf(place)) !== blob.size) {
      const copy = join(unfinished, `${PUT_PREFIX}${randomUUID()}`);
      if (await copySound(from, blob, copy)) {
        await syncFile(copy);
        await mkdir(dirname(place), { mode: PRIVATE_DIRECTORY, recursive: true });
        await rename(copy, place);
        changed.add(dirname(place));
        outcome.copied += 1;
        outcome.copiedBytes += blob.size;
      } else outcome.lacking.push(blob.digest);
    }
    progress(blob.size);
  });
  for (const directory of [...changed, join(to, BLOBS)]) await syncDirectory(directory);
  return outcome;
}

/** Which of the mapped blobs a directory does not have, or not whole. */
export async function lackingBlobs(mapping: Mapping, directory: string): Promise<Digest[]> {
  const lacking: Digest[] = [];
  await forEachOf(mapping.blobs(), AT_ONCE, async (blob) => {
    if ((await sizeOf(placeOf(directory, blob))) !== blob.size) lacking.push(blob.digest);
  });
  return lacking;
}

/** Deletes the files of blobs that are not mapped any more. */
export async function dropUnmapped(mapping: Mapping, directory: string): Promise<number> {
  let dropped = 0;
  for await (const key of storedKeys(directory)) {
    if (mapping.hasKey(key)) continue;
    await rm(join(directory, key), { force: true });
    dropped += 1;
  }
  return dropped;
}

/** How many files of blobs a directory has, and how many of them are mapped: keys are random, so those are of the same registry. */
export async function countStored(mapping: Mapping, directory: string): Promise<{ stored: number; mapped: number }> {
  const counts = { stored: 0, mapped: 0 };
  for await (const key of storedKeys(directory)) {
    counts.stored += 1;
    if (mapping.hasKey(key)) counts.mapped += 1;
  }
  return counts;
}

async function* storedKeys(directory: string): AsyncGenerator<string> {
  for (const shard of await namesIn(join(directory, BLOBS))) {
    for (const name of await namesIn(join(directory, BLOBS, shard))) yield `${BLOBS}/${shard}/${name}`;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** A file may have been deleted, hence be held, since the mapping was read; the other way round it never goes. */
async function copySound(from: string, blob: MappedBlob, copy: string): Promise<boolean> {
  for (const source of [placeOf(from, blob), heldPath(from, blob.key)]) {
    try {
      await copyFile(source, copy, constants.COPYFILE_FICLONE);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') continue;
      throw error;
    }
    if ((await sizeOf(copy)) === blob.size) return true;
    await rm(copy);
  }
  return false;
}

export function placeOf(directory: string, { key }: { readonly key: string }): string {
  const place = objectPath(directory, key);
  if (place === undefined) throw new Error(`${key} is no key`);
  return place.path;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
