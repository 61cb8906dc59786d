/**
 * Plants each fault of events/faults.ts in a copy of the sources and demands that the workload of the campaign `events` notices
 * it. A copy without a fault has to pass first.
 */
import { Seeded } from '../e2e/crash/seeded.ts';
import type { Alteration } from './alteration.ts';
import { withAlteredCopy } from './altered-copy.ts';
import type { Campaign } from './campaign.ts';
import { FAULTS } from './events/faults.ts';
import { runEvents, type RunResult } from './events/run.ts';

const CHANGES = 500;
const CHANGES_MS = 20_000;
const STEPS_BETWEEN_KILLS = 150;
const SETTLING_MS = 30_000;

export const eventsFaults: Campaign = {
  name: 'events-faults',
  share: 2,
  onRequest: true,
  async run({ seed, deadline, log }) {
    const sound = await attempt([], new Seeded(`${String(seed)}/sound`), log);
    if (sound.problems.length > 0) throw new Error(`it fails without a fault:\n${sound.problems.join('\n')}`);
    const survived: string[] = [];
    for (const fault of FAULTS) {
      const { name } = fault;
      if (Date.now() >= deadline) {
        log(`out of time before: ${name}`);
        break;
      }
      const { problems, kills } = await attempt([fault], new Seeded(`${String(seed)}/${name}`), log);
      const [first] = problems;
      log(
        `${name}: ${first === undefined ? 'NOT noticed' : 'noticed'} after ${String(kills)} kills${first === undefined ? '' : `, ${first}`}`,
      );
      if (first === undefined) survived.push(name);
    }
    if (survived.length > 0) throw new Error(`nothing notices these faults: ${survived.join('; ')}`);
  },
};

function attempt(alterations: readonly Alteration[], random: Seeded, log: (line: string) => void): Promise<RunResult> {
  return withAlteredCopy(alterations, (root) =>
    runEvents({
      ...{ random, root, log, changes: CHANGES, changesMs: CHANGES_MS },
      ...{ mostStepsBetweenKills: STEPS_BETWEEN_KILLS, settlingMs: SETTLING_MS },
    }),
  );
}
