/** Which driver holds the bytes. Links and the directory record the store's name beside each key. */
import type { StorageDriver } from './driver.ts';
import { FilesystemDriver, type FilesystemBindings } from './filesystem.ts';
import { R2Driver } from './r2.ts';

/** `npm start` binds a file system in place of the bucket, unless it is told otherwise. */
export function openStore(env: { BLOBS: R2Bucket } & Partial<FilesystemBindings>): StorageDriver {
  const { BLOBS, FILES, DISK } = env;
  return FILES === undefined || DISK === undefined ? new R2Driver(BLOBS) : new FilesystemDriver({ FILES, DISK });
}
