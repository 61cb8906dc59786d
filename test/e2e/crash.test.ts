/** Kills in the middle of concurrent pushes, at moments that a seed decides (crash/round.ts). */
import { expect, test } from 'vitest';
import { runRound } from './crash/round.ts';
import { Seeded } from './crash/seeded.ts';

/** Fixed, so that a failure is a change's and not the dice's; campaigns draw new ones (test/long/crash.ts). */
const SEED = 20_260_730;

test('whatever is killed while clients push, nothing that was answered is lost and nothing is stuck', async () => {
  const kills = ['workerd', 'node', 'all'] as const;
  const seen = await runRound({
    seed: SEED,
    clients: 5,
    kills: new Seeded(SEED).shuffled([...kills, ...kills, ...kills]),
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
