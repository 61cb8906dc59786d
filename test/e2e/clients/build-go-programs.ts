/**
 * `npm run go-programs [-- --minutes N]`: builds every Go program of the tests that is not in the cache yet, one after the
 * other, and tells how long each took. Ends with 1 where one could not be built, after it tried the others. After N minutes
 * no large one is begun or gone on with, and that is no failure: their tests are left out, and the next call goes on where
 * this one ended, since Go keeps what it compiled.
 */
import { parseArgs } from 'node:util';
import { GO_PROGRAM_NAMES, buildGoProgram, goProgramVersion, isLarge } from './go-programs.ts';

const MINUTE_MS = 60_000;

const { values } = parseArgs({ options: { minutes: { type: 'string' } } });
const minutes = values.minutes === undefined ? Infinity : Number(values.minutes);
if (!(minutes > 0)) {
  console.error('--minutes wants a number greater than 0, e.g. npm run go-programs -- --minutes 5');
  process.exit(2);
}

const startedMs = Date.now();
const missing: string[] = [];
const leftOut: string[] = [];
for (const name of GO_PROGRAM_NAMES) {
  const beganMs = Date.now();
  const leftMs = startedMs + minutes * MINUTE_MS - beganMs;
  const mayEndEarly = isLarge(name) && Number.isFinite(leftMs);
  // One that is there takes no time.
  const built = mayEndEarly ? await buildGoProgram(name, Math.max(1, leftMs)) : await buildGoProgram(name);
  const took = `${String(Math.round((Date.now() - beganMs) / 1_000))} s`;
  const isOutOfTime = mayEndEarly && Date.now() - beganMs >= leftMs;
  if (built.kind === 'unavailable') (isOutOfTime ? leftOut : missing).push(name);
  const why = built.kind === 'available' ? took : isOutOfTime ? 'the time was over' : built.reason;
  console.log(`${name} ${goProgramVersion(name)}: ${why}`);
}
if (leftOut.length > 0)
  console.log(`Left out: ${leftOut.join(', ')}. Their tests are no part of a run until they are built.`);
if (missing.length > 0) {
  console.error(`Not built: ${missing.join(', ')}. Their tests can't run. Look at what is said above.`);
  process.exitCode = 1;
} else if (leftOut.length === 0) {
  console.log(`All Go programs are there, after ${String(Math.round((Date.now() - startedMs) / 1_000))} s.`);
}
