/**
 * Where a Unix socket of a data directory lies: in it, where nothing is left over; but a path may be too long for the system.
 * Then it lies in a directory of the service's own (systemd.exec(5), RuntimeDirectory=), which the tools of another service or
 * shell see too; or else in that for temporary files, which a service may have for itself (PrivateTmp=).
 */
import { mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemErrorCode } from './start-failure.ts';

/** sun_path holds 108 bytes on Linux and 104 on macOS, the last of them a zero (unix(7)). */
const LONGEST_SOCKET_PATH_BYTES = 103;

/** A path to listen on. Where the directory's own is too long, a symbolic link there says which (`findSocket`). */
export function socketPath(root: string, name: string, environment: NodeJS.ProcessEnv = process.env): string {
  const beside = join(root, name);
  // Left by a process that was killed: nobody listens there, since this one holds the lock.
  rmSync(beside, { force: true });
  if (Buffer.byteLength(beside) <= LONGEST_SOCKET_PATH_BYTES) return beside;
  const directory = mkdtempSync(join(runtimeDirectory(environment) ?? tmpdir(), 'berth-'));
  process.once('exit', () => {
    rmSync(directory, { recursive: true, force: true });
  });
  const elsewhere = join(directory, name);
  symlinkSync(elsewhere, beside);
  return elsewhere;
}

/** systemd separates several by colons; this user's alone is what counts here, as RuntimeDirectoryMode=0700 has it. */
function runtimeDirectory({ RUNTIME_DIRECTORY: given = '' }: NodeJS.ProcessEnv): string | undefined {
  const [first = ''] = given.split(':');
  return first === '' ? undefined : first;
}

/** The path under which another process listens; there may be nobody. */
export function findSocket(root: string, name: string): string {
  const beside = join(root, name);
  try {
    return readlinkSync(beside);
  } catch (error) {
    // EINVAL: the socket itself.
    if (!['EINVAL', 'ENOENT'].includes(systemErrorCode(error) ?? '')) throw error;
    return beside;
  }
}
