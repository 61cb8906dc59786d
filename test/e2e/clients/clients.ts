/** The clients of the matrix by name. A new one is an adapter and a line here. */
import type { RegistryClient, StartClient } from './client.ts';
import { startCtr } from './ctr-client.ts';
import { startDocker } from './docker-client.ts';
import { startCrane, startOras, startRegctl } from './layout-clients.ts';
import { startBuildah, startPodman } from './podman-client.ts';
import { startSkopeo } from './skopeo-client.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import type { Availability } from './client.ts';

export const CLIENTS: readonly (readonly [string, StartClient])[] = [
  ['docker', startDocker],
  ['skopeo', startSkopeo],
  ['podman', startPodman],
  ['buildah', startBuildah],
  ['ctr', startCtr],
  ['crane', startCrane],
  ['oras', startOras],
  ['regctl', startRegctl],
];

export const CLIENT_NAMES: readonly string[] = CLIENTS.map(([name]) => name);

export interface RunningClients {
  get(name: string): Availability<RegistryClient>;
  /** The folder that a client works in; undefined for one that is not of the matrix. */
  scratchOf(name: string): Scratch | undefined;
  stop(): Promise<void>;
}

/** Starts every client at once, each in a scratch folder of its own. */
export async function startAllClients(): Promise<RunningClients> {
  const running = await Promise.all(
    CLIENTS.map(async ([name, start]) => {
      const scratch = makeScratch();
      return { name, scratch, client: await start(scratch) };
    }),
  );
  return {
    get(name) {
      const found = running.find((entry) => entry.name === name);
      return found?.client ?? { kind: 'unavailable', reason: 'the matrix does not know it' };
    },
    scratchOf: (name) => running.find((entry) => entry.name === name)?.scratch,
    async stop() {
      for (const { client, scratch } of running) {
        if (client.kind === 'available') await client.value.stop();
        await scratch.remove();
      }
    },
  };
}
