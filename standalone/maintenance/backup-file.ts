/**
 * `backup.json` of a backup: that it is one, whether it is whole, and what is in it. It is the last thing that a backup
 * writes. A registry that serves the directory deletes it (data-directory.ts).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { BACKUP_FILE } from '../data-directory.ts';
import { systemErrorCode } from '../start-failure.ts';
import { writeWhole } from '../version-file.ts';

const BackupFile = v.variant('state', [
  v.object({ state: v.literal('unfinished') }),
  v.object({
    state: v.literal('whole'),
    /** When it began, ISO 8601: what was pushed before is in it. */
    takenAt: v.string(),
    repositories: v.number(),
    blobs: v.number(),
    bytes: v.number(),
    /** Digests whose bytes the registry had lost by then. */
    lacking: v.array(v.string()),
  }),
]);
export type BackupFile = v.InferOutput<typeof BackupFile>;

/** Undefined where there is none. */
export function readBackupFile(directory: string): BackupFile | undefined {
  let text: string;
  try {
    text = readFileSync(join(directory, BACKUP_FILE), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), BackupFile), text);
  return parsed.success ? parsed.output : { state: 'unfinished' };
}

export function writeBackupFile(directory: string, content: BackupFile): void {
  writeWhole(directory, BACKUP_FILE, content);
}
