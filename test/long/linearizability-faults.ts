/**
 * Plants each fault of linearizability/faults.ts in a copy of the sources and demands that the workload of the campaign
 * `linearizability` notices it, without any kill. A copy without a fault, but with the same distance between its parts,
 * has to pass first.
 */
import { Seeded } from '../e2e/crash/seeded.ts';
import { UnstableBerth } from '../e2e/crash/unstable-berth.ts';
import type { Alteration } from './alteration.ts';
import { withAlteredCopy } from './altered-copy.ts';
import type { Campaign } from './campaign.ts';
import { DISTANCE, FAULTS } from './linearizability/faults.ts';
import { Workload } from './linearizability/workload.ts';

const CLIENTS = 12;
/** Histories are checked after each slice, with nothing open. */
const SLICE_OPERATIONS = 250;
const MOST_SLICES = 12;
const SOUND_SLICES = 4;

export const linearizabilityFaults: Campaign = {
  name: 'linearizability-faults',
  share: 2,
  onRequest: true,
  async run({ seed, deadline, log }) {
    const sound = await firstViolation(DISTANCE, new Seeded(`${seed}/sound`), SOUND_SLICES);
    if (sound.lines !== undefined)
      throw new Error(`it is not linearizable without a fault:\n${sound.lines.join('\n')}`);
    log(`no fault: ${sound.operations} operations have an order`);
    const survived: string[] = [];
    for (const fault of FAULTS) {
      const { name } = fault;
      if (Date.now() >= deadline) {
        log(`out of time before: ${name}`);
        break;
      }
      const { lines, operations } = await firstViolation(
        [...DISTANCE, fault],
        new Seeded(`${seed}/${name}`),
        MOST_SLICES,
      );
      log(`${name}: ${lines === undefined ? 'NOT noticed' : 'noticed'} after ${operations} operations`);
      for (const line of lines ?? []) log(`  ${line}`);
      if (lines === undefined) survived.push(name);
    }
    if (survived.length > 0) throw new Error(`nothing notices these faults: ${survived.join('; ')}`);
  },
};

interface Found {
  readonly operations: number;
  /** Of the first violation. */
  readonly lines: readonly string[] | undefined;
}

async function firstViolation(alterations: readonly Alteration[], random: Seeded, slices: number): Promise<Found> {
  return withAlteredCopy(alterations, async (root) => {
    const berth = await UnstableBerth.start({ root });
    try {
      const workload = await Workload.prepare(berth, random, CLIENTS);
      for (let slice = 0; slice < slices; slice += 1) {
        await workload.run(SLICE_OPERATIONS, () => false);
        const lines = workload.violation() ?? (await workload.race());
        if (lines !== undefined) return { lines, operations: workload.recorder.count };
      }
      return { lines: undefined, operations: workload.recorder.count };
    } finally {
      await berth.discard();
    }
  });
}
