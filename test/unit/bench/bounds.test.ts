/** What the bench says of its own figures: kept, broken, or measured on a machine that can't tell. */
import { describe, expect, test } from 'vitest';
import { generalDoubt, memoryBound, rateBounds, type Conditions } from '../../../bench/peer/bounds.ts';
import { flatnessBound, growthOf, type MemorySample } from '../../../bench/peer/flatness.ts';
import { growthBound } from '../../../bench/peer/growth-comparison.ts';
import { measured, rate, type Measured } from '../../../bench/peer/measured.ts';
import { boundTable, rateTable } from '../../../bench/peer/report.ts';

const QUIET: Conditions = { load: 0.2, cores: 2, scale: 1 };

function push(berth: readonly number[], peer: readonly number[], limit = 1.3): Measured {
  return measured({ measure: 'push', unit: 'MB/s', amount: 300_000_000, limit }, [
    { name: 'Berth', milliseconds: berth },
    { name: 'distribution', milliseconds: peer },
  ]);
}

describe('a bound on throughput', () => {
  test('is held by the medians', () => {
    expect(rateBounds(push([1_000, 9_000, 900], [1_300, 1_350, 1_400]), QUIET)).toEqual([
      {
        measure: 'push',
        against: 'distribution',
        value: 1.35,
        limit: 1.3,
        sense: 'at least',
        verdict: 'holds',
      },
    ]);
  });

  test('fails where Berth is slower than it may be', () => {
    expect(rateBounds(push([1_000, 1_000, 1_000], [1_250, 1_250, 1_250]), QUIET)).toMatchObject([
      { value: 1.25, verdict: 'FAILS' },
    ]);
  });

  test('is held against each of several peers', () => {
    const three = measured({ measure: 'pull', unit: 'MB/s', amount: 1, limit: 1 }, [
      { name: 'Berth', milliseconds: [100] },
      { name: 'distribution', milliseconds: [110] },
      { name: 'v3', milliseconds: [90] },
    ]);
    expect(rateBounds(three, QUIET).map(({ against, verdict }) => [against, verdict])).toEqual([
      ['distribution', 'holds'],
      ['v3', 'FAILS'],
    ]);
  });

  test('is void, kept or broken, where the machine had other work to do', () => {
    for (const peer of [[2_000], [500]]) {
      expect(rateBounds(push([1_000], peer), { ...QUIET, load: 1.2 })).toMatchObject([
        { verdict: 'void', reason: 'the load was 1.2 before the run' },
      ]);
    }
  });

  test('is void where the other registry scatters, and not where Berth does', () => {
    const steady = [1_000, 1_000, 1_010, 1_020, 1_030];
    const wild = [1_000, 1_000, 2_000, 3_000, 4_000];
    expect(rateBounds(push(steady, wild), QUIET)).toMatchObject([{ verdict: 'void' }]);
    expect(rateBounds(push(wild, steady), QUIET)).toMatchObject([{ verdict: 'FAILS' }]);
  });

  test('is void where the sizes were made smaller for a quick look', () => {
    expect(generalDoubt({ ...QUIET, scale: 10 })).toBe('the sizes are not the ones that count');
    expect(generalDoubt(QUIET)).toBeUndefined();
  });

  test('does not hold where nothing was measured', () => {
    expect(rateBounds(push([], []), QUIET)).toMatchObject([{ verdict: 'FAILS' }]);
  });
});

describe('a bound on memory', () => {
  test('is 450 MB, whatever else the machine does', () => {
    expect(memoryBound('memory', 450_000_000, { scale: 1 })).toMatchObject({ value: 450, verdict: 'holds' });
    expect(memoryBound('memory', 450_000_001, { scale: 1 }).verdict).toBe('FAILS');
  });
});

describe('memory over time', () => {
  /** Twice as much as at the end while it warms up. */
  const over = (end: number): MemorySample[] =>
    Array.from({ length: 100 }, (_, index) => ({
      seconds: index,
      bytes: index < 20 ? 2 * end : 100 + ((end - 100) * (index - 20)) / 79,
    }));

  test('is compared without the warm-up', () => {
    expect(growthOf(over(100))).toBe(1);
    expect(growthOf(over(200))).toBeGreaterThan(1.5);
  });

  test('may grow by less than a tenth', () => {
    expect(flatnessBound(over(105), 30).verdict).toBe('holds');
    expect(flatnessBound(over(120), 30).verdict).toBe('FAILS');
  });

  test('says nothing after a few minutes', () => {
    expect(flatnessBound(over(120), 5).verdict).toBe('void');
  });

  test('does not hold where there are no samples', () => {
    expect(flatnessBound([], 30).verdict).toBe('FAILS');
  });
});

describe('growth', () => {
  const times = (small: number, large: number): Parameters<typeof growthBound>[0] => ({
    measure: 'HEAD tag',
    samples: [
      { name: 'small', milliseconds: [small] },
      { name: 'large', milliseconds: [large] },
    ],
  });

  test('may cost a quarter more time', () => {
    expect(growthBound(times(4, 5), QUIET)).toMatchObject({ value: 1.25, verdict: 'holds' });
    expect(growthBound(times(4, 5.1), QUIET)).toMatchObject({ verdict: 'FAILS' });
    expect(growthBound(times(4, 1), QUIET)).toMatchObject({ verdict: 'holds' });
  });
});

describe('a report', () => {
  test('shows rates and how many times as fast Berth is', () => {
    expect(rateTable('push', [push([500, 1_000, 2_000], [2_000, 2_000, 2_000])]).split('\n')).toEqual([
      'push                  median  fastest  slowest  runs  Berth is × of it',
      'push: Berth         300 MB/s      600      150     3',
      'push: distribution  150 MB/s      150      150     3              2.00',
    ]);
  });

  test('counts requests one by one', () => {
    expect(rate({ amount: 1, unit: 'requests/s' }, 0.5)).toBe(2_000);
  });

  test('says why a bound is void', () => {
    expect(boundTable(rateBounds(push([1], [1]), { ...QUIET, load: 2 }))).toContain(
      'at least 1.30  void: the load was 2 before the run',
    );
  });
});
