/**
 * What the figures have to hold: Berth's time as a multiple of the emulator's own. Pure.
 *
 * A push is held to the fastest floor that verifies the bytes, since to verify them alone costs the emulator, all on one
 * thread, 9 to 16 % of a bare push: more than what is left to Berth. The bare floors stand in the table beside it.
 */
import { MEGABYTE } from '../arguments.ts';
import { median, type Samples } from '../timing.ts';

const PUSH_LIMIT = 1.15;
const PULL_LIMIT = 1.2;
/** A simulator that writes slower than this waits for the disk of a busy machine, and says nothing about Berth. */
const PUSH_VOID_BELOW_MB_PER_SECOND = 35;

export interface Bound {
  readonly measure: string;
  /** The contender that it is compared with. */
  readonly floor: string;
  readonly ratio: number;
  readonly limit: number;
  readonly verdict: 'holds' | 'FAILS' | 'void';
}

export function pushBound(berth: Samples, floor: Samples, size: number): Bound {
  const isVoid = speed(floor, size) < PUSH_VOID_BELOW_MB_PER_SECOND;
  return isVoid ? { ...compare(berth, floor, PUSH_LIMIT), verdict: 'void' } : compare(berth, floor, PUSH_LIMIT);
}

export function fastestOf(floors: readonly Samples[]): Samples {
  const [fastest, ...rest] = floors;
  if (fastest === undefined) throw new Error('there is no floor to compare with');
  return rest.reduce((best, one) => (median(one.milliseconds) < median(best.milliseconds) ? one : best), fastest);
}

export function pullBound(berth: Samples, floor: Samples): Bound {
  return compare(berth, floor, PULL_LIMIT);
}

/** MB a second, by the median. */
export function speed({ milliseconds }: Samples, size: number): number {
  return size / MEGABYTE / (median(milliseconds) / 1_000);
}

function compare(berth: Samples, floor: Samples, limit: number): Bound {
  const ratio = median(berth.milliseconds) / median(floor.milliseconds);
  return { measure: berth.name, floor: floor.name, ratio, limit, verdict: ratio <= limit ? 'holds' : 'FAILS' };
}
