/**
 * `npm run bench -- floor [--runs N] [--size MB] [--only push|pull]`: Berth as `npm start` serves it on the emulator
 * against the least that a Worker can do with the same bytes in the same emulator (worker.ts), in one run, in turn. Ratios
 * count: the figures themselves are this machine's. Ends with code 1 when a bound (bounds.ts) does not hold.
 *
 * The client is checked in the same table: "the client alone" is what it reaches against a server that does nothing.
 */
import { randomFillSync } from 'node:crypto';
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startBerth, type BerthProcess } from '../../test/e2e/berth-process.ts';
import { circumstances, currentLoad } from '../circumstances.ts';
import { countWork, type CountedWork } from '../counted-work.ts';
import {
  digestOf,
  pullLayer,
  pushLayer,
  sha256Hex,
  verifyLayer,
  type Layer,
  type PushForm,
} from '../registry-client.ts';
import { alternate, WARM_UPS, type Contender } from '../timing.ts';
import { keepResults, openWorkspace, writeBack } from '../workspace.ts';
import { fastestOf, pullBound, pushBound, type Bound } from './bounds.ts';
import { Floor, WAYS } from './floor.ts';
import { parseOptions, type BenchOptions } from './options.ts';
import { report, type Comparison, type Results } from './report.ts';

const REPOSITORIES = { whole: 'bench/whole', chunked: 'bench/chunked', pull: 'bench/pull' };
/** A pull takes a fraction of a push's time and varies more. */
const PULLS_A_RUN = 3;
/** Of Berth's output, where something went wrong. */
const LAST_LINES = 10;

interface Measured {
  readonly comparison: Comparison;
  readonly bounds: readonly Bound[];
}

/** The exit code. */
export async function runFloor(given: readonly string[]): Promise<number> {
  const options = parseOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const conditions = await circumstances();
  const data = openWorkspace();
  const berth = await startBerth({ data: join(data, 'berth'), storage: 'r2' });
  const floor = await Floor.start(join(data, 'floor'));
  try {
    const measured: Measured[] = [];
    if (options.only !== 'pull') measured.push(await measurePush(berth, floor, data, options));
    if (options.only !== 'push') measured.push(await measurePull(berth, floor, options));
    // All that it printed is there when it has ended.
    await berth.stop();
    const results: Results = {
      circumstances: conditions,
      options,
      loadAfter: currentLoad(),
      comparisons: measured.map(({ comparison }) => comparison),
      bounds: measured.flatMap(({ bounds }) => bounds),
      work: countAll(options, berth),
    };
    console.log(report(results));
    console.log(`\nEvery single time is in ${keepResults('floor', conditions.time, results)}`);
    return results.bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
  } catch (error) {
    console.error(`The last that Berth said:\n${berth.run.output.slice(-LAST_LINES).join('\n')}\n`);
    throw error;
  } finally {
    await berth.discard();
    await floor.stop();
  }
}

function countAll({ runs, only }: BenchOptions, { lines }: BerthProcess): CountedWork[] {
  const push = { methods: ['POST', 'PATCH', 'PUT'], times: runs + WARM_UPS };
  // The layer that is pulled was pushed there, and looked at once.
  const pull = { repository: REPOSITORIES.pull, methods: ['GET'], times: runs * PULLS_A_RUN + WARM_UPS + 1 };
  return [
    ...(only === 'pull'
      ? []
      : [
          countWork('push, whole body', { ...push, repository: REPOSITORIES.whole }, lines),
          countWork('push, chunked', { ...push, repository: REPOSITORIES.chunked }, lines),
        ]),
    ...(only === 'push' ? [] : [countWork('pull', pull, lines)]),
  ];
}

async function measurePush(
  berth: BerthProcess,
  floor: Floor,
  data: string,
  { size, runs }: BenchOptions,
): Promise<Measured> {
  const bytes = Buffer.alloc(size);
  /** Bytes that no registry knows and no disk can make smaller. */
  const fresh = (): Buffer => randomFillSync(bytes);
  const berthBy = (form: PushForm): Contender => ({
    name: `push: Berth, ${form === 'whole' ? 'whole body' : 'chunked'}`,
    run: () => pushLayer(berth.port, REPOSITORIES[form], { bytes: fresh(), digest: digestOf(bytes) }, form),
  });
  const contenders: Contender[] = [
    berthBy('whole'),
    berthBy('chunked'),
    ...WAYS.map((way) => ({
      name: `push: floor that verifies, ${way}`,
      run: () => floor.push(way, 'direct', fresh(), sha256Hex(bytes)),
    })),
    ...WAYS.map((way) => ({ name: `push: bare floor, ${way}`, run: () => floor.push(way, 'direct', fresh()) })),
    { name: 'push: bare floor, put, behind the front', run: () => floor.push('put', 'front', fresh()) },
    { name: 'push: the client alone', run: () => floor.pushToSink(bytes) },
  ];
  const samples = await alternate(contenders, runs, () => forgetStoredBytes(data));
  const [whole, chunked, ...rest] = samples;
  if (whole === undefined || chunked === undefined) throw new Error('nothing was measured');
  const verifying = fastestOf(rest.slice(0, WAYS.length));
  const bare = fastestOf(rest.slice(WAYS.length, 2 * WAYS.length));
  return {
    comparison: { samples, floor: bare },
    bounds: [whole, chunked].map((one) => pushBound(one, verifying, size)),
  };
}

async function measurePull(berth: BerthProcess, floor: Floor, { size, runs }: BenchOptions): Promise<Measured> {
  const bytes = randomFillSync(Buffer.alloc(size));
  const layer: Layer = { bytes, digest: digestOf(bytes) };
  await pushLayer(berth.port, REPOSITORIES.pull, layer, 'whole');
  await floor.store(bytes);
  await verifyLayer(berth.port, REPOSITORIES.pull, layer);
  const samples = await alternate(
    [
      { name: 'pull: Berth', run: () => pullLayer(berth.port, REPOSITORIES.pull, layer) },
      { name: 'pull: floor', run: () => floor.pull('direct', size) },
      { name: 'pull: floor, behind the front', run: () => floor.pull('front', size) },
      { name: 'pull: the client alone', run: () => floor.pullFromSink(size) },
    ],
    runs * PULLS_A_RUN,
    writeBack,
  );
  const [pulled, bare] = samples;
  if (pulled === undefined || bare === undefined) throw new Error('nothing was measured');
  return { comparison: { samples, floor: bare }, bounds: [pullBound(pulled, bare)] };
}

/**
 * Deletes the files of all that the simulator has stored below a directory; nobody pulls them. Otherwise the system would
 * have to find new memory for each push, and who comes later would pay several hundred milliseconds more for that.
 */
async function forgetStoredBytes(data: string): Promise<void> {
  for (const file of globSync('**/r2/*/blobs/*', { cwd: data })) rmSync(join(data, file));
  await writeBack();
}
