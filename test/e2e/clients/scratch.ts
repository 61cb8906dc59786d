/**
 * One folder below the system's temporary one for everything that clients and daemons write: their
 * home, their stores, sockets and images. Container engines mount things in there (a bind mount of
 * the data root, network namespaces), which must be taken away before the folder can be.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './command.ts';

export interface Scratch {
  readonly path: string;
  /** What the programs see instead of the user's own environment: no credentials, no proxies, no settings of the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes a folder inside. Names are short: a unix socket's path ends at 108 bytes. */
  folder(name: string): string;
  remove(): Promise<void>;
}

/** Images are not signed here; without a policy file of their own the containers tools want the machine's. */
const ACCEPT_UNSIGNED = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

export function makeScratch(): Scratch {
  // Lower case only: podman makes an image name from the path of a layout.
  const path = join(tmpdir(), `berth-${randomBytes(6).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  const folder = (name: string): string => {
    const made = join(path, name);
    mkdirSync(made, { recursive: true });
    return made;
  };
  const home = folder('home');
  writeFileSync(join(folder('home/.config/containers'), 'policy.json'), ACCEPT_UNSIGNED);
  writeFileSync(join(home, '.config/containers/registries.conf'), '');
  return {
    path,
    env: {
      PATH: process.env['PATH'] ?? '',
      LANG: 'C.UTF-8',
      HOME: home,
      TMPDIR: folder('tmp'),
      XDG_RUNTIME_DIR: folder('run'),
      CONTAINERS_REGISTRIES_CONF: join(home, '.config/containers/registries.conf'),
    },
    folder,
    async remove() {
      for (const mount of mountsBelow(path)) {
        // Lazily: a daemon that was killed leaves mounts that may still be busy for a moment.
        await runCommand('umount', ['--lazy', mount], { env: { PATH: process.env['PATH'] ?? '' } });
      }
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Mount points below a folder, the last mounted first. Empty where there is no /proc. */
function mountsBelow(path: string): string[] {
  let table: string;
  try {
    table = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return [];
  }
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mount) => mount.startsWith(`${path}/`))
    .reverse();
}
