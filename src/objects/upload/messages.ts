/**
 * What the front, a repository and an upload session's own object say to each other. Bytes travel by `fetch`,
 * everything else by RPC.
 */
import * as v from 'valibot';
import { CauseSchema, type Cause } from '../../notifications/event.ts';
import { parseDigest, parseDigestAlgorithm, type Digest, type DigestAlgorithm } from '../../oci/digest.ts';
import { parseRepositoryName, type RepositoryName } from '../../oci/repository-name.ts';

/** How long a write may be silent. Whoever writes renews at a third of it. */
export const WRITE_LEASE_MS = 60_000;

/** A session as its id names it: it belongs to a repository and to the principal that opened it. */
export interface UploadSession {
  repository: RepositoryName;
  principal: string;
  /** The id of its object, in hex. */
  id: string;
  /** In ms since the epoch. */
  expiresAt: number;
  /** What its bytes are hashed with as they come. */
  algorithm: DigestAlgorithm;
}

/** The header of the internal request that carries an append's parameters as JSON. */
export const APPEND_HEADER = 'berth-append';

export interface AppendRequest extends UploadSession {
  /** First byte's offset, where the client says it. */
  start?: number | undefined;
  /** Bytes that the client announced, where it did. */
  length?: number | undefined;
  /** Closes the upload with this digest once the body is taken in. */
  digest?: Digest | undefined;
  /** Of the event that a close is, where events are on. */
  cause?: Cause | undefined;
}

/** Only Berth itself sends this header: what cannot be parsed is a defect, so it throws. */
function parsed<T>(parse: (text: string) => T | undefined) {
  return v.pipe(
    v.string(),
    v.transform((text) => {
      const value = parse(text);
      if (value === undefined) throw new Error(`an append carries '${text}'`);
      return value;
    }),
  );
}

export const AppendRequestSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    repository: parsed(parseRepositoryName),
    principal: v.string(),
    id: v.string(),
    expiresAt: v.number(),
    algorithm: parsed(parseDigestAlgorithm),
    start: v.optional(v.number()),
    length: v.optional(v.number()),
    digest: v.optional(parsed(parseDigest)),
    cause: v.optional(CauseSchema),
  }),
);

/** The session is unknown, over, or somebody else's: the caller is told no more than that. */
interface Unknown {
  kind: 'unknown';
}

/** The session was closed with this digest. */
export interface Done {
  kind: 'done';
  digest: Digest;
  size: number;
}

/** What whoever closes a finished session hears: the same again, unless they mean another blob. */
export function closedAs({ digest, size }: Done, wanted: Digest): CommitResult {
  return digest === wanted ? { kind: 'committed', size } : { kind: 'digest-mismatch' };
}

/** Bytes in an object of the repository's, from before the session streamed. */
export interface KeptBytes {
  key: string;
  size: number;
}

/** `streaming`: its own object knows how many bytes there are; until that has the first, so many were kept elsewhere. */
export type SessionStatus = Unknown | { kind: 'open' | 'streaming'; committed: number };
export type StatusResult = Unknown | { kind: 'unopened' } | { kind: 'open'; committed: number };

/** How an upload ends. `retry`: nothing is lost, the same request may be sent again. `store-full` and `outbox-full`: once there is space. */
export type CommitResult =
  | Unknown
  | { kind: 'committed'; size: number }
  | { kind: 'digest-mismatch' }
  | { kind: 'busy' }
  | { kind: 'retry' }
  | { kind: 'store-full' }
  | { kind: 'outbox-full' };

export type AppendResult =
  | CommitResult
  | { kind: 'appended'; committed: number }
  | { kind: 'out-of-order'; committed: number }
  | { kind: 'wrong-length'; committed: number }
  | { kind: 'idle'; committed: number }
  | { kind: 'store-failed'; committed: number }
  | { kind: 'superseded' }
  | { kind: 'too-large' };

/** `elsewhere`: the session has bytes already, and its own object is to go on with it. */
export type EndedAs = Unknown | Done | { kind: 'elsewhere' };
/** `direct`: the front may write the whole body under this key, at once. */
export type BeginResult = EndedAs | { kind: 'direct'; key: string };
export type WriteOutcome = 'stored' | 'digest-mismatch' | 'failed' | 'store-full';
export type KeepResult = CommitResult | { kind: 'kept'; size: number };
export type EnterResult = Unknown | Done | { kind: 'busy' } | { kind: 'open'; kept: KeptBytes | undefined };

export type CancelResult = Unknown | { kind: 'cancelled' } | { kind: 'too-late' };
