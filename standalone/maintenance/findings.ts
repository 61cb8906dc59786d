/**
 * What `npm run verify` can find, and in words what is to be done about it. Pure. What a push heals and what it does not
 * follows from src/objects/winner.ts: a blob that is pushed again takes the place of one that is missing or of another
 * size. Of one that has its size nobody notices that its bytes are others.
 */
import type { Digest } from '../../src/oci/digest.ts';
import { count } from './progress.ts';

interface OfBlob {
  readonly digest: Digest;
  /** Below the data directory. */
  readonly file: string;
  /** Which repositories link it. */
  readonly repositories: readonly string[];
  /** A large manifest, which clients push whatever the registry says that it has. */
  readonly isManifest: boolean;
}

export type Finding =
  | (OfBlob & { readonly kind: 'missing' })
  | (OfBlob & { readonly kind: 'wrong-size'; readonly size: number; readonly found: number })
  | (OfBlob & { readonly kind: 'wrong-bytes' })
  | (OfBlob & { readonly kind: 'unreadable'; readonly reason: string })
  | { readonly kind: 'unmapped'; readonly digest: string; readonly repository: string }
  | { readonly kind: 'unclaimed'; readonly digest: string; readonly repository: string }
  | { readonly kind: 'wrong-manifest'; readonly digest: string; readonly repository: string }
  | { readonly kind: 'no-manifest-bytes'; readonly digest: string; readonly repository: string }
  | { readonly kind: 'broken-edges'; readonly digest: string; readonly repository: string }
  | { readonly kind: 'dangling-tag'; readonly tag: string; readonly repository: string }
  | { readonly kind: 'damaged-store'; readonly file: string; readonly reason: string };

const NAMED_REPOSITORIES = 3;
const NO_PUSH = 'No push heals this: restore a backup.';

export function describeFinding(finding: Finding): string {
  switch (finding.kind) {
    case 'missing':
      return `${ofBlob(finding)} is lost: there is no file ${finding.file}. ${pushAgain(finding)}`;
    case 'wrong-size':
      return `${ofBlob(finding)} is damaged: ${finding.file} has ${String(finding.found)} bytes instead of ${String(finding.size)}. ${pushAgain(finding)}`;
    case 'wrong-bytes':
      return `${ofBlob(finding)} is damaged: ${finding.file} has other bytes. A push alone does not heal this: delete that file first. ${pushAgain(finding)}`;
    case 'unreadable':
      return `${ofBlob(finding)} can't be read (${finding.reason}). See to the disk. Where ${finding.file} stays unreadable, delete it. ${pushAgain(finding)}`;
    case 'unmapped':
      return `${finding.digest} is linked by ${finding.repository}, but the directory of blobs does not know it. ${NO_PUSH}`;
    case 'unclaimed':
      return `${finding.digest} is linked by ${finding.repository}, but the directory of blobs does not know that and may delete it. ${NO_PUSH}`;
    case 'wrong-manifest':
      return `The manifest ${finding.digest} in ${finding.repository} is damaged: its bytes have another digest. ${NO_PUSH}`;
    case 'no-manifest-bytes':
      return `The manifest ${finding.digest} in ${finding.repository} has no bytes. ${NO_PUSH}`;
    case 'broken-edges':
      return `The manifest ${finding.digest} in ${finding.repository} needs what the repository does not have any more. ${NO_PUSH}`;
    case 'dangling-tag':
      return `The tag ${finding.tag} in ${finding.repository} points at nothing. Push it again and it heals.`;
    case 'damaged-store':
      return `The database ${finding.file} is damaged (${finding.reason}). ${NO_PUSH}`;
  }
}

function ofBlob({ digest, repositories, isManifest }: OfBlob): string {
  const named = repositories.slice(0, NAMED_REPOSITORIES).join(', ');
  const more = repositories.length - NAMED_REPOSITORIES;
  const linked =
    repositories.length === 0
      ? 'which no repository links'
      : `linked by ${named}${more > 0 ? ` and ${String(more)} more` : ''}`;
  return `The ${isManifest ? 'manifest' : 'blob'} ${digest}, ${linked},`;
}

/** Until a read has missed it, a registry says of a blob that it is there, and a client then does not push it. */
function pushAgain({ digest, repositories, isManifest }: OfBlob): string {
  const [repository] = repositories;
  if (repository === undefined) return 'Nobody misses it, and it is forgotten by itself.';
  if (isManifest) return 'Push the manifest again and it heals.';
  return `Have the registry miss it once (curl -o /dev/null http://127.0.0.1:8787/v2/${repository}/blobs/${digest}); then push it again and it heals.`;
}

export interface Tally {
  files: number;
  bytes: number;
}

/** What is there though no blob is under that name; none of it is wrong. */
export interface Leftovers {
  /** Of uploads that are not finished. */
  readonly unfinished: Tally;
  /** Waits for its deletion, which an object has on its list. */
  readonly doomed: Tally;
  /** Named by nothing. */
  readonly orphaned: Tally & { first: string | undefined };
}

export function describeLeftovers(
  { unfinished, doomed, orphaned }: Leftovers,
  formatBytes: (bytes: number) => string,
): string[] {
  const told = ({ files, bytes }: Tally): string => `${count(files, 'file')}, ${formatBytes(bytes)}`;
  return [
    ...(unfinished.files === 0
      ? []
      : [
          `Of unfinished uploads: ${told(unfinished)}. They go when the uploads end, or a day after they began (BERTH_UPLOAD_EXPIRY_SECONDS).`,
        ]),
    ...(doomed.files === 0 ? [] : [`About to be deleted by the registry: ${told(doomed)}.`]),
    ...(orphaned.first === undefined
      ? []
      : [`Named by nothing: ${told(orphaned)}, ${orphaned.first} for one. They harm nothing but take space.`]),
  ];
}
