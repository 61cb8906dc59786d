/**
 * Events as CloudEvents 1.0 (JSON format, structured and batched), with the extensions "sequence" and "partitioning", so
 * that a receiver can tell the order within a repository.
 */
import { envelope, type EnvelopeEvent } from './distribution-envelope.ts';
import { fieldOf } from './event-fields.ts';
import type { RegistryEvent } from './event.ts';

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json';
export const CLOUD_EVENT_BATCH_TYPE = 'application/cloudevents-batch+json';
/** What comes behind it is the kind of the event: `dev.berth.registry.manifest.push`. */
const TYPE_PREFIX = 'dev.berth.registry.';

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  /** The repository's address; `source` and `id` together are one event's alone. */
  readonly source: string;
  readonly type: string;
  /** The tag, or else the digest. */
  readonly subject?: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly partitionkey: string;
  /** Strings of one length, which sort as the numbers do. */
  readonly sequence?: string;
  /** As in distribution's envelope. */
  readonly data: EnvelopeEvent;
}

const SEQUENCE_DIGITS = 16;

export function cloudEvent(event: RegistryEvent): CloudEvent {
  const { target, sequence, repository, cause } = event;
  const subject = target.tag ?? target.digest;
  const [data] = envelope([event], 'v2').events;
  if (data === undefined) throw new Error('an envelope has the event that it is made of');
  return {
    specversion: '1.0',
    id: event.id,
    source: `${cause.origin}/v2/${repository}`,
    type: `${TYPE_PREFIX}${event.kind}`,
    ...(subject === undefined ? {} : { subject }),
    time: String(fieldOf(event, 'time')),
    datacontenttype: 'application/json',
    partitionkey: repository,
    ...(sequence === undefined ? {} : { sequence: String(sequence.number).padStart(SEQUENCE_DIGITS, '0') }),
    data,
  };
}
