/**
 * podman and buildah: two commands over one kind of store (containers/storage), which keeps layers
 * unpacked and compresses them anew for a push. Both work below the scratch folder, with the vfs
 * driver, without systemd and without networks.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { detectProgram, unavailable } from './client.ts';
import type { Availability, PulledImage, RegistryClient, Trust } from './client.ts';
import { CommandFailure, runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { containersLogins } from './containers-logins.ts';
import {
  diffIdOf,
  layoutEntry,
  parseJson,
  parseManifest,
  readLayoutBlob,
  savedDiffIds,
  writeLayout,
} from './image-files.ts';
import type { Scratch } from './scratch.ts';

const PodmanInspectSchema = v.tuple([v.object({ Id: v.string(), Digest: v.string() })]);
const BuildahInspectSchema = v.object({ FromImageID: v.string(), FromImageDigest: v.string() });

export interface ContainersStorageClient extends RegistryClient {
  /** Runs any other command of the same program on the same store. */
  readonly run: (...args: string[]) => Promise<CommandResult>;
}

type Inspect = (run: ContainersStorageClient['run'], reference: string, file: string) => Promise<PulledImage>;

export function startPodman(scratch: Scratch, trust?: Trust): Promise<Availability<ContainersStorageClient>> {
  const folder = scratch.folder('podman');
  const settings = ['--cgroup-manager=cgroupfs', '--events-backend=none', '--tmpdir', join(folder, 'tmp')];
  return start('podman', { folder, settings, trust }, scratch, async (run, reference, file) => {
    const { stdout } = await run('image', 'inspect', reference);
    const [{ Id, Digest }] = v.parse(PodmanInspectSchema, parseJson(stdout));
    await run('save', '--format', 'docker-archive', '--output', file, reference);
    return {
      manifestDigest: Digest,
      configDigest: `sha256:${Id}`,
      diffIds: await savedDiffIds(file, `${file}.unpacked`, scratch),
    };
  });
}

export function startBuildah(scratch: Scratch, trust?: Trust): Promise<Availability<ContainersStorageClient>> {
  const about = { folder: scratch.folder('buildah'), settings: [], trust };
  return start('buildah', about, scratch, async (run, reference, file) => {
    const { stdout } = await run('inspect', '--type', 'image', reference);
    const { FromImageID, FromImageDigest } = v.parse(BuildahInspectSchema, parseJson(stdout));
    // buildah has no `save`: a push into a layout writes out what the store holds.
    await run('push', '--disable-compression', reference, `oci:${file}:image`);
    const { layers } = parseManifest(readLayoutBlob(file, layoutEntry(file).digest));
    return {
      manifestDigest: FromImageDigest,
      configDigest: `sha256:${FromImageID}`,
      diffIds: layers.map((layer) => diffIdOf(readLayoutBlob(file, layer.digest))),
    };
  });
}

async function start(
  program: 'podman' | 'buildah',
  { folder, settings, trust }: { folder: string; settings: readonly string[]; trust: Trust | undefined },
  scratch: Scratch,
  inspect: Inspect,
): Promise<Availability<ContainersStorageClient>> {
  const found = await detectProgram(program, scratch);
  if (found.kind === 'unavailable') return found;
  const store = ['--root', join(folder, 'root'), '--runroot', join(folder, 'run'), '--storage-driver=vfs'];
  // Without user namespaces or cgroups of its own, a build runs in a plain chroot.
  const env = { ...scratch.env, BUILDAH_ISOLATION: 'chroot' };
  const run = (...args: string[]): Promise<CommandResult> =>
    runCommand(program, [...store, ...settings, ...args], { env });
  const tls = trust === undefined ? ['--tls-verify=false'] : ['--cert-dir', trust.certificates];
  let serial = 0;
  const nextPath = (): string => join(folder, String((serial += 1)));

  try {
    await run('info');
  } catch (error) {
    if (error instanceof CommandFailure) return unavailable(`${program} can't use a store of its own`, error);
    throw error;
  }
  const value: ContainersStorageClient = {
    version: found.value,
    keepsManifest: false,
    notFound: /manifest unknown/,
    run,
    ...containersLogins(run, scratch),
    async load(image, reference) {
      const layout = scratch.folder(`${program}/${String((serial += 1))}`);
      writeLayout(layout, image, 'image');
      const { stdout } = await run('pull', '--quiet', `oci:${layout}:image`);
      await run('tag', stdout.toString('utf8').trim(), reference);
    },
    async push(reference) {
      const digestFile = nextPath();
      const { output } = await run('push', ...tls, '--digestfile', digestFile, reference);
      return { manifestDigest: readFileSync(digestFile, 'utf8').trim(), output };
    },
    async forgetAll() {
      await run('rmi', '--all', '--force');
    },
    async pull(reference) {
      await run('pull', ...tls, reference);
      return inspect(run, reference, nextPath());
    },
    stop: () => Promise.resolve(),
  };
  return { kind: 'available', value };
}
