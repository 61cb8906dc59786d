/**
 * Run once after installing or upgrading, by whoever owns the files: `node deploy/prepare.mjs`. Starts Berth on a data
 * directory that goes again, which builds all that later starts run, waits until it serves, and stops it. So a service or
 * a container needs to write nothing but its data, and what could not serve here is found out now (docs/service.md): also what
 * the user of a service could not read.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { unreadable } from './unreadable.mjs';

const PATIENCE_MS = 300_000;
const ALL_MAY_ENTER = 0o755;
const ALL_MAY_READ = 0o644;

const root = dirname(import.meta.dirname);
const modules = join(root, 'node_modules');
const node = join(modules, '.bin', 'node');
const data = mkdtempSync(join(tmpdir(), 'berth-prepare-'));

try {
  await serveOnce();
  // What is built is its builder's alone, by Berth's umask; the service is somebody else.
  chmodSync(join(modules, '.cache'), ALL_MAY_ENTER);
  for (const name of ['berth', 'berth-program']) openToAll(join(modules, '.cache', name));
  // No failure: whoever owns the files may run it himself, or let a group read them.
  const closed = unreadable(root);
  if (closed !== undefined) process.stderr.write(`${closed}\n`);
} finally {
  rmSync(data, { recursive: true, force: true });
}

async function serveOnce() {
  const program = join(root, 'scripts', 'start.mjs');
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('BERTH_'));
  const child = spawn(node, [program, '--port', '0', '--data', data], {
    env: Object.fromEntries(own),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  let served = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.includes('"event":"serving"')) return;
    served = true;
    child.kill('SIGTERM');
  });
  const [code] = await once(child, 'close');
  clearTimeout(patience);
  if (served && code === 0) return;
  process.stderr.write('Berth did not serve here; what it said is above.\n');
  process.exitCode = 1;
}

function openToAll(directory) {
  chmodSync(directory, ALL_MAY_ENTER);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    // Another start may clear away its own unfinished build meanwhile.
    if (entry.parentPath.includes('unfinished-') || entry.name.startsWith('unfinished-')) continue;
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? ALL_MAY_ENTER : ALL_MAY_READ);
  }
}
