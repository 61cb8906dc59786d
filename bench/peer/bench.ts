/**
 * `npm run bench [-- peer] [options]`: Berth as `npm start` serves it beside distribution as Debian packages and configures
 * it, on one disk, in turn. Ratios count: the figures themselves are this machine's. Ends with code 1 when a bound
 * (bounds.ts) does not hold.
 */
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { rateBounds, type Bound } from './bounds.ts';
import type { CaseContext, CaseResult } from './case.ts';
import { versionOf } from './command.ts';
import { berthKind, debianKind, distributionKind } from './kinds.ts';
import type { Measured } from './measured.ts';
import { measureMemory } from './memory.ts';
import { parsePeerOptions, type CaseName } from './options.ts';
import { compareCrowds, comparePulls } from './pull.ts';
import { comparePushes } from './push.ts';
import { boundTable, rateTable } from './report.ts';
import { compareRequests } from './requests.ts';

const CASES: Readonly<Record<CaseName, (context: CaseContext) => Promise<CaseResult>>> = {
  push: comparePushes,
  pull: comparePulls,
  requests: compareRequests,
  concurrent: compareCrowds,
  memory: measureMemory,
};

/** Programs that are no part of the project. */
const CLIENTS: Readonly<Partial<Record<CaseName, string>>> = { push: 'skopeo', requests: 'wrk' };

/** Whose figures depend on the sizes of layers. */
const SIZED: readonly CaseName[] = ['push', 'pull', 'concurrent', 'memory'];

/** The exit code. */
export async function runPeer(given: readonly string[]): Promise<number> {
  const options = parsePeerOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const debian = await debianKind();
  const others: (typeof debian)[] = [];
  for (const { name, program } of options.peer) others.push(await distributionKind(name, program));
  const kinds = [berthKind(), debian, ...others];
  const about = await circumstances({
    ...Object.fromEntries([debian, ...others].map(({ name, version }) => [name, version])),
    ...(await clientVersions(options.only)),
  });
  const conditions = { load: about.load, cores: about.cores, scale: options.scale };
  const workspace = openWorkspace();
  const log = (line: string): void => {
    console.error(`  ${line} …`);
  };

  const measured: Measured[] = [];
  const bounds: Bound[] = [];
  for (const name of options.only) {
    const result = await CASES[name]({ options, kinds, workspace, conditions, log });
    measured.push(...result.measured);
    const scale = SIZED.includes(name) ? options.scale : 1;
    bounds.push(...result.measured.flatMap((one) => rateBounds(one, { ...conditions, scale })), ...result.bounds);
    if (result.measured.length > 0) console.log(`${rateTable(name, result.measured)}\n`);
  }
  const loadAfter = currentLoad();
  console.log([...describeCircumstances(about, loadAfter), '', boundTable(bounds)].join('\n'));
  const results = { circumstances: about, options, loadAfter, measured, bounds };
  console.log(`\nEvery single time is in ${keepResults('peer', about.time, results)}`);
  return bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}

async function clientVersions(cases: readonly CaseName[]): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const name of cases) {
    const program = CLIENTS[name];
    if (program !== undefined) versions[program] = await versionOf(program);
  }
  return versions;
}
