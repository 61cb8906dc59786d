/** Messages of the Queue, read back. Only Berth sends to it, so what is none is a defect, or of a release yet to come. */
import * as v from 'valibot';
import { SequenceSchema, WrittenEventSchema } from '../../notifications/written-event.ts';
import type { QueuedMessage } from './messages.ts';

const QueuedMessageSchema: v.GenericSchema<unknown, QueuedMessage> = v.variant('kind', [
  v.object({ kind: v.literal('event'), event: WrittenEventSchema }),
  v.object({ kind: v.literal('lost'), repository: v.string(), sequence: SequenceSchema, id: v.string() }),
  v.object({ kind: v.literal('probe') }),
]);

/** `undefined` for what is no message. */
export function parseQueuedMessage(given: unknown): QueuedMessage | undefined {
  const parsed = v.safeParse(QueuedMessageSchema, given);
  return parsed.success ? parsed.output : undefined;
}

/** One that is written down as JSON. */
export function parseQueuedText(text: string): QueuedMessage | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson()), text);
  return parsed.success ? parseQueuedMessage(parsed.output) : undefined;
}
