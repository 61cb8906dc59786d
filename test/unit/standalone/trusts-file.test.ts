/** `npm start -- --trusts FILE`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { StartFailure } from '../../../standalone/start-failure.ts';
import { withTrustsOf } from '../../../standalone/trusts-file.ts';

const scratch = mkdtempSync(join(tmpdir(), 'berth-trusts-'));
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
    withTrustsOf(path, environment);
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return [error.exitCode, error.message];
    throw error;
  }
}

test('what is in the file is as if the setting had been given', () => {
  const content = '{"trusts":[]}\n';
  expect(withTrustsOf(file(content), { PATH: '/bin', BERTH_TRUSTS: '' })).toEqual({
    PATH: '/bin',
    BERTH_TRUSTS: content,
  });
  expect(withTrustsOf(undefined, { PATH: '/bin' })).toEqual({ PATH: '/bin' });
});

test('a mistake is one line with its path and reason', () => {
  const path = file('{"trusts":[{"name":"a","issuer":"https://a.example","audience":"b","claims":{"ref":"*"}}]}');
  expect(refusal(path)).toEqual([
    2,
    expect.stringContaining(`--trusts ${path} names no trusts: trusts[0].claims: must name whose jobs are meant`),
  ]);
});

test('a file that is not there is named, and two settings are one too many', () => {
  expect(refusal(join(scratch, 'none.json'))).toEqual([2, expect.stringContaining('(ENOENT)')]);
  expect(refusal(file('{"trusts":[]}'), { BERTH_TRUSTS: '{"trusts":[]}' })).toEqual([
    2,
    '--trusts and BERTH_TRUSTS both name trusts. Give one of them.',
  ]);
});
