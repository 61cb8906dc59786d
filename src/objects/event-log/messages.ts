/** What EventLog is asked and what it answers. */
import type { EventKind, EventSequence, RegistryEvent } from '../../notifications/event.ts';

/** What the Queue carries: an event; the number of one that it would not take; or nothing, to see whether it takes any. */
export type QueuedMessage =
  | { readonly kind: 'event'; readonly event: RegistryEvent }
  | { readonly kind: 'lost'; readonly repository: string; readonly sequence: EventSequence; readonly id: string }
  | { readonly kind: 'probe' };

/** An endpoint that reads the log. */
export interface Reader {
  readonly name: string;
  /** The cursor that it begins to read after. */
  readonly since: number;
  /** A name that the setting takes from the admin API is the setting's from then on. */
  readonly origin: Origin;
}

/** How late an endpoint may hear of an event whose word that it can send again was lost. */
export const LONGEST_REST_MS = 30_000;

/** Where an endpoint is from. */
export type Origin = 'setting' | 'admin';

/** A part of the log, by its first and last cursors; both are included. */
export interface Span {
  readonly first: number;
  readonly last: number;
}

/** What lies in the log behind a cursor. */
export interface Backlog {
  readonly events: number;
  /** When the first of them was appended (ms since the epoch). */
  readonly oldestAt: number | undefined;
}

/** An endpoint that a setting names, with the kinds of event that it wants. */
export interface ConfiguredReader {
  readonly name: string;
  readonly events: readonly EventKind[];
}

export interface AppendResult {
  /** The cursor of the last event in the log. */
  readonly upTo: number;
  /** Who is to be woken; not who can send nothing now. */
  readonly readers: readonly Reader[];
}

export interface LoggedEvent {
  readonly cursor: number;
  readonly event: RegistryEvent;
  /** Whether an event of the repository before this one is missing. */
  readonly afterGap?: boolean;
}

export type EventPage =
  /** `next`: the cursor to go on from. */
  | { readonly kind: 'page'; readonly events: readonly LoggedEvent[]; readonly next: number; readonly isEnd: boolean }
  /** Events after the cursor were dropped already; `oldest` is the cursor after which the log has all of them. */
  | { readonly kind: 'gone'; readonly oldest: number }
  /** The log has never given out the cursor, or was put back since; `oldest` as above. */
  | { readonly kind: 'ahead'; readonly oldest: number };

/** `full`: too many others follow the log. */
export type FollowResult = EventPage | { readonly kind: 'full' };
