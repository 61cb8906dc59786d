/**
 * A Docker engine of the test's own, without networks, firewall rules or the machine's settings: it
 * is asked only to load, build, push and pull. The vfs driver works on every filesystem.
 */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { detectProgram, unavailable } from './client.ts';
import type { Availability, Trust } from './client.ts';
import { startContainerd } from './containerd-daemon.ts';
import { DaemonStartFailure, startDaemon } from './daemon.ts';
import type { Scratch } from './scratch.ts';

const PING_LIMIT_MS = 5_000;

export interface DockerEngine {
  readonly version: string;
  /** The environment in which the `docker` command reaches this engine. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** What it believes and proves itself with, where a registry speaks TLS. */
  readonly trust?: Trust | undefined;
  /** What stands in its daemon.json. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export async function startDockerEngine(
  scratch: Scratch,
  { trust, settings = {} }: EngineOptions = {},
): Promise<Availability<DockerEngine>> {
  const client = await detectProgram('docker', scratch);
  if (client.kind === 'unavailable') return client;
  const engine = await detectProgram('dockerd', scratch);
  if (engine.kind === 'unavailable') return engine;
  // Given one of ours, dockerd starts no containerd with folders of its own and touches no other.
  const containerd = await startContainerd(scratch, 'dc');
  if (containerd.kind === 'unavailable') return containerd;
  const folder = scratch.folder('d');
  const socket = join(folder, 'd.sock');
  const configFile = join(folder, 'daemon.json');
  writeFileSync(configFile, JSON.stringify(settings));
  try {
    const [program, ...before] = [...(trust === undefined ? [] : seeing(trust.certsD)), 'dockerd'];
    const daemon = await startDaemon(
      program,
      [
        ...before,
        ...['--config-file', configFile],
        ...['--data-root', join(folder, 'data')],
        ...['--exec-root', join(folder, 'exec')],
        ...['--pidfile', join(folder, 'pid')],
        ...['--host', `unix://${socket}`],
        ...['--containerd', containerd.value.socket],
        '--storage-driver=vfs',
        '--iptables=false',
        '--ip6tables=false',
        '--bridge=none',
        ...['--insecure-registry', '127.0.0.0/8'],
      ],
      scratch.env,
      () => answers(socket),
    );
    return {
      kind: 'available',
      value: {
        version: `${client.value}; engine: ${engine.value}`,
        // The classic builder: buildx is a plugin of its own that need not be there.
        env: { ...scratch.env, DOCKER_HOST: `unix://${socket}`, DOCKER_BUILDKIT: '0' },
        async stop() {
          await daemon.stop();
          await containerd.value.daemon.stop();
        },
      },
    };
  } catch (error) {
    await containerd.value.daemon.stop();
    if (error instanceof DaemonStartFailure) return unavailable('dockerd does not start', error);
    throw error;
  }
}

/** It looks for certificates there and nowhere else. In a mount namespace of its own, the machine's are not touched. */
const CERTS_D = '/etc/docker/certs.d';

/** A command that runs what follows with that folder in the place of docker's. */
function seeing(certsD: string): string[] {
  return ['unshare', '--mount', 'sh', '-c', `mkdir -p ${CERTS_D} && mount --bind "$0" ${CERTS_D} && exec "$@"`, certsD];
}

/** Docker Engine API: `GET /_ping` answers 200 once the engine serves. */
async function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping', timeout: PING_LIMIT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    ping.on('timeout', () => ping.destroy());
    ping.on('error', () => {
      resolve(false);
    });
    ping.end();
  });
}
