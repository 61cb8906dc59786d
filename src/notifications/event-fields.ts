/** The fields of an event that a template can place and a message can name, each as one plain value. */
import { urlOfTarget } from './target-url.ts';
import type { RegistryEvent } from './event.ts';

export type FieldValue = string | number | undefined;

const FIELDS = {
  id: ({ id }) => id,
  /** RFC 3339. */
  time: ({ at }) => new Date(at).toISOString(),
  kind: ({ kind }) => kind,
  action: ({ kind }) => kind.slice(kind.indexOf('.') + 1),
  repository: ({ repository }) => repository,
  tag: ({ target }) => target.tag,
  digest: ({ target }) => target.digest,
  previousDigest: ({ target }) => target.previousDigest,
  mediaType: ({ target }) => target.mediaType,
  artifactType: ({ target }) => target.artifactType,
  size: ({ target }) => target.size,
  fromRepository: ({ target }) => target.fromRepository,
  url: ({ cause, kind, repository, target }) => urlOfTarget(cause.origin, kind, repository, target.digest),
  /** What `docker pull` takes. */
  image: ({ cause, repository, target }) => imageName(new URL(cause.origin).host, repository, target),
  host: ({ cause }) => new URL(cause.origin).host,
  /** Who has no name is called by what they are. */
  actor: ({ cause }) => cause.actor.name ?? cause.actor.kind,
  actorKind: ({ cause }) => cause.actor.kind,
  requestId: ({ cause }) => (cause.requestId === '' ? undefined : cause.requestId),
  sequence: ({ sequence }) => sequence?.number,
} as const satisfies Record<string, (event: RegistryEvent) => FieldValue>;

export type FieldName = keyof typeof FIELDS;

export const FIELD_NAMES = Object.keys(FIELDS);

export function isFieldName(name: string): name is FieldName {
  return Object.hasOwn(FIELDS, name);
}

export function fieldOf(event: RegistryEvent, name: FieldName): FieldValue {
  return FIELDS[name](event);
}

function imageName(host: string, repository: string, { tag, digest }: RegistryEvent['target']): string {
  const name = `${host}/${repository}`;
  if (tag !== undefined) return `${name}:${tag}`;
  return digest === undefined ? name : `${name}@${digest}`;
}
