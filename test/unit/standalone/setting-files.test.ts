import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withSettingFiles } from '../../../standalone/setting-files.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-settings-'));
  file = join(folder, 'people');
  writeFileSync(file, 'alice:hash\n');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function refusal(environment: Record<string, string>, htpasswd: string): string | undefined {
  try {
    withSettingFiles(environment, { htpasswd });
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure && error.exitCode === 2) return error.message;
    throw error;
  }
}

test('what stands in the file is the setting, and everything else stays', () => {
  expect(withSettingFiles({ HOME: '/home/you' }, { htpasswd: file })).toEqual({
    HOME: '/home/you',
    BERTH_HTPASSWD: 'alice:hash\n',
  });
  expect(withSettingFiles({ BERTH_HTPASSWD: 'bob:hash' }, {})).toEqual({ BERTH_HTPASSWD: 'bob:hash' });
});

test('a file and its setting together are refused', () => {
  expect(refusal({ BERTH_HTPASSWD: 'bob:hash' }, file)).toBe(
    '--htpasswd and BERTH_HTPASSWD are one setting: give one of them',
  );
  expect(refusal({ BERTH_HTPASSWD: '' }, file)).toBeUndefined();
});

test('a file that is not there, and one that would leave the registry open, are refused by name', () => {
  const [absent, empty] = [join(folder, 'absent'), join(folder, 'empty')];
  writeFileSync(empty, '\n');
  expect(refusal({}, absent)).toContain(`--htpasswd ${absent} can't be read: ENOENT`);
  expect(refusal({}, empty)).toBe(`--htpasswd ${empty} is empty`);
});
