/**
 * containerd by its own tool: content is kept and pushed as it came, each blob by POST and one PUT with the body. ctr keeps no
 * credentials: it is given them with each command.
 */
import { join } from 'node:path';
import { detectProgram } from './client.ts';
import type { Availability, Credentials, RegistryClient, Trust } from './client.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { startContainerd } from './containerd-daemon.ts';
import { diffIdOf, parseManifest, writeLayoutArchive } from './image-files.ts';
import type { Scratch } from './scratch.ts';

export async function startCtr(scratch: Scratch, trust?: Trust): Promise<Availability<RegistryClient>> {
  const found = await detectProgram('ctr', scratch);
  if (found.kind === 'unavailable') return found;
  const started = await startContainerd(scratch, 'ctr');
  if (started.kind === 'unavailable') return started;
  const containerd = started.value;
  const ctr = (...args: string[]): Promise<CommandResult> =>
    runCommand('ctr', ['--address', containerd.socket, ...args], { env: scratch.env });
  const files = scratch.folder('ctr-files');
  let serial = 0;
  const signedIn = new Map<string, readonly string[]>();
  const access = (reference: string): readonly string[] => [
    ...(trust === undefined ? ['--plain-http'] : ['--hosts-dir', trust.hosts]),
    ...(signedIn.get(reference.slice(0, reference.indexOf('/'))) ?? []),
  ];

  const digestOf = async (reference: string): Promise<string> => {
    const { stdout } = await ctr('images', 'ls', `name==${reference}`);
    const digest = /sha256:[0-9a-f]{64}/.exec(stdout.toString('utf8'))?.[0];
    if (digest === undefined) throw new Error(`ctr does not know ${reference}`);
    return digest;
  };
  const contentOf = async (digest: string): Promise<Buffer> => (await ctr('content', 'get', digest)).stdout;

  const value: RegistryClient = {
    version: found.value,
    keepsManifest: true,
    notFound: /not found/,
    login(host, credentials) {
      signedIn.set(host, optionsFor(credentials));
      return Promise.resolve();
    },
    logout(host) {
      signedIn.delete(host);
      return Promise.resolve();
    },
    async load(image, reference) {
      const archive = join(files, String((serial += 1)));
      // The entry's name is taken as the image's name where it is a whole reference.
      writeLayoutArchive(archive, image, reference);
      // Unpacking into snapshots is for running containers; the matrix only moves content.
      await ctr('images', 'import', '--no-unpack', archive);
    },
    async push(reference) {
      const manifestDigest = await digestOf(reference);
      const { output } = await ctr('images', 'push', ...access(reference), reference);
      return { manifestDigest, output };
    },
    async forgetAll() {
      const { stdout } = await ctr('images', 'ls', '--quiet');
      const names = stdout.toString('utf8').split('\n').filter(Boolean);
      // --sync waits for the collection of what the images held.
      if (names.length > 0) await ctr('images', 'rm', '--sync', ...names);
    },
    async pull(reference) {
      await ctr('images', 'pull', ...access(reference), reference);
      const manifestDigest = await digestOf(reference);
      const { config, layers } = parseManifest(await contentOf(manifestDigest));
      const diffIds: string[] = [];
      for (const layer of layers) diffIds.push(diffIdOf(await contentOf(layer.digest)));
      return { manifestDigest, configDigest: config.digest, diffIds };
    },
    stop: () => containerd.daemon.stop(),
  };
  return { kind: 'available', value };
}

function optionsFor(credentials: Credentials): readonly string[] {
  return credentials.kind === 'password'
    ? ['--user', `${credentials.name}:${credentials.password}`]
    : ['--refresh', credentials.token];
}
