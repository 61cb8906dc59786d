/**
 * One blob into one repository of the target: not at all where it is there, by a mount where another repository of the
 * target got it in this run (distribution-spec, "Mounting a blob from another repository"), and else as a stream from one
 * registry into the other.
 */
import type { Digest } from '../../src/oci/digest.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import type { RepositoryName } from '../../src/oci/repository-name.ts';
import type { Answer } from '../registry/exchange.ts';
import type { Gate } from './gate.ts';
import { Memory } from './memory.ts';
import { failure, forGood, success, transientFailure, type Outcome } from '../registry/outcome.ts';
import { withRetries } from '../registry/retry.ts';
import type { Source } from './source.ts';
import type { BlobEnd, Tally } from './tally.ts';
import type { Session, Target } from './target.ts';
import { Cuts, verified } from './verified-bytes.ts';

/** No byte of a blob moved for so long: whoever is waited for has forgotten it. */
const STALL_MS = 300_000;
const MS_PER_SECOND = 1_000;
/** Blobs of which it is known where they are; far more than are shared by what is copied at about the same time. */
const MAX_HOMES = 20_000;

/** Which repository of the target got a blob first in this run, or is just getting it. */
interface Home {
  readonly repository: RepositoryName;
  readonly settled: Promise<void>;
  isThere: boolean;
}

export interface TransferOptions {
  readonly source: Source;
  readonly target: Target;
  readonly tally: Tally;
  /** So many at once, over all repositories. */
  readonly places: Gate;
  readonly chunkBytes: number | undefined;
  readonly dryRun: boolean;
}

export class BlobTransfer {
  readonly #options: TransferOptions;
  readonly #homes = new Memory<Digest, Home>(MAX_HOMES);
  /** Once a mount was turned into an upload, nobody waits for a blob to arrive elsewhere in order to mount it. */
  #mounts: 'untried' | 'work' | 'refused' = 'untried';

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  /** @param isForeign the source may lack it: it is fetched from elsewhere by whoever pulls the image. */
  async copy(repository: RepositoryName, blob: Descriptor, isForeign: boolean): Promise<Outcome<BlobEnd>> {
    const home = this.#homes.get(blob.digest);
    // Without a place, and only for one that waits for nobody any more.
    if (home !== undefined && home.repository !== repository && this.#mounts !== 'refused') await home.settled;
    return this.#options.places.run(() => this.#copyAtHome(repository, blob, isForeign));
  }

  async #copyAtHome(repository: RepositoryName, blob: Descriptor, isForeign: boolean): Promise<Outcome<BlobEnd>> {
    const { digest } = blob;
    const settled = Promise.withResolvers<undefined>();
    const home: Home = { repository, settled: settled.promise.then(() => undefined), isThere: false };
    const isFirst = this.#homes.get(digest) === undefined;
    if (isFirst) this.#homes.set(digest, home);
    const { tally, target } = this.#options;
    try {
      const outcome = await tally.during(`${repository}@${digest}`, () =>
        withRetries(target.signal, (before) => this.#try(repository, blob, { isForeign, isFirstTry: before === 0 })),
      );
      home.isThere = outcome.ok && outcome.value !== 'foreign';
      return outcome;
    } finally {
      // Others wait for it, also where this broke off.
      if (isFirst && !home.isThere) this.#homes.delete(digest);
      settled.resolve(undefined);
    }
  }

  async #try(
    repository: RepositoryName,
    blob: Descriptor,
    { isForeign, isFirstTry }: { readonly isForeign: boolean; readonly isFirstTry: boolean },
  ): Promise<Outcome<BlobEnd>> {
    const { source, target, dryRun } = this.#options;
    // What can be asked alone has tries of its own; only the stream begins again with all that leads to it.
    const there = forGood(await target.hasBlob(repository, blob.digest));
    if (!there.ok) return there;
    // The try before may have brought it all the same, and only its answer was lost.
    if (there.value) return success(isFirstTry ? 'skipped' : 'copied');
    if (isForeign) {
      const has = forGood(await source.hasBlob(repository, blob.digest));
      if (!has.ok) return has;
      if (!has.value) return success('foreign');
    }
    const home = this.#homes.get(blob.digest);
    const from = home?.isThere === true && home.repository !== repository ? home.repository : undefined;
    if (dryRun) return success(from === undefined ? 'copied' : 'mounted');
    const mounted = from === undefined ? undefined : await this.#mount(repository, blob.digest, from);
    if (mounted === 'mounted') return success('mounted');
    const uploaded = await this.#upload(repository, blob, mounted);
    return uploaded.ok ? success('copied') : uploaded;
  }

