/**
 * Some of the disk is kept for the objects' databases. When blobs may take no more, tags can still be moved and blobs
 * deleted, which is what makes room; a database that finds no room breaks off whatever it was doing.
 */
import { statfs } from 'node:fs/promises';
import { DiskFull } from './failures.ts';

const RESERVE_BYTES = 64 * 1024 * 1024;
/** Of a small disk that would be too much. */
const RESERVE_SHARE = 0.1;

/** Throws DiskFull when so many bytes more would go into the reserve. */
export async function demandSpace(directory: string, bytes: number): Promise<void> {
  const { bavail, blocks, bsize } = await statfs(directory);
  const reserve = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE);
  if (bavail * bsize - bytes < reserve) throw new DiskFull();
}
