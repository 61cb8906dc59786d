/** Multipart writes that succeed: sizes around the part's border and far beyond memory, in any order, over a crash. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { StorageDriver } from '../../../../src/storage/driver.ts';
import { collect, firstDifference, hashOf, seededBytes } from './bytes.ts';
import { order } from './order.ts';
import type { Scratch } from './scratch.ts';

/** Sizes as whole parts and bytes beside them. */
const SIZES: readonly (readonly [label: string, parts: number, bytes: number])[] = [
  ['a single part of one byte', 0, 1],
  ['a single whole part', 1, 0],
  ['one part and one byte', 1, 1],
  ['two parts but one byte', 2, -1],
  ['two whole parts', 2, 0],
  ['two parts and one byte', 2, 1],
];

/** Small slices of the large object that are compared besides its hash. */
const PROBES = 16;
const PROBE_BYTES = 5_000;

export function multipartChapter(scratch: Scratch): void {
  describe('a multipart write', () => {
    it.each(SIZES)('makes an object of %s', async (_label, parts, beside) => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(parts * partSize + beside)];
      expect(await scratch.storeParts(driver, key, cut(bytes, partSize))).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('makes an object of over 64 MiB, never more of it in memory than two parts', async () => {
      await expectLargeObject(scratch, order.largeBytes, order.largePartBytes);
    });

    it('shows nothing before it is completed, and all of it after', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(partSize + 10)];
      const state = await scratch.begin(driver, key, partSize);
      await scratch.expectNothing(driver, key);
      const first = await driver.writePart(state, 1, bytes.subarray(0, partSize));
      await scratch.expectNothing(driver, key);
      const last = await driver.writePart(state, 2, bytes.subarray(partSize));
      await scratch.expectNothing(driver, key);
      expect(await driver.complete(state, [first, last])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('takes its parts in any order, the smaller last part first', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize + 99)];
      const [one, two, three] = parts3(bytes, partSize);
      const state = await scratch.begin(driver, key, partSize);
      const third = await driver.writePart(state, 3, three);
      const first = await driver.writePart(state, 1, one);
      const second = await driver.writePart(state, 2, two);
      expect(await driver.complete(state, [first, second, third])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('takes its parts at once', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize + 99)];
      const state = await scratch.begin(driver, key, partSize);
      const receipts = await Promise.all(
        cut(bytes, partSize).map((part, index) => driver.writePart(state, index + 1, part)),
      );
      expect(await driver.complete(state, receipts)).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('counts a part that was written twice by the receipt that is named', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes, wrong] = [scratch.key(), scratch.bytes(partSize + 5), scratch.bytes(partSize)];
      const state = await scratch.begin(driver, key, partSize);
      await driver.writePart(state, 1, wrong);
      await driver.writePart(state, 2, wrong.subarray(0, 77));
      const second = await driver.writePart(state, 2, bytes.subarray(partSize));
      const first = await driver.writePart(state, 1, bytes.subarray(0, partSize));
      expect(await driver.complete(state, [first, second])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('never passes later bytes off under the receipt of earlier ones', async () => {
      const driver = scratch.driver();
      const [key, earlier, later] = [scratch.key(), scratch.bytes(1_000), scratch.bytes(2_000)];
      const state = await scratch.begin(driver, key, driver.minPartBytes);
      const receipt = await driver.writePart(state, 1, earlier);
      await driver.writePart(state, 1, later);
      // A store that forgot the earlier bytes refuses; one that kept them makes the object of them.
      const outcome = await driver.complete(state, [receipt]).catch(() => 'refused' as const);
      if (outcome === 'refused') await scratch.expectNothing(driver, key);
      else await scratch.expectObject(driver, key, earlier);
    });

    it('holds just the parts whose receipts were named', async () => {
      const driver = scratch.driver();
      const partSize = driver.minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize + 99)];
      const [one, two, three] = parts3(bytes, partSize);
      const state = await scratch.begin(driver, key, partSize);
      const first = await driver.writePart(state, 1, one);
      const second = await driver.writePart(state, 2, two);
      await driver.writePart(state, 3, three);
      expect(await driver.complete(state, [first, second])).toBe('stored');
      await scratch.expectObject(driver, key, Buffer.concat([one, two]));
    });

    it('takes the window of a larger buffer as a part, and no byte around it', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(10_000)];
      const window = bytes.subarray(13, 7_013);
      expect(await scratch.storeParts(driver, key, [window])).toBe('stored');
      await scratch.expectObject(driver, key, window);
    });

    it('takes the highest part number that the driver names, and none beyond', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(100)];
      const state = await scratch.begin(driver, key, driver.minPartBytes);
      await expect(driver.writePart(state, 0, bytes)).rejects.toThrow();
      await expect(driver.writePart(state, driver.maxParts + 1, bytes)).rejects.toThrow();
      await driver.writePart(state, driver.maxParts, bytes);
      const first = await driver.writePart(state, 1, bytes);
      expect(await driver.complete(state, [first])).toBe('stored');
      await scratch.expectObject(driver, key, bytes);
    });

    it('is gone on with after a crash by a driver that knows only what was journalled', async () => {
      const partSize = scratch.driver().minPartBytes;
      const [key, bytes] = [scratch.key(), scratch.bytes(2 * partSize + 99)];
      const [one, two, three] = parts3(bytes, partSize);
      const before = scratch.driver();
      const state = await scratch.begin(before, key, partSize);
      const journal = [await before.writePart(state, 1, one)];
      // This one was stored, but the crash came before its receipt was written down: it is written again.
      await before.writePart(state, 2, two);

      const after = scratch.driver();
      journal.push(await after.writePart(state, 2, two), await after.writePart(state, 3, three));
      await scratch.expectNothing(after, key);
      expect(await scratch.driver().complete(state, journal)).toBe('stored');
      await scratch.expectObject(scratch.driver(), key, bytes);
    });

    it('keeps out of the way of another one beside it', async () => {
      const driver = scratch.driver();
      const writes = [scratch.bytes(500), scratch.bytes(700)].map((bytes) => ({ bytes, key: scratch.key() }));
      const states = await Promise.all(writes.map(({ key }) => scratch.begin(driver, key, driver.minPartBytes)));
      const receipts = await Promise.all(
        writes.map(({ bytes }, index) => driver.writePart(states[index] ?? '', 1, bytes)),
      );
      for (const [index, { key, bytes }] of writes.entries()) {
        expect(await driver.complete(states[index] ?? '', [receipts[index] ?? ''])).toBe('stored');
        await scratch.expectObject(driver, key, bytes);
      }
    });
  });
}

