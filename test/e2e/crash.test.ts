/** Kills in the middle of pushes, at moments that a seed decides (crash/round.ts). Each kind of kill comes twice. */
import { expect, test } from 'vitest';
import { runRound } from './crash/round.ts';
import { Seeded } from './crash/seeded.ts';

/** Fixed, so that a failure is a change's and not the dice's; campaigns draw new ones (test/long/crash.ts). */
const SEED = 20_260_730;

test('whatever is killed while clients push, nothing that was acknowledged is lost and nothing is stuck', async () => {
  const seen = await runRound({
    seed: SEED,
    clients: 4,
    kills: new Seeded(SEED).shuffled(['workerd', 'workerd', 'node', 'node', 'all', 'all']),
    smallestBlobBytes: 1_000,
    largestBlobBytes: 20_000_000,
    log: (line) => {
      console.log(line);
    },
  });
  expect(seen.blobs).toBeGreaterThan(0);
  expect(seen.manifests).toBeGreaterThan(0);
  expect(seen.absent).toBeGreaterThan(0);
});
