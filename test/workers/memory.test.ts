/** What the pushes of an isolate buffer together stays within its budget, however many there are and however slow. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { partBudget, partBuffers, readBudget } from '../../src/objects/upload/memory-budget.ts';
import { SMALLEST_READ_BUFFER_BYTES } from '../../src/objects/upload/reading.ts';
import { chunked, demand, openStreaming, PUSH_FORMS } from './client.ts';
import { LogLines } from './log-lines.ts';
import { stalledPatch } from './stalled-patch.ts';
import { blobOf, newBlob, type Blob } from './world.ts';

const MIB = 1_024 * 1_024;
/** Half of what an isolate has for everything (developers.cloudflare.com/workers/platform/limits). */
const BUDGET_BYTES = 64 * MIB;
const PART_BUDGET_BYTES = 48 * MIB;
const PART_BYTES = 8 * MIB;
/** Of a part each. */
const BUFFERS = PART_BUDGET_BYTES / PART_BYTES;

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Different blobs that share their memory, so that the test itself needs little. */
async function overlapping(count: number, size: number): Promise<Blob[]> {
  const { bytes } = await newBlob(size + count);
  return Promise.all(Array.from({ length: count }, (_, index) => blobOf(bytes.subarray(index, index + size))));
}

function expectWithinBudget(): void {
  // Each of fifty has its least read buffer at once, whatever the others have.
  const most = BUDGET_BYTES + 50 * SMALLEST_READ_BUFFER_BYTES;
  expect(partBudget.peakBytes + readBudget.peakBytes).toBeLessThanOrEqual(most);
  expect(partBudget.peakBytes).toBeGreaterThan(PART_BYTES);
  expect([partBudget.usedBytes, readBudget.usedBytes]).toEqual([0, 0]);
}

describe('fifty pushes at once', () => {
  it('of more than a part each all succeed within the budget', async () => {
    const blobs = await overlapping(50, 9 * MIB);
    const statuses = await Promise.all(
      blobs.map(async ({ bytes, digest }) => {
        const session = await openStreaming('memory/large');
        demand(await session.patch(chunked(bytes, MIB, MIB, 3 * MIB)), 202);
        return (await session.put(digest)).status;
      }),
    );
    expect(statuses).toEqual(blobs.map(() => 201));
    expectWithinBudget();
  });

  it('of less than a part, in every form, all succeed within the budget', async () => {
    const forms = Object.values(PUSH_FORMS);
    const blobs = await overlapping(50, 3 * MIB);
    const answers = await Promise.all(
      blobs.map(async (blob, index) => forms[index % forms.length]?.('memory/small', blob)),
    );
    expect(answers.map((answer) => answer?.status)).toEqual(blobs.map(() => 201));
    expectWithinBudget();
  });
});

describe('slow clients that hold the whole budget', () => {
  it('give way to a fast one, and go on later from what they had', async () => {
    const [fast, ...slow] = await overlapping(8, 9 * MIB);
    const stalled = await Promise.all(
      slow.map(async (blob) => {
        const session = await openStreaming('memory/slow');
        return { blob, session, patch: await stalledPatch(session, blob.bytes.subarray(0, 7 * MIB)) };
      }),
    );
    expect(partBudget.usedBytes).toBeGreaterThan(5 * PART_BYTES);
    const session = await openStreaming('memory/fast');
    demand(await session.patch(chunked(fast?.bytes ?? new Uint8Array())), 202);
    expect((await session.put(fast?.digest ?? '')).status).toBe(201);
    for (const { blob, session, patch } of stalled) {
      await patch.write(blob.bytes.subarray(7 * MIB));
      await patch.end();
      expect((await patch.answer).headers.get('range')).toBe(`0-${String(blob.bytes.byteLength - 1)}`);
      expect((await session.put(blob.digest)).status).toBe(201);
    }
    expectWithinBudget();
  });

  it('pass the same few buffers on, from one that gives way to the next', async () => {
    const obtained = vi.spyOn(partBuffers, 'obtain');
    const others = partBudget.open();
    await others.take(PART_BUDGET_BYTES);
    const blobs = await overlapping(4 * BUFFERS, 1_000);
    const stalled = await Promise.all(
      blobs.map(async ({ bytes }) => stalledPatch(await openStreaming('memory/stalled'), bytes)),
    );
    expect([partBudget.contended, obtained.mock.calls.length]).toEqual([true, 0]);
    others.give(PART_BUDGET_BYTES);
    await expect.poll(() => obtained.mock.calls.length, { timeout: 20_000 }).toBe(stalled.length);
    const made = new Set(obtained.mock.results.map((result): unknown => result.value));
    expect(made.size).toBeLessThanOrEqual(BUFFERS);
    for (const { end, answer } of stalled) {
      await end();
      expect((await answer).status).toBe(202);
    }
    expectWithinBudget();
  });
});
