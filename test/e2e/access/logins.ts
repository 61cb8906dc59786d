/** The real clients, with their own ways to sign in and out. */
import type { Availability, RegistryClient } from '../clients/client.ts';
import { runCommand, type CommandResult } from '../clients/command.ts';
import { startDocker } from '../clients/docker-client.ts';
import { startBuildah, startPodman } from '../clients/podman-client.ts';
import { makeScratch, type Scratch } from '../clients/scratch.ts';
import { startSkopeo } from '../clients/skopeo-client.ts';
import type { Person } from './people.ts';

interface SigningClient {
  readonly client: RegistryClient;
  /** Rejects with what the client printed. */
  readonly login: (host: string, person: Person) => Promise<CommandResult>;
  readonly logout: (host: string) => Promise<CommandResult>;
}

type StartSigning = (scratch: Scratch) => Promise<Availability<SigningClient>>;

const TLS_OFF = '--tls-verify=false';

const STARTS: readonly (readonly [string, StartSigning])[] = [
  [
    'docker',
    async (scratch) =>
      signing(await startDocker(scratch), ({ docker }) => ({
        login: (host, { name, password }) => docker('login', '--username', name, '--password', password, host),
        logout: (host) => docker('logout', host),
      })),
  ],
  ['podman', async (scratch) => signing(await startPodman(scratch), ({ run }) => byRun(run))],
  ['buildah', async (scratch) => signing(await startBuildah(scratch), ({ run }) => byRun(run))],
  [
    'skopeo',
    async (scratch) =>
      signing(await startSkopeo(scratch), () => byRun((...args) => runCommand('skopeo', args, { env: scratch.env }))),
  ],
];

/** podman, buildah and skopeo share one library, and its options. */
function byRun(run: (...args: string[]) => Promise<CommandResult>): Omit<SigningClient, 'client'> {
  return {
    login: (host, { name, password }) => run('login', TLS_OFF, '--username', name, '--password', password, host),
    logout: (host) => run('logout', host),
  };
}

function signing<T extends RegistryClient>(
  started: Availability<T>,
  ways: (client: T) => Omit<SigningClient, 'client'>,
): Availability<SigningClient> {
  if (started.kind === 'unavailable') return started;
  return { kind: 'available', value: { client: started.value, ...ways(started.value) } };
}

export const SIGNING_CLIENTS: readonly string[] = STARTS.map(([name]) => name);

export interface RunningSigningClients {
  get(name: string): Availability<SigningClient>;
  stop(): Promise<void>;
}

/** Each in a scratch folder of its own, so that nobody finds what another one signed in with. */
export async function startSigningClients(): Promise<RunningSigningClients> {
  const running = await Promise.all(
    STARTS.map(async ([name, start]) => {
      const scratch = makeScratch();
      return { name, scratch, client: await start(scratch) };
    }),
  );
  return {
    get: (name) =>
      running.find((entry) => entry.name === name)?.client ?? { kind: 'unavailable', reason: 'nobody knows it' },
    async stop() {
      for (const { client, scratch } of running) {
        if (client.kind === 'available') await client.value.client.stop();
        await scratch.remove();
      }
    },
  };
}
