/**
 * podman's partial pulls: of a layer in the form `zstd:chunked` it asks only for the files that it lacks, by several ranges in one
 * request (RFC 9110 §15.3.7.2). It counts the parts, and asks for fewer ranges after a 400. This needs its overlay driver,
 * which some kernels and containers do not have: there the test is skipped.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import { detectProgram, requireClient, unavailable, type Availability } from './client.ts';
import { CommandFailure, runCommand, type CommandResult } from './command.ts';
import { makeScratch, type Scratch } from './scratch.ts';
import { tarOf } from './tar.ts';

const FILES = 300;
const CHANGED = 20;
const FILE_BYTES = 8_000;
const TEST_LIMIT_MS = 240_000;

type Podman = (...args: string[]) => Promise<CommandResult>;

let berth: BerthProcess;
let scratch: Scratch;
let installed: Availability<string>;
let podman: Availability<Podman>;

beforeAll(async () => {
  berth = await startBerth();
  scratch = makeScratch();
  installed = await detectProgram('podman', scratch);
  podman = await startPartialPodman();
}, TEST_LIMIT_MS);

afterAll(async () => {
  await scratch.remove();
  await berth.discard();
}, TEST_LIMIT_MS);

/** podman with a store that takes layers file by file. */
async function startPartialPodman(): Promise<Availability<Podman>> {
  const folder = scratch.folder('partial');
  const settings = join(folder, 'storage.conf');
  const lines = [
    ...['[storage]', 'driver = "overlay"', `graphroot = "${folder}/root"`, `runroot = "${folder}/run"`],
    ...['[storage.options]', 'pull_options = {enable_partial_images = "true"}'],
  ];
  writeFileSync(settings, `${lines.join('\n')}\n`);
  const env = { ...scratch.env, CONTAINERS_STORAGE_CONF: settings };
  const options = ['--cgroup-manager=cgroupfs', '--events-backend=none', '--tmpdir', join(folder, 'tmp')];
  const run: Podman = (...args) => runCommand('podman', [...options, ...args], { env, limitMs: TEST_LIMIT_MS });
  try {
    await run('info');
    return { kind: 'available', value: run };
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable('podman cannot use overlay here', error);
    throw error;
  }
}

type Files = ReadonlyMap<string, Buffer>;

/** Pushes an image of these files in one layer, and leaves nothing of it behind. */
async function push(run: Podman, reference: string, files: Files): Promise<void> {
  const tarball = join(scratch.path, 'layer.tar');
  writeFileSync(tarball, tarOf([...files].map(([name, content]) => ({ name, content }))));
  await run('import', tarball, reference);
  await run('push', '--tls-verify=false', '--compression-format=zstd:chunked', reference);
  await run('rmi', '--all', '--force');
}

/** The requests for blobs of a repository, in their order, once each is answered. */
function blobRequests(repository: string): { status: unknown; bytes: number; reads: number }[] {
  return berth.lines
    .filter((line) => line['route'] === 'blob' && line['method'] === 'GET' && line['repository'] === repository)
    .map((line) => ({ status: line['status'], bytes: Number(line['bytes']), reads: Number(line['storeOperations']) }));
}

async function expectPulled(run: Podman, reference: string, files: Files): Promise<void> {
  const { stdout } = await run('image', 'mount', reference);
  const mounted = stdout.toString('utf8').trim();
  for (const [name, content] of files) expect(readFileSync(join(mounted, name)).equals(content), name).toBe(true);
  await run('image', 'unmount', reference);
}

describe('a partial pull', { timeout: TEST_LIMIT_MS }, () => {
  test('brings the very files, in as many ranges as one request may ask for, and later only those that changed', async (context) => {
    requireClient(context, 'podman', installed);
    if (podman.kind === 'unavailable') {
      console.warn(`skipped: ${podman.reason}`);
      context.skip(podman.reason);
      return;
    }
    const run = podman.value;
    const host = new URL(berth.url).host;
    const [before, after] = [`${host}/partial/before:latest`, `${host}/partial/after:latest`];
    const files = new Map(
      Array.from({ length: FILES }, (_, index) => [`file-${String(index)}`, randomBytes(FILE_BYTES)]),
    );
    const changed = new Map(files);
    for (let index = 0; index < CHANGED; index += 1) changed.set(`file-${String(index * 10)}`, randomBytes(FILE_BYTES));
    await push(run, before, files);
    await push(run, after, changed);

    await run('pull', '--tls-verify=false', before);
    await expectPulled(run, before, files);
    const first = blobRequests('partial/before');
    expect(first.map(({ status }) => status)).toContain(400);
    expect(first.at(-1)).toMatchObject({ status: 206 });
    expect(first.at(-1)?.reads).toBeGreaterThan(1);

    await run('pull', '--tls-verify=false', after);
    await expectPulled(run, after, changed);
    const second = blobRequests('partial/after');
    expect(second.at(-1)).toMatchObject({ status: 206, reads: CHANGED });
    const pulled = second.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(pulled).toBeLessThan((FILES * FILE_BYTES) / 4);
  });
});
