/** Many at once: writers of both kinds beside readers, who never see a byte of another object or half of one. */
import { describe, expect, it } from 'vitest';
import { collect, digestOf, firstDifference, hashOf, KIB, MIB, streamOf } from './bytes.ts';
import type { Scratch } from './scratch.ts';

const WRITERS = 32;
/** Every eighth writer writes in parts: those cost at least a whole part each. */
const MULTIPART_EVERY = 8;
const READERS = 10;
const READ_BYTES = 2 * MIB;

export function concurrencyChapter(scratch: Scratch): void {
  describe('many at once', () => {
    it('32 writers and 10 readers each get and leave just their own bytes', async () => {
      const driver = scratch.driver();
      const [shared, sharedBytes] = [scratch.key(), scratch.bytes(READ_BYTES)];
      await driver.put(shared, sharedBytes, READ_BYTES);
      const written = Array.from({ length: WRITERS }, (_, index) => {
        const inParts = index % MULTIPART_EVERY === 0;
        const size = (inParts ? driver.minPartBytes : 512 * KIB) + index;
        return { key: scratch.key(), bytes: scratch.bytes(size), inParts };
      });
      let writing = true;
      let reads = 0;
      const read = async (reader: number): Promise<void> => {
        const own = scratch.driver();
        do {
          const offset = (reader * 7_919 * KIB + reads * 104_729) % (READ_BYTES - KIB);
          const length = Math.min(READ_BYTES - offset, 300 * KIB);
          const slice = await own.read(shared, { offset, length });
          if (slice === undefined) throw new Error('the shared object is missing');
          const expected = sharedBytes.subarray(offset, offset + length);
          expect(firstDifference(await collect(slice.body), expected)).toBeUndefined();
          reads += 1;
          await turn();
        } while (writing);
      };
      const write = async ({ key, bytes, inParts }: (typeof written)[number], index: number): Promise<string> => {
        const own = scratch.driver();
        if (inParts) {
          const partSize = own.minPartBytes;
          return scratch.storeParts(own, key, [bytes.subarray(0, partSize), bytes.subarray(partSize)].filter(isFilled));
        }
        return own.put(key, index % 2 === 0 ? bytes : streamOf(bytes), bytes.byteLength);
      };
      const readers = Promise.all(Array.from({ length: READERS }, (_, reader) => read(reader)));
      const outcomes = await Promise.all(written.map(write)).finally(() => {
        writing = false;
      });
      await readers;
      expect(outcomes).toEqual(written.map(() => 'stored'));
      expect(reads).toBeGreaterThanOrEqual(READERS);
      for (const { key, bytes } of written) {
        const object = await driver.read(key);
        if (object === undefined) throw new Error(`${key} is missing`);
        const actual = await hashOf(object.body);
        expect(`sha256:${actual.sha256}`).toBe(digestOf('sha256', bytes));
      }
    });

    it('someone who looks while an object is written sees nothing or all of it', async () => {
      const driver = scratch.driver();
      const [key, bytes] = [scratch.key(), scratch.bytes(MIB)];
      let writing = true;
      const seen = new Set<number | undefined>();
      const look = async (): Promise<void> => {
        while (writing) {
          const object = await driver.read(key);
          seen.add(object?.size);
          if (object !== undefined) expect(firstDifference(await collect(object.body), bytes)).toBeUndefined();
          await turn();
        }
      };
      const lookers = Promise.all([look(), look(), look()]);
      const body = streamOf(bytes, { chunkBytes: 64 * KIB, before: turn });
      const outcome = await driver.put(key, body, bytes.byteLength).finally(() => {
        writing = false;
      });
      await lookers;
      expect(outcome).toBe('stored');
      expect([...seen].filter((size) => size !== undefined && size !== MIB)).toEqual([]);
      expect(seen.has(undefined)).toBe(true);
      await scratch.expectObject(driver, key, bytes);
    });
  });
}

/** A store in the same process answers without letting anything else run: who reads in a loop gives way by itself. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function isFilled(bytes: Uint8Array): boolean {
  return bytes.byteLength > 0;
}
