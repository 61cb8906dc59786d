/**
 * Pushes and deletes of manifests and tags, each in one transaction with the events that tell of it: either all of it has
 * happened, or nothing.
 */
import type { Cause, EventTarget } from '../../notifications/event.ts';
import type { Digest } from '../../oci/digest.ts';
import { preconditionsHold, type Preconditions } from '../../oci/precondition.ts';
import type { Reference, Tag } from '../../oci/reference.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';
import type { Database } from '../database.ts';
import { INLINE_MANIFEST_BYTES } from './large-manifests.ts';
import type { Links } from './links.ts';
import type { ManifestContent, Manifests, NewManifest } from './manifests.ts';
import type { DeleteManifestResult, PushTarget, PutManifestResult } from './messages.ts';
import type { Outbox } from './outbox.ts';
import type { Presence } from './presence.ts';

export const MISSING_REPORTED = 100;

interface Parts {
  readonly database: Database;
  readonly links: Links;
  readonly manifests: Manifests;
  readonly presence: Presence;
  readonly outbox: Outbox;
  /** A manifest is gone: some blobs may have lost their last user. */
  readonly planCollection: () => void;
}

export class ManifestChanges {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Stores a manifest and moves its tags to it; a large one's bytes are stored already. */
  push(name: RepositoryName, manifest: NewManifest, bytes: Uint8Array, target: PushTarget): PutManifestResult {
    const { database, manifests, presence } = this.#parts;
    const now = Date.now();
    return database.transaction((): PutManifestResult => {
      const refusal = this.refusal(manifest, target);
      if (refusal !== undefined) return refusal;
      presence.open(name);
      const content = this.#content(manifest.digest, bytes);
      if (content === undefined) return { kind: 'retry' };
      const lacking = target.mayLack ? manifests.missing(manifest, MISSING_REPORTED).length : 0;
      const before = target.tags.map((tag) => manifests.digestOf({ kind: 'tag', tag }));
      manifests.insert(manifest, content, now);
      for (const tag of target.tags) manifests.setTag(tag, manifest.digest, now);
      const isNew = presence.note(true, now);
      const mediaType = manifests.typeOf(manifest.digest) ?? manifest.mediaType;
      this.#tellPush({ ...manifest, mediaType }, target, before, isNew, now);
      return { kind: 'stored', lacking, mediaType };
    });
  }

  delete(
    reference: Reference,
    preconditions: Preconditions,
    mayMove: boolean,
    cause: Cause | undefined,
  ): DeleteManifestResult {
    const { database, manifests, presence, outbox } = this.#parts;
    const now = Date.now();
    return database.transaction((): DeleteManifestResult => {
      const current = manifests.digestOf(reference);
      if (current === undefined) return { kind: 'unknown' };
      if (!preconditionsHold(preconditions, current)) return { kind: 'precondition-failed', current };
      if (!mayMove && !manifests.canRemember(reference)) return { kind: 'memory-full' };
      if (cause !== undefined && outbox.isFull(now)) return { kind: 'outbox-full' };
      if (reference.kind === 'tag') manifests.deleteTag(reference.tag);
      else {
        const { subject, tags } = cause === undefined ? NOT_TOLD : manifests.known(current);
        manifests.delete(current);
        this.#parts.planCollection();
        const isEmpty = presence.note(manifests.any(), now);
        this.#tellDelete(current, subject, tags, isEmpty, cause, now);
      }
      if (reference.kind === 'tag' && cause !== undefined) {
        outbox.write('tag.delete', { tag: reference.tag, previousDigest: current }, cause, now);
      }
      return { kind: 'deleted' };
    });
  }

  /** Why a manifest cannot be pushed now. */
  refusal(
    manifest: NewManifest,
    { reference, tags, fixedTags = [], preconditions, mayLack, told }: PushTarget,
  ): PutManifestResult | undefined {
    const { manifests, outbox } = this.#parts;
    // Before the conditions: they count only for who may do it at all (RFC 9110 §13.2.1).
    for (const tag of fixedTags) {
      const current = manifests.digestOf({ kind: 'tag', tag });
      const known = current ?? manifests.deletedTag(tag);
      if (known !== undefined && known !== manifest.digest) {
        return { kind: 'tag-fixed', tag, current: known, isDeleted: current === undefined };
      }
    }
    // What the conditions protect: the tags that would move; without any, the manifest.
    const moved = tags.map((tag): Reference => ({ kind: 'tag', tag }));
    for (const protectedOne of moved.length > 0 ? moved : [reference]) {
      const current = manifests.digestOf(protectedOne);
      if (!preconditionsHold(preconditions, current)) return { kind: 'precondition-failed', current };
    }
    const missing = mayLack ? [] : manifests.missing(manifest, MISSING_REPORTED);
    if (missing.length > 0) return { kind: 'missing', digests: missing };
    return told !== undefined && outbox.isFull(Date.now()) ? { kind: 'outbox-full' } : undefined;
  }

  #content(digest: Digest, bytes: Uint8Array): ManifestContent | undefined {
    if (bytes.byteLength <= INLINE_MANIFEST_BYTES) return { kind: 'inline', bytes };
    const link = this.#parts.links.find(digest);
    return link === undefined ? undefined : { kind: 'linked', linkId: link.id };
  }

  /**
   * A push is one event for each of its tags, or one where it has none. What may be long stands in the first alone: many tags of one
   * request would make a hundred times its bytes of it.
   */
  #tellPush(
    { digest, mediaType, size, artifactType, subject }: NewManifest,
    { tags, told }: PushTarget,
    before: readonly (Digest | undefined)[],
    isNew: boolean,
    now: number,
  ): void {
    if (told === undefined) return;
    const { outbox } = this.#parts;
    const { cause, annotations, references } = told;
    if (isNew) outbox.write('repository.create', {}, cause, now);
    const target: EventTarget = {
      ...{ mediaType, digest, size },
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(subject === undefined ? {} : { subject }),
    };
    const lists = {
      ...(annotations === undefined ? {} : { annotations }),
      ...(references === undefined ? {} : { references }),
    };
    if (tags.length === 0) outbox.write('manifest.push', { ...target, ...lists }, cause, now);
    for (const [index, tag] of tags.entries()) {
      const previousDigest = before[index];
      const moved = previousDigest === undefined ? { tag } : { tag, previousDigest };
      outbox.write('manifest.push', { ...target, ...(index === 0 ? lists : {}), ...moved }, cause, now);
    }
  }

  /** As distribution has it: the manifest, then each tag that led to it. */
  #tellDelete(
    digest: Digest,
    subject: Digest | undefined,
    tags: readonly Tag[],
    isEmpty: boolean,
    cause: Cause | undefined,
    now: number,
  ): void {
    if (cause === undefined) return;
    const { outbox } = this.#parts;
    outbox.write('manifest.delete', subject === undefined ? { digest } : { digest, subject }, cause, now);
    for (const tag of tags) outbox.write('tag.delete', { tag, previousDigest: digest }, cause, now);
    if (isEmpty) outbox.write('repository.empty', {}, cause, now);
  }
}

const NOT_TOLD = { subject: undefined, tags: [] } as const;
