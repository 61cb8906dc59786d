/**
 * `npm run bench -- events [--runs N] [--seconds N] [--only throughput|isolation]`: how many events a second go through queue, log
 * and endpoint, and what bad endpoints cost a good one. Ends with code 1 when a bound does not hold.
 */
import * as v from 'valibot';
import { DEFAULT_RUNS, parseOptionsBy, runsOption, wholeNumber } from '../arguments.ts';
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { generalDoubt, judged, scatterOf, type Bound, type Conditions } from '../peer/bounds.ts';
import { boundTable } from '../peer/report.ts';
import { textTable } from '../text-table.ts';
import { median, type Samples } from '../timing.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { timeIsolation } from './isolation.ts';
import { QUEUE_AND_LOG, timeThroughput } from './throughput.ts';

const LONGEST_SECONDS = 600;
const MILLISECONDS = 1_000;
/** Events a second. */
const THROUGHPUT_LIMIT = 1_000;
/** Times of an endpoint beside bad ones as a multiple of those alone. */
const ISOLATION_LIMIT = 1.2;

const OptionsSchema = v.object({
  runs: runsOption,
  seconds: wholeNumber('--seconds', LONGEST_SECONDS),
  only: v.optional(v.picklist(['throughput', 'isolation'], '--only wants throughput or isolation')),
});
type Options = v.InferOutput<typeof OptionsSchema>;

/** The options, or in one line what is wrong with them. */
export function parseEventsOptions(given: readonly string[]): Options | string {
  return parseOptionsBy(
    given,
    {
      runs: { type: 'string', default: DEFAULT_RUNS },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string' },
    },
    OptionsSchema,
  );
}

/** The exit code. */
export async function runEvents(given: readonly string[]): Promise<number> {
  const options = parseEventsOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const about = await circumstances();
  const conditions = { load: about.load, cores: about.cores, scale: 1 };
  const workspace = openWorkspace();
  const throughput = options.only === 'isolation' ? [] : await timeThroughput(workspace, options);
  const isolation = options.only === 'throughput' ? [] : await timeIsolation(workspace, options);
  const bounds = [...throughputBounds(throughput, conditions), ...isolationBounds(isolation, conditions)];
  const loadAfter = currentLoad();
  if (throughput.length > 0) console.log(`${throughputTable(throughput).join('\n')}\n`);
  if (isolation.length > 0) console.log(`${isolationTable(isolation).join('\n')}\n`);
  console.log([...describeCircumstances(about, loadAfter), '', boundTable(bounds)].join('\n'));
  const results = { circumstances: about, options, loadAfter, throughput, isolation, bounds };
  console.log(`\nEvery single time is in ${keepResults('events', about.time, results)}`);
  return bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}

/** @param samples times of one event. Nobody is compared with: its own scatter excuses nothing. */
export function throughputBounds(samples: readonly Samples[], conditions: Conditions): Bound[] {
  return samples
    .filter(({ name }) => name === QUEUE_AND_LOG)
    .map(({ name, milliseconds }) =>
      judged(
        {
          measure: `events a second, ${name}`,
          against: '',
          value: MILLISECONDS / median(milliseconds),
          limit: THROUGHPUT_LIMIT,
          sense: 'at least',
        },
        generalDoubt(conditions),
      ),
    );
}

/** @param samples of the endpoint alone, and beside the bad ones */
export function isolationBounds([alone, ...others]: readonly Samples[], conditions: Conditions): Bound[] {
  if (alone === undefined) return [];
  return others.map(({ name, milliseconds }) =>
    judged(
      {
        measure: `from push to receipt, ${name}`,
        against: alone.name,
        value: median(milliseconds) / median(alone.milliseconds),
        limit: ISOLATION_LIMIT,
        sense: 'at most',
      },
      generalDoubt(conditions) ?? scatterOf(alone),
    ),
  );
}

function throughputTable(samples: readonly Samples[]): string[] {
  const rows = samples.map(({ name, milliseconds }) => [
    name,
    (MILLISECONDS / median(milliseconds)).toFixed(0),
    (MILLISECONDS / Math.min(...milliseconds)).toFixed(0),
    (MILLISECONDS / Math.max(...milliseconds)).toFixed(0),
  ]);
  return textTable(['events a second', 'median', 'fastest', 'slowest'], rows);
}

function isolationTable(samples: readonly Samples[]): string[] {
  const rows = samples.map(({ name, milliseconds }) => [
    name,
    median(milliseconds).toFixed(1),
    Math.min(...milliseconds).toFixed(1),
    Math.max(...milliseconds).toFixed(1),
  ]);
  return textTable(['ms from push to receipt', 'median', 'fastest', 'slowest'], rows);
}
