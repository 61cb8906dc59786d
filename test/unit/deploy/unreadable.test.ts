/** deploy/unreadable.mjs, which runs on the Node of whoever installs. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';

const MODULE = new URL('../../../deploy/unreadable.mjs', import.meta.url).href;

let above: string;
let root: string;
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), 'berth-installed-'));
  chmodSync(above, 0o755);
  root = join(above, 'berth');
  for (const folder of ['scripts', 'node_modules/.bin', 'node_modules/.cache', 'node_modules/workerd', '.berth'])
    make(folder, 0o755);
  for (const file of ['scripts/start.mjs', 'wrangler.toml', 'node_modules/workerd/package.json']) write(file, 0o644);
  write('node_modules/workerd/workerd', 0o755);
  symlinkSync('../workerd/workerd', join(root, 'node_modules/.bin/workerd'));
  return () => {
    rmSync(above, { recursive: true, force: true });
  };
});

function make(folder: string, mode: number): void {
  mkdirSync(join(root, folder), { recursive: true });
  chmodSync(join(root, folder), mode);
}

function write(file: string, mode: number): void {
  writeFileSync(join(root, file), '');
  chmodSync(join(root, file), mode);
}

function said(): string {
  const program = `import { unreadable } from '${MODULE}'; process.stdout.write(unreadable(${JSON.stringify(root)}) ?? '')`;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
}

const line = (path: string, commands: string): string =>
  `Nobody but its owner can read ${path}, so Berth cannot run as another user. Let others read what is run: ${commands}`;

it('says nothing of what all can read, nor of data, secrets and caches', () => {
  make('.berth', 0o700);
  make('node_modules/.cache', 0o700);
  write('.env', 0o600);
  expect(said()).toBe('');
});

it.each([
  ['scripts/start.mjs', 0o600, 'scripts'],
  ['node_modules/workerd/workerd', 0o744, 'node_modules'],
  ['wrangler.toml', 0o640, 'wrangler.toml'],
])('names %s where others lack a right to it, and what gives it', (file, mode, part) => {
  chmodSync(join(root, file), mode);
  expect(said()).toBe(line(join(root, file), `chmod -R a+rX ${join(root, part)}`));
});

it('names a directory that others cannot enter, one above included, and all that has to be opened', () => {
  chmodSync(above, 0o700);
  chmodSync(root, 0o700);
  chmodSync(join(root, 'scripts'), 0o700);
  const commands = [`chmod a+x ${above}`, `chmod a+rX ${root}`, `chmod -R a+rX ${join(root, 'scripts')}`];
  expect(said()).toBe(line(above, commands.join(' && ')));
});
