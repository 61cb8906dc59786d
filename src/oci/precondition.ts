/**
 * Conditions on what a reference leads to now (RFC 9110 §13.1.1 If-Match, §13.1.2 If-None-Match). An entity tag is a
 * digest. With them a tag is compared and set in one step: two pipelines cannot overwrite each other unseen.
 */
import type { Digest } from './digest.ts';

/** `any`: whatever it is, as long as there is something (`*`). */
export type EntityTags = 'any' | readonly string[];

export interface Preconditions {
  readonly ifMatch?: EntityTags | undefined;
  readonly ifNoneMatch?: EntityTags | undefined;
}

/** Whether a request under these conditions may change what is `current`, or what is not there. */
export function preconditionsHold({ ifMatch, ifNoneMatch }: Preconditions, current: Digest | undefined): boolean {
  if (ifMatch !== undefined && !includes(ifMatch, current)) return false;
  return ifNoneMatch === undefined || !includes(ifNoneMatch, current);
}

function includes(tags: EntityTags, current: Digest | undefined): boolean {
  if (current === undefined) return false;
  return tags === 'any' || tags.includes(current);
}
