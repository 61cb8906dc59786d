/** How many files a process here may have open, and how many clients that is enough for. */
import { spawnSync } from 'node:child_process';

/** Fewer are too few for many pushes: an object with a database has three open until it has idled for a while. */
export const FEW_DESCRIPTORS = 4_096;
/** More clients at once than a machine of this kind has work for. */
const MOST_CONNECTIONS = 4_096;
/**
 * Of one client: two in Node, and in workerd its connection, the file that it reads, and a share of the databases; for a moment one
 * more in each, to ask where it is (peer-service.ts). Either has the limit to itself, so there is room for that.
 */
const DESCRIPTORS_PER_CONNECTION = 5;

/** Node raises its own limit as far as it may and hands it on, so a child's is the one that workerd has. */
export function descriptorLimit(): number {
  const limit = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout.trim());
  // It may say "unlimited".
  return Number.isSafeInteger(limit) ? limit : Number.POSITIVE_INFINITY;
}

/** A workerd without descriptors ends, and with it every request; so clients beyond these are turned away before. */
export function connectionLimit(descriptors: number): number {
  return Math.max(1, Math.min(MOST_CONNECTIONS, Math.floor(descriptors / DESCRIPTORS_PER_CONNECTION)));
}
