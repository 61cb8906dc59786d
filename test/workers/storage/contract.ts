/**
 * The contract that every storage driver keeps (src/storage/driver.ts), as tests. A driver's own test file calls
 * `storageContract` with a name and a function that opens the driver; nothing here knows what lies beneath.
 *
 * Each chapter proves one part of the interface. Every test cleans up after itself through the driver, and fails when
 * an object or an unfinished multipart write stays; whether the store is really empty, the driver's own test file asks,
 * since a driver cannot list.
 *
 * Objects beyond what one request may bring are written in parts that are made on the way and compared by a hash that
 * streams, so that memory stays small whatever the size: test/long/storage.ts runs the contract with gigabytes.
 */
import { afterEach, describe } from 'vitest';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { Scratch } from './contract/scratch.ts';
import { concurrencyChapter } from './contract/concurrency.ts';
import { missingChapter } from './contract/missing.ts';
import { multipartChapter } from './contract/multipart.ts';
import { multipartEndsChapter } from './contract/multipart-ends.ts';
import { putChapter } from './contract/put.ts';
import { putRefusalsChapter } from './contract/put-refusals.ts';
import { readChapter } from './contract/read.ts';

export function storageContract(name: string, open: () => StorageDriver): void {
  describe(`the storage contract, kept by ${name}`, () => {
    const scratch = new Scratch(open);
    afterEach(() => scratch.clean());
    putChapter(scratch);
    putRefusalsChapter(scratch);
    multipartChapter(scratch);
    multipartEndsChapter(scratch);
    readChapter(scratch);
    missingChapter(scratch);
    concurrencyChapter(scratch);
  });
}
