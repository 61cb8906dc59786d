/** Which data directory `npm run backup`, `verify` and `admin-password` take. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { dataDirectoryOf } from '../../../../standalone/settings/data-setting.ts';
import { StartFailure } from '../../../../standalone/start-failure.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-data-setting-'));
  file = join(folder, 'berth.toml');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it('is the flag, else the environment, else the file of settings, else the default', () => {
  writeFileSync(file, 'port = 8788\ndata = "data"\n');
  const environment = { BERTH_CONFIG: file };
  expect(dataDirectoryOf({ data: 'typed' }, { ...environment, BERTH_DATA: '/set' })).toBe('typed');
  expect(dataDirectoryOf({ config: file }, { BERTH_DATA: '/set' })).toBe('/set');
  expect(dataDirectoryOf({}, environment)).toBe(join(folder, 'data'));
  expect(dataDirectoryOf({}, { ...environment, BERTH_DATA: '' })).toBe(join(folder, 'data'));
  expect(dataDirectoryOf({ config: file }, { BERTH_CONFIG: '/nowhere' })).toBe(join(folder, 'data'));
  expect(dataDirectoryOf({}, {})).toBe('.berth');
  writeFileSync(file, 'port = 8788\n');
  expect(dataDirectoryOf({}, environment)).toBe('.berth');
});

it('is not guessed where the file of settings is wrong', () => {
  const refusal = (content: string): unknown => {
    writeFileSync(file, content);
    try {
      return dataDirectoryOf({}, { BERTH_CONFIG: file });
    } catch (error) {
      return error instanceof StartFailure ? [error.exitCode, error.message] : error;
    }
  };
  const misspelt = `${file}: dta is no setting. Did you mean data? docs/configuration.md lists them all.`;
  expect(refusal('dta = "/srv/berth"\n')).toEqual([2, misspelt]);
  expect(refusal('data = ""\n')).toEqual([2, `${file}: data must be a path`]);
  rmSync(file);
  expect(() => dataDirectoryOf({}, { BERTH_CONFIG: file })).toThrow(`BERTH_CONFIG ${file} can't be read (ENOENT)`);
  expect(() => dataDirectoryOf({ config: file }, {})).toThrow(`--config ${file} can't be read (ENOENT)`);
  // Where it does not count it need not be there.
  expect(dataDirectoryOf({ data: 'typed' }, { BERTH_CONFIG: file })).toBe('typed');
});
