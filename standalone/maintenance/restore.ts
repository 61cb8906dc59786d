/**
 * `npm run restore -- --from BACKUP --data DIR`: makes a data directory of a backup. `version.json` comes last, so that
 * `npm start` knows half a restore and refuses it.
 */
import { rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as v from 'valibot';
import { BACKUP_FILE, STATE } from '../data-directory.ts';
import { tryLock } from '../directory-lock.ts';
import { readRegistryId, writeRegistryId } from '../registry-id.ts';
import { StartFailure } from '../start-failure.ts';
import { VERSION, writeVersion, type VersionFile } from '../version-file.ts';
import { readBackupFile, type BackupFile } from './backup-file.ts';
import { copyBlobs, lackingBlobs } from './blob-copy.ts';
import { demandOurs } from './data-access.ts';
import { syncDirectory, syncTree } from './durable.ts';
import { Mapping } from './mapping.ts';
import { renewIncarnations } from './new-incarnations.ts';
import { count, formatBytes, Progress } from './progress.ts';
import { takeSnapshot } from './snapshot.ts';
import { openTarget } from './target.ts';
import { runTool } from './tool.ts';

const HELP = `Makes a data directory of a backup.

  npm run restore -- --from BACKUP --data DIR

  --from BACKUP  what npm run backup has written; it is only read
  --data DIR     a new or empty directory

npm start -- --data DIR serves it then.`;

await runTool(
  {
    name: 'restore',
    help: HELP,
    options: v.object({ from: v.string(), data: v.string() }),
    examples: { from: '/mnt/backup/berth', data: '/srv/berth' },
  },
  restore,
);

async function restore({ from: typedSource, data }: { from: string; data: string }): Promise<boolean> {
  const source = resolve(typedSource);
  const { takenAt, lacking: known, version } = openSource(source, typedSource);
  const target = openTarget(data, (names) => {
    demandEmpty(data, names);
  });
  const state = join(target, STATE);
  await takeSnapshot({ path: source, control: undefined }, state, { uploads: true });
  const mapping = Mapping.read(state);
  const lacking = (await lackingBlobs(mapping, source)).filter((digest) => !known.includes(digest));
  const [first] = lacking;
  if (first !== undefined) {
    rmSync(state, { recursive: true, force: true });
    throw new StartFailure(
      `${typedSource} is not whole: ${count(lacking.length, 'blob')} ${lacking.length === 1 ? 'is' : 'are'} missing or cut short, ${first} for one. Use another backup; while the registry still runs, npm run backup into this one mends it.`,
    );
  }
  const { blobs, bytes } = mapping.totals;
  const progress = new Progress(process.stderr, bytes);
  await copyBlobs(mapping, { from: source, to: target }, progress.advance);
  progress.clear();
  renewIncarnations(state);
  await syncTree(state);
  // So that backups go on where they were made.
  const id = readRegistryId(source);
  if (id !== undefined) writeRegistryId(target, id);
  await syncDirectory(target);
  writeVersion(target, version);
  await syncDirectory(target);
  await syncDirectory(dirname(target));
  console.log(`Restored ${data} as it was at ${takenAt}: ${count(blobs, 'blob')}, ${formatBytes(bytes)}.`);
  for (const digest of known) console.log(`${digest} was lost before the backup was made.`);
  console.log(`npm start -- --data ${data} serves it; npm run verify -- --data ${data} checks every byte.`);
  return true;
}

type Source = Extract<BackupFile, { state: 'whole' }> & { readonly version: VersionFile };

function openSource(source: string, typed: string): Source {
  const backup = readBackupFile(source);
  if (backup === undefined)
    throw new StartFailure(
      `${typed} is no backup: it has no ${BACKUP_FILE}. Name a directory that npm run backup has written.`,
    );
  if (backup.state === 'unfinished')
    throw new StartFailure(
      `${typed} is an unfinished backup. Run npm run backup -- --to ${typed} again, or use another one.`,
    );
  if (isLockedByAnother(source))
    throw new StartFailure(`${typed} is in use: a backup is being written to it. Wait for that.`);
  return { ...backup, version: demandOurs(source, typed, 'restore') };
}

/** A backup may lie where nobody can write; then nobody does. */
function isLockedByAnother(source: string): boolean {
  try {
    return !tryLock(source);
  } catch {
    return false;
  }
}

function demandEmpty(typed: string, names: readonly string[]): void {
  if (names.length === 0) return;
  const isHalf = names.includes(STATE) && !names.includes(VERSION);
  throw new StartFailure(
    isHalf
      ? `${typed} is not empty: it holds half a restore. Delete it, or choose a new directory: --data DIR`
      : `${typed} is not empty. Choose a new or empty directory: --data DIR`,
  );
}
