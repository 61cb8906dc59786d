/** How multipart writes end otherwise: given up, completed twice or wrongly, or on a key that is taken. */
import { describe, expect, it } from 'vitest';
import type { StorageDriver } from '../../../../src/storage/driver.ts';
import type { Scratch } from './scratch.ts';

/** A multipart write of one small part, ready to be completed. */
async function ready(scratch: Scratch, driver: StorageDriver, size = 1_000) {
  const [key, bytes] = [scratch.key(), scratch.bytes(size)];
  const state = await scratch.begin(driver, key, driver.minPartBytes);
  const receipt = await driver.writePart(state, 1, bytes);
  return { key, bytes, state, receipt };
}

export function multipartEndsChapter(scratch: Scratch): void {
  describe('a multipart write', () => {
    it('is refused on a key that exists, and leaves the object as it was', async () => {
      const driver = scratch.driver();
      const { key, state, receipt } = await ready(scratch, driver);
      const old = scratch.bytes(300);
      await driver.put(key, old, old.byteLength);
      expect(await driver.complete(state, [receipt])).toBe('exists');
      await scratch.expectObject(driver, key, old);
      await driver.abort(state);
      await scratch.expectObject(driver, key, old);
    });

    it('is refused on a key that another multipart write made, and leaves the object as it was', async () => {
      const driver = scratch.driver();
      const winner = await ready(scratch, driver);
      const state = await scratch.begin(driver, winner.key, driver.minPartBytes);
      const receipt = await driver.writePart(state, 1, scratch.bytes(2_000));
      expect(await driver.complete(winner.state, [winner.receipt])).toBe('stored');
      expect(await driver.complete(state, [receipt])).toBe('exists');
      await scratch.expectObject(driver, winner.key, winner.bytes);
    });

    it('that is completed again finds its own object', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      expect(await driver.complete(state, [receipt])).toBe('stored');
      // As after a crash between the store's answer and the journal.
      expect(await scratch.driver().complete(state, [receipt])).toBe('exists');
      await scratch.expectObject(driver, key, bytes);
    });

    it('makes a key that no put can take any more', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      await driver.complete(state, [receipt]);
      expect(await driver.put(key, new Uint8Array(3), 3)).toBe('exists');
      await scratch.expectObject(driver, key, bytes);
    });

    it('takes no part once it is completed', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      await driver.complete(state, [receipt]);
      await expect(driver.writePart(state, 1, scratch.bytes(1_000))).rejects.toThrow();
      await expect(driver.writePart(state, 2, scratch.bytes(1_000))).rejects.toThrow();
      await scratch.expectObject(driver, key, bytes);
    });

    it('can be given up, again and again, and is then over for every driver', async () => {
      const driver = scratch.driver();
      const { key, state, receipt } = await ready(scratch, driver);
      await driver.abort(state);
      await driver.abort(state);
      await scratch.driver().abort(state);
      await expect(driver.complete(state, [receipt])).rejects.toThrow();
      await expect(driver.writePart(state, 2, scratch.bytes(10))).rejects.toThrow();
      await scratch.expectNothing(driver, key);
    });

    it('can be given up before its first part', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      const state = await scratch.begin(driver, key, driver.minPartBytes);
      await driver.abort(state);
      await expect(driver.writePart(state, 1, scratch.bytes(10))).rejects.toThrow();
      await scratch.expectNothing(driver, key);
    });

    it('that is given up after it was completed keeps its object', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      await driver.complete(state, [receipt]);
      await driver.abort(state);
      await scratch.expectObject(driver, key, bytes);
    });

    it('that is given up leaves another one on the same key alone', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      const other = await scratch.begin(driver, key, driver.minPartBytes);
      await driver.writePart(other, 1, scratch.bytes(10));
      await driver.abort(other);
      expect(await driver.complete(state, [receipt])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('leaves its key free for a put when it is given up', async () => {
      const driver = scratch.driver();
      const { key, state } = await ready(scratch, driver);
      await driver.abort(state);
      const bytes = scratch.bytes(20);
      expect(await driver.put(key, bytes, bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('cannot be completed of no part, and can still be completed rightly', async () => {
      const driver = scratch.driver();
      const { key, bytes, state, receipt } = await ready(scratch, driver);
      await expect(driver.complete(state, [])).rejects.toThrow();
      await scratch.expectNothing(driver, key);
      expect(await driver.complete(state, [receipt])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('cannot be completed of parts out of order, named twice or with a gap, and can still be completed rightly', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize)];
      const state = await scratch.begin(driver, key, partSize);
      const first = await driver.writePart(state, 1, bytes.subarray(0, partSize));
      const second = await driver.writePart(state, 2, bytes.subarray(partSize));
      await expect(driver.complete(state, [second, first])).rejects.toThrow();
      await expect(driver.complete(state, [first, first])).rejects.toThrow();
      await expect(driver.complete(state, [second])).rejects.toThrow();
      await scratch.expectNothing(driver, key);
      expect(await driver.complete(state, [first, second])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it("cannot be completed with another write's receipt", async () => {
      const driver = scratch.driver();
      const [mine, theirs] = [await ready(scratch, driver), await ready(scratch, driver, 2_000)];
      await expect(driver.complete(mine.state, [theirs.receipt])).rejects.toThrow();
      await scratch.expectNothing(driver, mine.key);
      await scratch.expectNothing(driver, theirs.key);
    });
  });
}
