/** In workerd, since only there does the engine hash what looks like a number without a seed (as in CVE-2026-21717). */
import { expect, it } from 'vitest';
import { parseJsonDocument } from '../../src/oci/json-document.ts';
import { textBytes } from './client.ts';

/** As many as there are of this kind: 195 times 128. */
const NAMES = 24_960;
/** Colliding names took twenty times as long. */
const MOST_TIMES_AS_LONG = 6;
/** What is shorter than this on either side is noise. */
const LEAST_MS = 200;

async function parsingMs(names: readonly string[]): Promise<number> {
  const document = textBytes(`{"annotations":{${names.map((name) => `"${name}":1`).join(',')}}}`);
  const started = Date.now();
  expect(parseJsonDocument(document, 4).ok).toBe(true);
  // The clock stands still while nothing is waited for.
  await new Promise((resolve) => setTimeout(resolve, 1));
  return Date.now() - started;
}

it('names that were chosen to collide are compared as fast as others', async () => {
  const colliding = Array.from({ length: NAMES }, (_, index) =>
    String((60 + (index % 195)) * 2 ** 24 + Math.floor(index / 195) * 2 ** 17),
  );
  const others = Array.from({ length: NAMES }, (_, index) => String(1_000_000_000 + index * 104_729));
  const usual = Math.max(LEAST_MS, await parsingMs(others));
  expect(await parsingMs(colliding)).toBeLessThan(usual * MOST_TIMES_AS_LONG);
});
