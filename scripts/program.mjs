/**
 * The programs that people run for long, as JavaScript: bundled at the first start and kept under the hash of all that they
 * are made from. Node that strips types by itself keeps the tool for it, in each thread, and all sources in memory as long
 * as it runs: 45 MB. Where no bundle can be kept, the sources are run all the same.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Changing branches back and forth shouldn't build each time; 150 kB each are cheap. */
const KEPT_BUNDLES = 4;

/** Left by a process that was killed while it built, which takes half a second. */
const UNFINISHED = 'unfinished-';
const ABANDONED_AFTER_MS = 3_600_000;

const root = dirname(import.meta.dirname);
const builder = join(root, 'scripts', 'build-program.ts');
const cache = join(root, 'node_modules', '.cache', 'berth-program');

/** The first that has all that the programs use; the project brings one along (package.json, `node`). */
const OLDEST_NODE = 24;

/** Runs the program whose source that is, a path below the project. */
export async function run(source) {
  if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE) {
    process.stderr.write(
      `Node ${process.versions.node} is too old to run this. Start it with npm, which takes the project's own Node: npm start\n`,
    );
    process.exit(1);
  }
  const file = bundled(basename(source, '.ts')) ?? join(root, source);
  await import(pathToFileURL(file).href);
}

/** The program's file; undefined when there is none and none can be made. */
function bundled(name) {
  const directory = join(cache, hashSources());
  const program = join(directory, `${name}.js`);
  try {
    if (!existsSync(program)) build(directory);
    // Pruning goes by the time of the last use.
    const now = new Date();
    utimesSync(directory, now, now);
  } catch {
    // Somebody else's node_modules, a full disk: what is there can be run.
  }
  return existsSync(program) ? program : undefined;
}

function hashSources() {
  const hash = createHash('sha256');
  const sources = ['standalone', 'src', 'tools'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  // The bundle names files of this project by their full paths.
  for (const file of [root, ...sources.sort(), builder, join(root, 'package-lock.json')]) {
    const content = file === root ? '' : readFileSync(file);
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 32);
}

/** It is renamed there when whole, so of several that build at once each finds all of it. */
function build(directory) {
  mkdirSync(cache, { recursive: true });
  const unfinished = mkdtempSync(join(cache, UNFINISHED));
  try {
    const { status } = spawnSync(process.execPath, [builder, root, unfinished], { stdio: 'ignore' });
    if (status !== 0) return;
    prune();
    renameSync(unfinished, directory);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

/** Keeps those used last. */
function prune() {
  const found = readdirSync(cache)
    .map((name) => ({ name, used: statSync(join(cache, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((one, other) => other.used - one.used);
  const isUnfinished = ({ name }) => name.startsWith(UNFINISHED);
  const dispensable = [
    ...found.filter((entry) => isUnfinished(entry) && Date.now() - entry.used > ABANDONED_AFTER_MS),
    // One place is for the one that is about to come.
    ...found.filter((entry) => !isUnfinished(entry)).slice(KEPT_BUNDLES - 1),
  ];
  for (const { name } of dispensable) rmSync(join(cache, name), { recursive: true, force: true });
}
