/**
 * Deletes the bytes that were pushed, of every registry, behind their backs: nobody pulls them. Otherwise the system would
 * have to find new memory for each push, and who comes later would pay for that.
 */
import { readdirSync, rmSync, statSync, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { writeBack } from '../workspace.ts';

/** Smaller files, and those with a dot in their names, are a registry's own: databases, logs, configuration. */
const PAYLOAD_BYTES = 64 * 1_024;

export async function forgetPayload(workspace: string): Promise<void> {
  for (const entry of entriesBelow(workspace)) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name.includes('.')) continue;
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size >= PAYLOAD_BYTES) rmSync(file, { force: true });
  }
  await writeBack();
}

/** A registry may be clearing up after an upload: a folder that vanishes while it is read is no mistake. */
function entriesBelow(folder: string): Dirent[] {
  for (;;) {
    try {
      return readdirSync(folder, { recursive: true, withFileTypes: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}
