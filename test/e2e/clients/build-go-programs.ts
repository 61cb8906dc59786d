/**
 * `npm run go-programs`: builds every Go program of the tests that is not in the cache yet, one after the other, and tells
 * how long each took. Ends with 1 where one could not be built, after it tried the others.
 */
import { GO_PROGRAM_NAMES, buildGoProgram, goProgramVersion } from './go-programs.ts';

const startedMs = Date.now();
const missing: string[] = [];
for (const name of GO_PROGRAM_NAMES) {
  const beganMs = Date.now();
  const built = await buildGoProgram(name);
  const took = `${String(Math.round((Date.now() - beganMs) / 1_000))} s`;
  if (built.kind === 'unavailable') missing.push(name);
  console.log(`${name} ${goProgramVersion(name)}: ${built.kind === 'available' ? took : built.reason}`);
}
if (missing.length > 0) {
  console.error(`Not built: ${missing.join(', ')}. Their tests can't run. Look at what is said above.`);
  process.exitCode = 1;
} else {
  console.log(`All Go programs are there, after ${String(Math.round((Date.now() - startedMs) / 1_000))} s.`);
}
