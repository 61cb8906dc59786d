import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withHtpasswdOf } from '../../../standalone/htpasswd-file.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';

const LINE = `alice:$2y$05$${'a'.repeat(53)}\n`;

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-people-'));
  file = join(folder, 'people');
  writeFileSync(file, LINE);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function refusal(path: string, environment: Record<string, string> = {}): string | undefined {
  try {
    withHtpasswdOf(path, environment);
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure && error.exitCode === 2) return error.message;
    throw error;
  }
}

test('what stands in the file is the setting, and everything else stays', () => {
  expect(withHtpasswdOf(file, { HOME: '/home/you' })).toEqual({ HOME: '/home/you', BERTH_HTPASSWD: LINE });
  expect(withHtpasswdOf(undefined, { BERTH_HTPASSWD: 'bob:hash' })).toEqual({ BERTH_HTPASSWD: 'bob:hash' });
});

test('a file and its setting together are refused', () => {
  expect(refusal(file, { BERTH_HTPASSWD: 'bob:hash' })).toBe(
    '--htpasswd and BERTH_HTPASSWD both name people. Give one of them.',
  );
  expect(refusal(file, { BERTH_HTPASSWD_2: 'x' })).toBe(
    '--htpasswd and BERTH_HTPASSWD_2 both name people. Give one of them.',
  );
  expect(refusal(file, { BERTH_HTPASSWD: '' })).toBeUndefined();
});

test('a line that will not do is told of with the option and the file', () => {
  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, `${LINE}bob:secret\n`);
  expect(refusal(wrong)).toMatch(/^--htpasswd \S+\/wrong line 2 has a hash for bob that is not bcrypt's/);
  expect(refusal(wrong)).not.toContain('secret');
  // A cost that is none is told of with the other settings.
  expect(refusal(wrong, { BERTH_HTPASSWD_MAX_COST: 'high' })).toBeUndefined();
});

test('a file that is not there, and one that would leave the registry open, are refused by name', () => {
  const absent = join(folder, 'absent');
  const empty = join(folder, 'empty');
  const commented = join(folder, 'commented');
  writeFileSync(empty, '\n');
  writeFileSync(commented, '# alice:$2y$05$abc\n\n');
  expect(refusal(commented)).toBe(`--htpasswd ${commented} names nobody: htpasswd -B ${commented} NAME adds a line`);
  expect(refusal(absent)).toBe(`--htpasswd ${absent} can't be read (ENOENT). Give the path of a file.`);
  expect(refusal(empty)).toBe(`--htpasswd ${empty} names nobody: htpasswd -B ${empty} NAME adds a line`);
});
