/** What docs/naming.md speaks of: a Berth with images under many names, a docker engine that has it as a mirror, a containerd, podman and skopeo. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startBerth, type BerthProcess } from '../berth-process.ts';
import type { Availability } from '../clients/client.ts';
import { runCommand, type CommandResult } from '../clients/command.ts';
import { startContainerd } from '../clients/containerd-daemon.ts';
import { startDockerEngine } from '../clients/docker-daemon.ts';
import { blobsOf, tinyImage, type Image } from '../clients/fixtures.ts';
import { startPodman } from '../clients/podman-client.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { startRecorder } from '../clients/wire-recorder.ts';
import { startOutside, type Outside } from './outside.ts';

export type Command = (...words: string[]) => Promise<CommandResult>;

export interface NamingWorld {
  /** `127.0.0.1:port`, as it stands in a name. */
  readonly host: string;
  readonly url: string;
  readonly outside: Outside;
  readonly docker: Availability<Command>;
  readonly dockerd: Command;
  readonly ctr: Availability<Command>;
  readonly podman: Availability<Command>;
  readonly skopeo: Command;
  /** A folder for `ctr --hosts-dir`, with a hosts.toml for each host. */
  hostsFolder(files: Readonly<Record<string, string>>): string;
  registriesConf(text: string): void;
  folder(): string;
  /** Puts an image of one small layer into Berth. @returns its manifest's digest */
  put(repository: string, ...tags: string[]): Promise<string>;
  /** `repository:reference` of the manifests that clients asked Berth for, or brought, since the last call. */
  asked(): string[];
  stop(): Promise<void>;
}

export async function startWorld(): Promise<NamingWorld> {
  const outside = await startOutside();
  const plain = makeScratch();
  const scratch: Scratch = { ...plain, env: { ...plain.env, ...outside.environment } };
  const berth = await startBerth();
  const recorder = await startRecorder(() => berth.url);
  const { host } = recorder;
  const url = `http://${host}`;
  const [engine, containerd, podman] = await Promise.all([
    startDockerEngine(scratch, { settings: { 'registry-mirrors': [url] } }),
    startContainerd(scratch, 'naming'),
    startPodman(scratch),
  ]);
  let serial = 0;
  const folder = (): string => scratch.folder(`naming-${String((serial += 1))}`);
  return {
    ...{ host, url, outside, folder },
    docker: given(engine, ({ env }) => command('docker', [], env)),
    dockerd: command('dockerd', [], scratch.env),
    ctr: given(containerd, ({ socket }) => command('ctr', ['--address', socket], scratch.env)),
    podman: given(podman, ({ run }) => run),
    skopeo: command('skopeo', ['--tmpdir', scratch.folder('tmp')], scratch.env),
    hostsFolder(files) {
      const made = folder();
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(made, name));
        writeFileSync(join(made, name, 'hosts.toml'), text);
      }
      return made;
    },
    registriesConf(text) {
      writeFileSync(scratch.env['CONTAINERS_REGISTRIES_CONF'] ?? '', text);
    },
    put: (repository, ...tags) => put(berth, tinyImage(`naming ${String((serial += 1))}`), repository, tags),
    asked() {
      const paths = recorder.take().map(({ path }) => /^\/v2\/(.+)\/manifests\/(.+)$/.exec(path));
      return [...new Set(paths.flatMap((path) => (path === null ? [] : `${path[1] ?? ''}:${path[2] ?? ''}`)))];
    },
    async stop() {
      if (engine.kind === 'available') await engine.value.stop();
      if (containerd.kind === 'available') await containerd.value.daemon.stop();
      await recorder.stop();
      await berth.discard();
      await outside.stop();
      await plain.remove();
    },
  };
}

function command(program: string, first: readonly string[], env: Readonly<Record<string, string>>): Command {
  return (...words) => runCommand(program, [...first, ...words], { env });
}

function given<T>(found: Availability<T>, make: (value: T) => Command): Availability<Command> {
  return found.kind === 'available' ? { kind: 'available', value: make(found.value) } : found;
}

async function put({ url }: BerthProcess, image: Image, repository: string, tags: readonly string[]): Promise<string> {
  for (const { digest, bytes } of blobsOf(image).slice(0, -1)) {
    await send(url, 'POST', `/v2/${repository}/blobs/uploads/?digest=${digest}`, bytes);
  }
  const { manifest } = image;
  for (const tag of tags) {
    await send(url, 'PUT', `/v2/${repository}/manifests/${tag}`, manifest.bytes, manifest.mediaType);
  }
  return manifest.digest;
}

async function send(url: string, method: string, path: string, bytes: Buffer, type?: string): Promise<void> {
  const headers = type === undefined ? {} : { 'content-type': type };
  const response = await fetch(new URL(path, url), { method, body: new Uint8Array(bytes), headers });
  if (response.status !== 201)
    throw new Error(`${method} ${path}: ${String(response.status)} ${await response.text()}`);
}
