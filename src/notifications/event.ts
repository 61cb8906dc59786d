/**
 * What happened in a repository, as Berth writes it down and as every format is made of it. The actions and the fields of
 * `target` are those of distribution ("Notifications"); what Berth adds is in docs/notifications.md.
 *
 * A row of an outbox goes through a Queue, whose messages have at most 128 KB, so everything of variable length has a
 * bound, and is cut or left out when the event is made.
 */
import * as v from 'valibot';
import type { Digest } from '../oci/digest.ts';
import type { Tag } from '../oci/reference.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { newUuid } from './uuid.ts';

/** Raised when a field changes its meaning; new fields do not raise it. */
export const EVENT_VERSION = 1;

const LONGEST_USER_AGENT_CHARACTERS = 512;
const LONGEST_NAME_CHARACTERS = 255;
const LONGEST_ORIGIN_CHARACTERS = 255;
/** Where nobody says how clients reach the registry. */
export const NO_ORIGIN = 'https://registry.invalid';
/** Of an event that tells what a manifest refers to; a longer list is left out. */
const MOST_REFERENCES = 100;
/** Of annotations, and of references, as JSON; longer ones are left out, and whoever needs them pulls the manifest. */
const LARGEST_LIST_BYTES = 16_384;

/** What an event is about, and what was done to it. A push of a tag is the push of a manifest with `tag`. */
export const EVENT_KINDS = [
  'manifest.push',
  'manifest.pull',
  'manifest.delete',
  'tag.delete',
  'blob.push',
  'blob.pull',
  'blob.mount',
  'blob.delete',
  'repository.create',
  'repository.empty',
] as const;

export type LoggedKind = (typeof EVENT_KINDS)[number];
/** A `ping` tells of nothing but that requests arrive: no log has it, and nobody asks for it. */
export type EventKind = LoggedKind | 'ping';

interface EventDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface EventTarget extends Partial<EventDescriptor> {
  readonly tag?: Tag;
  /** What the tag led to before. */
  readonly previousDigest?: Digest;
  /** Of a mount. */
  readonly fromRepository?: RepositoryName;
  readonly artifactType?: string;
  readonly subject?: Digest;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Config and layers, or the manifests of an index. */
  readonly references?: readonly EventDescriptor[];
}

/** The request that an event comes from. The front says it, and each event of the request has it. */
export const CauseSchema = v.object({
  /** As in the header X-Request-Id. */
  requestId: v.string(),
  method: v.string(),
  /** Where clients reach the registry: scheme, host and port. */
  origin: v.string(),
  address: v.exactOptional(v.string()),
  userAgent: v.string(),
  /** `kind` is `user`, `robot`, `anonymous` … */
  actor: v.object({ kind: v.string(), name: v.exactOptional(v.string()) }),
  /** Which deployment of the registry answered. */
  deployment: v.string(),
});
export type Cause = Readonly<v.InferOutput<typeof CauseSchema>>;

/** Counts the events of one repository, from 1 and without a gap. */
export interface EventSequence {
  /** Changes when a repository's store was made anew. */
  readonly incarnation: string;
  readonly number: number;
}

export interface RegistryEvent {
  readonly version: typeof EVENT_VERSION;
  /** A UUID of version 7; the same at each delivery. */
  readonly id: string;
  /** In ms since the epoch. */
  readonly at: number;
  readonly kind: EventKind;
  readonly repository: RepositoryName;
  /** Absent for a pull, which nothing counts. */
  readonly sequence?: EventSequence;
  readonly target: EventTarget;
  readonly cause: Cause;
}

/** What a client wrote of itself may be of any length. */
export function boundedCause(cause: Cause): Cause {
  const { kind, name } = cause.actor;
  return {
    ...cause,
    // Where no setting says it, it is what the client named.
    origin: cause.origin.length > LONGEST_ORIGIN_CHARACTERS ? NO_ORIGIN : cause.origin,
    userAgent: cause.userAgent.slice(0, LONGEST_USER_AGENT_CHARACTERS),
    actor: { kind, ...(name === undefined ? {} : { name: name.slice(0, LONGEST_NAME_CHARACTERS) }) },
  };
}

/** Without lists that are too long for a message. */
export function boundedTarget({ annotations, references, ...target }: EventTarget): EventTarget {
  const isFew = references !== undefined && references.length <= MOST_REFERENCES;
  return {
    ...target,
    ...(annotations !== undefined && isShort(annotations) ? { annotations } : {}),
    ...(isFew && isShort(references) ? { references } : {}),
  };
}

function isShort(list: object): boolean {
  return new TextEncoder().encode(JSON.stringify(list)).byteLength <= LARGEST_LIST_BYTES;
}

/** One that happens now. @param now in ms since the epoch */
export function newEvent(
  now: number,
  happened: Pick<RegistryEvent, 'kind' | 'repository' | 'target' | 'cause' | 'sequence'>,
): RegistryEvent {
  return { version: EVENT_VERSION, id: newUuid(now), at: now, ...happened, target: boundedTarget(happened.target) };
}
