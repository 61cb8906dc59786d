/** What `put` must not store, and what it must leave as it was: a write creates, whole or not at all. */
import { describe, expect, it } from 'vitest';
import { digestOf, KIB, MIB, streamOf } from './bytes.ts';
import type { Scratch } from './scratch.ts';

const RIVALS = 12;
const SIZE = 200 * KIB;

export function putRefusalsChapter(scratch: Scratch): void {
  describe('put refuses', () => {
    it.each(['memory', 'a stream'])(
      'other bytes than the digest names, from %s, and the key stays free',
      async (from) => {
        const driver = scratch.driver();
        for (const algorithm of driver.verifies) {
          const [key, bytes, others] = [scratch.key(), scratch.bytes(SIZE), scratch.bytes(SIZE)];
          const digest = digestOf(algorithm, bytes);
          const body = from === 'memory' ? others : streamOf(others);
          expect(await driver.put(key, body, SIZE, digest)).toBe('digest-mismatch');
          await scratch.expectNothing(driver, key);
          expect(await driver.put(key, bytes, SIZE, digest)).toBe('stored');
          await scratch.expectObject(driver, key, bytes);
        }
      },
    );

    it('bytes that differ from the digest in the last bit only', async () => {
      const driver = scratch.driver();
      for (const algorithm of driver.verifies) {
        const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
        const digest = digestOf(algorithm, bytes);
        bytes[SIZE - 1] = (bytes[SIZE - 1] ?? 0) ^ 1;
        expect(await driver.put(key, streamOf(bytes), SIZE, digest)).toBe('digest-mismatch');
        await scratch.expectNothing(driver, key);
      }
    });

    it.each([0, 1, SIZE / 2, SIZE - 1])('a stream that ends after %i bytes', async (end) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
      await expect(driver.put(key, streamOf(bytes.subarray(0, end)), SIZE)).rejects.toThrow();
      await scratch.expectNothing(driver, key);
      expect(await driver.put(key, streamOf(bytes), SIZE)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it.each([0, 1, SIZE / 2, SIZE - 1])('a stream that breaks after %i bytes', async (end) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
      const broken = streamOf(bytes.subarray(0, end), { end: 'error' });
      await expect(driver.put(key, broken, SIZE)).rejects.toThrow();
      await scratch.expectNothing(driver, key);
      expect(await driver.put(key, streamOf(bytes), SIZE)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    // Past the announced end a store may have taken the object before it hears of the trouble, as `driver.ts` says: it
    // is whole then, and a caller that asks `head` can count on it.
    it.each([
      ['breaks after its last byte', 192 * KIB, 'error', 64 * KIB],
      ['brings one byte too many, in the last chunk', 192 * KIB + 1, 'close', 192 * KIB + 1],
      ['brings one byte too many, in a chunk of its own', 192 * KIB + 1, 'close', 64 * KIB],
      ['never stops', MIB, 'close', 64 * KIB],
    ] as const)('a stream that %s, and leaves no half of it', async (_how, size, end, chunkBytes) => {
      const driver = scratch.driver();
      const length = 192 * KIB;
      const bytes = scratch.bytes(size);
      const announced = bytes.subarray(0, length);
      const digests = [undefined, ...[...driver.verifies].map((algorithm) => digestOf(algorithm, announced))];
      for (const digest of digests) {
        const key = scratch.key();
        await expect(driver.put(key, streamOf(bytes, { end, chunkBytes }), length, digest)).rejects.toThrow();
        if ((await driver.head(key)) === undefined) await scratch.expectNothing(driver, key);
        else await scratch.expectObject(driver, key, announced);
      }
    });

    it('a stream that was announced as empty and is not', async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      await expect(driver.put(key, streamOf(scratch.bytes(1)), 0)).rejects.toThrow();
      await scratch.expectNothing(driver, key);
    });

    it.each([
      ['one more', 1],
      ['one fewer', -1],
    ])('bytes in memory that were announced as %s', async (_error, error) => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(1_000)];
      await expect(driver.put(key, bytes, bytes.byteLength + error)).rejects.toThrow();
      await scratch.expectNothing(driver, key);
    });

    it.each([
      ['one byte longer', 1],
      ['one byte shorter', -1],
    ])("another object's body that was announced as %s", async (_error, error) => {
      const driver = scratch.driver();
      const [original, key, bytes] = [scratch.key(), scratch.key(), scratch.bytes(SIZE)];
      await driver.put(original, bytes, SIZE);
      const object = await driver.read(original);
      if (object === undefined) throw new Error('the original is missing');
      await expect(driver.put(key, object.body, SIZE + error)).rejects.toThrow();
      await scratch.expectNothing(driver, key);
    });

    it('a key that exists, and leaves the object as it was', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(SIZE)];
      await driver.put(key, bytes, SIZE);
      for (const size of [0, 1, SIZE, MIB]) {
        const others = scratch.bytes(size);
        expect(await driver.put(key, others, size)).toBe('exists');
        expect(await driver.put(key, streamOf(others), size)).toBe('exists');
      }
      expect(await driver.put(key, bytes, SIZE), 'with the same bytes').toBe('exists');
      for (const algorithm of driver.verifies) {
        expect(await driver.put(key, streamOf(bytes), SIZE, digestOf(algorithm, bytes))).toBe('exists');
      }
      await scratch.expectObject(driver, key, bytes);
    });

    it('a key that exists also when that object is empty', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(10)];
      await driver.put(key, new Uint8Array(), 0);
      expect(await driver.put(key, bytes, bytes.byteLength)).toBe('exists');
      await scratch.expectObject(driver, key, new Uint8Array());
    });

    it('a key that exists, and leaves it as it was when the new body breaks or lies', async () => {
      const driver = scratch.driver();
      const [key, bytes, others] = [scratch.key(), scratch.bytes(SIZE), scratch.bytes(SIZE)];
      await driver.put(key, bytes, SIZE);
      // A driver may look at the key or at the body first: 'exists' and a rejection are both right, 'stored' is not.
      const outcome = await driver
        .put(key, streamOf(others.subarray(0, 10), { end: 'error' }), SIZE)
        .catch(() => 'failed');
      expect(['exists', 'failed']).toContain(outcome);
      for (const algorithm of driver.verifies) {
        expect(['exists', 'digest-mismatch']).toContain(
          await driver.put(key, streamOf(others), SIZE, digestOf(algorithm, bytes)),
        );
      }
      await scratch.expectObject(driver, key, bytes);
    });

    it("all but one of those who write one key at once, and the bytes are the winner's", async () => {
      const driver = scratch.driver();
      const key = scratch.key();
      const bodies = Array.from({ length: RIVALS }, (_, index) => scratch.bytes(SIZE + index));
      const outcomes = await Promise.all(
        bodies.map((bytes, index) => {
          const body = index % 2 === 0 ? bytes : streamOf(bytes, { chunkBytes: 10_000 });
          return scratch.driver().put(key, body, bytes.byteLength);
        }),
      );
      const winners = bodies.filter((_, index) => outcomes[index] === 'stored');
      expect(outcomes.filter((outcome) => outcome === 'exists')).toHaveLength(RIVALS - 1);
      expect(winners).toHaveLength(1);
      for (const winner of winners) await scratch.expectObject(driver, key, winner);
    });
  });
}
