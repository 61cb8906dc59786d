/**
 * Plants each fault of fuzz/faults.ts in a copy of the sources and demands that the workload of the campaign `fuzz`
 * notices it. A copy without a fault has to pass first.
 */
import { startBerth } from '../e2e/berth-process.ts';
import type { Alteration } from './alteration.ts';
import type { Campaign } from './campaign.ts';
import { FAULTS } from './fuzz/faults.ts';
import { playAll } from './fuzz/players.ts';
import type { Limits } from './fuzz/players.ts';
import { Registry } from './fuzz/registry.ts';
import { Tally } from './fuzz/tally.ts';
import { withAlteredCopy } from './altered-copy.ts';

const SOUND_REQUESTS = 1_500;
const MOST_REQUESTS = 10_000;
const SHRINKING_MS = 20_000;

export const fuzzFaults: Campaign = {
  name: 'fuzz-faults',
  share: 2,
  onRequest: true,
  async run({ seed, deadline, log }) {
    const sound = await firstFailure([], seed, { requests: SOUND_REQUESTS, deadline, shrinkingMs: SHRINKING_MS });
    if (sound.message !== undefined) throw new Error(`it fails without a fault: ${sound.message}`);
    log(`no fault: ${String(sound.requests)} requests are answered as they should be`);
    const survived: string[] = [];
    for (const fault of FAULTS) {
      if (Date.now() >= deadline) {
        log(`out of time before: ${fault.name}`);
        break;
      }
      const { message, requests } = await firstFailure([fault], seed, {
        requests: MOST_REQUESTS,
        deadline,
        shrinkingMs: SHRINKING_MS,
      });
      log(`${fault.name}: ${message === undefined ? 'NOT noticed' : 'noticed'} after ${String(requests)} requests`);
      for (const line of message?.split('\n') ?? []) log(`  ${line}`);
      if (message === undefined) survived.push(fault.name);
    }
    if (survived.length > 0) throw new Error(`nothing notices these faults: ${survived.join('; ')}`);
  },
};

interface Found {
  readonly requests: number;
  readonly message: string | undefined;
}

async function firstFailure(alterations: readonly Alteration[], seed: number, limits: Limits): Promise<Found> {
  return withAlteredCopy(alterations, async (root) => {
    const berth = await startBerth({ root, sync: false });
    const tally = new Tally();
    try {
      await playAll(new Registry(berth.port, tally, true), seed, limits);
      return { requests: tally.sent, message: undefined };
    } catch (error) {
      return { requests: tally.sent, message: error instanceof Error ? error.message : String(error) };
    } finally {
      await berth.discard();
    }
  });
}
