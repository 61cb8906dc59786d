/**
 * Events that Berth itself wrote, read back from a row or a message: that they have the shape of one is looked at, so that nobody
 * asserts it; what they say was checked when they were made.
 */
import * as v from 'valibot';
import { CauseSchema, type EventSequence, type RegistryEvent } from './event.ts';

export const SequenceSchema: v.GenericSchema<unknown, EventSequence> = v.object({
  incarnation: v.string(),
  number: v.number(),
});

const Shape = v.looseObject({
  version: v.number(),
  id: v.string(),
  at: v.number(),
  kind: v.string(),
  repository: v.string(),
  sequence: v.optional(SequenceSchema),
  target: v.looseObject({}),
  cause: CauseSchema,
});

export const WrittenEventSchema = v.custom<RegistryEvent>((given) => v.is(Shape, given), 'must be an event');

/** Throws for what is none. */
export function parseWrittenEvent(body: string): RegistryEvent {
  return v.parse(v.pipe(v.string(), v.parseJson(), WrittenEventSchema), body);
}
