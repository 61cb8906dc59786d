/** How the figures are shown. Pure. */
import { textTable } from '../text-table.ts';
import { median } from '../timing.ts';
import type { Bound } from './bounds.ts';
import { rate, ratio, type Measured } from './measured.ts';

/** One table of measures that belong together: Berth first, then each peer with Berth's ratio to it. */
export function rateTable(title: string, all: readonly Measured[]): string {
  const rows = all.flatMap((one) =>
    [one.berth, ...one.peers].map((samples) => {
      const times = samples.milliseconds;
      const show = (milliseconds: number): string => figure(rate(one, milliseconds));
      return [
        `${one.measure}: ${samples.name}`,
        `${show(median(times))} ${one.unit}`,
        show(Math.min(...times)),
        show(Math.max(...times)),
        String(times.length),
        samples === one.berth ? '' : ratio(one.berth, samples).toFixed(2),
      ];
    }),
  );
  return textTable([title, 'median', 'fastest', 'slowest', 'runs', 'Berth is × of it'], rows).join('\n');
}

export function boundTable(bounds: readonly Bound[]): string {
  const rows = bounds.map(({ measure, against, value, limit, sense, verdict, reason }) => [
    against === '' ? measure : `${measure}, against ${against}`,
    value.toFixed(2),
    `${sense} ${limit.toFixed(2)}`,
    reason === undefined ? verdict : `${verdict}: ${reason}`,
  ]);
  return textTable(['bound', 'measured', 'asked', 'verdict'], rows).join('\n');
}

/** Three digits are all that a median of five is good for. */
function figure(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
}
