/**
 * What deploy/Dockerfile is built from where no registry can be reached: a base of this machine's own Debian packages, with
 * what Node and workerd are linked with and a shell, and the project's installed packages in the place of `npm ci`.
 */
import { lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure, runCommand } from '../clients/command.ts';
import type { Scratch } from '../clients/scratch.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

const PACKAGES = [
  ...['base-files', 'libc6', 'libc-bin', 'libstdc++6', 'libgcc-s1', 'dash', 'coreutils', 'findutils'],
  ...['ca-certificates', 'libselinux1', 'libacl1', 'libattr1', 'libpcre2-8-0', 'libgmp10', 'libssl3'],
];
/** Symbolic links into /usr on a system of today; dpkg still lists files by the names before. */
const MERGED = ['bin', 'sbin', 'lib', 'lib64'];
const READING = /^\/usr\/share\/(doc|man|locale|lintian|bug)\//;
/** What takes most of the room, and no image keeps: the tools of whoever develops Berth. */
const LEFT_OUT =
  /^(\.cache|typescript|eslint|prettier|knip|vite|vitest|rolldown|fast-check|dependency-cruiser|lightningcss.*|oxc-.*|@(eslint|vitest|rolldown|oxc-.*|typescript-eslint|types))$/;

/** A tar of it, as `podman import` takes one. */
export async function baseArchive(scratch: Scratch): Promise<string> {
  const { env } = scratch;
  // It knows a part of these names on another Debian, and ends with code 1 for the others.
  const { stdout } = await runCommand('sh', ['-c', `dpkg-query -L ${PACKAGES.join(' ')} 2>/dev/null || true`], { env });
  const files = stdout
    .toString('utf8')
    .split('\n')
    .filter((file) => file.startsWith('/') && !READING.test(file))
    .map((file) => file.replace(/^\/(bin|sbin|lib|lib64)\//, '/usr/$1/'))
    .filter((file) => isFile(file))
    .map((file) => file.slice(1));
  const folder = scratch.folder('base');
  const list = join(folder, 'files');
  writeFileSync(list, [...new Set([...MERGED, ...files])].join('\n'));
  const archive = join(folder, 'base.tar');
  await runCommand('tar', ['-c', '-f', archive, '-C', '/', '--no-recursion', '-T', list], { env });
  const own = scratch.folder('base/own');
  for (const name of ['etc', 'var/lib']) mkdirSync(join(own, name), { recursive: true });
  mkdirSync(join(own, 'tmp'));
  writeFileSync(join(own, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeFileSync(join(own, 'etc/group'), 'root:x:0:\n');
  await runCommand('tar', ['-r', '-f', archive, '--mode=a+rwX', '-C', own, 'etc', 'var', 'tmp'], { env });
  return archive;
}

/** A folder with `packages/node_modules`, as the stage `packages` would leave it. */
export async function installedPackages(scratch: Scratch): Promise<string> {
  const folder = scratch.folder('installed');
  const target = scratch.folder('installed/packages/node_modules');
  const modules = join(ROOT, 'node_modules');
  const sources = readdirSync(modules)
    .filter((name) => !LEFT_OUT.test(name))
    .map((name) => join(modules, name));
  const copy = (how: string) => runCommand('cp', [how, ...sources, target], { env: scratch.env });
  // Where it lies on another disk, links do not do.
  await copy('-al').catch((error: unknown) => {
    if (!(error instanceof CommandFailure)) throw error;
    return copy('-af');
  });
  return folder;
}

/** A link to a directory is a file to tar. */
function isFile(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  return found.isFile() || (found.isSymbolicLink() && statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}
