/**
 * Whether a backup may take the place of the one that is there. A disk that is not mounted leaves an empty directory, in which
 * a start makes an empty registry; the backup of that one would drop all that is left of the other.
 */
import { readRegistryId } from '../registry-id.ts';
import { StartFailure } from '../start-failure.ts';
import type { BackupFile } from './backup-file.ts';
import { countStored } from './blob-copy.ts';
import type { Mapping } from './mapping.ts';
import { count } from './progress.ts';

interface Place {
  readonly path: string;
  /** As people know it. */
  readonly typed: string;
}

/** Throws StartFailure for the backup of another registry. One of a release that noted no registry is told by its blobs, below. */
export function demandSameRegistry(target: Place, data: Place): void {
  const noted = readRegistryId(target.path);
  if (noted === undefined || noted === readRegistryId(data.path)) return;
  throw new StartFailure(
    `${target.typed} is the backup of another registry than the one in ${data.typed}, and is left as it is. See that ${data.typed} is the right directory, and its disk mounted; or choose another directory for this one's backup: --to DIR`,
  );
}

/** Throws StartFailure where nothing of the last backup would be left. */
export async function demandSomethingLeft(
  target: Place,
  data: string,
  { mapping, repositories, last }: { mapping: Mapping; repositories: number; last: BackupFile | undefined },
): Promise<void> {
  const { stored, mapped } = await countStored(mapping, target.path);
  const lastRepositories = last?.state === 'whole' ? last.repositories : 0;
  // A registry that is known to be the same one may have changed all that it has, within months.
  const isOther = readRegistryId(target.path) === undefined ? mapped === 0 : mapping.totals.blobs === 0;
  const isDropped = stored > 0 ? isOther : lastRepositories > 0 && repositories === 0;
  if (!isDropped) return;
  const there = stored > 0 ? count(stored, 'blob') : count(lastRepositories, 'repository');
  throw new StartFailure(
    `${target.typed} has ${there}, and the registry in ${data} none of them: the backup is left as it is. See that ${data} is the right directory, and its disk mounted; if all of it was deleted there and shall be dropped here, add --drop-all`,
  );
}
