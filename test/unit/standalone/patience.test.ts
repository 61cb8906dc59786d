/** How long a sender is waited for: by what it brings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Patience } from '../../../standalone/patience.ts';

const MOST_MS = 60_000;
const LEAST_BYTES_PER_SECOND = 500;

/** For how many seconds somebody is waited for who brings so many bytes in each; a day is for ever. */
function secondsWaited(bytesEachSecond: number): number {
  const patience = new Patience(MOST_MS, LEAST_BYTES_PER_SECOND);
  for (let second = 0; second < 86_400; second += 1) {
    if (patience.isOver) return second;
    patience.waited(1_000);
    patience.brought(bytesEachSecond);
  }
  return Infinity;
}

describe('patience', () => {
  it.each([
    [0, 60],
    [1, 61],
    [100, 75],
    [400, 300],
    [500, Infinity],
    [1_000, Infinity],
  ])('with who brings %d bytes each second lasts %d seconds', (bytes, seconds) => {
    expect(secondsWaited(bytes)).toBe(seconds);
  });

  it('lasts for a pause before a hurry, however much came before it', () => {
    const patience = new Patience(MOST_MS, LEAST_BYTES_PER_SECOND);
    patience.brought(1_000_000_000);
    patience.waited(MOST_MS - 1);
    expect(patience.isOver).toBe(false);
    patience.brought(30_000);
    patience.waited(MOST_MS - 1);
    expect(patience.isOver).toBe(false);
    patience.waited(1);
    expect(patience.isOver).toBe(true);
  });

  it('is over for who brings less in the long run, however it comes', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 30_000 }), fc.nat(40_000)), { minLength: 1 });
    fc.assert(
      fc.property(gaps, (all) => {
        const patience = new Patience(MOST_MS, LEAST_BYTES_PER_SECOND);
        let [waited, brought] = [0, 0];
        for (const [ms, bytes] of all) {
          patience.waited(ms);
          waited += ms;
          // What came never counts for more than it is.
          if (waited - (brought / LEAST_BYTES_PER_SECOND) * 1_000 >= MOST_MS) expect(patience.isOver).toBe(true);
          if (patience.isOver) return;
          patience.brought(bytes);
          brought += bytes;
        }
      }),
    );
  });
});
