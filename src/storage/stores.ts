/** Which driver holds the bytes. One today; links and the directory record the store's name beside each key. */
import type { StorageDriver } from './driver.ts';
import { R2Driver } from './r2.ts';

export function openStore(env: { BLOBS: R2Bucket }): StorageDriver {
  return new R2Driver(env.BLOBS);
}
