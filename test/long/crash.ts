/** Rounds of random load and random kills (test/e2e/crash/round.ts) until the time is over, each with data of its own. */
import { runRound } from '../e2e/crash/round.ts';
import { Seeded } from '../e2e/crash/seeded.ts';
import type { Victim } from '../e2e/crash/unstable-berth.ts';
import type { Campaign } from './campaign.ts';

const VICTIMS = ['workerd', 'node', 'all'] as const satisfies readonly Victim[];
/** As single layers are, up to some parts of the largest ones. */
const LARGEST_BLOBS_BYTES = [100_000, 5_000_000, 20_000_000, 40_000_000] as const;

export const crash: Campaign = {
  name: 'crash',
  share: 4,
  async run({ seed, deadline, log }) {
    for (let round = 1; Date.now() < deadline; round += 1) {
      const name = `${seed}/round ${round}`;
      const random = new Seeded(name);
      const kills = Array.from({ length: random.integer(3, 12) }, () => random.pick(VICTIMS));
      const clients = random.integer(1, 6);
      const largestBlobBytes = random.pick(LARGEST_BLOBS_BYTES);
      log(`round ${round}: ${clients} clients, blobs up to ${largestBlobBytes} bytes, kills ${kills.join(' ')}`);
      await runRound({ seed: name, clients, kills, smallestBlobBytes: 1_000, largestBlobBytes, log });
    }
  },
};
