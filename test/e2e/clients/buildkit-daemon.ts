/**
 * A BuildKit of the test's own, with its OCI worker: runc has to be there, though images without a RUN never use it. It has
 * no network of its own and keeps everything below the scratch folder.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectProgram, unavailable } from './client.ts';
import type { Availability } from './client.ts';
import { CommandFailure } from './command.ts';
import { DaemonStartFailure, startDaemon } from './daemon.ts';
import { goCommand, goProgram } from './go-programs.ts';
import type { GoCommand } from './go-programs.ts';
import type { Scratch } from './scratch.ts';

export interface BuildKit {
  /** Runs `buildctl` against this daemon. */
  readonly buildctl: GoCommand;
  stop(): Promise<void>;
}

/** @param registries each `host:port` that is spoken to over plain HTTP */
export async function startBuildKit(scratch: Scratch, registries: readonly string[]): Promise<Availability<BuildKit>> {
  const runc = await detectProgram('runc', scratch);
  if (runc.kind === 'unavailable') return runc;
  const program = await goProgram('buildkitd');
  if (program.kind === 'unavailable') return program;
  const client = await goCommand('buildctl', scratch);
  if (client.kind === 'unavailable') return client;
  const folder = scratch.folder('bk');
  const address = `unix://${join(folder, 'b.sock')}`;
  const configFile = join(folder, 'buildkitd.toml');
  // JSON's strings are TOML's basic strings too.
  const plain = registries.map((host) => `[registry.${JSON.stringify(host)}]\nhttp = true\n`);
  writeFileSync(configFile, plain.join(''));
  const buildctl: GoCommand = (args, options) => client.value(['--addr', address, ...args], options);
  const answers = async (): Promise<boolean> => {
    try {
      await buildctl(['debug', 'workers'], { limitMs: 5_000 });
      return true;
    } catch (error) {
      if (error instanceof CommandFailure) return false;
      throw error;
    }
  };
  try {
    const daemon = await startDaemon(
      program.value,
      [
        ...['--config', configFile],
        ...['--addr', address],
        ...['--root', join(folder, 'root')],
        ...['--otel-socket-path', join(folder, 'otel.sock')],
        '--containerd-worker=false',
        // It works on every filesystem.
        '--oci-worker-snapshotter=native',
        '--oci-worker-net=host',
        '--cdi-disabled',
      ],
      scratch.env,
      answers,
    );
    return { kind: 'available', value: { buildctl, stop: () => daemon.stop() } };
  } catch (error) {
    if (error instanceof DaemonStartFailure) return unavailable('buildkitd does not start', error);
    throw error;
  }
}
