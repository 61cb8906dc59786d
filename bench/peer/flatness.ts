/** Whether memory stays what it is while time passes. Pure. */
import { median } from '../timing.ts';
import { judged, type Bound } from './bounds.ts';

/** The start is no part of it: caches fill, the engine compiles, objects wake. */
const WARM_UP_PART = 0.2;
/** So much at the beginning of the rest is compared with so much at its end. */
const COMPARED_PART = 0.25;
const GROWTH_LIMIT = 1.1;
/** An object lives 10 s after its last request, and the engine takes minutes to decide how much room it wants. */
const LEAST_MINUTES = 10;

export interface MemorySample {
  readonly seconds: number;
  readonly bytes: number;
}

/** @returns how many times as much memory is taken at the end as after the warm-up; NaN where samples are missing. */
export function growthOf(samples: readonly MemorySample[]): number {
  const steady = samples.slice(Math.ceil(samples.length * WARM_UP_PART)).map(({ bytes }) => bytes);
  const compared = Math.ceil(steady.length * COMPARED_PART);
  return median(steady.slice(-compared)) / median(steady.slice(0, compared));
}

export function flatnessBound(samples: readonly MemorySample[], minutes: number): Bound {
  return judged(
    {
      measure: 'memory at the end, as a multiple of what it was after the warm-up',
      against: '',
      value: growthOf(samples),
      limit: GROWTH_LIMIT,
      sense: 'at most',
    },
    minutes < LEAST_MINUTES ? `less than ${LEAST_MINUTES} minutes tell nothing` : undefined,
  );
}
