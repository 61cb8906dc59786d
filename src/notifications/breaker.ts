/**
 * Whether a receiver is worth calling. After some failures in a row its breaker opens: nothing is sent until a time, then one
 * probe, whose end closes the breaker or opens it for longer. So a dead receiver costs a call now and then. One that says itself
 * when it wants to be called again (`Retry-After`) is left alone until then, after the first failure too.
 *
 * A pure value: its owner stores it.
 */
import { LONGEST_RETRY_MS, retryDelayMs } from './retry.ts';

/** A receiver that fails half of the time gets there once in a thousand events: its pauses would be most of its time. */
export const FAILURES_UNTIL_OPEN = 10;
/** The first pause is as long as that before a third attempt: four seconds at most. */
const FIRST_PAUSE_ATTEMPTS = 3;

export interface Breaker {
  /** In a row. */
  readonly failures: number;
  /** In ms since the epoch: nothing is sent before. */
  readonly opensAgainAt: number | undefined;
}

export const CLOSED: Breaker = { failures: 0, opensAgainAt: undefined };

export type BreakerState = 'closed' | 'open' | 'half-open';

export function stateOf(breaker: Breaker, now: number): BreakerState {
  if (breaker.opensAgainAt === undefined) return 'closed';
  return openUntil(breaker, now) === undefined ? 'half-open' : 'open';
}

/**
 * Until when it is open (ms since the epoch), if it is. A time that lies further ahead than any that is written was written by a
 * clock that has been put right since.
 */
export function openUntil({ opensAgainAt = 0 }: Breaker, now: number): number | undefined {
  return now < opensAgainAt && opensAgainAt <= now + LONGEST_RETRY_MS ? opensAgainAt : undefined;
}

/** What is said of the request and not of the receiver, which is well. */
const OF_THE_REQUEST: ReadonlySet<number | undefined> = new Set([400, 413, 415, 422]);

/** Whether an answer with this status shows that the receiver is at work; undefined: there was none. */
export function isAtWork(status: number | undefined): boolean {
  return OF_THE_REQUEST.has(status);
}

export function failed({ failures }: Breaker, now: number, retryAfterMs: number | undefined, random: number): Breaker {
  const total = failures + 1;
  const isAsked = retryAfterMs !== undefined && retryAfterMs > 0;
  if (total < FAILURES_UNTIL_OPEN && !isAsked) return { failures: total, opensAgainAt: undefined };
  const attempts = Math.max(1, total - FAILURES_UNTIL_OPEN + FIRST_PAUSE_ATTEMPTS);
  return { failures: total, opensAgainAt: now + retryDelayMs(attempts, retryAfterMs, random) };
}
