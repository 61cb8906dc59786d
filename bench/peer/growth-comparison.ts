/** Two registries of one kind, one of them with ten times as much in it: the work and the time of the same requests. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MEGABYTE } from '../arguments.ts';
import { pushLayers, type PushForm } from '../registry-client.ts';
import { alternate, median, type Samples } from '../timing.ts';
import { writeBack } from '../workspace.ts';
import { generalDoubt, judged, scatterOf, type Bound, type Conditions } from './bounds.ts';
import { LayerSource } from './layers.ts';
import { timeRequests } from './requests.ts';
import { MEASURED_REPOSITORY, measuredTags, seed, type Size } from './seeding.ts';
import type { Server } from './server.ts';
import { probeWork } from './work-probe.ts';

const TIMES = 10;
const SLOWER_LIMIT = 1.25;
const PUSHED = { name: '20 × 100 kB', layers: 20, layerBytes: MEGABYTE / 10, connections: 5, pushLimit: 1 };
const PUSHES: readonly { readonly name: string; readonly form: PushForm }[] = [
  { name: 'as docker', form: 'chunked' },
  { name: 'as containerd', form: 'whole' },
];

export interface GrowthAbout extends Size {
  readonly runs: number;
  readonly seconds: number;
  /** Of seeding, in requests a second. */
  readonly pace: number;
  readonly conditions: Conditions;
  readonly log: (line: string) => void;
}

export interface GrowthOutcome {
  readonly bounds: readonly Bound[];
  readonly timed: readonly Timed[];
  readonly workDiffers: boolean;
  /** The work of each request, as lines. */
  readonly small: readonly string[];
  readonly large: readonly string[];
}

interface Timed {
  readonly measure: string;
  /** Of the small one and of the large one. */
  readonly samples: readonly Samples[];
}

/** @param servers the small one and the large one, both empty. */
export async function compareSizes([few, many]: readonly Server[], about: GrowthAbout): Promise<GrowthOutcome> {
  if (few === undefined || many === undefined) throw new Error('two servers are compared');
  const { repositories, blobs, conditions } = about;
  await fill(few, { repositories: Math.ceil(repositories / TIMES), blobs: Math.ceil(blobs / TIMES) }, about);
  await fill(many, { repositories, blobs }, about);
  const small = await probeWork(few, MEASURED_REPOSITORY);
  const large = await probeWork(many, MEASURED_REPOSITORY);
  const timed = [
    ...(await timeRequests([few, many], MEASURED_REPOSITORY, about)),
    ...(await timePushes([few, many], about)),
  ];
  return {
    bounds: timed.map((one) => growthBound(one, conditions)),
    timed,
    workDiffers: small.join('\n') !== large.join('\n'),
    small,
    large,
  };
}

export function growthBound({ measure, samples: [small, large] }: Timed, conditions: Conditions): Bound {
  if (small === undefined || large === undefined) throw new Error(`${measure}: nothing was measured`);
  return judged(
    {
      measure: `time of ${measure}`,
      against: 'a tenth of the size',
      value: median(large.milliseconds) / median(small.milliseconds),
      limit: SLOWER_LIMIT,
      sense: 'at most',
    },
    generalDoubt(conditions) ?? scatterOf(small),
  );
}

/** Once: what was filled before is measured as it is, and to fill it takes longer than to measure it. */
async function fill(server: Server, size: Size, { pace, log }: GrowthAbout): Promise<void> {
  const mark = join(server.folder, 'filled-with');
  const what = `${size.repositories} repositories, ${size.blobs} blobs`;
  const before = existsSync(mark) ? readFileSync(mark, 'utf8') : undefined;
  if (before === what) return;
  if (before !== undefined) throw new Error(`${server.folder} holds ${before}, not ${what}: give another --data`);
  log(`seeding ${size.repositories} repositories, ${size.blobs} blobs, ${measuredTags(size)} tags in one of them`);
  await seed(server.port, size, { pace, log });
  writeFileSync(mark, what);
}

async function timePushes(servers: readonly Server[], { runs, log }: GrowthAbout): Promise<Timed[]> {
  const source = new LayerSource(PUSHED, 1);
  const timed: Timed[] = [];
  for (const { name, form } of PUSHES) {
    const measure = `push ${PUSHED.name} ${name}`;
    log(measure);
    const contenders = servers.map((server) => ({
      name: server.name,
      run: () =>
        pushLayers(server.port, MEASURED_REPOSITORY, source.fresh(), { form, connections: PUSHED.connections }),
    }));
    timed.push({ measure, samples: await alternate(contenders, runs, writeBack) });
  }
  return timed;
}
