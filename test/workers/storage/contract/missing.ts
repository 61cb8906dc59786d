/** What is not there: `undefined` from a look, success from a deletion, and nothing else touched. */
import { describe, expect, it } from 'vitest';
import { mintKey } from '../../../../src/storage/driver.ts';
import type { Scratch } from './scratch.ts';

/** More than two full calls of a store that deletes 1,000 keys at once. */
const MANY_KEYS = 2_100;
/** Around the borders of such calls. */
const PRESENT = [0, 1, 999, 1_000, 1_001, 1_999, 2_000, MANY_KEYS - 1];

export function missingChapter(scratch: Scratch): void {
  describe('what is missing', () => {
    it('has neither head nor body nor any range', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      expect(await driver.head(key)).toBeUndefined();
      expect(await driver.read(key)).toBeUndefined();
      expect(await driver.read(key, { offset: 0, length: 1 })).toBeUndefined();
      expect(await driver.read(key, { offset: 10 ** 6, length: 10 ** 6 })).toBeUndefined();
    });

    it('can be deleted, alone or among what is there', async () => {
      const driver = scratch.driver();
      const [present, missing, bytes] = [scratch.key(), scratch.key(), scratch.bytes(10)];
      await driver.delete([missing]);
      await driver.put(present, bytes, bytes.byteLength);
      await driver.delete([missing, present, missing]);
      await scratch.expectNothing(driver, present);
      await driver.delete([present]);
      await scratch.expectNothing(driver, present);
    });

    it('is not made by deleting no key at all', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(10)];
      await driver.put(key, bytes, bytes.byteLength);
      await driver.delete([]);
      await scratch.expectObject(driver, key, bytes);
    });

    it('is what a deletion makes of objects that were put and of objects that were written in parts', async () => {
      const driver = scratch.driver();
      const [put, parts, empty] = [scratch.key(), scratch.key(), scratch.key()];
      const bytes = scratch.bytes(1_000);
      await driver.put(put, bytes, bytes.byteLength);
      await driver.put(empty, new Uint8Array(), 0);
      await scratch.storeParts(driver, parts, [bytes]);
      await scratch.driver().delete([put, parts, empty]);
      for (const key of [put, parts, empty]) await scratch.expectNothing(driver, key);
    });

    it('is each of more than a thousand keys after one deletion', async () => {
      const driver = scratch.driver();
      const keys = Array.from({ length: MANY_KEYS }, mintKey);
      const bytes = scratch.bytes(10);
      const present = keys.filter((_, index) => PRESENT.includes(index)).map((key) => scratch.key(key));
      for (const key of present) await driver.put(key, bytes, bytes.byteLength);
      await driver.delete(keys);
      expect(present).toHaveLength(PRESENT.length);
      for (const key of present) await scratch.expectNothing(driver, key);
    });

    it('does not spread to a key that begins or ends alike', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      const neighbours = [`${key}0`, key.slice(0, -1), `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`];
      const bytes = scratch.bytes(10);
      for (const each of [key, ...neighbours]) await driver.put(scratch.key(each), bytes, bytes.byteLength);
      await driver.delete([key]);
      await scratch.expectNothing(driver, key);
      for (const neighbour of neighbours) await scratch.expectObject(driver, neighbour, bytes);
    });

    it('does not spread to a multipart write that has not been completed', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(100)];
      const state = await scratch.begin(driver, key, driver.minPartBytes);
      const receipt = await driver.writePart(state, 1, bytes);
      await driver.delete([key]);
      expect(await driver.complete(state, [receipt])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });
  });
}
