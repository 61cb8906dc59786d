/** `read`: the whole or any slice, exactly; a reader that is slow or goes away harms nobody. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ByteRange, StorageDriver } from '../../../../src/storage/driver.ts';
import { collect, drain, firstDifference, KIB, MIB, seededBytes } from './bytes.ts';
import { order } from './order.ts';
import type { Scratch } from './scratch.ts';

const RANGES = 60;
const LONGEST_BYTES = 512 * KIB;

async function slice(driver: StorageDriver, key: string, offset: number, length: number): Promise<Uint8Array> {
  const object = await driver.read(key, { offset, length });
  if (object === undefined) throw new Error(`${key} is missing`);
  return collect(object.body);
}

/** Ranges from anywhere, and often from right beside or somewhat before a border, to anywhere near or to the end. */
function ranges(size: number, borders: readonly number[]): fc.Arbitrary<ByteRange> {
  const beside = fc.tuple(fc.constantFrom(...borders), fc.integer({ min: -3, max: 3 }));
  const before = fc.tuple(fc.constantFrom(...borders), fc.integer({ min: -2_000, max: -1 }));
  const near = fc.oneof(beside, before).map(([border, by]) => Math.min(Math.max(border + by, 0), size - 1));
  const lengths = fc.oneof(
    fc.integer({ min: 1, max: 4 }),
    fc.integer({ min: 1, max: LONGEST_BYTES }),
    fc.constant(size),
  );
  return fc
    .tuple(fc.oneof(near, fc.nat(size - 1)), lengths)
    .map(([offset, length]) => ({ offset, length: Math.min(length, LONGEST_BYTES, size - offset) }));
}

export function readChapter(scratch: Scratch): void {
  describe('read', () => {
    let partSize: number;
    beforeAll(() => {
      partSize = scratch.driver().minPartBytes;
    });

    it('returns any range of an object that was put in one go', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(MIB + 321)];
      await driver.put(key, bytes, bytes.byteLength);
      const borders = [0, 4 * KIB, 64 * KIB, MIB, bytes.byteLength];
      await fc.assert(
        fc.asyncProperty(ranges(bytes.byteLength, borders), async ({ offset, length }) => {
          const actual = await slice(driver, key, offset, length);
          expect(firstDifference(actual, bytes.subarray(offset, offset + length))).toBeUndefined();
        }),
        { seed: order.seed, numRuns: RANGES },
      );
    });

    it('returns any range of an object that was written in parts, also over their borders', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize + 321)];
      const parts = [bytes.subarray(0, partSize), bytes.subarray(partSize, 2 * partSize), bytes.subarray(2 * partSize)];
      await scratch.storeParts(driver, key, parts);
      const borders = [0, partSize, 2 * partSize, bytes.byteLength];
      await fc.assert(
        fc.asyncProperty(ranges(bytes.byteLength, borders), async ({ offset, length }) => {
          const actual = await slice(driver, key, offset, length);
          expect(firstDifference(actual, bytes.subarray(offset, offset + length))).toBeUndefined();
        }),
        { seed: order.seed, numRuns: RANGES },
      );
    });

    it.each([1, 2, 64 * KIB, MIB])('returns the first byte, the last byte and all of %i bytes', async (size) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(size)];
      await driver.put(key, bytes, size);
      expect(await slice(driver, key, 0, 1)).toEqual(Buffer.from(bytes.subarray(0, 1)));
      expect(await slice(driver, key, size - 1, 1)).toEqual(Buffer.from(bytes.subarray(size - 1)));
      expect(firstDifference(await slice(driver, key, 0, size), bytes)).toBeUndefined();
    });

    it('tells the size of the whole object also with a slice', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(1_000)];
      await driver.put(key, bytes, bytes.byteLength);
      const object = await driver.read(key, { offset: 10, length: 20 });
      expect(object?.size).toBe(1_000);
      await object?.body.cancel();
    });

    it.each([
      ['starts at the end', 1_000, 1],
      ['starts beyond the end', 1_001, 1],
      ['reaches one byte over the end', 999, 2],
      ['reaches far over the end', 0, 10 ** 9],
      ['holds no byte', 5, 0],
    ])('rejects a range that %s', async (_why, offset, length) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(1_000)];
      await driver.put(key, bytes, bytes.byteLength);
      await expect(driver.read(key, { offset, length })).rejects.toThrow();
    });

    it('rejects a range of an object that is empty', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      await driver.put(key, new Uint8Array(), 0);
      await expect(driver.read(key, { offset: 0, length: 1 })).rejects.toThrow();
    });

    it('gives a slow reader every byte', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(MIB)];
      await driver.put(key, bytes, bytes.byteLength);
      const object = await driver.read(key);
      if (object === undefined) throw new Error('the object is missing');
      const pieces: Uint8Array[] = [];
      const linger = async (piece: Uint8Array): Promise<void> => {
        pieces.push(piece.slice());
        await new Promise((resolve) => setTimeout(resolve, 1));
      };
      expect(await drain(object.body, linger, 16 * KIB)).toBe(MIB);
      expect(firstDifference(Buffer.concat(pieces), bytes)).toBeUndefined();
    });

    it('serves on when a reader goes away half-way, or never reads', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(MIB)];
      await driver.put(key, bytes, bytes.byteLength);
      const left = (await driver.read(key))?.body.getReader({ mode: 'byob' });
      await left?.readAtLeast(1, new Uint8Array(1_000));
      await left?.cancel();
      const unread = await driver.read(key);
      await scratch.expectObject(driver, key, bytes);
      await unread?.body.cancel();
      await scratch.expectObject(driver, key, bytes);
    });

    it('is judged by bytes that are alike at no two places and under no two seeds', () => {
      const bytes = seededBytes(7, 64 * KIB);
      expect(firstDifference(seededBytes(7, 1_000, 333), bytes.subarray(333, 1_333))).toBeUndefined();
      expect(firstDifference(seededBytes(8, 64 * KIB), bytes)).toBe(0);
      const shifts = Array.from({ length: 64 * KIB - 16 }, (_, index) => index + 1);
      const alike = shifts.filter(
        (shift) => Buffer.compare(bytes.subarray(shift, shift + 8), bytes.subarray(0, 8)) === 0,
      );
      expect(alike).toEqual([]);
    });
  });
}
