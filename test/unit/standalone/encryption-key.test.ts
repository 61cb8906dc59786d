/** The key that `npm start` makes for the secrets of webhooks. */
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withEncryptionKey } from '../../../standalone/encryption-key.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'berth-key-'));
});
afterEach(() => {
  rmSync(data, { recursive: true });
});

const path = (): string => join(data, 'encryption-key');

test('the first start makes one in a file of its owner alone, and the next one keeps it', () => {
  const first = withEncryptionKey(data, { PATH: '/bin', BERTH_ENCRYPTION_KEY: '' });
  expect(Object.keys(first)).toEqual(['PATH', 'BERTH_ENCRYPTION_KEY']);
  expect(first['BERTH_ENCRYPTION_KEY']).toMatch(/^[A-Za-z0-9+/]{43}=$/);
  expect(readFileSync(path(), 'utf8')).toBe(`${first['BERTH_ENCRYPTION_KEY'] ?? ''}\n`);
  expect(statSync(path()).mode & 0o777).toBe(0o600);
  expect(readdirSync(data)).toEqual(['encryption-key']);
  expect(withEncryptionKey(data, { PATH: '/bin' })).toEqual(first);
});

test('one that root makes is of whoever owns the directory', (context) => {
  if (process.geteuid?.() !== 0) return context.skip('only root can give a file away');
  chownSync(data, 65_534, 65_534);
  withEncryptionKey(data, {});
  const { uid, gid, mode } = statSync(path());
  expect([uid, gid, mode & 0o777]).toEqual([65_534, 65_534, 0o600]);
});

test('a variable of the environment outranks it, and none is made beside it', () => {
  const environment = { BERTH_ENCRYPTION_KEY: 'given' };
  expect(withEncryptionKey(data, environment)).toBe(environment);
  expect(readdirSync(data)).toEqual([]);
});

test('a named pipe in its place is refused, and not waited for', () => {
  execFileSync('mkfifo', [path()]);
  expect(() => withEncryptionKey(data, {})).toThrow(StartFailure);
});

test('what a killed start left half written is written anew', () => {
  writeFileSync(join(data, 'encryption-key.new'), 'half');
  withEncryptionKey(data, {});
  expect(readdirSync(data)).toEqual(['encryption-key']);
});

test('a file that holds none, or leads elsewhere, is refused and left alone', () => {
  writeFileSync(path(), 'short\n');
  expect(() => withEncryptionKey(data, {})).toThrow(new StartFailure(expectedOf('holds no key of 32 bytes in base64')));
  expect(readFileSync(path(), 'utf8')).toBe('short\n');
  rmSync(path());
  symlinkSync('/etc/hostname', path());
  expect(() => withEncryptionKey(data, {})).toThrow("encryption-key can't be read");
});

function expectedOf(reason: string): string {
  return `${path()} ${reason}. Put back the one that was there; or delete it, start again, and give the admin API the secrets of its endpoints once more.`;
}
