/**
 * `npm run bench -- soak [--minutes N] [--repositories N]`: whether the memory of all serving processes stays what it is
 * under mixed load. Ends with code 1 when it does not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { peakMemory, presentMemory } from '../../test/e2e/process-memory.ts';
import { MEGABYTE, parseOptionsBy, wholeNumber } from '../arguments.ts';
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { flatnessBound, type MemorySample } from './flatness.ts';
import { berthKind } from './kinds.ts';
import { boundTable } from './report.ts';
import { withServers, type Server } from './server.ts';
import { SoakLoad } from './soak-load.ts';

const LONGEST_MINUTES = 10_000;
const MOST_REPOSITORIES = 100_000;
const MINUTE_MS = 60_000;
const SAMPLES = 200;
const SHORTEST_INTERVAL_MS = 500;
/** Every so many samples a line is printed. */
const SAMPLES_A_LINE = 10;

export type SoakOptions = v.InferOutput<typeof OptionsSchema>;

const OptionsSchema = v.object({
  minutes: wholeNumber('--minutes', LONGEST_MINUTES),
  repositories: wholeNumber('--repositories', MOST_REPOSITORIES),
});

/** The exit code. */
export async function runSoak(given: readonly string[]): Promise<number> {
  const options = parseOptionsBy(
    given,
    { minutes: { type: 'string', default: '5' }, repositories: { type: 'string', default: '200' } },
    OptionsSchema,
  );
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const about = await circumstances();
  const { samples, operations, peak } = await withServers([berthKind()], openWorkspace(), ([server]) =>
    soak(server, options),
  );
  const bounds = [flatnessBound(samples, options.minutes)];
  const loadAfter = currentLoad();
  console.log(
    [
      ...describeCircumstances(about, loadAfter),
      `${operations} operations; each process's own peak, added up: ${megabytes(peak)}`,
      '',
      boundTable(bounds),
    ].join('\n'),
  );
  const results = { circumstances: about, options, loadAfter, operations, peak, samples, bounds };
  console.log(`\nEvery single figure is in ${keepResults('soak', about.time, results)}`);
  return bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}

interface Soaked {
  readonly samples: readonly MemorySample[];
  readonly operations: number;
  /** Bytes: of each process its own peak, added up. */
  readonly peak: number;
}

async function soak(server: Server | undefined, { minutes, repositories }: SoakOptions): Promise<Soaked> {
  if (server === undefined) throw new Error('no server was started');
  const started = Date.now();
  const deadline = started + minutes * MINUTE_MS;
  const load = new SoakLoad(server.port, repositories);
  const samples: MemorySample[] = [];
  const failed = new AbortController();
  const loading = load.run(deadline).catch((error: unknown) => {
    failed.abort(error);
  });
  const interval = Math.max(SHORTEST_INTERVAL_MS, (minutes * MINUTE_MS) / SAMPLES);
  while (Date.now() < deadline && !failed.signal.aborted) {
    await delay(interval, undefined, { signal: failed.signal }).catch(() => undefined);
    const sample = { seconds: (Date.now() - started) / 1_000, bytes: presentMemory(server.pids) };
    samples.push(sample);
    if (samples.length % SAMPLES_A_LINE === 0) console.error(line(sample, load.operations));
  }
  await loading;
  failed.signal.throwIfAborted();
  return { samples, operations: load.operations, peak: peakMemory(server.pids) };
}

function line({ seconds, bytes }: MemorySample, operations: number): string {
  return `  ${seconds.toFixed(0)} s: ${megabytes(bytes)}, ${operations} operations`;
}

function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(0)} MB`;
}
