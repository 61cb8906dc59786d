/**
 * workerd makes a database for whatever object is asked for something, also where nothing is ever written to it: anybody
 * who may read can name any repository. While workerd runs none of them may be touched; before it starts, those that hold
 * nothing are removed.
 */
import { closeSync, lstatSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

const OBJECT_DATABASE = /^[0-9a-f]{64}\.sqlite$/;
/** One page, which is the schema: https://www.sqlite.org/fileformat2.html#b_tree_pages. */
const PAGE_BYTES = 4_096;
/** Behind the file's header, the schema page tells at this offset, in two bytes, how many entries it has. */
const ENTRIES_OFFSET = 100 + 3;
const WRITE_AHEAD_LOG = '-wal';
const SHARED_MEMORY = '-shm';

/** Removes the databases without a table below `objects`, a folder a class. Nobody else may have them open. */
export function removeEmptyDatabases(objects: string): void {
  for (const folder of entriesOf(objects)) {
    for (const name of entriesOf(join(objects, folder))) {
      const path = join(objects, folder, name);
      if (!OBJECT_DATABASE.test(name) || !isEmpty(path)) continue;
      for (const ending of [WRITE_AHEAD_LOG, SHARED_MEMORY, '']) rmSync(`${path}${ending}`, { force: true });
    }
  }
}

/** True for a database of one page whose schema has no entry, and whose log holds nothing that would change that. */
function isEmpty(path: string): boolean {
  const entry = lstatSync(path);
  // What workerd did not make is left alone.
  if (!entry.isFile() || entry.size > PAGE_BYTES) return false;
  if ((statSync(`${path}${WRITE_AHEAD_LOG}`, { throwIfNoEntry: false })?.size ?? 0) > 0) return false;
  const file = openSync(path, 'r');
  try {
    const entries = Buffer.alloc(2);
    return (
      readSync(file, entries, 0, entries.byteLength, ENTRIES_OFFSET) < entries.byteLength ||
      entries.readUInt16BE() === 0
    );
  } finally {
    closeSync(file);
  }
}

function entriesOf(directory: string): string[] {
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(directory) : [];
}
