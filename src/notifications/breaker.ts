/**
 * Whether a receiver is worth calling. After some failures in a row its breaker opens: nothing is sent until a time, then one
 * probe, whose end closes the breaker or opens it for longer. So a dead receiver costs a call now and then.
 *
 * A pure value: its owner stores it.
 */
import { retryDelayMs } from './retry.ts';

export const FAILURES_UNTIL_OPEN = 5;

export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** In ms since the epoch: nothing is sent before. */
  readonly opensAgainAt: number | undefined;
}

export const CLOSED: Breaker = { failures: 0, opensAgainAt: undefined };

export type BreakerState = 'closed' | 'open' | 'half-open';

export function stateOf({ opensAgainAt }: Breaker, now: number): BreakerState {
  if (opensAgainAt === undefined) return 'closed';
  return now < opensAgainAt ? 'open' : 'half-open';
}

export function failed({ failures }: Breaker, now: number, retryAfterMs: number | undefined, random: number): Breaker {
  const total = failures + 1;
  if (total < FAILURES_UNTIL_OPEN) return { failures: total, opensAgainAt: undefined };
  const attempts = total - FAILURES_UNTIL_OPEN + 1;
  return { failures: total, opensAgainAt: now + retryDelayMs(attempts, retryAfterMs, random) };
}
