/** Hashes a file while it is read: the next piece comes from the disk while this one is worked on. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { DigestAlgorithm } from '../../src/oci/digest.ts';

const PIECE_BYTES = 1024 * 1024;

export async function hashFile(
  path: string,
  algorithm: DigestAlgorithm,
  progress: (bytes: number) => void,
): Promise<string> {
  const hash = createHash(algorithm);
  const file = await open(path, 'r');
  try {
    let [current, next] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
    let reading = file.read(current, 0, PIECE_BYTES);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return hash.digest('hex');
      reading = file.read(next, 0, PIECE_BYTES);
      hash.update(current.subarray(0, bytesRead));
      progress(bytesRead);
      [current, next] = [next, current];
    }
  } finally {
    await file.close();
  }
}
