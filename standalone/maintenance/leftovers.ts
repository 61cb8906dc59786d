/** The files below a data directory that are no mapped blob: what they are, and how much space they take. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOBS, PUT_PREFIX, UPLOADS } from '../files/layout.ts';
import { systemErrorCode } from '../start-failure.ts';
import type { Leftovers, Tally } from './findings.ts';
import type { Mapping } from './mapping.ts';
import type { References } from './references.ts';

/** A file's times may be so much older than the clock (2 s on the coarsest file systems). */
const TIME_GRAIN_MS = 2_000;

/**
 * @param since when the databases began to be copied, in milliseconds since 1970: what came later they can't name.
 * Infinity where nothing comes.
 */
export async function findLeftovers(
  root: string,
  since: number,
  { mapping, references }: { readonly mapping: Mapping; readonly references: References },
): Promise<Leftovers> {
  const leftovers: Leftovers = {
    unfinished: { files: 0, bytes: 0 },
    doomed: { files: 0, bytes: 0 },
    orphaned: { files: 0, bytes: 0, first: undefined },
  };
  const sort = async (path: string, name: string): Promise<void> => {
    const found = await sizeBefore(join(root, path), since);
    if (found === undefined) return;
    switch (references.nameOf(name)) {
      case 'upload':
        add(leftovers.unfinished, found);
        break;
      case 'doomed':
        add(leftovers.doomed, found);
        break;
      // Told of as a link that is lost.
      case 'linked':
        break;
      case undefined:
        add(leftovers.orphaned, found);
        leftovers.orphaned.first ??= path;
    }
  };
  for (const shard of await namesIn(join(root, BLOBS))) {
    for (const name of await namesIn(join(root, BLOBS, shard))) {
      const key = `${BLOBS}/${shard}/${name}`;
      if (!mapping.hasKey(key)) await sort(key, key);
    }
  }
  for (const name of await namesIn(join(root, UPLOADS))) {
    const path = join(UPLOADS, name);
    if (!name.startsWith(PUT_PREFIX)) await sort(path, name);
    else add(leftovers.unfinished, (await sizeBefore(join(root, path), Infinity)) ?? 0);
  }
  return leftovers;
}

function add(tally: Tally, bytes: number): void {
  tally.files += 1;
  tally.bytes += bytes;
}

async function sizeBefore(path: string, since: number): Promise<number | undefined> {
  try {
    const { size, ctimeMs } = await stat(path);
    // Its last change is its rename into its place.
    return ctimeMs + TIME_GRAIN_MS >= since ? undefined : size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return [];
    throw error;
  }
}
