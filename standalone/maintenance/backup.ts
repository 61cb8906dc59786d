/**
 * `npm run backup -- --to DIR`: a copy of a data directory as it was at one instant, also while a Berth serves it. The copy
 * is a data directory itself, with a `backup.json` besides.
 *
 * Another backup into the same directory copies only the blobs that are new, and drops those that the registry has deleted:
 * so one of another registry, or one that would leave nothing, is refused (replacement.ts). Until it has them all the one before stays
 * whole; then the databases change places in a moment, for which the backup counts as unfinished.
 * Sessions of unfinished uploads are left out: after a restore a client is told 404 and begins anew, as the
 * specification has it do for any session that is over.
 */
import { existsSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import * as v from 'valibot';
import { DATA_HELP, dataDirectoryOf, type DataOptions } from '../settings/data-setting.ts';
import { BACKUP_FILE, NEW_STATE, STATE } from '../data-directory.ts';
import { ensureRegistryId, readRegistryId, writeRegistryId } from '../registry-id.ts';
import { StartFailure } from '../start-failure.ts';
import { VERSION, writeVersion } from '../version-file.ts';
import { readBackupFile, writeBackupFile } from './backup-file.ts';
import { copyBlobs, dropUnmapped } from './blob-copy.ts';
import { openData } from './data-access.ts';
import { syncDirectory, syncTree } from './durable.ts';
import { Mapping } from './mapping.ts';
import { count, formatBytes, Progress } from './progress.ts';
import { demandSameRegistry, demandSomethingLeft } from './replacement.ts';
import { takeSnapshot } from './snapshot.ts';
import { endUnfinishedSessions, settleDatabases, storesOf } from './stores.ts';
import { openTarget } from './target.ts';
import { runTool } from './tool.ts';

const HELP = `Copies all that a registry holds into another directory, also while it serves.

  npm run backup -- --to DIR [--data DIR] [--drop-all]

  --to DIR     where the backup goes: a new or empty directory, or an earlier backup of
               this registry, to which only what is new is copied
${DATA_HELP}
  --drop-all   goes on where nothing of the earlier backup would be left, since the
               registry has deleted all of it

npm run restore brings it back; npm run verify -- --data DIR checks it.`;

await runTool(
  {
    name: 'backup',
    help: HELP,
    options: v.object({
      to: v.string(),
      data: v.optional(v.string()),
      config: v.optional(v.string()),
      'drop-all': v.optional(v.boolean(), false),
    }),
    examples: { to: '/mnt/backup/berth', data: '/srv/berth', config: '/etc/berth/berth.toml' },
    switches: ['drop-all'],
  },
  backup,
);

interface Options extends DataOptions {
  readonly to: string;
  readonly 'drop-all': boolean;
}

async function backup({ to: typedTarget, 'drop-all': dropsAll, ...options }: Options): Promise<boolean> {
  const data = dataDirectoryOf(options, process.env);
  const takenAt = new Date().toISOString();
  const access = await openData(data, 'backup');
  demandApart(typedTarget, access.path);
  const target = openTarget(typedTarget, (names) => {
    demandReplaceable(typedTarget, names);
  });
  demandSameRegistry({ path: target, typed: typedTarget }, access);
  const last = readBackupFile(target);
  if (last === undefined) writeBackupFile(target, { state: 'unfinished' });
  const newState = join(target, NEW_STATE);
  await takeSnapshot(access, newState, { uploads: false });
  endUnfinishedSessions(newState);
  settleDatabases(newState);
  await syncTree(newState);
  const mapping = Mapping.read(newState);
  const { blobs, bytes } = mapping.totals;
  const repositories = storesOf(newState, 'Repository').length;
  if (!dropsAll) {
    const found = { mapping, repositories, last };
    await demandSomethingLeft({ path: target, typed: typedTarget }, data, found).catch((error: unknown) => {
      rmSync(newState, { recursive: true, force: true });
      throw error;
    });
  }
  // Nobody else makes one: this process has the lock, or holds the registry that serves.
  const id = ensureRegistryId(access.path);
  const progress = new Progress(process.stderr, bytes);
  const { copied, copiedBytes, lacking } = await copyBlobs(mapping, { from: access.path, to: target }, (done) => {
    access.control?.demandAlive();
    progress.advance(done);
  });
  progress.clear();
  // It tells as well that until now nothing was deleted.
  await access.control?.order('release');

  if (readRegistryId(target) === undefined) writeRegistryId(target, id);
  writeBackupFile(target, { state: 'unfinished' });
  rmSync(join(target, VERSION), { force: true });
  rmSync(join(target, STATE), { recursive: true, force: true });
  renameSync(newState, join(target, STATE));
  writeVersion(target, access.version);
  await syncDirectory(target);
  writeBackupFile(target, { state: 'whole', takenAt, repositories, blobs, bytes, lacking });
  await syncDirectory(target);
  await syncDirectory(dirname(target));
  const dropped = await dropUnmapped(mapping, target);

  console.log(
    `Backed ${data} up to ${typedTarget}, as it was at ${takenAt}: ${count(repositories, 'repository')}, ${count(blobs, 'blob')}, ${formatBytes(bytes)}. ` +
      `Copied ${count(copied, 'blob')}, ${formatBytes(copiedBytes)}${dropped === 0 ? '' : `; dropped ${count(dropped, 'blob')} that the registry has deleted`}.`,
  );
  for (const digest of lacking) console.log(`The registry has lost ${digest}, so the backup lacks it too.`);
  if (lacking.length > 0) console.log(`npm run verify -- --data ${data} tells what to do about what was lost.`);
  return lacking.length === 0;
}

/** Throws StartFailure when one lies in the other. Before anything is made. */
function demandApart(typed: string, data: string): void {
  const target = resolve(typed);
  const place = existsSync(target)
    ? realpathSync(target)
    : join(realpathSync(existing(dirname(target))), basename(target));
  const [inner, outer] = [`${place}${sep}`, `${realpathSync(data)}${sep}`];
  if (inner.startsWith(outer) || outer.startsWith(inner))
    throw new StartFailure(`${typed} and the data directory lie in one another. Name a directory outside of it.`);
}

function existing(directory: string): string {
  return existsSync(directory) ? directory : existing(dirname(directory));
}

/** Throws StartFailure unless nothing is there that could be lost. */
function demandReplaceable(typed: string, names: readonly string[]): void {
  if (names.length === 0 || names.includes(BACKUP_FILE)) return;
  throw new StartFailure(
    `${typed} holds other files, or a registry of its own, and no backup (it has no ${BACKUP_FILE}). Choose an empty or new directory.`,
  );
}
