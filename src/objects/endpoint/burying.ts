/** What an endpoint that is disabled has not got: all of it becomes dead letters, and what comes later one span of them. */
import { runsOf } from './spans.ts';
import type { Readings } from './readings.ts';
import type { Records } from './records.ts';
import type { Waiting, WaitingRequest } from './waiting.ts';

export interface Pending {
  readonly waiting: Waiting;
  readonly readings: Readings;
  readonly records: Records;
}

/** Within a transaction. @param upTo the cursor of the newest event in the log */
export function buryPending({ waiting, readings, records }: Pending, upTo: number, at: number, reason: string): void {
  for (const request of waiting.all()) buryRequest(records, request, at, reason);
  waiting.clear();
  for (const { number, cursor, until } of readings.all()) {
    const last = until ?? upTo;
    if (last > cursor) records.buried({ first: cursor + 1, last, event: undefined, at, reason });
    if (number === 0) readings.moveTo({ number, cursor, until }, last);
  }
  readings.clear();
}

/** A batch leaves a letter for each run of its cursors, so that a replay sends nothing else. */
export function buryRequest(records: Records, { id, members }: WaitingRequest, at: number, reason: string): void {
  const event = members.length === 1 ? id : undefined;
  for (const { first, last } of runsOf(members)) records.buried({ first, last, event, at, reason });
}
