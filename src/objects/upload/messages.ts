/** What the front and an upload session say to each other. Bytes travel by `fetch`, everything else by RPC. */
import * as v from 'valibot';
import { parseDigest, type Digest } from '../../oci/digest.ts';

/** How long a write that the front does may be silent. The front renews at a third of it. */
export const PUT_LEASE_MS = 60_000;

/** Who asks: a session belongs to a repository and to the principal that opened it. */
export interface Owner {
  repository: string;
  principal: string;
}

/** The header of the internal request that carries an append's parameters as JSON. */
export const APPEND_HEADER = 'berth-append';

export interface AppendRequest extends Owner {
  /** First byte's offset, where the client says it. */
  start?: number | undefined;
  /** Bytes that the client announced, where it did. */
  length?: number | undefined;
  /** Closes the upload with this digest once the body is taken in. */
  digest?: Digest | undefined;
}

export const AppendRequestSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    repository: v.string(),
    principal: v.string(),
    start: v.optional(v.number()),
    length: v.optional(v.number()),
    digest: v.optional(
      v.pipe(
        v.string(),
        v.transform((text) => parseDigest(text)),
      ),
    ),
  }),
);

/** The session is unknown, over, or somebody else's: the caller is told no more than that. */
interface Unknown {
  kind: 'unknown';
}

export type StatusResult =
  Unknown | { kind: 'open'; committed: number } | { kind: 'done'; digest: string; size: number };

/** How an upload ends. `retry`: nothing is lost, the same request may be sent again. `store-full`: once there is space. */
export type CommitResult =
  | Unknown
  | { kind: 'committed'; size: number }
  | { kind: 'digest-mismatch' }
  | { kind: 'busy' }
  | { kind: 'retry' }
  | { kind: 'store-full' };

export type AppendResult =
  | CommitResult
  | { kind: 'appended'; committed: number }
  | { kind: 'out-of-order'; committed: number }
  | { kind: 'wrong-length'; committed: number }
  | { kind: 'idle'; committed: number }
  | { kind: 'store-failed'; committed: number }
  | { kind: 'superseded' }
  | { kind: 'too-large' };

/**
 * How the front may store a whole body. `direct`: under this key, at once. `append`: through the session, which has bytes
 * already or whose store cannot verify the digest. `committed`: it was done before.
 */
export type BeginPutResult = Unknown | { kind: 'direct'; key: string } | { kind: 'append' } | CommitResult;

export type PutOutcomeReport = 'stored' | 'digest-mismatch' | 'failed' | 'store-full';

export type CancelResult = Unknown | { kind: 'cancelled' } | { kind: 'too-late' };
