/**
 * What of an installation nobody but its owner can read, as a umask of 077 leaves it: a service of another user ends there with
 * code 200 (CHDIR), or with EACCES. Data, secrets and what only developing takes are not looked at.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What is run, of all that may lie in the project's directory. */
const PARTS = [
  'deploy',
  'node_modules',
  'package.json',
  'package-lock.json',
  'scripts',
  'src',
  'standalone',
  'tools',
  'wrangler.toml',
];
const OTHERS_READ = 0o004;
const OTHERS_EXECUTE = 0o001;
const OWNER_EXECUTES = 0o100;

/**
 * @param root the project's directory
 * @returns the line that says which it is and what to type; undefined where everybody can read all of it
 */
export function unreadable(root) {
  const commands = [];
  let first;
  for (let above = dirname(root); above !== dirname(above); above = dirname(above))
    if ((lstatSync(above).mode & OTHERS_EXECUTE) === 0) note(above, `chmod a+x ${above}`);
  if (isClosed(lstatSync(root))) note(root, `chmod a+rX ${root}`);
  for (const part of PARTS) {
    const path = firstClosed(join(root, part));
    if (path !== undefined) note(path, `chmod -R a+rX ${join(root, part)}`);
  }
  if (first === undefined) return undefined;
  return `Nobody but its owner can read ${first}, so Berth cannot run as another user. Let others read what is run: ${commands.join(' && ')}`;

  function note(path, command) {
    first ??= path;
    commands.push(command);
  }
}

function firstClosed(path) {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return undefined;
  if (isClosed(found)) return path;
  if (!found.isDirectory()) return undefined;
  for (const name of readdirSync(path)) {
    // Caches of tools, and what npm keeps for itself; what Berth builds there is opened by prepare.mjs.
    if (name.startsWith('.') && name !== '.bin') continue;
    const closed = firstClosed(join(path, name));
    if (closed !== undefined) return closed;
  }
  return undefined;
}

function isClosed({ mode }) {
  const needed = OTHERS_READ | ((mode & OWNER_EXECUTES) === 0 ? 0 : OTHERS_EXECUTE);
  return (mode & needed) !== needed;
}
