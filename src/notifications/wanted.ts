/** Whether an endpoint wants an event. */
import { matchesRepository, matchesTag } from '../auth/patterns.ts';
import type { EndpointDocument } from './endpoint-document.ts';
import type { RegistryEvent } from './event.ts';

type Filter = Pick<EndpointDocument, 'events' | 'repositories' | 'tags' | 'ignoreMediaTypes'>;

export function isWanted({ events, repositories, tags, ignoreMediaTypes }: Filter, event: RegistryEvent): boolean {
  const { kind, repository, target } = event;
  if (!events.has(kind)) return false;
  if (target.mediaType !== undefined && ignoreMediaTypes.has(target.mediaType)) return false;
  // Nobody is `{user}` here: a pattern with it is no endpoint's.
  if (repositories?.some((pattern) => matchesRepository(pattern, repository, undefined)) === false) return false;
  if (tags === undefined) return true;
  const { tag } = target;
  return tag !== undefined && tags.some((pattern) => matchesTag(pattern, tag));
}
