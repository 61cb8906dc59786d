/**
 * `npm run bench -- runtime [options]`: the smallest Worker that a client can push to and pull from (worker.ts), served as
 * `npm start` serves Berth, beside Berth and beside distribution, measured in turn by the same clients (../peer/). So it
 * tells of each bound that Berth misses whether any Worker on this runtime could hold it. It has no bounds of its own.
 */
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import type { CaseContext, CaseResult } from '../peer/case.ts';
import { CASES, clientVersions, conditionsOf } from '../peer/cases.ts';
import { berthKind, peerKinds, versionsOf } from '../peer/kinds.ts';
import type { Measured } from '../peer/measured.ts';
import { rateTable } from '../peer/report.ts';
import { compareBusiestRequests } from '../peer/requests.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { floorKinds } from './floor-kind.ts';
import { parseRuntimeOptions, type RuntimeCaseName } from './options.ts';
import { proveThatBytesComeBack } from './proof.ts';
import { reachOf, reachTable, type Reach } from './reach.ts';

const RUNTIME_CASES: Readonly<Record<RuntimeCaseName, (context: CaseContext) => Promise<CaseResult>>> = {
  ...CASES,
  requests: compareBusiestRequests,
};

/** The exit code. */
export async function runRuntime(given: readonly string[]): Promise<number> {
  const options = parseRuntimeOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const peers = await peerKinds(options.peer);
  const about = await circumstances({ ...versionsOf(peers), ...(await clientVersions(options.only)) });
  const conditions = { load: about.load, cores: about.cores, scale: options.scale };
  const context: CaseContext = {
    options: { ...options, large: false, tls: false },
    kinds: [berthKind(), ...peers, ...floorKinds()],
    workspace: openWorkspace(),
    conditions,
    log: (line) => {
      console.error(`  ${line} …`);
    },
  };

  context.log('what is pushed to the smallest Worker comes back');
  await proveThatBytesComeBack(floorKinds(), context.workspace);
  const measured: Measured[] = [];
  const reach: Reach[] = [];
  for (const name of options.only) {
    const result = await RUNTIME_CASES[name](context);
    measured.push(...result.measured);
    reach.push(...result.measured.flatMap((one) => reachOf(one, conditionsOf(name, conditions))));
    console.log(`${rateTable(name, result.measured)}\n`);
  }
  const loadAfter = currentLoad();
  console.log([...describeCircumstances(about, loadAfter), '', reachTable(reach)].join('\n'));
  const results = { circumstances: about, options, loadAfter, measured, reach };
  console.log(`\nEvery single time is in ${keepResults('runtime', about.time, results)}`);
  return 0;
}
