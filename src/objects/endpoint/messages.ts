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
  /** Rows: one may be a span of events. */
  readonly deadLetters: number;
  /** When the oldest waiting request was first tried (ms since the epoch). */
  readonly oldestWaitingSince: number | undefined;
  readonly breaker: BreakerState;
  /** Where the breaker is open: until when. */
  readonly opensAgainAt: number | undefined;
  readonly disabled: boolean;
  /** Why nothing can be sent, as far as it was tried. */
  readonly problem: string | undefined;
}

/** `refused`: nothing was changed, for a reason that a person can act on. */
export type ConfigureResult = { readonly kind: 'configured' } | { readonly kind: 'refused'; readonly reason: string };

/** What is to be sent again. Cursors and times (ms since the epoch) include both ends. */
export type Replay =
  | { readonly kind: 'dead-letters'; readonly numbers: readonly number[] | 'all' }
  | { readonly kind: 'ids'; readonly ids: readonly string[] }
  | { readonly kind: 'span'; readonly first: number; readonly last: number }
  | { readonly kind: 'time'; readonly from: number; readonly to: number };

export type ReplayResult =
  /** `spans` of the log are sent again: what was asked for and is not in the log any more is none of them. */
  { readonly kind: 'begun'; readonly spans: number } | { readonly kind: 'too-many' } | { readonly kind: 'disabled' };

export type PingResult =
  | {
      readonly kind: 'answered';
      readonly isDelivered: boolean;
      /** Undefined where there was no answer. */
      readonly status: number | undefined;
      readonly durationMs: number;
      readonly answer: string;
    }
  | { readonly kind: 'not-sent'; readonly reason: string };
