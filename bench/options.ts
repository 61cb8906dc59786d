/** What is asked of a bench run. Pure. */
import { parseArgs } from 'node:util';
import * as v from 'valibot';

/** A median of fewer says little. */
const DEFAULT_RUNS = '5';
const DEFAULT_SIZE_MB = '300';
/** A whole-body PUT ends just under 5 GiB (R2 limits), and the client holds the layer in memory. */
const LARGEST_SIZE_MB = 2_000;
export const MEGABYTE = 1_000_000;

const wholeNumber = (name: string, most: number): v.GenericSchema<string, number> =>
  v.pipe(
    v.string(),
    v.regex(/^\d+$/, `${name} wants a whole number`),
    v.transform(Number),
    v.minValue(1, `${name} wants at least 1`),
    v.maxValue(most, `${name} wants at most ${most}`),
  );

const OptionsSchema = v.object({
  runs: wholeNumber('--runs', 1_000),
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
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        runs: { type: 'string', default: DEFAULT_RUNS },
        size: { type: 'string', default: DEFAULT_SIZE_MB },
        only: { type: 'string' },
      },
    });
    const parsed = v.safeParse(OptionsSchema, values);
    return parsed.success ? parsed.output : parsed.issues[0].message;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
