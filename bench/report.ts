/** How the figures are shown. Pure. */
import { speed, type Bound } from './bounds.ts';
import type { Circumstances } from './circumstances.ts';
import type { CountedWork } from './counted-work.ts';
import { MEGABYTE, type BenchOptions } from './options.ts';
import { median, type Samples } from './timing.ts';

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
  const { commit, clean, versions, cores, processor, load } = circumstances;
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `commit ${commit.slice(0, 12)}${clean ? '' : ', with changes'}; ${names.join(', ')}`,
    `${cores} cores (${processor}); load ${load} before, ${loadAfter} after`,
    load >= cores ? 'The machine had other work to do: these figures say little.' : '',
    ...table(
      [`${options.size / MEGABYTE} MB`, 'median s', 'MB/s', 'fastest', 'slowest', 'runs', 'of floor'],
      comparisons.flatMap(({ samples, floor }) => samples.map((one) => sampleRow(one, floor, options.size))),
    ),
    '',
    ...table(
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
    ...table(
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

/** Names to the left, figures to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  return lines.map((cells) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  );
}
