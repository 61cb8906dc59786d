/** Sees to it that what was written lies on the disk. */
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachOf } from './parallel.ts';

/** Journalling file systems write many files' metadata at once. */
const AT_ONCE = 16;

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Every file and directory below it, and itself. */
export async function syncTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true });
  await forEachOf(entries, AT_ONCE, (entry) => {
    const below = join(path, entry.name);
    return entry.isDirectory() ? syncTree(below) : syncFile(below);
  });
  await syncDirectory(path);
}
