/**
 * `npm test`: every test but the long campaigns. Ends with the tests that were skipped, by name, and with the line
 * `N passed, N failed, N skipped`. Arguments are vitest's own (`npm test -- manifests`, `-t "a sentence"`,
 * `--project unit`), and `--minutes N`.
 *
 * BERTH_REQUIRE_CLIENTS=1: whatever is skipped is failed. CI sets it, so that a client that did not install can't pass
 * for one that works.
 */
import { once } from 'node:events';
import type { SerializedError } from 'vitest';
import type { Reporter, Vitest } from 'vitest/node';
import { leftOutTests } from './e2e/clients/go-programs.ts';
import { tallyOf } from './tally.ts';

/** All tests have to be done in this time on two cores. */
const LIMIT_MINUTES = 39;
/** After the limit: what may be spent on stopping servers and clients that tests have started. */
const CLEANUP_MS = 30_000;
const MINUTE_MS = 60_000;

// Read when vitest is loaded, hence before it is: `CI` alone would colour a log file.
if (!process.stdout.isTTY && process.env['FORCE_COLOR'] === undefined) process.env['NO_COLOR'] = '1';
const { parseCLI, startVitest } = await import('vitest/node');

const HELP = `Runs the tests.

  npm test                       all of them
  npm test -- manifests          the files of that name
  npm test -- -t "a sentence"    one test
  npm test -- --project unit     one kind: unit, workers, e2e or e2e-pairs
  npm test -- --minutes 5        another limit than ${String(LIMIT_MINUTES)} minutes

Other options are vitest's. docs/testing.md tells the rest.`;
if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
  console.log(HELP);
  process.exit(0);
}

const { minutes, rest } = ownOptions(process.argv.slice(2));
const { filter, options } = parseCLI(['vitest', 'run', ...rest]);

let run: Vitest | undefined;
let unhandled: readonly SerializedError[] = [];
const running = new Set<string>();
const collector: Reporter = {
  // `startVitest` returns at the end; who wants to end the run before has to know it from here.
  onInit(vitest) {
    run = vitest;
  },
  onTestModuleStart(module) {
    running.add(module.relativeModuleId);
  },
  onTestModuleEnd(module) {
    running.delete(module.relativeModuleId);
  },
  onTestRunEnd(_, errors) {
    unhandled = errors;
  },
};

let outOfTime = false;
/** vitest itself failed, e.g. over its configuration. */
let brokenOff = false;
const limit = setTimeout(() => void giveUp(), minutes * MINUTE_MS);

try {
  const vitest = await startVitest('test', filter, {
    ...options,
    watch: false,
    allowOnly: false,
    passWithNoTests: false,
    reporters: [...(options.reporters === undefined ? ['default'] : [options.reporters].flat()), collector],
  });
  await vitest.close();
} catch (error) {
  brokenOff = true;
  console.error(error);
}
clearTimeout(limit);
await conclude();

/** The run takes too long: says where it is, lets hooks clean up, and ends in any case. */
async function giveUp(): Promise<void> {
  outOfTime = true;
  const where = [...running].join(', ') || 'no test file';
  console.log(`\nThe tests did not end within ${String(minutes)} minutes. Running: ${where}`);
  setTimeout(() => void conclude(), CLEANUP_MS);
  await run?.cancelCurrentRun('keyboard-input');
}

async function conclude(): Promise<never> {
  const { passed, failed, skipped } = tallyOf(run?.state.getTestModules() ?? [], options.testNamePattern !== undefined);
  const required = process.env['BERTH_REQUIRE_CLIENTS'] === '1';
  // vitest takes whoever ends a run for its user.
  const why = (reason: string) => (outOfTime ? 'the time was over' : reason);
  const lines = skipped.map(({ name, reason }) => `  ${name}\n    ${why(reason)}`);
  if (lines.length > 0 && required) lines.unshift('\nFailed, since BERTH_REQUIRE_CLIENTS=1 lets no test be skipped:');
  else if (lines.length > 0) lines.unshift('\nSkipped:');

  const leftOut = leftOutTests();
  if (leftOut.length > 0)
    lines.push('\nNot built, hence no part of this run (npm run go-programs):', ...leftOut.map((file) => `  ${file}`));
  const notRun = passed + failed + skipped.length === 0;
  if (notRun && !brokenOff) lines.push('\nNo test was run. Does the filter name a test file?');
  if (unhandled.length > 0) lines.push(`\nErrors outside of tests: ${String(unhandled.length)} (above)`);
  const failures = failed + unhandled.length + (required ? skipped.length : 0) + Number(outOfTime) + Number(brokenOff);
  const left = required ? 0 : skipped.length;
  lines.push('', `${String(passed)} passed, ${String(failures)} failed, ${String(left)} skipped`, '');
  if (!process.stdout.write(lines.join('\n'))) await once(process.stdout, 'drain');
  process.exit(failures > 0 || notRun ? 1 : 0);
}

function ownOptions(given: readonly string[]): { minutes: number; rest: string[] } {
  const at = given.indexOf('--minutes');
  if (at === -1) return { minutes: LIMIT_MINUTES, rest: [...given] };
  const asked = Number(given[at + 1]);
  if (!(asked > 0)) {
    console.error('--minutes wants a number greater than 0, e.g. npm test -- --minutes 5');
    process.exit(2);
  }
  return { minutes: asked, rest: given.filter((_, index) => index !== at && index !== at + 1) };
}
