/**
 * `npm run bench -- growth [--repositories N] [--blobs N] [--data FOLDER] [options]`: whether a Berth that holds ten times as many
 * repositories, blobs and tags as another one does the same work for the same requests, and in the same time. Both run
 * beside each other and are asked in turn. Ends with code 1 when that does not hold.
 */
import * as v from 'valibot';
import { DEFAULT_RUNS, parseOptionsBy, runsOption, wholeNumber } from '../arguments.ts';
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { compareSizes } from './growth-comparison.ts';
import { berthKind } from './kinds.ts';
import { boundTable } from './report.ts';
import { withServers } from './server.ts';

const LONGEST_SECONDS = 600;
const MOST = 10_000_000;

const OptionsSchema = v.object({
  runs: runsOption,
  seconds: wholeNumber('--seconds', LONGEST_SECONDS),
  repositories: wholeNumber('--repositories', MOST),
  blobs: wholeNumber('--blobs', MOST),
  pace: wholeNumber('--pace', MOST),
  data: v.optional(v.pipe(v.string(), v.minLength(1, '--data wants a folder'))),
});

/** The exit code. */
export async function runGrowth(given: readonly string[]): Promise<number> {
  const options = parseOptionsBy(
    given,
    {
      runs: { type: 'string', default: DEFAULT_RUNS },
      seconds: { type: 'string', default: '4' },
      repositories: { type: 'string', default: '500' },
      blobs: { type: 'string', default: '5000' },
      pace: { type: 'string', default: '100' },
      data: { type: 'string' },
    },
    OptionsSchema,
  );
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const about = await circumstances();
  const kinds = ['small', 'large'].map((name) => ({ ...berthKind(), name }));
  const outcome = await withServers(
    kinds,
    openWorkspace(options.data),
    (servers) =>
      compareSizes(servers, {
        ...options,
        conditions: { load: about.load, cores: about.cores, scale: 1 },
        log: (line) => {
          console.error(`  ${line} …`);
        },
      }),
    { keepsData: options.data !== undefined },
  );
  const { bounds, workDiffers, small, large } = outcome;
  const loadAfter = currentLoad();
  console.log([...describeCircumstances(about, loadAfter), '', boundTable(bounds), ''].join('\n'));
  console.log(workDiffers ? 'FAILS: the work differs. First the small one:' : 'Both did the same work:');
  console.log((workDiffers ? [...small, '', ...large] : large).join('\n'));
  const results = { circumstances: about, options, loadAfter, ...outcome };
  console.log(`\nEvery single time is in ${keepResults('growth', about.time, results)}`);
  return workDiffers || bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}
