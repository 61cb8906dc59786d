/**
 * Events in the form of distribution (its "Notifications" page; v3.1.1): `{"events":[…]}`. Its four objects `target`, `request`,
 * `actor` and `source` are there in each event, empty or not.
 *
 * v1 is what distribution 2.x sends, which leaves out what is empty in `target`, and knows no `artifactType` and `annotations` there. v2 is what 3.x sends, which always has
 * `mediaType`, `digest` and `size` there. What Berth adds is in an object of its own, `berth`, that other readers skip.
 */
import { urlOfTarget } from './target-url.ts';
import type { RegistryEvent } from './event.ts';

export type EnvelopeVersion = 'v1' | 'v2';

export const ENVELOPE_TYPES: Readonly<Record<EnvelopeVersion, string>> = {
  v1: 'application/vnd.docker.distribution.events.v1+json',
  v2: 'application/vnd.docker.distribution.events.v2+json',
};

export interface EnvelopeEvent {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  readonly request: Readonly<Record<string, string>>;
  readonly actor: Readonly<Record<string, string>>;
  readonly source: Readonly<Record<string, string>>;
  readonly berth: Readonly<Record<string, unknown>>;
}

export function envelope(events: readonly RegistryEvent[], version: EnvelopeVersion): { events: EnvelopeEvent[] } {
  return { events: events.map((event) => envelopeEvent(event, version)) };
}

function envelopeEvent(event: RegistryEvent, version: EnvelopeVersion): EnvelopeEvent {
  const { id, at, kind, repository, sequence, cause, target } = event;
  const { actor, address } = cause;
  return {
    id,
    timestamp: new Date(at).toISOString(),
    action: kind.slice(kind.indexOf('.') + 1),
    target: targetOf(event, version),
    request: {
      id: cause.requestId,
      ...(address === undefined ? {} : { addr: address }),
      host: new URL(cause.origin).host,
      method: cause.method,
      useragent: cause.userAgent,
    },
    actor: actor.name === undefined ? {} : { name: actor.name },
    source: { addr: new URL(cause.origin).host, instanceID: cause.deployment },
    berth: {
      version: event.version,
      kind,
      repository,
      ...(sequence === undefined ? {} : { incarnation: sequence.incarnation, sequence: sequence.number }),
      actorKind: actor.kind,
      ...(target.previousDigest === undefined ? {} : { previousDigest: target.previousDigest }),
      ...(target.subject === undefined ? {} : { subject: target.subject }),
    },
  };
}

function targetOf(
  { kind, repository, target, cause }: RegistryEvent,
  version: EnvelopeVersion,
): Record<string, unknown> {
  const { mediaType, digest, size, tag, fromRepository, artifactType, annotations, references } = target;
  const descriptor = { mediaType, digest, size };
  const isEmptied = version === 'v2' ? { mediaType: '', digest: '', size: 0 } : {};
  const isDelete = kind.endsWith('.delete');
  return withoutUndefined({
    ...isEmptied,
    ...withoutUndefined(isDelete ? { digest } : descriptor),
    ...(isDelete ? {} : { length: size, url: urlOfTarget(cause.origin, kind, repository, digest) }),
    ...(version === 'v2' ? { artifactType, annotations } : {}),
    fromRepository,
    repository,
    tag,
    references,
  });
}

function withoutUndefined(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
