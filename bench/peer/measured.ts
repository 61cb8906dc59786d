/** What one measure gave: the same done by each registry in turn. Pure. */
import { MEGABYTE } from '../arguments.ts';
import { median, type Samples } from '../timing.ts';

export interface Measured {
  readonly measure: string;
  readonly unit: 'MB/s' | 'requests/s';
  /** Of bytes or requests, done in the time of one sample. */
  readonly amount: number;
  /** What Berth's rate has to be at least, as a multiple of each peer's. */
  readonly limit: number;
  readonly berth: Samples;
  readonly peers: readonly Samples[];
}

/** The first of the samples is Berth's. */
export function measured(about: Omit<Measured, 'berth' | 'peers'>, samples: readonly Samples[]): Measured {
  const [berth, ...peers] = samples;
  if (berth === undefined) throw new Error(`${about.measure}: nothing was measured`);
  return { ...about, berth, peers };
}

/** In MB or requests a second, of one time. */
export function rate({ amount, unit }: Pick<Measured, 'amount' | 'unit'>, milliseconds: number): number {
  return (amount / (unit === 'MB/s' ? MEGABYTE : 1) / milliseconds) * 1_000;
}

/** How many times as fast as the other one, by the medians. */
export function ratio(one: Samples, other: Samples): number {
  return median(other.milliseconds) / median(one.milliseconds);
}
