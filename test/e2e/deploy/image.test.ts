/** deploy/Dockerfile: built on a base of Debian's packages, run with the machine's network and no rights, and pushed to. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../../bench/free-port.ts';
import { detectProgram, requireClient, type ProgramName } from '../clients/client.ts';
import { CommandFailure, runCommand } from '../clients/command.ts';
import { imagesSharingLayers } from '../clients/fixtures.ts';
import { parseJson, writeLayout } from '../clients/image-files.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { baseArchive, installedPackages } from './base-image.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Most of it is copying 400 MB four times, which takes its time beside others. */
const LIMIT_MS = 480_000;
const POLL_MS = 100;
const PROGRAMS = ['buildah', 'podman', 'runc', 'skopeo'] as const satisfies readonly ProgramName[];
const BASE = 'localhost/debian:base';
const IMAGE = 'localhost/berth:test';

const Inspected = v.tuple([
  v.object({
    Config: v.object({ User: v.string(), Volumes: v.record(v.string(), v.unknown()) }),
    Healthcheck: v.object({ Test: v.array(v.string()) }),
  }),
]);
const Ended = v.tuple([v.object({ State: v.object({ ExitCode: v.number() }) })]);

type Run = (...words: string[]) => Promise<string>;

/** buildah and podman over one store, on whichever of the kernel's filesystems works here. */
async function storeTools(scratch: Scratch, archive: string): Promise<{ buildah: Run; podman: Run }> {
  const folder = scratch.folder('store');
  const tools = (driver: string) => {
    const store = [
      '--root',
      join(folder, driver),
      '--runroot',
      join(folder, `${driver}-run`),
      '--storage-driver',
      driver,
    ];
    const settings = ['--cgroup-manager=cgroupfs', '--events-backend=none', '--tmpdir', join(folder, 'tmp')];
    const run = async (program: string, words: readonly string[]): Promise<string> =>
      (await runCommand(program, words, { env: scratch.env, cwd: ROOT, limitMs: LIMIT_MS })).stdout.toString('utf8');
    return {
      buildah: (...words: string[]) => run('buildah', [...store, ...words]),
      podman: (...words: string[]) => run('podman', [...store, ...settings, '--runtime=runc', ...words]),
    };
  };
  const overlay = tools('overlay');
  try {
    await overlay.podman('import', archive, BASE);
    return overlay;
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const vfs = tools('vfs');
    await vfs.podman('import', archive, BASE);
    return vfs;
  }
}

/** The project as root leaves it whose umask is 077: the user of the image has to read it all the same. */
async function closedCheckout(scratch: Scratch): Promise<string> {
  const folder = scratch.folder('checkout');
  const parts = ['.dockerignore', 'LICENSE', 'package.json', 'package-lock.json', 'wrangler.toml'];
  for (const part of [...parts, 'deploy', 'scripts', 'src', 'standalone', 'tools'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  await runCommand('chmod', ['-R', 'go-rwx', folder], { env: scratch.env });
  return folder;
}

test(
  'the image is built, serves without rights or a writable disk, is pushed to, and stops',
  { timeout: LIMIT_MS },
  async (context) => {
    const scratch = makeScratch();
    onTestFinished(() => scratch.remove());
    for (const name of PROGRAMS) requireClient(context, name, await detectProgram(name, scratch));
    const { buildah, podman } = await storeTools(scratch, await baseArchive(scratch));
    await buildah(
      ...['build', '--isolation', 'chroot', '--format', 'docker', '--pull-never', '--file', 'deploy/Dockerfile'],
      ...['--build-arg', `BASE=${BASE}`, '--build-context', `packages=${await installedPackages(scratch)}`],
      ...['--tag', IMAGE, await closedCheckout(scratch)],
    );
    const [{ Config, Healthcheck }] = v.parse(
      Inspected,
      parseJson(Buffer.from(await podman('image', 'inspect', IMAGE))),
    );
    expect(Config.User).toBe('10001:10001');
    expect(Object.keys(Config.Volumes)).toEqual(['/var/lib/berth']);
    const [, ...healthCommand] = Healthcheck.Test;

    const port = String(await freePort());
    onTestFinished(async () => {
      await podman('rm', '--force', '--time', '1', '--volumes', 'berth');
    });
    await podman(
      ...[
        'run',
        '--detach',
        '--name',
        'berth',
        '--network',
        'host',
        '--no-healthcheck',
        '--read-only',
        '--tmpfs',
        '/tmp',
      ],
      // podman would raise these two, which not every machine lets it.
      ...['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'],
      ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
      ...['--env', 'BERTH_HOST=127.0.0.1', '--env', `BERTH_PORT=${port}`, IMAGE],
    );
    const isHealthy = () =>
      podman('exec', 'berth', ...healthCommand).then(
        (said) => said.includes('/healthz answers 200'),
        () => false,
      );
    // Who waits for a container's health asks again and again, as Docker does.
    while (!(await isHealthy())) await delay(POLL_MS);
    expect(await podman('exec', 'berth', 'node_modules/.bin/workerd', '--version')).toMatch(/^workerd \d/);
    const log = await podman('logs', 'berth');
    expect(log).toContain('"event":"serving"');
    expect(log).not.toContain('"event":"building"');

    const image = imagesSharingLayers('container').base;
    const layout = scratch.folder('layout');
    writeLayout(layout, image, 'v1');
    const pushed = `docker://127.0.0.1:${port}/team/app:v1`;
    const skopeo = (...words: string[]) => runCommand('skopeo', words, { env: scratch.env });
    await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}:v1`, pushed);
    const { stdout } = await skopeo('inspect', '--tls-verify=false', '--raw', pushed);
    expect(stdout.equals(image.manifest.bytes)).toBe(true);

    await podman('stop', '--time', '60', 'berth');
    const [{ State }] = v.parse(Ended, parseJson(Buffer.from(await podman('inspect', 'berth'))));
    expect(State.ExitCode).toBe(0);
  },
);
