/**
 * An event as an administrator is shown it: a CloudEvent (JSON format) with two extension attributes, its cursor in the log, and a
 * mark where the event before it in its repository is missing.
 */
import { cloudEvent, type CloudEvent } from '../../notifications/cloud-event.ts';
import type { EventPage, LoggedEvent } from '../../objects/event-log/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import { mistakes } from '../json-body.ts';
import type { Context } from '../context.ts';

/** A string, since integers of CloudEvents have 32 bits (§3.1). */
export interface ListedEvent extends CloudEvent {
  readonly cursor: string;
  readonly aftergap?: true;
}

const CURSOR = /^\d{1,15}$/;

export function listedEvent({ cursor, event, afterGap }: LoggedEvent): ListedEvent {
  return { ...cloudEvent(event), cursor: String(cursor), ...(afterGap === true ? { aftergap: true } : {}) };
}

/** Throws REQUEST_INVALID. @param where it is from, for the message */
export function cursorOf(text: string, where: string): number {
  if (!CURSOR.test(text)) throw mistakes([`${where} must be a cursor, as an event has it`]);
  return Number(text);
}

/** 410: what came after the cursor is not kept any more, or the log does not know the cursor. */
export function dropped({ kind, oldest }: Exclude<EventPage, { kind: 'page' }>): RegistryError {
  const problem = {
    gone: 'events after this cursor are not kept any more.',
    ahead: 'no event has this cursor: was the registry put back to an earlier state?',
  }[kind];
  return new RegistryError('NOT_FOUND', {
    status: 410,
    message: `${problem} Go on after ${String(oldest)}, the oldest that is whole`,
    detail: { oldest: String(oldest) },
  });
}

/** Throws REQUEST_INVALID for a parameter that is not known: a misspelt filter would let everything through. */
export function demandParameters({ url }: Context, known: readonly string[]): void {
  const unknown = [...url.searchParams.keys()].some((name) => !known.includes(name));
  if (unknown) throw mistakes([`the parameters here are ${known.join(', ')}`]);
}
