/**
 * A containerd of the test's own, for `ctr` and below dockerd. It keeps nothing outside the scratch
 * folder and has no CRI, so it needs neither networks nor the machine's containerd.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectProgram, unavailable } from './client.ts';
import type { Availability } from './client.ts';
import { CommandFailure, runCommand } from './command.ts';
import { DaemonStartFailure, startDaemon } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import type { Scratch } from './scratch.ts';

export interface Containerd {
  readonly socket: string;
  readonly daemon: Daemon;
}

/** Starts containerd in a folder of the scratch folder. */
export async function startContainerd(scratch: Scratch, name: string): Promise<Availability<Containerd>> {
  for (const program of ['containerd', 'ctr'] as const) {
    const found = await detectProgram(program, scratch);
    if (found.kind === 'unavailable') return found;
  }
  const folder = scratch.folder(name);
  const socket = join(folder, 'c.sock');
  const configFile = join(folder, 'config.toml');
  writeFileSync(configFile, configuration(folder, socket));
  try {
    const daemon = await startDaemon('containerd', ['--config', configFile], scratch.env, () =>
      answers(socket, scratch),
    );
    return { kind: 'available', value: { socket, daemon } };
  } catch (error) {
    if (error instanceof DaemonStartFailure) return unavailable('containerd does not start', error);
    throw error;
  }
}

function configuration(folder: string, socket: string): string {
  // JSON's strings are TOML's basic strings too.
  const path = (name: string): string => JSON.stringify(join(folder, name));
  return `version = 2
root = ${path('root')}
state = ${path('state')}
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = ${JSON.stringify(socket)}
[plugins."io.containerd.internal.v1.opt"]
path = ${path('opt')}
`;
}

async function answers(socket: string, scratch: Scratch): Promise<boolean> {
  try {
    await runCommand('ctr', ['--address', socket, 'version'], { env: scratch.env, limitMs: 5_000 });
    return true;
  } catch (error) {
    if (error instanceof CommandFailure) return false;
    throw error;
  }
}
