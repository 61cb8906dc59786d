/** Any way to cut the same bytes into chunks ends in the same blob. */
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { chunked, contentLength, contentRange, demand, getBlob, openSession, sha512, type Session } from './client.ts';
import { LogLines } from './log-lines.ts';
import { blobOf, newBlob } from './world.ts';

const MIB = 1_024 * 1_024;
const PART_BYTES = 8 * MIB;
const MOST_BYTES = 20 * MIB;

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** How one chunk is sent. */
type Manner = 'with its range' | 'with its length' | 'as a stream' | 'as a stream with its range';
const manner = fc.constantFrom<Manner>(
  'with its range',
  'with its length',
  'as a stream',
  'as a stream with its range',
);

/** Anywhere, or where parts meet. */
const offset = fc.oneof(
  fc.nat(MOST_BYTES),
  fc.nat(100),
  fc
    .tuple(fc.constantFrom(PART_BYTES, 2 * PART_BYTES), fc.integer({ min: -2, max: 2 }))
    .map(([edge, distance]) => edge + distance),
);

const chunking = fc.record({
  size: fc.oneof(offset, fc.integer({ min: PART_BYTES, max: MOST_BYTES })),
  cuts: fc.array(fc.tuple(offset, manner, fc.boolean()), { maxLength: 8 }),
  last: fc.record({ manner, inPut: fc.boolean() }),
  algorithm: fc.constantFrom('sha256' as const, 'sha512' as const),
});

/** The arguments of the PATCH or PUT that brings a chunk. */
function sentAs(how: Manner, bytes: Uint8Array<ArrayBuffer>, start: number) {
  const headers = how.endsWith('its range') && bytes.byteLength > 0 ? contentRange(bytes, start) : {};
  if (how.startsWith('as a stream')) return { body: chunked(bytes, 1, 100, 70_000), headers };
  return { body: bytes, headers: { ...contentLength(bytes), ...headers } };
}

async function patch(session: Session, how: Manner, bytes: Uint8Array<ArrayBuffer>, start: number): Promise<void> {
  const { body, headers } = sentAs(how, bytes, start);
  demand(await session.patch(body, headers), 202);
}

describe('bytes that are cut in any way', () => {
  it('end in the same blob', async () => {
    const { bytes: all } = await newBlob(MOST_BYTES);
    await fc.assert(
      fc.asyncProperty(chunking, async ({ size, cuts, last, algorithm }) => {
        const bytes = all.subarray(0, size);
        const digest = algorithm === 'sha256' ? (await blobOf(bytes)).digest : await sha512(bytes);
        const session = await openSession('chunkings/any');
        const inOrder = cuts.filter(([at]) => at <= size).sort(([one], [other]) => one - other);
        let start = 0;
        for (const [end, how, isEvictedFirst] of inOrder) {
          if (isEvictedFirst) await session.evict();
          await patch(session, how, bytes.subarray(start, end), start);
          // `0-0` says no bytes as well as one.
          expect(await session.offset()).toBe(end === 1 ? 0 : end);
          start = end;
        }
        const rest = bytes.subarray(start);
        if (!last.inPut) await patch(session, last.manner, rest, start);
        const closed = last.inPut
          ? await session.put(digest, sentAs(last.manner, rest, start))
          : await session.put(digest);
        expect(closed.status).toBe(201);
        const served = demand(await getBlob('chunkings/any', digest), 200);
        expect(Buffer.compare(new Uint8Array(await served.arrayBuffer()), bytes)).toBe(0);
      }),
      { numRuns: 15 },
    );
  });
});
