/** `npm start -- --policy FILE`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { LONGEST_POLICY_CHARACTERS } from '../../../src/auth/policy-document.ts';
import { withPolicyOf } from '../../../standalone/policy-file.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';

const scratch = mkdtempSync(join(tmpdir(), 'berth-policy-'));
afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function file(content: string): string {
  const path = join(scratch, `${crypto.randomUUID()}.json`);
  writeFileSync(path, content);
  return path;
}

/** The exit code and the line with which a start ends. */
function refusal(path: string, environment = {}): [number, string] | undefined {
  try {
    withPolicyOf(path, environment);
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return [error.exitCode, error.message];
    throw error;
  }
}

test('what is in the file is as if the setting had been given', () => {
  const content = '{"rules":[]}\n';
  expect(withPolicyOf(file(content), { PATH: '/bin', BERTH_POLICY: '' })).toEqual({
    PATH: '/bin',
    BERTH_POLICY: content,
  });
  expect(withPolicyOf(undefined, { PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

test('a mistake is one line with its path and reason', () => {
  const path = file('{"rules":[{"name":"a","subjects":["all"],"repositories":["**"],"actions":["pull"]}]}');
  expect(refusal(path)).toEqual([
    2,
    `--policy ${path} is no policy: rules[0].subjects[0]: must be user:NAME, group:NAME, robot:NAME, outside:NAME, workload:NAME, anonymous or authenticated`,
  ]);
});

test('a file that is not there, is a directory or is far too large is named', () => {
  expect(refusal(join(scratch, 'none.json'))).toEqual([2, expect.stringContaining('(ENOENT)')]);
  expect(refusal(scratch)).toEqual([2, expect.stringContaining("can't be read (EISDIR)")]);
  expect(refusal(file(' '.repeat(4 * LONGEST_POLICY_CHARACTERS)))).toEqual([
    2,
    expect.stringContaining('is too large: it may have'),
  ]);
});

test('two policies are one too many', () => {
  expect(refusal(file('{"rules":[]}'), { BERTH_POLICY: '{"rules":[]}' })).toEqual([
    2,
    '--policy and BERTH_POLICY both give a policy. Give one of them.',
  ]);
});
