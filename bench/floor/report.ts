/** How the figures are shown. Pure. */
import { MEGABYTE } from '../arguments.ts';
import { describeCircumstances, type Circumstances } from '../circumstances.ts';
import type { CountedWork } from '../counted-work.ts';
import { textTable } from '../text-table.ts';
import { median, type Samples } from '../timing.ts';
import { speed, type Bound } from './bounds.ts';
import type { BenchOptions } from './options.ts';

export interface Comparison {
  readonly samples: readonly Samples[];
  /** The one of them that the others are multiples of. */
  readonly floor: Samples;
}

export interface Results {
  readonly circumstances: Circumstances;
  readonly options: BenchOptions;
  readonly loadAfter: number;
  readonly comparisons: readonly Comparison[];
  readonly bounds: readonly Bound[];
  readonly work: readonly CountedWork[];
}

export function report({ circumstances, options, loadAfter, comparisons, bounds, work }: Results): string {
  const { cores, load } = circumstances;
  return [
    ...describeCircumstances(circumstances, loadAfter),
    load >= cores ? 'The machine had other work to do: these figures say little.' : '',
    ...textTable(
      [`${options.size / MEGABYTE} MB`, 'median s', 'MB/s', 'fastest', 'slowest', 'runs', 'of floor'],
      comparisons.flatMap(({ samples, floor }) => samples.map((one) => sampleRow(one, floor, options.size))),
    ),
    '',
    ...textTable(
      ['bound', 'ratio', 'at most', '', 'compared with'],
      bounds.map(({ measure, ratio, limit, verdict, floor }) => [
        measure,
        ratio.toFixed(2),
        limit.toFixed(2),
        verdict,
        floor,
      ]),
    ),
    bounds.some(({ verdict }) => verdict === 'void') ? 'void: the simulator itself was too slow to compare with.' : '',
    ...textTable(
      ['counted work', 'object calls', 'store operations'],
      work.flatMap(({ measure, requests, ...whole }) => [
        [measure, ...workCells(whole)],
        ...requests.map(({ request, ...part }) => [`  ${request}`, ...workCells(part)]),
      ]),
    ),
  ].join('\n');
}

function sampleRow(one: Samples, floor: Samples, size: number): string[] {
  const { name, milliseconds } = one;
  const seconds = (time: number): string => (time / 1_000).toFixed(3);
  return [
    name,
    seconds(median(milliseconds)),
    speed(one, size).toFixed(0),
    seconds(Math.min(...milliseconds)),
    seconds(Math.max(...milliseconds)),
    String(milliseconds.length),
    (median(milliseconds) / median(floor.milliseconds)).toFixed(2),
  ];
}

function workCells({ objectCalls, storeOperations }: { objectCalls: number; storeOperations: number }): string[] {
  return [String(objectCalls), String(storeOperations)];
}
