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
  readonly versions: Readonly<Record<'berth' | 'node' | 'miniflare' | 'workerd', string>>;
  readonly cores: number;
  readonly processor: string;
  /** Of the last minute (uptime(1)), before the first measure. */
  readonly load: number;
}

export async function circumstances(): Promise<Circumstances> {
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
    },
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    load: currentLoad(),
  };
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
