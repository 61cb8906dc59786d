/**
 * The official conformance suite against `npm start`, with everything switched on that it can ask for. A case that does
 * not pass has to be listed in docs/compatibility.md with the reason, and one that is listed must not pass.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { start } from '../berths.ts';
import { requireClient, type Availability } from '../clients/client.ts';
import { goProgram, PREPARATION_LIMIT_MS } from '../clients/go-programs.ts';
import { runConformance } from './suite.ts';

/** Fewer would mean that the suite skipped whole parts of itself. */
const LEAST_CASES = 700;

/** `| case | version | reason |` below "The conformance suite". */
const page = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'compatibility.md'), 'utf8');
const section = /## The conformance suite\n([^]*?)(?:\n## |$)/.exec(page)?.[1] ?? '';
const LISTED = [...section.matchAll(/^\| `([^`]+)` \| (1\.1|dev|both) \| .+\|$/gm)].map(
  ([, name = '', version = '']) => ({
    name,
    version,
  }),
);

let suite: Availability<string>;
beforeAll(async () => {
  suite = await goProgram('conformance');
}, PREPARATION_LIMIT_MS);

describe.each(['1.1', 'dev'] as const)('the conformance suite, version %s', (version) => {
  it.for([
    { what: 'with every reference that a manifest has', sparse: false },
    { what: 'with manifests of which something is missing', sparse: true },
  ])('passes, $what', async ({ sparse }, context) => {
    const program = requireClient(context, 'the conformance suite', suite);
    const environment = { BERTH_MANIFESTS_ALLOW_MISSING: sparse ? 'on' : 'off' };
    const berth = await start({ environment });
    const cases = await runConformance(program, { registry: new URL(berth.url).host, version, sparse });
    expect(cases.length).toBeGreaterThan(LEAST_CASES);
    const others = cases
      .filter(({ status }) => status !== 'Pass')
      .map(({ name, status, said }) => ({ name, status, said }));
    const expected = LISTED.filter((row) => row.version === 'both' || row.version === version);
    expect(others.filter(({ name }) => !expected.some((row) => row.name === name))).toEqual([]);
    expect(expected.filter(({ name }) => !others.some((other) => other.name === name))).toEqual([]);
  });
});
