/** What the front asks of a repository, and what it answers. `outbox-full`: too many events wait for the Queue to take them. */
import type { Cause, EventTarget } from '../../notifications/event.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Preconditions } from '../../oci/precondition.ts';
import type { Reference, Tag } from '../../oci/reference.ts';
import type { Location } from '../blob-directory/blob-directory.ts';
import type { DropResult } from './adoption.ts';
import type { StoredManifest } from './manifests.ts';

/** Where a manifest is pushed to: the tags that it gets, and on which conditions on what each of them leads to now. */
export interface PushTarget {
  /** What is pushed to; the conditions are on it where there are no tags. */
  reference: Reference;
  tags: readonly Tag[];
  /** Those of `tags` that this push may give and not move. A front of an older release does not say. */
  fixedTags?: readonly Tag[];
  preconditions: Preconditions;
  /** Whether it is taken although the repository lacks some of what it refers to. */
  mayLack: boolean;
  /** What its event tells besides, where events are on. A front of an older release does not say. */
  told?: PushTold | undefined;
}

/** Of what the object itself does not keep. */
export interface PushTold extends Pick<EventTarget, 'annotations' | 'references'> {
  readonly cause: Cause;
}

/** A tag leads elsewhere, or did so before it was deleted, and this push may not move it. */
interface TagFixed {
  kind: 'tag-fixed';
  tag: Tag;
  current: Digest;
  isDeleted: boolean;
}
interface PreconditionFailed {
  kind: 'precondition-failed';
  /** What the reference leads to instead. */
  current: Digest | undefined;
}
/** `lacking`: how much of what it refers to is not here, where that is allowed. `mediaType`: as it is served. */
export type PutManifestResult =
  | { kind: 'stored'; lacking: number; mediaType: string }
  | { kind: 'missing'; digests: Digest[] }
  | TagFixed
  | PreconditionFailed
  | { kind: 'full' }
  | { kind: 'outbox-full' }
  | { kind: 'retry' };
/** `memory-full`: no more deleted tags are remembered, and this caller could give them anew. */
export type DeleteManifestResult =
  { kind: 'deleted' } | { kind: 'unknown' } | { kind: 'memory-full' } | { kind: 'outbox-full' } | PreconditionFailed;
/** `user`: a manifest that needs the blob. */
export interface DeleteBlobResult {
  kind: DropResult | 'precondition-failed' | 'outbox-full';
  user: string | undefined;
}
/** `location` says where the bytes of a large manifest are. */
export type GetManifestResult = StoredManifest & { location: Location | undefined };
export type ListTagsResult = { kind: 'tags'; tags: string[] } | { kind: 'unknown' };
