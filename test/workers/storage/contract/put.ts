/** `put`: one object in one go, of any size, from memory or from a stream that comes as it likes. */
import { describe, expect, it } from 'vitest';
import { mintKey, type StorageDriver } from '../../../../src/storage/driver.ts';
import { digestOf, KIB, MIB, streamOf } from './bytes.ts';
import type { Scratch } from './scratch.ts';
import { signal } from './signal.ts';

/** Around what a runtime hands out at once (4 KiB, 64 KiB), what stores cut by (1 MiB), and the smallest part. */
const SIZES: readonly (readonly [label: string, bytes: (driver: StorageDriver) => number])[] = [
  ...[0, 1, 2, 4 * KIB - 1, 4 * KIB, 4 * KIB + 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1].map(
    (bytes) => [`${String(bytes)} bytes`, () => bytes] as const,
  ),
  ['one byte less than a part', (driver) => driver.minPartBytes - 1],
  ['as many bytes as a part', (driver) => driver.minPartBytes],
  ['one byte more than a part', (driver) => driver.minPartBytes + 1],
];

export function putChapter(scratch: Scratch): void {
  describe('put', () => {
    it.each(SIZES)('stores %s from memory', async (_label, sizeOf) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(sizeOf(driver))];
      expect(await driver.put(key, bytes, bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it.each(SIZES)('stores %s from a stream', async (_label, sizeOf) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(sizeOf(driver))];
      expect(await driver.put(key, streamOf(bytes), bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('stores a stream that comes byte by byte, with pauses', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(300)];
      const before = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
      expect(await driver.put(key, streamOf(bytes, { chunkBytes: 1, before }), bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('stores a stream that comes in one large chunk', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(3 * MIB + 1)];
      const body = streamOf(bytes, { chunkBytes: bytes.byteLength });
      expect(await driver.put(key, body, bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('stores the window of a larger buffer, and no byte around it', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      const window = scratch.bytes(10 * KIB).subarray(1_001, 5_003);
      expect(await driver.put(key, window, window.byteLength)).toBe('stored');
      await scratch.expectObject(driver, key, window);
    });

    it('stores the body of an object that it reads itself', async () => {
      const driver = scratch.driver();
      const [original, copy, bytes] = [scratch.key(), scratch.key(), scratch.bytes(2 * MIB + 7)];
      await driver.put(original, bytes, bytes.byteLength);
      const object = await driver.read(original);
      if (object === undefined) throw new Error('the original is missing');
      expect(await driver.put(copy, object.body, object.size)).toBe('stored');
      await scratch.expectObject(driver, copy, bytes);
      await scratch.expectObject(driver, original, bytes);
    });

    it('stores bytes that have the digest named, of every algorithm that it verifies', async () => {
      const driver = scratch.driver();
      for (const algorithm of driver.verifies) {
        for (const size of [0, 1, 64 * KIB + 1]) {
          const [fromMemory, fromStream, bytes] = [scratch.key(), scratch.key(), scratch.bytes(size)];
          const digest = digestOf(algorithm, bytes);
          expect(await driver.put(fromMemory, bytes, size, digest)).toBe('stored');
          expect(await driver.put(fromStream, streamOf(bytes), size, digest)).toBe('stored');
          await scratch.expectObject(driver, fromMemory, bytes);
          await scratch.expectObject(driver, fromStream, bytes);
        }
      }
    });

    it('stores bytes whose digest is of an algorithm that it leaves to the caller', async () => {
      const driver = scratch.driver();
      for (const algorithm of ['sha256', 'sha512'] as const) {
        const [key, bytes] = [scratch.key(), scratch.bytes(5_000)];
        expect(await driver.put(key, streamOf(bytes), bytes.byteLength, digestOf(algorithm, bytes))).toBe('stored');
        await scratch.expectObject(driver, key, bytes);
      }
    });

    it('shows nothing of an object whose last byte is still to come, and holds up nobody else', async () => {
      const driver = scratch.driver();
      const [key, other, bytes] = [scratch.key(), scratch.key(), scratch.bytes(MIB)];
      const reached = signal();
      const release = signal();
      const before = async (offset: number): Promise<void> => {
        if (offset < bytes.byteLength - 64 * KIB) return;
        reached.give();
        await release.given;
      };
      const put = driver.put(key, streamOf(bytes, { before }), bytes.byteLength);
      await reached.given;
      await scratch.expectNothing(driver, key);
      expect(await driver.put(other, bytes, bytes.byteLength)).toBe('stored');
      await scratch.expectObject(driver, other, bytes);
      await scratch.expectNothing(driver, key);
      release.give();
      expect(await put).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('shows an object to a driver that was opened earlier or later', async () => {
      const [earlier, writer] = [scratch.driver(), scratch.driver()];
      const [key, bytes] = [scratch.key(), scratch.bytes(100)];
      await writer.put(key, bytes, bytes.byteLength);
      await scratch.expectObject(earlier, key, bytes);
      await scratch.expectObject(scratch.driver(), key, bytes);
    });

    it('takes keys as they are minted, each of them another', async () => {
      const driver = scratch.driver();
      const minted = Array.from({ length: 2_000 }, mintKey);
      expect(new Set(minted).size).toBe(minted.length);
      for (const key of minted) expect(key).toMatch(/^blobs\/([0-9a-f]{2})\/\1[0-9a-f]{30}$/);
      const stored = minted.slice(0, 40).map((key) => ({ key: scratch.key(key), bytes: scratch.bytes(50) }));
      for (const { key, bytes } of stored) expect(await driver.put(key, bytes, bytes.byteLength)).toBe('stored');
      for (const { key, bytes } of stored) await scratch.expectObject(driver, key, bytes);
    });
  });
}
