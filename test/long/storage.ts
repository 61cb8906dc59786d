/**
 * The storage contract with other bytes, other ranges and larger objects each time, for the filesystem and for R2 in
 * turn: R2 takes over 5 GiB only in parts, and a byte that is lost beyond the fourth gigabyte shows nowhere else. An
 * object of over 5 GiB comes first for each where the time is enough (`--only storage --minutes 15`), and needs as much
 * room in the temporary directory.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { startVitest } from 'vitest/node';
import { STORE_SERVICES, storeBindings } from '../store-bindings.ts';
import { Seeded } from '../e2e/crash/seeded.ts';
import type { ContractOrder } from '../workers/storage/contract/order.ts';
import type { Campaign } from './campaign.ts';

const MIB = 1024 * 1024;
const HUGE_BYTES = 5 * 1024 * MIB;
/** The contract's own object, which each test run stores. */
const SMALLEST_BYTES = 64 * MIB;
const LARGEST_BYTES = 1024 * MIB;
const PARTS_BYTES = [5 * MIB, 8 * MIB, 16 * MIB, 32 * MIB] as const;
/** What the R2 simulator surely writes in a second on a small machine that has other work too. */
const WRITTEN_BYTES_PER_MS = (15 * MIB) / 1_000;
/** Each has its test file. */
const DRIVERS = ['filesystem', 'r2'] as const;
/** The rest of the contract. */
const CONTRACT_MS = 40_000;

export const storage: Campaign = {
  name: 'storage',
  share: 2,
  async run({ seed, deadline, log }) {
    for (let round = 1; round === 1 || Date.now() + CONTRACT_MS < deadline; round += 1) {
      const random = new Seeded(`${seed}/round ${round}`);
      const affordable = (deadline - Date.now() - CONTRACT_MS) * WRITTEN_BYTES_PER_MS;
      const huge = HUGE_BYTES + random.integer(1, SMALLEST_BYTES);
      const large = random.logarithmic(SMALLEST_BYTES + 1, LARGEST_BYTES);
      const affordableLarge = Math.max(SMALLEST_BYTES + 1, Math.min(large, Math.floor(affordable)));
      const order: ContractOrder = {
        seed: random.integer(0, 2 ** 31 - 1),
        largeBytes: round <= DRIVERS.length && affordable > huge ? huge : affordableLarge,
        largePartBytes: random.pick(PARTS_BYTES),
      };
      const { largeBytes, largePartBytes } = order;
      const driver = DRIVERS[(round - 1) % DRIVERS.length] ?? 'r2';
      log(
        `round ${round}: ${driver}, seed ${order.seed}, an object of ${largeBytes} bytes in parts of ${largePartBytes}`,
      );
      await inOwnDirectory(() => runContract(driver, order, deadline));
    }
  },
};

/**
 * Miniflare keeps its data in the temporary directory, every byte that was ever written, and does not always get to
 * remove it before this process ends: gigabytes would stay.
 */
async function inOwnDirectory(work: () => Promise<void>): Promise<void> {
  const outer = process.env['TMPDIR'];
  const directory = await mkdtemp(join(tmpdir(), 'berth-storage-'));
  process.env['TMPDIR'] = directory;
  try {
    await work();
  } finally {
    if (outer === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = outer;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Throws when a test of the contract fails; vitest has printed how. */
async function runContract(driver: string, order: ContractOrder, deadline: number): Promise<void> {
  const timeout = Math.max(CONTRACT_MS, deadline - Date.now());
  const vitest = await startVitest(
    'test',
    [],
    {
      config: false,
      watch: false,
      include: [`test/workers/storage/${driver}.test.ts`],
      globalSetup: STORE_SERVICES,
      setupFiles: ['test/workers/pool-repair.ts'],
      provide: { storageContract: order },
      reporters: ['dot'],
      testTimeout: timeout,
      hookTimeout: timeout,
      teardownTimeout: CONTRACT_MS,
    },
    {
      plugins: [
        cloudflareTest({
          main: 'test/workers/worker.ts',
          wrangler: { configPath: './wrangler.toml' },
          miniflare: { serviceBindings: storeBindings() },
        }),
      ],
    },
  );
  const tests = vitest.state.getFiles().length;
  const failed = vitest.state.getCountOfFailedTests();
  const errors = vitest.state.getUnhandledErrors().length;
  await vitest.close();
  if (tests === 0) throw new Error('the contract was not run at all');
  if (failed + errors > 0)
    throw new Error(`the storage contract is broken, as told above, with ${JSON.stringify(order)}`);
}
