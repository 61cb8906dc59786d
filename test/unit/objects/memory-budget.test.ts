/** The memory that uploads share: never more than its limit, in turn, and no one waits for the dead. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BufferPool, MemoryBudget } from '../../../src/objects/upload/memory-budget.ts';

const LIMIT = 100;
const MINUTE_MS = 60_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Takes, and tells whether it has been granted yet. */
function taking(budget: MemoryBudget, bytes: number) {
  const share = budget.open();
  const state = { share, granted: false };
  void share.take(bytes).then(() => {
    state.granted = true;
  });
  return state;
}

const soon = () => vi.advanceTimersByTimeAsync(100);

describe('a pool of buffers', () => {
  it('hands a buffer on to whoever wants one of that size', () => {
    const pool = new BufferPool(LIMIT, () => 0);
    const buffer = pool.obtain(40);
    pool.recycle(buffer);
    expect(pool.obtain(41)).not.toBe(buffer);
    expect(pool.obtain(40)).toBe(buffer);
    expect(pool.obtain(40)).not.toBe(buffer);
  });

  it('keeps no more unused than its limit, and forgets the oldest', () => {
    const pool = new BufferPool(LIMIT, () => 0);
    const buffers = [40, 40, 40].map((bytes) => new ArrayBuffer(bytes));
    for (const buffer of buffers) pool.recycle(buffer);
    expect([pool.obtain(40), pool.obtain(40)]).toEqual(buffers.slice(1));
    expect(buffers).not.toContain(pool.obtain(40));
  });
});

describe('a pool of buffers beside others in use', () => {
  it('keeps no more than the limit leaves', () => {
    let used = 0;
    const pool = new BufferPool(LIMIT, () => used);
    const buffer = new ArrayBuffer(60);
    pool.recycle(buffer);
    used = 50;
    pool.obtain(50);
    used = 0;
    expect(pool.obtain(60)).not.toBe(buffer);
  });
});

describe('a budget', () => {
  it('grants at once what fits, and counts what is held and the most that ever was', async () => {
    const budget = new MemoryBudget(LIMIT);
    const share = budget.open();
    await share.take(60);
    expect(share.tryTake(40)).toBe(true);
    expect(share.tryTake(1)).toBe(false);
    share.give(70);
    expect([share.heldBytes, budget.usedBytes, budget.peakBytes]).toEqual([30, 30, 100]);
  });

  it('has who asks for more wait until others give enough back', async () => {
    const budget = new MemoryBudget(LIMIT);
    const holder = budget.open();
    await holder.take(80);
    const waiter = taking(budget, 50);
    await soon();
    expect([waiter.granted, budget.contended]).toEqual([false, true]);
    holder.give(20);
    await soon();
    expect(waiter.granted).toBe(false);
    holder.give(10);
    await soon();
    expect([waiter.granted, budget.contended, budget.usedBytes]).toEqual([true, false, 100]);
  });

  it('serves in the order of asking: a small wish does not overtake a large one', async () => {
    const budget = new MemoryBudget(LIMIT);
    const holder = budget.open();
    await holder.take(90);
    const [large, small] = [taking(budget, 50), taking(budget, 5)];
    await soon();
    expect(budget.open().tryTake(1)).toBe(false);
    expect([large.granted, small.granted]).toEqual([false, false]);
    holder.give(40);
    await soon();
    expect([large.granted, small.granted]).toEqual([true, false]);
    large.share.give(50);
    await soon();
    expect(small.granted).toBe(true);
  });

  it('lets a wish that is larger than all of it through alone', async () => {
    const budget = new MemoryBudget(LIMIT);
    const holder = budget.open();
    await holder.take(1);
    const [huge, next] = [taking(budget, 500), taking(budget, 1)];
    await soon();
    expect([huge.granted, next.granted]).toEqual([false, false]);
    holder.give(1);
    await soon();
    expect([huge.granted, next.granted]).toEqual([true, false]);
    huge.share.give(500);
    await soon();
    expect([next.granted, budget.usedBytes]).toEqual([true, 1]);
  });

  it('never takes back more than was given, however often it is given back', async () => {
    const budget = new MemoryBudget(LIMIT);
    const [one, other] = [budget.open(), budget.open()];
    await one.take(10);
    await other.take(20);
    one.give(1_000);
    one.give(5);
    expect([one.heldBytes, budget.usedBytes]).toEqual([0, 20]);
  });

  it('takes back what is held by an object that has vanished, three minutes after its last sign', async () => {
    const budget = new MemoryBudget(LIMIT);
    const [dead, alive] = [budget.open(), budget.open()];
    await dead.take(60);
    await alive.take(40);
    const waiter = taking(budget, 60);
    for (let minute = 0; minute < 3; minute += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE_MS - 1_000);
      alive.touch();
      expect(waiter.granted).toBe(false);
    }
    await vi.advanceTimersByTimeAsync(4_000);
    expect([waiter.granted, dead.heldBytes, alive.heldBytes, budget.usedBytes]).toEqual([true, 0, 40, 100]);
    // What is given back after all, by one that was only slow, is not counted twice.
    dead.give(60);
    expect(budget.usedBytes).toBe(100);
  });

  it('whatever is taken and given, holds no more than its limit, and grants every wish in the end', async () => {
    const wishes = fc.array(fc.tuple(fc.integer({ min: 1, max: LIMIT }), fc.nat(50)), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(wishes, async (all) => {
        const budget = new MemoryBudget(LIMIT);
        let granted = 0;
        const holders = all.map(async ([bytes, heldMs]) => {
          const share = budget.open();
          await share.take(bytes);
          granted += 1;
          expect(budget.usedBytes).toBeLessThanOrEqual(LIMIT);
          await new Promise((resolve) => setTimeout(resolve, heldMs));
          share.give(bytes);
        });
        await vi.advanceTimersByTimeAsync(40 * 100);
        await Promise.all(holders);
        expect([granted, budget.usedBytes, budget.contended]).toEqual([all.length, 0, false]);
        expect(budget.peakBytes).toBeLessThanOrEqual(LIMIT);
      }),
    );
  });
});
