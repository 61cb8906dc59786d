/** What the smallest Worker tells of a bound: whether Berth holds it, any Worker could, or nobody can say. */
import { describe, expect, test } from 'vitest';
import type { Conditions } from '../../../bench/peer/bounds.ts';
import { measured, type Measured } from '../../../bench/peer/measured.ts';
import { DIRECT_FLOOR, FLOOR } from '../../../bench/runtime/floor-kind.ts';
import { parseRuntimeOptions, RUNTIME_CASE_NAMES } from '../../../bench/runtime/options.ts';
import { reachOf, reachTable } from '../../../bench/runtime/reach.ts';

const QUIET: Conditions = { load: 0.2, cores: 2, scale: 1 };
const ABOUT = { measure: 'push', unit: 'MB/s', amount: 300_000_000, limit: 1.3 } as const;

/** A push of which distribution makes one in 1,300 ms. */
function push(berth: number, floor: number, direct?: number): Measured {
  return measured(ABOUT, [
    { name: 'Berth', milliseconds: [berth] },
    { name: 'distribution', milliseconds: [1_300] },
    { name: FLOOR, milliseconds: [floor] },
    ...(direct === undefined ? [] : [{ name: DIRECT_FLOOR, milliseconds: [direct] }]),
  ]);
}

describe('a bound beside the smallest Worker', () => {
  test.each([
    ['Berth does', push(1_000, 500, 400)],
    ['Berth does', push(1_000, 1_100, 1_100)],
    ['a Worker could', push(1_001, 1_000, 900)],
    ['only without the front', push(1_200, 1_100, 1_000)],
    ['no Worker could', push(1_200, 1_100, 1_001)],
    ['no Worker could', push(1_200, 1_100)],
  ])('is one that %s hold', (finding, one) => {
    expect(reachOf(one, QUIET)).toMatchObject([{ finding }]);
  });

  test('is told in multiples of the other registry, and of the smallest Worker', () => {
    expect(reachOf(push(2_600, 650, 325), QUIET)).toEqual([
      {
        measure: 'push',
        against: 'distribution',
        limit: 1.3,
        berth: 0.5,
        floor: 2,
        direct: 4,
        berthOfFloor: 0.25,
        finding: 'a Worker could',
      },
    ]);
  });

  test('is told for each of several registries', () => {
    const { berth, peers } = push(1_000, 900, 800);
    const both = measured(ABOUT, [berth, ...peers, { name: 'v3', milliseconds: [500] }]);
    expect(reachOf(both, QUIET).map(({ against, finding }) => [against, finding])).toEqual([
      ['distribution', 'Berth does'],
      ['v3', 'no Worker could'],
    ]);
  });

  test('is void where the machine could not tell', () => {
    expect(reachOf(push(1_000, 900), { ...QUIET, load: 1.2 })).toMatchObject([
      { finding: 'void', reason: 'the load was 1.2 before the run' },
    ]);
  });

  test('is void where the smallest Worker scatters', () => {
    const { berth, peers } = push(1_000, 900);
    const wild = measured(ABOUT, [
      berth,
      ...peers.slice(0, 1),
      { name: FLOOR, milliseconds: [500, 500, 2_000, 3_000] },
    ]);
    expect(reachOf(wild, QUIET)).toMatchObject([{ finding: 'void' }]);
  });

  test('is void where nothing was measured', () => {
    expect(reachOf(push(NaN, NaN, NaN), QUIET)).toMatchObject([{ finding: 'void' }]);
  });

  test('is nothing without the smallest Worker', () => {
    const alone = measured(ABOUT, push(1, 1).peers.slice(0, 1));
    expect(() => reachOf(alone, QUIET)).toThrow('push: the smallest Worker was not measured');
  });

  test('is a line that leaves out what a client cannot do without the front', () => {
    expect(reachTable(reachOf(push(2_600, 650), QUIET)).split('\n')).toEqual([
      'times as fast               asked  Berth  smallest Worker  no front  Berth : smallest    who holds it',
      'push, against distribution   1.30   0.50             2.00                        0.25  a Worker could',
    ]);
  });
});

describe('the options of a run beside the smallest Worker', () => {
  test('are those of a comparison, without memory', () => {
    expect(parseRuntimeOptions([])).toEqual({
      runs: 5,
      seconds: 4,
      scale: 1,
      only: [...RUNTIME_CASE_NAMES],
      peer: [],
    });
    expect(parseRuntimeOptions(['--only', 'memory'])).toBe(
      '--only wants names of push, pull, requests, concurrent, joined by commas',
    );
  });
});
