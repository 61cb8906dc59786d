/** Reads that share a call: few calls, and never what was true before the reader came. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SharedReads } from '../../../src/registry/shared-reads.ts';

afterEach(() => {
  vi.useRealTimers();
});

const hold = (): void => undefined;

/** A source whose calls end when the test says so, each with what was true when it began. */
function source() {
  const state = { version: 0, calls: 0 };
  const open: { answer: () => void; fail: () => void }[] = [];
  const start = (): Promise<number> => {
    const seen = state.version;
    state.calls += 1;
    return new Promise((resolve, reject) => {
      open.push({
        answer: () => {
          resolve(seen);
        },
        fail: () => {
          reject(new Error('broken'));
        },
      });
    });
  };
  return { state, open, start };
}

const settled = () => vi.advanceTimersByTimeAsync(0);

describe('shared reads', () => {
  it('make a call for who comes alone, and one more for all who come while it runs', async () => {
    vi.useFakeTimers();
    const { state, open, start } = source();
    const reads = new SharedReads<number>();
    const first = reads.read('tag', start, hold);
    state.version = 1;
    const others = Array.from({ length: 50 }, () => reads.read('tag', start, hold));
    expect(state.calls).toBe(1);
    open[0]?.answer();
    await settled();
    expect(state.calls).toBe(2);
    open[1]?.answer();
    expect(await first).toBe(0);
    expect(await Promise.all(others)).toEqual(Array(50).fill(1));
  });

  it('of other things are calls of their own', async () => {
    const { state, open, start } = source();
    const reads = new SharedReads<number>();
    const both = [reads.read('one', start, hold), reads.read('two', start, hold)];
    expect(state.calls).toBe(2);
    for (const { answer } of open) answer();
    await Promise.all(both);
  });

  it('whose call fails for another are made anew', async () => {
    vi.useFakeTimers();
    const { state, open, start } = source();
    const reads = new SharedReads<number>();
    const first = reads.read('tag', start, hold).catch(() => 'failed');
    const followers = [reads.read('tag', start, hold), reads.read('tag', start, hold)];
    const outcomes = Promise.allSettled(followers);
    open[0]?.fail();
    await settled();
    expect(await first).toBe('failed');
    open[1]?.fail();
    await settled();
    expect(state.calls).toBe(4);
    open[2]?.answer();
    open[3]?.answer();
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled']);
  });

  it('do not wait for a request that has taken its call with it', async () => {
    vi.useFakeTimers();
    const { state, open, start } = source();
    const reads = new SharedReads<number>();
    void reads.read('tag', start, hold);
    const follower = reads.read('tag', start, hold);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(state.calls).toBe(2);
    open[1]?.answer();
    expect(await follower).toBe(0);
    // And whoever comes now finds nothing to wait for.
    const later = reads.read('tag', start, hold);
    expect(state.calls).toBe(3);
    open[2]?.answer();
    expect(await later).toBe(0);
  });

  it('never answer with what was true before the reader came, whatever the order of things', async () => {
    const steps = fc.array(fc.constantFrom('read', 'write', 'answer'), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (order) => {
        vi.useFakeTimers();
        const { state, open, start } = source();
        const reads = new SharedReads<number>();
        const results: Promise<void>[] = [];
        for (const step of order) {
          if (step === 'write') state.version += 1;
          else if (step === 'answer') open.shift()?.answer();
          else {
            const atLeast = state.version;
            results.push(
              reads.read('tag', start, hold).then((seen) => {
                expect(seen).toBeGreaterThanOrEqual(atLeast);
              }),
            );
          }
          await settled();
          expect(open.length).toBeLessThanOrEqual(1);
        }
        while (open.length > 0) {
          open.shift()?.answer();
          await settled();
        }
        await Promise.all(results);
      }),
    );
  });
});