/**
 * Stores and reads back an object of any size. Parts are made on the way and two are in flight; what comes back is
 * hashed as it streams, and probed at both ends, at borders of parts and anywhere.
 */
async function expectLargeObject(scratch: Scratch, sizeBytes: number, partBytes: number): Promise<void> {
  const driver = scratch.driver();
  const key = scratch.key();
  const { seed } = order;
  const state = await scratch.begin(driver, key, partBytes);
  const hash = createHash('sha256');
  const receipts: string[] = [];
  let previous: Promise<string> | undefined;
  for (let offset = 0, number = 1; offset < sizeBytes; offset += partBytes, number += 1) {
    const part = seededBytes(seed, Math.min(partBytes, sizeBytes - offset), offset);
    hash.update(part);
    const written: Promise<string> = driver.writePart(state, number, part);
    if (previous !== undefined) receipts.push(await previous);
    previous = written;
  }
  if (previous !== undefined) receipts.push(await previous);
  expect(await driver.complete(state, receipts)).toBe('stored');

  expect(await driver.head(key)).toEqual({ size: sizeBytes });
  const whole = await driver.read(key);
  if (whole === undefined) throw new Error('the large object is missing');
  expect(await hashOf(whole.body)).toEqual({ size: sizeBytes, sha256: hash.digest('hex') });
  const random = new Uint32Array(seededBytes(seed + 1, 4 * PROBES).buffer);
  const anywhere = Array.from(random, (draw) => Math.floor((draw / 2 ** 32) * (sizeBytes - PROBE_BYTES)));
  const borders = [partBytes, sizeBytes - (sizeBytes % partBytes)].map((border) => border - PROBE_BYTES / 2);
  for (const from of [0, ...borders, ...anywhere, sizeBytes]) {
    const offset = Math.min(from, sizeBytes - PROBE_BYTES);
    expect(await difference(driver, key, seed, offset, PROBE_BYTES), `at ${offset} of seed ${seed}`).toBeUndefined();
  }
}

async function difference(
  driver: StorageDriver,
  key: string,
  seed: number,
  offset: number,
  length: number,
): Promise<number | undefined> {
  const slice = await driver.read(key, { offset, length });
  if (slice === undefined) throw new Error('the large object is missing');
  return firstDifference(await collect(slice.body), seededBytes(seed, length, offset));
}

function cut(bytes: Uint8Array, partBytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.byteLength; offset += partBytes) {
    parts.push(bytes.subarray(offset, offset + partBytes));
  }
  return parts;
}

function parts3(bytes: Uint8Array, partBytes: number): [Uint8Array, Uint8Array, Uint8Array] {
  return [bytes.subarray(0, partBytes), bytes.subarray(partBytes, 2 * partBytes), bytes.subarray(2 * partBytes)];
}
