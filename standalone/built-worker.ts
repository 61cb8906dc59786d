/**
 * What is written by build-worker.ts and read by the serving process: the Worker's bundle, and Miniflare's options for it
 * as wrangler makes them from wrangler.toml. Kept under the hash of everything that they are made from.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerOptions } from 'miniflare';
import * as v from 'valibot';
import { describeError, StartFailure, systemErrorCode } from './start-failure.ts';

export const OPTIONS_FILE = 'options.json';
export const BUNDLE_FILE = 'worker.js';

/** Changing branches back and forth shouldn't build each time; a megabyte each is cheap. */
const KEPT_BUILDS = 4;

/** Left by a process that was killed while it built, which takes seconds. */
const UNFINISHED = 'unfinished-';
const ABANDONED_AFTER_MS = 3_600_000;

/** Only what this program itself touches; Miniflare checks all of it when it starts. */
const Options = v.looseObject({ bindings: v.optional(v.record(v.string(), v.unknown()), {}) });
const BuiltOptions = v.object({
  name: v.string(),
  workerOptions: v.pipe(
    v.custom<WorkerOptions>((value) => v.is(Options, value)),
    v.transform((options) => ({ ...options, bindings: v.parse(Options, options).bindings })),
  ),
});

export interface BuiltWorker {
  readonly name: string;
  readonly options: v.InferOutput<typeof BuiltOptions>['workerOptions'];
  readonly bundle: string;
}

export interface BuildPlaces {
  /** The project: wrangler.toml, src/, package-lock.json, node_modules/. */
  readonly root: string;
  /** Where builds go when node_modules can't be written, as where another user installed it and built nothing (deploy/prepare.mjs). */
  readonly fallback: string;
  readonly signal: AbortSignal;
  readonly onBuild: () => void;
}

/** The build of what stands in the project now; made first if there is none. An abort rejects once nothing builds any more. */
export async function builtWorker({ root, fallback, signal, onBuild }: BuildPlaces): Promise<BuiltWorker> {
  const name = hashSources(root);
  const prepared = readBuild(join(preferredCache(root), name));
  if (prepared !== undefined) return prepared;
  const cache = cacheDirectory(root, fallback);
  const directory = join(cache, name);
  const ready = readBuild(directory);
  if (ready !== undefined) return ready;
  onBuild();
  await build(root, cache, directory, signal);
  const made = readBuild(directory);
  if (made === undefined) throw new StartFailure(`${directory} is damaged. Delete it, then start again.`);
  return made;
}

function preferredCache(root: string): string {
  return join(root, 'node_modules', '.cache', 'berth');
}

function cacheDirectory(root: string, fallback: string): string {
  const preferred = preferredCache(root);
  try {
    mkdirSync(preferred, { recursive: true });
    accessSync(preferred, constants.W_OK);
    return preferred;
  } catch {
    const other = join(fallback, 'build');
    mkdirSync(other, { recursive: true });
    return other;
  }
}

function hashSources(root: string): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const makers = ['wrangler.toml', 'package-lock.json'].map((name) => join(root, name));
  for (const file of [...makers, import.meta.filename, join(import.meta.dirname, 'build-worker.ts'), ...sources]) {
    const content = readOptional(file);
    hash.update(`${file.slice(file.startsWith(root) ? root.length : 0)}\0${String(content.length)}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 32);
}

function readOptional(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    // Without a lock file there is one input less; without anything else the build itself tells what is missing.
    if (systemErrorCode(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

function readBuild(directory: string): BuiltWorker | undefined {
  let text: string;
  let bundle: string;
  try {
    text = readFileSync(join(directory, OPTIONS_FILE), 'utf8');
    bundle = readFileSync(join(directory, BUNDLE_FILE), 'utf8');
  } catch (error) {
    // Somebody else's, who built it for nobody else, is as good as none.
    if (['ENOENT', 'EACCES'].includes(systemErrorCode(error) ?? '')) return undefined;
    throw error;
  }
  markUsed(directory);
  const { name, workerOptions } = v.parse(v.pipe(v.string(), v.parseJson(), BuiltOptions), text);
  return { name, options: workerOptions, bundle };
}

/** Pruning goes by the time of the last use; where it can't be set, by the time of the build. */
function markUsed(directory: string): void {
  try {
    const now = new Date();
    utimesSync(directory, now, now);
  } catch {
    // Somebody else's build, which that one prunes.
  }
}

/**
 * In a process of its own: wrangler takes a second and 250 MB, which the serving process never gives back.
 * It writes beside its destination and is renamed there when whole, so a reader sees all of it or nothing,
 * and of two that build at once the second to finish simply finds it done.
 */
async function build(root: string, cache: string, directory: string, signal: AbortSignal): Promise<void> {
  const unfinished = mkdtempSync(join(cache, UNFINISHED));
  try {
    await runBuilder(root, unfinished, signal);
    prune(cache);
    await rename(unfinished, directory);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function runBuilder(root: string, directory: string, signal: AbortSignal): Promise<void> {
  const program = join(import.meta.dirname, 'build-worker.ts');
  const child = spawn(process.execPath, [program, root, directory], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = (): void => {
    child.kill('SIGTERM');
  };
  signal.addEventListener('abort', stop, { once: true });
  const output: string[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return new Promise((settle, fail) => {
    child.once('error', (error) => {
      fail(new StartFailure(`The Worker could not be built: ${describeError(error)}`, { cause: error }));
    });
    child.once('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (code === 0) settle();
      else fail(new StartFailure(`The Worker could not be built from ${root}:\n${output.join('').trim()}`));
    });
  });
}

/** Keeps those used last. A process that serves has read its build and needs the files no more. */
function prune(cache: string): void {
  const builds = readdirSync(cache)
    .map((name) => ({ name, used: modified(join(cache, name)) }))
    .sort((one, other) => other.used - one.used);
  const isUnfinished = ({ name }: { name: string }): boolean => name.startsWith(UNFINISHED);
  const dispensable = [
    ...builds.filter((entry) => isUnfinished(entry) && Date.now() - entry.used > ABANDONED_AFTER_MS),
    // One place is for the build that is about to come.
    ...builds.filter((entry) => !isUnfinished(entry)).slice(KEPT_BUILDS - 1),
  ];
  for (const { name } of dispensable) rmSync(join(cache, name), { recursive: true, force: true });
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
