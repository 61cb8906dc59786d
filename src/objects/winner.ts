/**
 * After an adopt: does the key that counts really hold the bytes?
 *
 * Whoever brought bytes that were not taken must not delete them before the winner is seen to be there and of the right
 * size. A damaged winner is swapped for the own key, so that pushing again heals a registry that lost an object.
 */
import type { WorkMeter } from '../observability/work.ts';
import type { Digest } from '../oci/digest.ts';
import type { StorageDriver } from '../storage/driver.ts';
import type { Location } from './blob-directory/blob-directory.ts';
import type { Objects } from './stubs.ts';

/** Each round means that somebody else swapped in between. */
const ROUNDS = 5;

/**
 * `own`: the caller's key counts. `other`: another key counts and is sound, so the caller may delete its own.
 * `adopt-again`: the directory no longer knows the digest.
 */
export type Verdict = 'own' | 'other' | 'adopt-again';

export async function judgeWinner(
  objects: Objects,
  store: StorageDriver,
  meter: WorkMeter,
  digest: Digest,
  own: Location,
  adopted: Location,
): Promise<Verdict> {
  let winner = adopted;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (winner.key === own.key) return 'own';
    if ((await store.head(winner.key))?.size === own.size) return 'other';
    const swapped = await meter.call(objects.directory(digest).swap(digest, winner.key, own));
    if (swapped.kind === 'refused') return 'adopt-again';
    winner = swapped.location;
  }
  throw new Error(`the object of ${digest} was replaced ${String(ROUNDS)} times while it was being checked`);
}
