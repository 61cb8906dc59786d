/**
 * `npm run bench -- access [--runs N] [--seconds N]`: what it costs to know who asks. Tags, one a connection, are asked for with HEAD from a Berth
 * with people and a policy, in each of the ways in which a client may come, and in turn from one that is open to all. Ends with
 * code 1 when a bound does not hold.
 */
import * as v from 'valibot';
import { DEFAULT_RUNS, parseOptionsBy, runsOption, wholeNumber } from '../arguments.ts';
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { manifestPath } from '../registry-client.ts';
import { textTable } from '../text-table.ts';
import { alternate, median, type Contender, type Samples } from '../timing.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { OPEN_KIND, PEOPLE_KIND, PRIVATE, PUBLIC, pushTagged, TAGS, waysOf, type Way } from './access-servers.ts';
import { generalDoubt, judged, scatterOf, type Bound, type Conditions } from './bounds.ts';
import { headsPerSecond } from './head-client.ts';
import { boundTable } from './report.ts';
import { withServers, type Server } from './server.ts';

const LONGEST_SECONDS = 600;
const CONNECTIONS = [16, 64] as const;
const MILLISECONDS = 1_000;
const OPEN = 'open to all';

const OptionsSchema = v.object({ runs: runsOption, seconds: wholeNumber('--seconds', LONGEST_SECONDS) });
type Options = v.InferOutput<typeof OptionsSchema>;

/** The options, or in one line what is wrong with them. */
export function parseAccessOptions(given: readonly string[]): Options | string {
  return parseOptionsBy(
    given,
    { runs: { type: 'string', default: DEFAULT_RUNS }, seconds: { type: 'string', default: '4' } },
    OptionsSchema,
  );
}

interface Timed {
  readonly connections: number;
  /** Times of one request; those of the open registry first. */
  readonly samples: readonly Samples[];
}

/** The exit code. */
export async function runAccess(given: readonly string[]): Promise<number> {
  const options = parseAccessOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const about = await circumstances();
  const conditions = { load: about.load, cores: about.cores, scale: 1 };
  const { ways, timed } = await withServers([OPEN_KIND, PEOPLE_KIND], openWorkspace(), async ([open, people]) => {
    if (open === undefined || people === undefined) throw new Error('two registries are compared');
    const ways = await waysOf(people);
    return { ways, timed: await timeWays(open, people, ways, options) };
  });
  const bounds = timed.flatMap((one) => accessBounds(one, ways, conditions));
  const loadAfter = currentLoad();
  console.log(accessTable(timed).join('\n'));
  console.log(['', ...describeCircumstances(about, loadAfter), '', boundTable(bounds)].join('\n'));
  const results = { circumstances: about, options, loadAfter, timed, bounds };
  console.log(`\nEvery single time is in ${keepResults('access', about.time, results)}`);
  return bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}

async function timeWays(
  open: Server,
  people: Server,
  ways: readonly Way[],
  { runs, seconds }: Options,
): Promise<Timed[]> {
  await pushTagged(open, PRIVATE);
  for (const repository of [PRIVATE, PUBLIC]) await pushTagged(people, repository);
  const timed: Timed[] = [];
  for (const connections of CONNECTIONS) {
    console.error(`  HEAD tag, ${String(connections)} connections …`);
    const contender = (
      name: string,
      { port }: Server,
      repository: string,
      credentials: Way['credentials'],
    ): Contender => ({
      name,
      // A token lives for five minutes: each run gets its own.
      run: async () => {
        const paths = TAGS.map((tag) => manifestPath(repository, tag));
        return MILLISECONDS / (await headsPerSecond(port, paths, { connections, seconds }, await credentials()));
      },
    });
    const contenders = [
      contender(OPEN, open, PRIVATE, () => Promise.resolve(undefined)),
      ...ways.map(({ name, repository, credentials }) => contender(name, people, repository, credentials)),
    ];
    timed.push({ connections, samples: await alternate(contenders, runs, () => Promise.resolve()) });
  }
  return timed;
}

/** Each way's rate as a multiple of that of a registry that asks nobody. */
export function accessBounds(
  { connections, samples: [open, ...others] }: Timed,
  ways: readonly Pick<Way, 'name' | 'limit'>[],
  conditions: Conditions,
): Bound[] {
  if (open === undefined) throw new Error('nothing was measured');
  return others.map((samples) => {
    const limit = ways.find(({ name }) => name === samples.name)?.limit ?? NaN;
    return judged(
      {
        measure: `HEAD tag ${samples.name}, ${String(connections)} connections`,
        against: OPEN,
        value: median(open.milliseconds) / median(samples.milliseconds),
        limit,
        sense: 'at least',
      },
      generalDoubt(conditions) ?? scatterOf(open),
    );
  });
}

function accessTable(timed: readonly Timed[]): string[] {
  const rows = timed.flatMap(({ connections, samples }) => {
    const open = median(samples[0]?.milliseconds ?? []);
    return samples.map(({ name, milliseconds }) => [
      `${String(connections)} connections: ${name}`,
      (MILLISECONDS / median(milliseconds)).toFixed(0),
      (MILLISECONDS / Math.min(...milliseconds)).toFixed(0),
      (MILLISECONDS / Math.max(...milliseconds)).toFixed(0),
      (open / median(milliseconds)).toFixed(2),
    ]);
  });
  return textTable(['HEAD tag, requests a second', 'median', 'fastest', 'slowest', `× of ${OPEN}`], rows);
}
