/**
 * The kinds of test: `unit` (pure code, in Node), `workers` (in workerd, beside the Worker), `e2e` and `e2e-pairs` (real
 * processes and clients; the latter two files at a time). Long campaigns are no tests of this runner: see test/long/run.ts.
 */
import { cloudflareTest } from '@cloudflare/vitest-pool-workers';
import { configDefaults, defineConfig } from 'vitest/config';
import { leftOutTests } from './test/e2e/clients/go-programs.ts';
import { internet } from './test/internet.ts';
import { receivers } from './test/receivers.ts';
import { STORE_SERVICES, storeBindings } from './test/store-bindings.ts';

/** A few hundred objects and uploads of many parts, beside other test files on a small machine. */
const WORKERS_TIMEOUT_MS = 60_000;
/** Milliseconds as a rule; a machine that does much else must not fail what it does late. */
const UNIT_TIMEOUT_MS = 60_000;
/** Whoever tests a workerd waits for it half of the time. */
const WORKERS = 2;
/** Real clients and processes take their time on a small machine. */
const E2E_TIMEOUT_MS = 240_000;
/** Berths alone, without engines and builders: these files wait more than they compute, so two of them go at a time. */
const PAIRED = [
  'test/e2e/{conformance,copy,doctor,maintenance}/**/*.test.ts',
  'test/e2e/{answers,config,crash-moments,data-directory,process-tree,slow-bodies,start,upgrades}.test.ts',
  'test/e2e/access/admin-password.test.ts',
];

export default defineConfig({
  test: {
    watch: false,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          environment: 'node',
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [
          cloudflareTest({
            main: 'test/workers/worker.ts',
            wrangler: { configPath: './wrangler.toml' },
            miniflare: {
              bindings: { BERTH_ANONYMOUS: 'read-write' },
              // Under a name that the Worker does not look for: here events go by the platform's Queue.
              durableObjects: { TEST_EVENT_QUEUE: { className: 'EventQueue', useSQLite: true } },
              serviceBindings: { ...storeBindings(), OUTBOUND: receivers },
              outboundService: internet,
            },
          }),
        ],
        test: {
          name: 'workers',
          include: ['test/workers/**/*.test.ts'],
          globalSetup: STORE_SERVICES,
          setupFiles: ['test/workers/pool-repair.ts'],
          testTimeout: WORKERS_TIMEOUT_MS,
          hookTimeout: WORKERS_TIMEOUT_MS,
          maxWorkers: WORKERS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...leftOutTests(), ...PAIRED],
          environment: 'node',
          // Each file has the machine to itself: a client that waits for a busy core must not look like a hang.
          fileParallelism: false,
          testTimeout: E2E_TIMEOUT_MS,
          hookTimeout: E2E_TIMEOUT_MS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e-pairs',
          include: PAIRED,
          environment: 'node',
          maxWorkers: WORKERS,
          testTimeout: E2E_TIMEOUT_MS,
          hookTimeout: E2E_TIMEOUT_MS,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
