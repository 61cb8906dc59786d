/** The body in which an endpoint gets its events, and the type that it has. */
import { githubDispatch, slackMessage } from './chat-message.ts';
import { CLOUD_EVENT_BATCH_TYPE, CLOUD_EVENT_TYPE, cloudEvent } from './cloud-event.ts';
import { envelope, ENVELOPE_TYPES } from './distribution-envelope.ts';
import type { EndpointDocument } from './endpoint-document.ts';
import type { RegistryEvent } from './event.ts';
import { render, type Template } from './template.ts';

const JSON_TYPE = 'application/json';

export interface Rendered {
  readonly type: string;
  readonly body: string;
}

/** A template can place a field a thousand times. */
const LARGEST_TEMPLATED_CHARACTERS = 262_144;

/** Throws where a template makes too much of an event. @param events one, or up to `batch` */
export function renderedBody(
  { format, batch, references }: Pick<EndpointDocument, 'format' | 'batch' | 'references'>,
  given: readonly [RegistryEvent, ...RegistryEvent[]],
): Rendered {
  const events = references ? given : given.map(withoutReferences);
  const [first] = given;
  switch (format) {
    case 'distribution':
      return json(ENVELOPE_TYPES.v2, envelope(events, 'v2'));
    case 'distribution-v1':
      return json(ENVELOPE_TYPES.v1, envelope(events, 'v1'));
    case 'cloudevents':
      return batch === 1
        ? json(CLOUD_EVENT_TYPE, events.map(cloudEvent)[0])
        : json(CLOUD_EVENT_BATCH_TYPE, events.map(cloudEvent));
    case 'slack':
      return json(JSON_TYPE, slackMessage(first));
    case 'github':
      return json(JSON_TYPE, githubDispatch(first));
    default:
      return templated(format, first);
  }
}

function templated(template: Template, event: RegistryEvent): Rendered {
  const rendered = json(JSON_TYPE, render(template, event));
  if (rendered.body.length <= LARGEST_TEMPLATED_CHARACTERS) return rendered;
  throw new Error(
    `the template makes more than ${String(LARGEST_TEMPLATED_CHARACTERS)} characters of an event: let it place less`,
  );
}

function withoutReferences({ target: { references: _left, ...target }, ...event }: RegistryEvent): RegistryEvent {
  return { ...event, target };
}

function json(type: string, value: unknown): Rendered {
  return { type, body: JSON.stringify(value) };
}
