/**
 * `npm run bench [-- peer] [options]`: Berth as `npm start` serves it beside distribution as Debian packages and configures
 * it, on one disk, in turn. Ratios count: the figures themselves are this machine's. Ends with code 1 when a bound
 * (bounds.ts) does not hold.
 */
import { circumstances, currentLoad, describeCircumstances } from '../circumstances.ts';
import { keepResults, openWorkspace } from '../workspace.ts';
import { rateBounds, type Bound } from './bounds.ts';
import { CASES, clientVersions, conditionsOf } from './cases.ts';
import { berthKind, peerKinds, speakingTls, versionsOf } from './kinds.ts';
import type { Measured } from './measured.ts';
import { parsePeerOptions } from './options.ts';
import { boundTable, rateTable } from './report.ts';

/** The exit code. */
export async function runPeer(given: readonly string[]): Promise<number> {
  const options = parsePeerOptions(given);
  if (typeof options === 'string') {
    console.error(options);
    return 2;
  }
  const peers = await peerKinds(options.peer);
  const about = await circumstances({ ...versionsOf(peers), ...(await clientVersions(options.only)) });
  const conditions = { load: about.load, cores: about.cores, scale: options.scale };
  const workspace = openWorkspace();
  const plain = [berthKind(), ...peers];
  const kinds = options.tls ? speakingTls(plain, workspace) : plain;
  const log = (line: string): void => {
    console.error(`  ${line} …`);
  };

  const measured: Measured[] = [];
  const bounds: Bound[] = [];
  for (const name of options.only) {
    const result = await CASES[name]({ options, kinds, workspace, conditions, log });
    measured.push(...result.measured);
    const doubts = conditionsOf(name, conditions);
    bounds.push(...result.measured.flatMap((one) => rateBounds(one, doubts)), ...result.bounds);
    if (result.measured.length > 0) console.log(`${rateTable(name, result.measured)}\n`);
  }
  const loadAfter = currentLoad();
  console.log([...describeCircumstances(about, loadAfter), '', boundTable(bounds)].join('\n'));
  const results = { circumstances: about, options, loadAfter, measured, bounds };
  console.log(`\nEvery single time is in ${keepResults('peer', about.time, results)}`);
  return bounds.some(({ verdict }) => verdict === 'FAILS') ? 1 : 0;
}
