/**
 * What the figures have to hold, and when they say nothing. Pure.
 *
 * Void, which is neither kept nor broken, is what a machine measured that had other work to do: its load was high before
 * the run, or the times of the *other* registry scatter. Berth's own scatter excuses nothing.
 */
import { MEGABYTE } from '../arguments.ts';
import { quantile, type Samples } from '../timing.ts';
import { ratio, type Measured } from './measured.ts';

/** Of a minute before the run, for each core: half of the machine was not ours. */
const LOAD_LIMIT = 0.5;
/** The third quartile of times as a multiple of the first. */
const SPREAD_LIMIT = 1.5;
const MEMORY_LIMIT_BYTES = 450 * MEGABYTE;

type Verdict = 'holds' | 'FAILS' | 'void';

export interface Bound {
  readonly measure: string;
  /** What it is compared with. */
  readonly against: string;
  readonly value: number;
  readonly limit: number;
  readonly sense: 'at least' | 'at most';
  readonly verdict: Verdict;
  /** Why it is void. */
  readonly reason?: string;
}

export interface Conditions {
  readonly load: number;
  readonly cores: number;
  /** Sizes are divided by this for a quick look. */
  readonly scale: number;
}

/** A bound against each peer. */
export function rateBounds(one: Measured, conditions: Conditions): Bound[] {
  return one.peers.map((peer) =>
    judged(
      { measure: one.measure, against: peer.name, value: ratio(one.berth, peer), limit: one.limit, sense: 'at least' },
      generalDoubt(conditions) ?? scatterOf(peer),
    ),
  );
}

/** Memory does not depend on what else the machine does. */
export function memoryBound(measure: string, bytes: number, { scale }: Pick<Conditions, 'scale'>): Bound {
  return judged(
    { measure, against: '', value: bytes / MEGABYTE, limit: MEMORY_LIMIT_BYTES / MEGABYTE, sense: 'at most' },
    scale === 1 ? undefined : SCALED,
  );
}

export function judged(bound: Omit<Bound, 'verdict' | 'reason'>, doubt: string | undefined): Bound {
  if (doubt !== undefined) return { ...bound, verdict: 'void', reason: doubt };
  const { value, limit, sense } = bound;
  // Not turned round: nothing measured (NaN) holds no bound.
  const holds = sense === 'at least' ? value >= limit : value <= limit;
  return { ...bound, verdict: holds ? 'holds' : 'FAILS' };
}

const SCALED = 'the sizes are not the ones that count';

/** What makes a whole run doubtful. */
export function generalDoubt({ load, cores, scale }: Conditions): string | undefined {
  if (scale !== 1) return SCALED;
  return load > cores * LOAD_LIMIT ? `the load was ${load} before the run` : undefined;
}

/** @param reference the one that Berth is compared with. */
export function scatterOf(reference: Samples): string | undefined {
  const spread = quantile(reference.milliseconds, 0.75) / quantile(reference.milliseconds, 0.25);
  return spread > SPREAD_LIMIT ? `times of ${reference.name} scatter by ${spread.toFixed(2)}` : undefined;
}
