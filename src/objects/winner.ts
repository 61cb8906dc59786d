/**
 * After an adopt: does the key that counts really hold the bytes?
 *
 * Whoever brought bytes that were not taken must not delete them before the winner is seen to be there and of the right
 * size. A damaged winner is swapped for the own key, so that pushing again heals a registry that lost an object.
 */
import { logEvent } from '../observability/log.ts';
import type { WorkMeter } from '../observability/work.ts';
import type { Digest } from '../oci/digest.ts';
import { isFull, type StorageDriver } from '../storage/driver.ts';
import type { Location } from './blob-directory/blob-directory.ts';
import type { AdoptResult } from './repository/links.ts';
import type { Objects } from './stubs.ts';

/** Each round means that somebody else swapped in between. */
const ROUNDS = 5;

/**
 * `own`: the caller's key counts. `other`: another key counts and is sound, so the caller may delete its own.
 * `adopt-again`: the directory no longer knows the digest.
 */
export type Verdict = 'own' | 'other' | 'adopt-again';

interface Judges {
  objects: Objects;
  store: StorageDriver;
  meter: WorkMeter;
}

/** Each means that the directory had forgotten the digest in between. */
const ADOPT_ROUNDS = 3;

/**
 * Has a repository adopt bytes that were stored at `own`, and finds out whose key counts. Never rejects.
 *
 * `own` and `other`: the repository serves the digest, by this key or by another. `refused`: the key was disowned or
 * doomed meanwhile. `outbox-full`, `retry` and `store-full`: nothing is lost; the same again, once there is space.
 *
 * @param adopt its argument says whether this is the first time: an upload is told of once
 */
export async function settleOwner(
  { objects, store, meter }: Judges,
  digest: Digest,
  own: Location,
  adopt: (isFirst: boolean) => Promise<AdoptResult>,
): Promise<'own' | 'other' | 'refused' | 'outbox-full' | 'retry' | 'store-full'> {
  try {
    for (let round = 0; round < ADOPT_ROUNDS; round += 1) {
      const adopted = await adopt(round === 0);
      if (adopted.kind !== 'linked') return adopted.kind;
      const verdict = await judgeWinner(objects, store, meter, digest, own, adopted.location);
      if (verdict !== 'adopt-again') return verdict;
    }
    return 'retry';
  } catch (error) {
    logEvent('warn', 'upload not adopted', { digest, key: own.key, error: String(error) });
    return isFull(error) ? 'store-full' : 'retry';
  }
}

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
