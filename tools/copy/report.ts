/** What is told at the end: sentences for people, and the same as JSON for programs. Pure. */
import { count, formatBytes } from '../../standalone/maintenance/progress.ts';
import type { FailedItem, Tally } from './tally.ts';

/** On the screen; a report as JSON has all that were kept. */
const MAX_PRINTED_FAILURES = 50;

export interface RunCircumstances {
  readonly from: string;
  readonly to: string;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly dryRun: boolean;
  /** Ended by Ctrl-C before it was done. */
  readonly stopped: boolean;
}

/** Fields are added and never change their meaning. */
export interface Report {
  readonly from: string;
  readonly to: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly dryRun: boolean;
  readonly stopped: boolean;
  readonly repositories: number;
  readonly tags: { readonly copied: number; readonly skipped: number };
  readonly manifests: { readonly copied: number; readonly skipped: number };
  readonly blobs: {
    readonly copied: number;
    readonly skipped: number;
    readonly mounted: number;
    readonly foreign: number;
  };
  readonly bytes: { readonly copied: number; readonly skipped: number; readonly mounted: number };
  readonly failed: readonly FailedItem[];
  /** How many failures there were, if more than are listed. */
  readonly failures: number;
}

export function reportOf(tally: Tally, { startedAt, endedAt, ...circumstances }: RunCircumstances): Report {
  const { repositories, tags, manifests, blobs, bytes, failed, failures } = tally;
  return {
    ...circumstances,
    startedAt: startedAt.toISOString(),
    endedAt: endedAt.toISOString(),
    ...{ repositories, tags, manifests, blobs, bytes, failed, failures },
  };
}

export function describeReport(report: Report): string[] {
  const { dryRun, stopped, repositories, tags, manifests, blobs, bytes } = report;
  const copied = `${count(tags.copied, 'tag')}, ${count(manifests.copied, 'manifest')} and ${count(blobs.copied, 'blob')} (${formatBytes(bytes.copied)})`;
  const there = `${count(tags.skipped, 'tag')}, ${count(manifests.skipped, 'manifest')} and ${count(blobs.skipped, 'blob')} (${formatBytes(bytes.skipped)})`;
  const rest = [
    `There already: ${there}.`,
    ...(blobs.mounted === 0
      ? []
      : [
          `${dryRun ? 'To be mounted' : 'Mounted'} from another repository of the target: ${count(blobs.mounted, 'blob')} (${formatBytes(bytes.mounted)}).`,
        ]),
    ...(blobs.foreign === 0
      ? []
      : [`Kept elsewhere, and not copied: ${count(blobs.foreign, 'layer')} that the source does not have itself.`]),
  ];
  const first = `${dryRun ? 'Would copy' : 'Copied'} ${copied} of ${count(repositories, 'repository')}.`;
  return [
    [first, ...rest].join(' '),
    ...describeFailures(report),
    ...(stopped ? ['Stopped before it was done. Run it again: it goes on where it was.'] : []),
  ];
}

function describeFailures({ failed, failures }: Report): string[] {
  if (failures === 0) return [];
  const printed = failed.slice(0, MAX_PRINTED_FAILURES);
  const left = failures - printed.length;
  return [
    `Not copied: ${count(failures, 'thing')}.`,
    ...printed.map(({ kind, name, reason }) => `  ${kind} ${name}: ${reason}`),
    ...(left > 0 ? [`  … and ${left} more; --json FILE lists them`] : []),
  ];
}