  /** A session where the target makes one instead; undefined where it refuses, and the blob is uploaded like any other. */
  async #mount(
    repository: RepositoryName,
    digest: Digest,
    from: RepositoryName,
  ): Promise<'mounted' | Session | undefined> {
    const { target } = this.#options;
    const opened = await target.open(repository, { mount: { digest, from }, signal: target.signal });
    if (opened.ok && opened.value.kind === 'mounted') {
      this.#mounts = 'work';
      return 'mounted';
    }
    if (this.#mounts === 'untried') this.#mounts = 'refused';
    return opened.ok && opened.value.kind === 'session' ? opened.value.session : undefined;
  }

  async #upload(
    repository: RepositoryName,
    blob: Descriptor,
    opened: Session | undefined,
  ): Promise<Outcome<undefined>> {
    const { source, target } = this.#options;
    using watch = new Watch(target.signal);
    const { signal } = watch;
    const found = await source.openBlob(repository, blob.digest, signal);
    if (!found.ok) return watch.judge(found);
    const answer = found.value;
    if (answer === undefined) return failure('the source does not have it');
    let session = opened;
    let outcome: Outcome<undefined> = checkLength(answer, blob);
    if (outcome.ok && session === undefined) {
      const made = forGood(await target.open(repository, { mount: undefined, signal }));
      if (!made.ok) outcome = made;
      else if (made.value.kind === 'session') ({ session } = made.value);
    }
    if (outcome.ok && session !== undefined) outcome = watch.judge(await this.#send(answer, blob, session, watch));
    if (outcome.ok) return outcome;
    answer.abandon();
    // Of one that breaks off for a reason that may pass, the target hears anyway.
    if (session !== undefined && !outcome.failure.transient && !target.signal.aborted) await target.cancel(session);
    return outcome;
  }

  async #send(answer: Answer, blob: Descriptor, opened: Session, watch: Watch): Promise<Outcome<undefined>> {
    const { target, tally, chunkBytes } = this.#options;
    const { signal } = watch;
    const bytes = watch.over(verified(answer.stream(), blob), blob.size, (length) => {
      tally.sent(length);
    });
    const chunk = Math.max(chunkBytes ?? Infinity, opened.leastChunkBytes);
    if (blob.size <= chunk) return target.close(opened, blob.digest, { length: blob.size, pieces: bytes }, signal);
    const cuts = new Cuts(bytes);
    let session = opened;
    for (let start = 0; start < blob.size; start += chunk) {
      const length = Math.min(chunk, blob.size - start);
      const appended = await target.append(session, start, { length, pieces: cuts.next(length) }, signal);
      if (!appended.ok) return appended;
      session = appended.value;
    }
    return target.close(session, blob.digest, { length: 0, pieces: [] }, signal);
  }
}

function checkLength(answer: Answer, { size }: Descriptor): Outcome<undefined> {
  const { length } = answer;
  if (length === undefined || length === size) return success(undefined);
  return failure(`the source has it with ${length} bytes, but the manifest tells of ${size}`);
}

/** Ends a transfer in which nothing moves, and knows who was waited for. */
class Watch implements Disposable {
  readonly #stalled = new AbortController();
  readonly signal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  #waitsFor: 'source' | 'target' = 'source';

  constructor(run: AbortSignal) {
    this.signal = AbortSignal.any([run, this.#stalled.signal]);
  }

  async *over(
    pieces: AsyncIterable<Uint8Array>,
    size: number,
    onPiece: (bytes: number) => void,
  ): AsyncGenerator<Uint8Array> {
    this.#timer = setTimeout(() => {
      this.#stalled.abort();
    }, STALL_MS);
    let left = size;
    for await (const piece of pieces) {
      left -= piece.byteLength;
      // What the target does with all of them takes as long as it takes (exchange.ts).
      if (left <= 0) clearTimeout(this.#timer);
      else this.#timer.refresh();
      onPiece(piece.byteLength);
      this.#waitsFor = 'target';
      yield piece;
      this.#waitsFor = 'source';
    }
    clearTimeout(this.#timer);
  }

  judge<Value>(outcome: Outcome<Value>): Outcome<Value> {
    if (outcome.ok || !this.#stalled.signal.aborted) return outcome;
    return transientFailure(`the ${this.#waitsFor} has let no byte pass for ${STALL_MS / MS_PER_SECOND} seconds`);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
