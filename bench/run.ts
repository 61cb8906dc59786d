/**
 * `npm run bench [-- KIND] [options]`; docs/performance.md explains each kind and its options. Ends with code 1 when a
 * bound does not hold, with 2 when it was typed wrongly.
 */
const KINDS: Readonly<Record<string, (given: readonly string[]) => Promise<number>>> = {
  peer: async (given) => (await import('./peer/bench.ts')).runPeer(given),
  runtime: async (given) => (await import('./runtime/bench.ts')).runRuntime(given),
  soak: async (given) => (await import('./peer/soak.ts')).runSoak(given),
  growth: async (given) => (await import('./peer/growth.ts')).runGrowth(given),
  access: async (given) => (await import('./peer/access.ts')).runAccess(given),
  events: async (given) => (await import('./events/bench.ts')).runEvents(given),
  floor: async (given) => (await import('./floor/bench.ts')).runFloor(given),
};
const DEFAULT_KIND = 'peer';

const given = process.argv.slice(2);
const named = given[0]?.startsWith('-') === false;
const kind = (named ? given[0] : undefined) ?? DEFAULT_KIND;
const run = KINDS[kind];
if (run === undefined) {
  console.error(`There is no kind ${kind}. There are: ${Object.keys(KINDS).join(', ')}.`);
  process.exitCode = 2;
} else process.exitCode = await run(named ? given.slice(1) : given);
