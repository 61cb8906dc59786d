/**
 * `npm run verify`: checks every file of a blob against its digest, and whether the databases agree with one another and
 * with the files, also while a Berth serves. It says what is wrong and what heals it, and changes nothing.
 */
import { rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import * as v from 'valibot';
import { digestAlgorithm, digestHex } from '../../src/oci/digest.ts';
import { DATA_HELP, dataDirectoryOf, type DataOptions } from '../settings/data-setting.ts';
import { STATE, VERIFY } from '../data-directory.ts';
import { heldPath } from '../files/layout.ts';
import { describeError, systemErrorCode } from '../start-failure.ts';
import { placeOf } from './blob-copy.ts';
import { openData, type Access } from './data-access.ts';
import { describeFinding, describeLeftovers, type Finding } from './findings.ts';
import { hashFile } from './hash-file.ts';
import { findLeftovers } from './leftovers.ts';
import { Mapping, type MappedBlob } from './mapping.ts';
import { forEachOf } from './parallel.ts';
import { count, formatBytes, Progress } from './progress.ts';
import { References } from './references.ts';
import { takeSnapshot } from './snapshot.ts';
import { runTool } from './tool.ts';

/** So that the disk reads one file while another is opened or hashed; more would not hash faster. */
const FILES_AT_ONCE = 3;

const HELP = `Checks every stored file against its digest, also while the registry serves.

  npm run verify [-- --data DIR]

${DATA_HELP}

DIR may be a backup, too. It says what is wrong and what heals it, and changes
nothing itself.
Exit code: 0 all is well, 1 something is wrong, 2 typed wrongly.`;

await runTool(
  {
    name: 'verify',
    help: HELP,
    options: v.object({ data: v.optional(v.string()), config: v.optional(v.string()) }),
    examples: { data: '/srv/berth', config: '/etc/berth/berth.toml' },
  },
  verify,
);

async function verify(options: DataOptions): Promise<boolean> {
  const data = dataDirectoryOf(options, process.env);
  const access = await openData(data, 'verify');
  if (access.control === undefined) return check(access, join(access.path, STATE), Infinity);
  const copy = join(access.path, VERIFY);
  const since = Date.now();
  process.once('exit', () => {
    rmSync(copy, { recursive: true, force: true });
  });
  await takeSnapshot(access, copy, { uploads: true });
  const isWell = await check(access, copy, since);
  // It tells as well that until now nothing was deleted.
  await access.control.order('release');
  return isWell;
}

async function check(access: Access, state: string, since: number): Promise<boolean> {
  let findings = 0;
  const tell = (finding: Finding): void => {
    findings += 1;
    console.log(describeFinding(finding));
  };
  const damaged = (file: string, reason: string): void => {
    tell({ kind: 'damaged-store', file: join(STATE, relative(state, file)), reason });
  };
  const mapping = Mapping.read(state, damaged);
  const references = References.read(state, mapping, tell, damaged);
  for (const finding of references.lostLinks()) tell(finding);

  const { blobs, bytes } = mapping.totals;
  const progress = new Progress(process.stderr, bytes);
  await forEachOf(mapping.blobs(), FILES_AT_ONCE, async (blob) => {
    access.control?.demandAlive();
    const wrong = await judge(access.path, blob, progress.advance);
    if (wrong === undefined) return;
    progress.clear();
    const file = relative(access.path, placeOf(access.path, blob));
    tell({ digest: blob.digest, file, ...references.linking(blob.digest), ...wrong });
  });
  progress.clear();

  const leftovers = await findLeftovers(access.path, since, { mapping, references });
  for (const line of describeLeftovers(leftovers, formatBytes)) console.log(line);
  const { repositories, manifests } = references;
  const checked = `${count(blobs, 'blob')} (${formatBytes(bytes)}) and ${count(manifests, 'manifest')} in ${count(repositories, 'repository')}`;
  console.log(findings === 0 ? `All is well: ${checked}.` : `Wrong: ${count(findings, 'thing')}, in ${checked}.`);
  return findings === 0;
}

type Wrong =
  | { readonly kind: 'missing' }
  | { readonly kind: 'wrong-size'; readonly size: number; readonly found: number }
  | { readonly kind: 'wrong-bytes' }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Undefined for a blob whose bytes are right. */
async function judge(root: string, blob: MappedBlob, progress: (bytes: number) => void): Promise<Wrong | undefined> {
  // A file that was deleted meanwhile is held, and never comes back.
  for (const path of [placeOf(root, blob), heldPath(root, blob.key)]) {
    try {
      const { size: found } = await stat(path);
      if (found !== blob.size) {
        progress(blob.size);
        return { kind: 'wrong-size', size: blob.size, found };
      }
      const hex = await hashFile(path, digestAlgorithm(blob.digest), progress);
      return hex === digestHex(blob.digest) ? undefined : { kind: 'wrong-bytes' };
    } catch (error) {
      if (systemErrorCode(error) === undefined) throw error;
      if (systemErrorCode(error) !== 'ENOENT') return { kind: 'unreadable', reason: describeError(error) };
    }
  }
  progress(blob.size);
  return { kind: 'missing' };
}
