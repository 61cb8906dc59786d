/** Secrets: by the environment, by a file of their own, or in the settings file, and never for others to read. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { refusals, settingsOf } from './examining.ts';
import { scratch, write } from './scratch.ts';

const PASSWORD = 'correct horse battery staple';

test('a secret comes from a file of its own, without its line break', () => {
  const file = write(join(scratch(), 'admin-password'), `${PASSWORD}\n`, 0o640);
  const given = { BERTH_ADMIN_PASSWORD: PASSWORD };
  expect(settingsOf(['--admin-password-file', file]).environment).toEqual(given);
  expect(settingsOf([], { BERTH_ADMIN_PASSWORD_FILE: file }).environment).toEqual(given);
});

test('or from the settings file, itself or by the file that it names', () => {
  const folder = scratch();
  write(join(folder, 'secret'), PASSWORD);
  for (const line of [`admin-password = "${PASSWORD}"`, 'admin-password-file = "secret"']) {
    const config = write(join(folder, 'berth.toml'), line);
    expect(settingsOf(['--config', config]).environment).toEqual({ BERTH_ADMIN_PASSWORD: PASSWORD });
  }
});

test('a file that everyone on the machine can read is refused', () => {
  const folder = scratch();
  const file = write(join(folder, 'secret'), PASSWORD, 0o644);
  expect(refusals(['--admin-password-file', file])).toEqual([
    `--admin-password-file ${file} can be read by every user of this machine: chmod o-r ${file}`,
  ]);
  const config = write(join(folder, 'berth.toml'), `admin-password = "${PASSWORD}"\n`, 0o644);
  const open = `${config}: admin-password is a secret, and ${config} can be read by every user of this machine: chmod o-r ${config}`;
  expect(refusals(['--config', config])).toEqual([open]);
  // It lies open for everyone to read, also where another one counts.
  expect(refusals(['--config', config], { BERTH_ADMIN_PASSWORD: PASSWORD })).toEqual([open]);
  const other = write(join(folder, 'other.toml'), 'port = 9000\n', 0o644);
  expect(refusals(['--config', other])).toEqual([]);
});

test('a file that is not there, is empty, or holds something else is named, and what it holds is not', () => {
  const folder = scratch();
  expect(refusals(['--admin-password-file', join(folder, 'none')])).toEqual([
    expect.stringMatching(/^--admin-password-file \S+ can't be read \(ENOENT\)/),
  ]);
  const empty = write(join(folder, 'empty'), '\n');
  expect(refusals(['--admin-password-file', empty])).toEqual([`--admin-password-file ${empty} is empty`]);
  const short = write(join(folder, 'short'), 'hunter2');
  expect(refusals(['--admin-password-file', short])).toEqual([
    '--admin-password-file must have 16 to 1024 characters, and no line breaks',
  ]);
});

test('given twice in one place it is refused; in two, the higher one counts', () => {
  const folder = scratch();
  const file = write(join(folder, 'secret'), `${PASSWORD} of the file`);
  expect(refusals([], { BERTH_ADMIN_PASSWORD: PASSWORD, BERTH_ADMIN_PASSWORD_FILE: file })).toEqual([
    'BERTH_ADMIN_PASSWORD_FILE and BERTH_ADMIN_PASSWORD are both given. Give one of them.',
  ]);
  const config = write(join(folder, 'berth.toml'), 'admin-password-file = "secret"\n');
  expect(settingsOf(['--config', config], { BERTH_ADMIN_PASSWORD: PASSWORD }).environment).toEqual({
    BERTH_ADMIN_PASSWORD: PASSWORD,
  });
  expect(settingsOf(['--admin-password-file', file], { BERTH_ADMIN_PASSWORD: PASSWORD }).environment).toEqual({
    BERTH_ADMIN_PASSWORD: `${PASSWORD} of the file`,
  });
});
