/** Under what circumstances figures came about: without them, none can be compared with another. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as v from 'valibot';

const ROOT = join(import.meta.dirname, '..');
const Manifest = v.pipe(v.string(), v.parseJson(), v.object({ version: v.string() }));

export interface Circumstances {
  readonly time: string;
  readonly commit: string;
  /** Whether the tree is exactly that commit. */
  readonly clean: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly cores: number;
  readonly processor: string;
  /** Of the last minute (uptime(1)), before the first measure. */
  readonly load: number;
}

/** @param others the versions of what is measured beside Berth. */
export async function circumstances(others: Readonly<Record<string, string>> = {}): Promise<Circumstances> {
  const require = createRequire(import.meta.url);
  const fromMiniflare = createRequire(require.resolve('miniflare'));
  const changes = await git('status', '--porcelain');
  return {
    time: new Date().toISOString(),
    commit: (await git('rev-parse', 'HEAD')) ?? 'unknown',
    clean: changes === '',
    versions: {
      berth: versionIn(join(ROOT, 'package.json')),
      node: process.versions.node,
      miniflare: versionIn(require.resolve('miniflare/package.json')),
      workerd: versionIn(fromMiniflare.resolve('workerd/package.json')),
      ...others,
    },
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    load: currentLoad(),
  };
}

/** As lines of a report. */
export function describeCircumstances(of: Circumstances, loadAfter: number): string[] {
  const names = Object.entries(of.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `commit ${of.commit.slice(0, 12)}${of.clean ? '' : ', with changes'}; ${names.join(', ')}`,
    `${of.cores} cores (${of.processor}); load ${of.load} before, ${loadAfter} after`,
  ];
}

export function currentLoad(): number {
  return Number((loadavg()[0] ?? NaN).toFixed(2));
}

function versionIn(file: string): string {
  return v.parse(Manifest, readFileSync(file, 'utf8')).version;
}

/** Undefined where there is no git, or no repository of it, as in an unpacked archive. */
async function git(...words: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', words, { cwd: ROOT });
    return stdout.trim();
  } catch {
    return undefined;
  }
}
