/** What is asked of a run against the floor. Pure. */
import * as v from 'valibot';
import { DEFAULT_RUNS, MEGABYTE, parseOptionsBy, runsOption, wholeNumber } from '../arguments.ts';

const DEFAULT_SIZE_MB = '300';
/** A whole-body PUT ends just under 5 GiB (R2 limits), and the client holds the layer in memory. */
const LARGEST_SIZE_MB = 2_000;

const OptionsSchema = v.object({
  runs: runsOption,
  size: v.pipe(
    wholeNumber('--size', LARGEST_SIZE_MB),
    v.transform((megabytes) => megabytes * MEGABYTE),
  ),
  only: v.optional(v.picklist(['push', 'pull'], '--only wants push or pull')),
});

export interface BenchOptions {
  /** How many times each contender is measured, after a warm-up. */
  readonly runs: number;
  /** Of the layer, in bytes. On the command line it is in MB. */
  readonly size: number;
  readonly only?: 'push' | 'pull' | undefined;
}

/** The options, or in one line what is wrong with them. */
export function parseOptions(given: readonly string[]): BenchOptions | string {
  return parseOptionsBy(
    given,
    {
      runs: { type: 'string', default: DEFAULT_RUNS },
      size: { type: 'string', default: DEFAULT_SIZE_MB },
      only: { type: 'string' },
    },
    OptionsSchema,
  );
}
