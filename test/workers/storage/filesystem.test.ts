/** The filesystem driver keeps the storage contract, on real files (test/file-service.ts serves them). */
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { mintKey } from '../../../src/storage/driver.ts';
import { FilesystemDriver } from '../../../src/storage/filesystem.ts';
import { storageContract } from './contract.ts';
import { collect, firstDifference, seededBytes } from './contract/bytes.ts';

const PART_BYTES = 1024 * 1024;
const MORE_THAN_ANY_DISK_BYTES = 999_999_999_999_999;

const open = (): FilesystemDriver => new FilesystemDriver({ FILES: env.TEST_FILES, DISK: env.TEST_DISK });

storageContract('the filesystem', open);

describe('the filesystem driver', () => {
  it('takes parts of any size, in any order, each where it begins', async () => {
    const driver = open();
    const [key, bytes] = [mintKey(), seededBytes(1, 2 * PART_BYTES + 5_018)];
    const ends = [1, 5_001, 5_001 + PART_BYTES, 5_018 + PART_BYTES, bytes.byteLength];
    const state = await driver.begin(key, PART_BYTES);
    const parts = ends.map((end, index) => ({ number: index + 1, offset: ends[index - 1] ?? 0, end }));
    const receipts = new Map<number, string>();
    for (const { number, offset, end } of parts.toReversed()) {
      receipts.set(number, await driver.writePart(state, number, bytes.subarray(offset, end), offset));
    }
    const named = parts.map(({ number }) => receipts.get(number) ?? '');
    await expect(driver.complete(state, named.slice(1))).rejects.toThrow('without a gap');
    expect(await driver.complete(state, named)).toBe('stored');
    const object = await driver.read(key);
    expect(firstDifference(await collect(object?.body ?? new Blob([]).stream()), bytes)).toBeUndefined();
    await driver.delete([key]);
  });

  it('refuses parts that do not meet', async () => {
    const driver = open();
    const state = await driver.begin(mintKey(), PART_BYTES);
    const first = await driver.writePart(state, 1, seededBytes(2, 10), 0);
    const late = await driver.writePart(state, 2, seededBytes(3, 10), 11);
    await expect(driver.complete(state, [first, late])).rejects.toThrow('without a gap');
    await driver.abort(state);
  });

  it('refuses a long body for which there is no space before it has touched it', async () => {
    const { readable } = new IdentityTransformStream();
    // Whoever waited for a byte of it would wait for ever.
    await expect(open().put(mintKey(), readable, MORE_THAN_ANY_DISK_BYTES)).rejects.toThrow('ENOSPC');
    expect(readable.locked).toBe(false);
    await readable.cancel();
  });

  it('leaves a long body for a key that exists as it is', async () => {
    const [driver, key, bytes] = [open(), mintKey(), seededBytes(4, 100)];
    await driver.put(key, bytes, bytes.byteLength);
    const { readable } = new IdentityTransformStream();
    expect(await driver.put(key, readable, 2 * PART_BYTES)).toBe('exists');
    expect(readable.locked).toBe(false);
    await readable.cancel();
    await driver.delete([key]);
  });

  it('says that there is space', async () => {
    expect(await open().isFull()).toBe(false);
  });
});
