/** scripts/install.mjs, in a checkout of its own and with a stand-in for npm: no network, no minute of waiting. */
import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'install.mjs');

const ENTRY = { version: '1.0.0', integrity: 'sha512-one' };
const LOCK = {
  packages: {
    '': { name: 'checkout' },
    'node_modules/one': ENTRY,
    'node_modules/for-another-platform': { version: '1.0.0', optional: true, os: ['plan9'], cpu: [process.arch] },
  },
};

/** What npm ci leaves behind, as far as the script looks at it; each run adds a line to runs.log. */
const STAND_IN = `
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
appendFileSync('runs.log', process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
if (process.env.STAND_IN_FAILS) { console.error('npm error: no'); process.exit(7); }
mkdirSync('node_modules/.bin', { recursive: true });
if (!process.env.STAND_IN_WITHOUT_NODE) writeFileSync('node_modules/.bin/node', '');
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: { 'node_modules/one': lock.packages['node_modules/one'] } }));
`;

const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function checkout(): string {
  const root = mkdtempSync(join(tmpdir(), 'berth-install-'));
  made.push(root);
  mkdirSync(join(root, 'scripts'));
  copyFileSync(SCRIPT, join(root, 'scripts', 'install.mjs'));
  writeFileSync(join(root, 'npm.mjs'), STAND_IN);
  lock(root, LOCK);
  return root;
}

function lock(root: string, content: unknown): void {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(content));
}

interface Outcome {
  readonly code: number;
  readonly said: string[];
}

function install(root: string, environment: Record<string, string> = {}): Promise<Outcome> {
  const env = {
    ...process.env,
    npm_execpath: join(root, 'npm.mjs'),
    npm_node_execpath: process.execPath,
    ...environment,
  };
  return new Promise((settle) => {
    const child = execFile(
      process.execPath,
      [join(root, 'scripts', 'install.mjs')],
      { env },
      (_error, _out, errors) => {
        settle({ code: child.exitCode ?? -1, said: errors.split('\n').filter((text) => text !== '') });
      },
    );
  });
}

function runs(root: string): string[] {
  const file = join(root, 'runs.log');
  return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
}

/** npm asks Node the same way which C library it runs on. */
const Report = v.object({ header: v.object({ glibcVersionRuntime: v.optional(v.string()) }) });

const INSTALLING = 'Installing the packages (npm ci), which takes a minute or so the first time …';

test('a fresh clone is installed once, development dependencies included, and then left alone', async () => {
  const root = checkout();
  expect(await install(root, { NODE_ENV: 'production' })).toEqual({ code: 0, said: [INSTALLING] });
  expect(runs(root)).toEqual(['ci --include=dev --no-audit --no-fund --loglevel=error']);
  expect(await install(root)).toEqual({ code: 0, said: [] });
  expect(runs(root)).toHaveLength(1);
});

test('a changed lock is installed again', async () => {
  const root = checkout();
  await install(root);
  lock(root, { packages: { ...LOCK.packages, 'node_modules/one': { ...ENTRY, version: '1.0.1' } } });
  expect(await install(root)).toEqual({ code: 0, said: [INSTALLING] });
  expect(await install(root)).toEqual({ code: 0, said: [] });
  expect(runs(root)).toHaveLength(2);
});

test('what was installed by hand from the same lock is taken as it is', async () => {
  const root = checkout();
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.bin', 'node'), '');
  writeFileSync(
    join(root, 'node_modules', '.package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/one': ENTRY } }),
  );
  expect(await install(root)).toEqual({ code: 0, said: [] });
  expect(runs(root)).toEqual([]);
});

test('what was installed by hand without the binary for this platform is installed again', async () => {
  const root = checkout();
  const binary = { version: '1.0.0', optional: true, os: [process.platform], cpu: [process.arch] };
  await install(root);
  lock(root, { packages: { ...LOCK.packages, 'node_modules/binary': binary } });
  expect(await install(root)).toEqual({ code: 0, said: [INSTALLING] });
});

test.runIf(process.platform === 'linux')('of binaries for two C libraries only one has to be there', async () => {
  const root = checkout();
  const binary = (libc: string): object => ({
    ...ENTRY,
    optional: true,
    os: ['linux'],
    cpu: [process.arch],
    libc: [libc],
  });
  lock(root, {
    packages: { ...LOCK.packages, 'node_modules/for-g': binary('glibc'), 'node_modules/for-m': binary('musl') },
  });
  mkdirSync(join(root, 'node_modules', '.bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules', '.bin', 'node'), '');
  const installed = (name: string): void => {
    const packages = { 'node_modules/one': ENTRY, [`node_modules/${name}`]: ENTRY };
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages }));
  };
  const { header } = v.parse(Report, process.report.getReport());
  const isGlibc = header.glibcVersionRuntime !== undefined;
  installed(isGlibc ? 'for-g' : 'for-m');
  expect(await install(root)).toEqual({ code: 0, said: [] });
  rmSync(join(root, 'node_modules', '.berth-installed'));
  installed(isGlibc ? 'for-m' : 'for-g');
  expect(await install(root)).toEqual({ code: 0, said: [INSTALLING] });
});

test('of several at once one installs and the others wait for it', async () => {
  const root = checkout();
  const outcomes = await Promise.all([install(root), install(root), install(root), install(root)]);
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(outcomes.filter(({ said }) => said.includes(INSTALLING))).toHaveLength(1);
  expect(runs(root)).toHaveLength(1);
});

test('a failed install is told in one line after what npm said, and tried again by the next start', async () => {
  const root = checkout();
  expect(await install(root, { STAND_IN_FAILS: '1' })).toEqual({
    code: 1,
    said: [
      INSTALLING,
      'npm error: no',
      'The packages could not be installed: npm ci ended with code 7. What it said is above; put that right and start again.',
    ],
  });
  expect(await install(root)).toEqual({ code: 0, said: [INSTALLING] });
});

test('an install without scripts, which leaves out Node, says what to do', async () => {
  const { code, said } = await install(checkout(), { STAND_IN_WITHOUT_NODE: '1' });
  expect(code).toBe(1);
  expect(said.at(-1)).toContain('npm_config_ignore_scripts=false');
});

test('a missing lock is told in one line', async () => {
  const root = checkout();
  rmSync(join(root, 'package-lock.json'));
  expect(await install(root)).toEqual({
    code: 1,
    said: [`${join(root, 'package-lock.json')} is missing. Restore it: git checkout package-lock.json`],
  });
});
