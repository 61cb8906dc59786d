/** Docker's classic engine: it makes schema 2 manifests from its own store and pushes each blob by POST, PATCH and PUT. */
import { join } from 'node:path';
import * as v from 'valibot';
import type { Availability, RegistryClient, Trust } from './client.ts';
import { runCommand } from './command.ts';
import type { CommandResult } from './command.ts';
import { dockerConfig, keepRefreshToken } from './docker-config.ts';
import { startDockerEngine } from './docker-daemon.ts';
import { parseJson, savedDiffIds, writeDockerArchive } from './image-files.ts';
import type { Scratch } from './scratch.ts';

const InspectSchema = v.object({ Id: v.string(), RepoDigests: v.array(v.string()) });

export interface DockerClient extends RegistryClient {
  /** Runs any other docker command against the same engine. */
  readonly docker: (...args: string[]) => Promise<CommandResult>;
}

export async function startDocker(scratch: Scratch, trust?: Trust): Promise<Availability<DockerClient>> {
  const started = await startDockerEngine(scratch, trust);
  if (started.kind === 'unavailable') return started;
  const engine = started.value;
  const docker = (...args: string[]): Promise<CommandResult> => runCommand('docker', args, { env: engine.env });
  const files = scratch.folder('docker-files');
  let serial = 0;
  const nextFile = (): string => join(files, String((serial += 1)));

  const value: DockerClient = {
    version: engine.version,
    keepsManifest: false,
    notFound: /manifest unknown/,
    layerExists: /Layer already exists/,
    docker,
    async login(host, credentials) {
      if (credentials.kind === 'refresh-token') keepRefreshToken(dockerConfig(scratch), host, credentials);
      else await docker('login', '--username', credentials.name, '--password', credentials.password, host);
    },
    async logout(host) {
      await docker('logout', host);
    },
    async load(image, reference) {
      const archive = nextFile();
      writeDockerArchive(archive, image, reference);
      await docker('load', '--input', archive);
    },
    async push(reference) {
      const { output } = await docker('push', reference);
      const manifestDigest = /digest: (sha256:[0-9a-f]{64})/.exec(output)?.[1];
      if (manifestDigest === undefined) throw new Error(`docker push told no digest: ${output}`);
      return { manifestDigest, output };
    },
    async forgetAll() {
      const { stdout } = await docker('image', 'ls', '--quiet', '--no-trunc');
      const ids = [...new Set(stdout.toString('utf8').split('\n').filter(Boolean))];
      if (ids.length > 0) await docker('image', 'rm', '--force', ...ids);
    },
    async pull(reference) {
      await docker('pull', reference);
      const { stdout } = await docker('image', 'inspect', '--format', '{{json .}}', reference);
      const { Id, RepoDigests } = v.parse(InspectSchema, parseJson(stdout));
      const repository = reference.slice(0, reference.lastIndexOf(':'));
      const named = RepoDigests.find((digest) => digest.startsWith(`${repository}@`));
      const archive = nextFile();
      await docker('save', '--output', archive, reference);
      return {
        manifestDigest: named?.slice(repository.length + 1) ?? '',
        configDigest: Id,
        diffIds: await savedDiffIds(archive, `${archive}.unpacked`, scratch),
      };
    },
    stop: () => engine.stop(),
  };
  return { kind: 'available', value };
}
