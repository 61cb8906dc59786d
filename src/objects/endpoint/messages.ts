/** What Endpoint is asked and what it answers. */
import type { BreakerState } from '../../notifications/breaker.ts';

/** How an endpoint is doing. */
export interface EndpointFigures {
  /** Requests that were begun and have not ended. */
  readonly waiting: number;
  /** The cursor in the log that it has read up to. */
  readonly cursor: number;
  /** Events, and attempts, since it was made. */
  readonly delivered: number;
  readonly failed: number;
  readonly deadLetters: number;
  /** When the oldest waiting request was first tried (ms since the epoch). */
  readonly oldestWaitingSince: number | undefined;
  readonly breaker: BreakerState;
  /** Where the breaker is open: until when. */
  readonly opensAgainAt: number | undefined;
  readonly disabled: boolean;
}

/** What is to be sent again. Cursors include both ends. */
export type Replay =
  | { readonly kind: 'dead-letters'; readonly numbers: readonly number[] | 'all' }
  | { readonly kind: 'span'; readonly first: number; readonly last: number };

export type ReplayResult = { readonly kind: 'begun'; readonly spans: number } | { readonly kind: 'too-many' };
