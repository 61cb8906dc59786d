/** distribution's envelope as a receiver reads it, and as two senders of it are compared. */
import * as v from 'valibot';
import type { ReceivedRequest } from './receiver.ts';

const Fields = v.record(v.string(), v.unknown());
const Event = v.objectWithRest(
  {
    id: v.string(),
    action: v.string(),
    target: v.looseObject({
      repository: v.string(),
      digest: v.optional(v.string()),
      tag: v.optional(v.string()),
      mediaType: v.optional(v.string()),
      fromRepository: v.optional(v.string()),
      url: v.optional(v.string()),
    }),
    request: v.looseObject({ method: v.string(), useragent: v.string() }),
    berth: v.optional(v.looseObject({ version: v.number(), sequence: v.optional(v.number()) })),
  },
  v.unknown(),
);
const Envelope = v.pipe(v.string(), v.parseJson(), v.strictObject({ events: v.array(Event) }));
export type EnvelopeEvent = v.InferOutput<typeof Event>;

export function eventsOf({ body }: Pick<ReceivedRequest, 'body'>): EnvelopeEvent[] {
  return v.parse(Envelope, body).events;
}

/** What Berth adds to each event, in an object that distribution's own readers skip. */
export const ADDED = 'berth';

/**
 * Every field by its path, as `target.digest` to `sha256:…`, but for what Berth adds. What no two runs have alike is told by
 * its form: ids, times, addresses, ports, and which process it was.
 */
export function formOf(event: EnvelopeEvent): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  flatten('', event, fields);
  return fields;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
const WITH_PORT = /^[\w.-]+:\d+$/;
const URL_START = /^http:\/\/[\w.-]+:\d+(?=\/v2\/)/;

const FORMS: Readonly<Record<string, (value: string) => string>> = {
  id: uuidForm,
  timestamp: (value) => (RFC_3339.test(value) ? '<time>' : value),
  'request.id': uuidForm,
  'request.addr': (value) => (WITH_PORT.test(value) ? '<address>:<port>' : value),
  'request.host': withPortForm,
  'source.addr': withPortForm,
  'source.instanceID': uuidForm,
  'target.url': (value) => value.replace(URL_START, '<registry>'),
};

function uuidForm(value: string): string {
  return UUID.test(value) ? '<uuid>' : value;
}

function withPortForm(value: string): string {
  return WITH_PORT.test(value) ? '<host>:<port>' : value;
}

function flatten(path: string, value: unknown, fields: Map<string, string>): void {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) flatten(`${path}[${String(index)}]`, item, fields);
    return;
  }
  const parsed = v.safeParse(Fields, value);
  if (!parsed.success) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    fields.set(path, FORMS[path]?.(text) ?? text);
    return;
  }
  // An object that is there and empty is told apart from one that is not.
  const entries = Object.entries(parsed.output).filter(([name]) => path !== '' || name !== ADDED);
  if (entries.length === 0) fields.set(path, '{}');
  for (const [name, inner] of entries) flatten(path === '' ? name : `${path}.${name}`, inner, fields);
}
