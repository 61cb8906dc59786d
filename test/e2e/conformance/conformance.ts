/**
 * The official conformance suite against `npm start`, with everything switched on that it can ask for. A case that does
 * not pass has to be listed in docs/compatibility.md with the reason, and one that is listed must not pass.
 *
 * A file of tests each version: the suite waits more than it computes, so both go at once.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PERSON, WITH_ONE_PERSON } from '../access/one-person.ts';
import { start, startAgain } from '../berths.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { goProgram, PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { runConformance, type ConformanceCase } from './suite.ts';

/** Fewer would mean that the suite skipped whole parts of itself. */
const LEAST_CASES = 700;

/** `| case | version | reason |` below "The conformance suite". A version may be followed by `, Bearer`: only with that challenge. */
const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'compatibility.md'), 'utf8');
const section = /## The conformance suite\n([^]*?)(?:\n## |$)/.exec(page)?.[1] ?? '';
const LISTED = [...section.matchAll(/^\| `([^`]+)` \| (1\.1|dev|both)(?:, (Bearer))? \| .+\|$/gm)].map(
  ([, name = '', version = '', challenge]) => ({ name, version, challenge }),
);
const TEST_LIMIT_MS = 480_000;

/** Every case that does not pass is listed, and every one that is listed does not pass. */
function compare(cases: readonly ConformanceCase[], version: string, challenge?: 'Bearer'): void {
  expect(cases.length).toBeGreaterThan(LEAST_CASES);
  const others = cases
    .filter(({ status }) => status !== 'Pass')
    .map(({ name, status, said }) => ({ name, status, said }));
  const expected = LISTED.filter(
    (row) =>
      (row.version === 'both' || row.version === version) &&
      (row.challenge === undefined || row.challenge === challenge),
  );
  expect(others.filter(({ name }) => !expected.some((row) => row.name === name))).toEqual([]);
  expect(expected.filter(({ name }) => !others.some((other) => other.name === name))).toEqual([]);
}

/** The tests of one version. */
export function describeConformance(version: '1.1' | 'dev'): void {
  let suite: Availability<string>;
  beforeAll(async () => {
    suite = await goProgram('conformance');
  }, PREPARATION_LIMIT_MS);

  describe(`the conformance suite, version ${version}`, { timeout: TEST_LIMIT_MS }, () => {
    it.for([
      { what: 'with every reference that a manifest has', sparse: false },
      { what: 'with manifests of which something is missing', sparse: true },
    ])('passes, $what', async ({ sparse }, context) => {
      const program = requireClient(context, 'the conformance suite', suite);
      const environment = { BERTH_MANIFESTS_ALLOW_MISSING: sparse ? 'on' : 'off' };
      const berth = await start({ environment });
      compare(await runConformance(program, { registry: new URL(berth.url).host, version, sparse }), version);
    });

    it('passes, signed in with a challenge of Basic', async (context) => {
      const program = requireClient(context, 'the conformance suite', suite);
      const berth = await start({ environment: WITH_ONE_PERSON });
      const options = { registry: new URL(berth.url).host, version, sparse: false, person: PERSON };
      compare(await runConformance(program, options), version);
    });

    it('passes, signed in with a challenge of Bearer', async (context) => {
      const program = requireClient(context, 'the conformance suite', suite);
      const before = await start({ environment: WITH_ONE_PERSON });
      // Its address is known once it has a port.
      await before.stop();
      const { url } = await startAgain(before, { environment: { ...WITH_ONE_PERSON, BERTH_PUBLIC_URL: before.url } });
      const options = { registry: new URL(url).host, version, sparse: false, person: PERSON, asksAnew: true };
      compare(await runConformance(program, options), version, 'Bearer');
    });
  });
}
