/** What a release run of the fuzz campaign has to reach is read from the code and from docs/api.md. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../../../src/oci/error.ts';
import { FAULTS as FUZZ_FAULTS } from '../../long/fuzz/faults.ts';
import { Tally, UNREACHABLE, declaredRoutes, documentedErrors } from '../../long/fuzz/tally.ts';
import { FAULTS as TAG_FAULTS, DISTANCE } from '../../long/linearizability/faults.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const EVERY_ROUTE = [
  ...['health GET', 'health HEAD', 'base GET', 'base HEAD', 'catalog GET', 'catalog HEAD', 'tags GET', 'tags HEAD'],
  ...['manifest GET', 'manifest HEAD', 'manifest PUT', 'manifest DELETE', 'referrers GET', 'referrers HEAD'],
  ...['uploads POST', 'upload GET', 'upload HEAD', 'upload PATCH', 'upload PUT', 'upload DELETE'],
  ...['blob GET', 'blob HEAD', 'blob DELETE'],
];

describe('what has to be reached', () => {
  it('is every route of the registry itself', async () => {
    expect(await declaredRoutes()).toEqual(EVERY_ROUTE);
  });

  it('is every error of the documentation, each of which the code knows', async () => {
    const documented = await documentedErrors();
    expect(documented.length).toBeGreaterThan(20);
    for (const error of documented) expect(Object.keys(ERRORS)).toContain(error.split(' ')[1]);
    for (const error of UNREACHABLE.keys()) expect(documented).toContain(error);
  });

  it('is missed by a run that has done nothing', async () => {
    const problems = await new Tally().coverageProblems();
    expect(problems).toContain('upload PATCH was never accepted');
    expect(problems).toContain('400 MANIFEST_INVALID was never answered');
  });

  it('is told apart from what nobody has documented', async () => {
    const tally = new Tally();
    const body = Buffer.from('{"errors":[{"code":"DENIED","message":"no"}]}');
    tally.answer({ status: 406, headers: new Map([['x-request-id', '1']]), body });
    expect(await tally.coverageProblems()).toContain('406 DENIED is not in docs/api.md');
    expect(tally.mixProblems()).toHaveLength(1);
  });
});

describe('a fault that is planted', () => {
  it.each([...FUZZ_FAULTS, ...TAG_FAULTS, ...DISTANCE])('finds its place: $name', async ({ file, keeps, breaks }) => {
    const source = await readFile(join(ROOT, file), 'utf8');
    expect(source.split(keeps)).toHaveLength(2);
    expect(breaks).not.toBe(keeps);
  });
});
