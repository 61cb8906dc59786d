/**
 * One upload session at the registry, as this proxy writes to it: chunk after chunk, each to the `Location` that the answer
 * before named (distribution-spec, "Pushing a blob in chunks"). A chunk that broke off is gone on with from the byte that
 * the registry says it has.
 */
import { headerOf, type HeaderList } from './headers.ts';
import { upstreamPath } from './locations.ts';
import { committedOf, contentRange, isWorthAnotherTry, MOST_FAILURES, pauseMs } from './resumption.ts';
import type { Answer, Outcome, Question, Upstream } from './upstream.ts';
import { withDigest } from './upload-request.ts';

const ACCEPTED = 202;
const RANGE_NOT_SATISFIABLE = 416;

/** How a request to the registry ended, tries and all. */
export type Sent =
  | { readonly kind: 'taken'; readonly answer: Answer }
  /** By the registry, for the client to hear. */
  | { readonly kind: 'refused'; readonly answer: Answer }
  /** Without an answer that the client could use. */
  | { readonly kind: 'failed'; readonly reason: string };

export interface SenderOptions {
  readonly upstream: Upstream;
  /** Path and query of the session. */
  readonly path: string;
  /** The client's, without what describes a body. */
  readonly headers: HeaderList;
  /** Says that the client is gone. */
  readonly signal: AbortSignal;
  /** Fulfilled after so long; rejects with the signal's reason. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onProgress: (bytes: number) => void;
  readonly onRetry: (reason: string, pauseMs: number) => void;
}

export class ChunkSender {
  readonly #options: SenderOptions;
  #path: string;
  /** Bytes that the session has; undefined: not known, or none or one. */
  #offset: number | undefined;
  /** Whether the offset is only what was heard in passing. */
  #isHearsay = false;
  /** Bytes of this upload that the registry has. */
  #taken = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#path = options.path;
  }

  get path(): string {
    return this.#path;
  }

  get offset(): number | undefined {
    return this.#offset;
  }

  startAt(offset: number, isHearsay: boolean): void {
    this.#offset = offset;
    this.#isHearsay = isHearsay;
  }

  /** Opens the session: a POST to its path. */
  async open(): Promise<Sent> {
    const outcome = await this.#ask({ method: 'POST' });
    if (outcome.kind === 'broken') return { kind: 'failed', reason: outcome.reason };
    const { answer } = outcome;
    if (answer.status !== ACCEPTED) return { kind: 'refused', answer };
    this.startAt(0, false);
    return this.#followed(answer);
  }

  /** Asks the registry for the offset. */
  async findOffset(): Promise<Sent> {
    const outcome = await this.#ask({ method: 'GET' });
    if (outcome.kind === 'broken') return { kind: 'failed', reason: outcome.reason };
    const { answer } = outcome;
    if (!isSuccess(answer)) return { kind: 'refused', answer };
    const committed = committedOf(headerOf(answer.headers, 'range'));
    // `0-0` may mean a byte. The answer to the first chunk tells, if that leaves open where it begins.
    if (committed !== undefined && committed > 0) this.startAt(committed, false);
    return this.#followed(answer);
  }

  /** @param isAlone whether it is all of a PATCH that said nothing of a range: it goes on as it came. */
  async send(bytes: Buffer, isAlone: boolean): Promise<Sent> {
    let rest = bytes;
    let failures = 0;
    let isRepeated = false;
    for (;;) {
      const first = this.#offset;
      const isRanged = first !== undefined && rest.length > 0 && (!isAlone || isRepeated);
      const outcome = await this.#ask({
        method: 'PATCH',
        headers: isRanged ? ['Content-Range', contentRange(first, rest.length)] : [],
        body: rest,
      });
      if (outcome.kind === 'answered') {
        const { answer } = outcome;
        if (isSuccess(answer)) {
          const followed = this.#followed(answer);
          if (followed.kind !== 'taken') return followed;
          const end = endOf(answer, first, rest.length);
          if (end === undefined) return { kind: 'failed', reason: 'the registry did not say how much it has' };
          if (first === undefined || end === first + rest.length) {
            this.#advance(end, rest.length);
            return followed;
          }
          // It has another part of it than it should: asked again, below.
        } else if (answer.status === RANGE_NOT_SATISFIABLE && this.#isHearsay && !isRepeated) {
          // Somebody wrote to the session without passing here. Where the chunk belongs is the registry's to say.
          this.#offset = undefined;
          this.#isHearsay = false;
          continue;
        } else if (!isWorthAnotherTry(answer.status, isRepeated)) return { kind: 'refused', answer };
      }
      if (first === undefined) return ending(outcome);

      failures += 1;
      isRepeated = true;
      const standing = await this.#standing(outcome, failures);
      if (standing.kind !== 'at') return standing;
      const { answer } = standing;
      // `0-0` is said of one byte too, and the registry has just refused what would be the first.
      const isOne = standing.committed === 0 && isAnswer(outcome, RANGE_NOT_SATISFIABLE);
      const committed = isOne ? 1 : standing.committed;
      if (committed < first || committed > first + rest.length) {
        const expected = `${String(first)} to ${String(first + rest.length)}`;
        return { kind: 'failed', reason: `the registry has ${String(committed)} bytes, where ${expected} could be` };
      }
      // What it has got further is progress, and the count begins anew.
      failures = committed > first ? 0 : standing.failures;
      this.#advance(committed, committed - first);
      rest = rest.subarray(committed - first);
      if (rest.length === 0) return { kind: 'taken', answer: { ...answer, status: ACCEPTED } };
    }
  }

  /** Ends the upload: a PUT without a body. It may be repeated: a registry answers it as the first time, or refuses. */
  async close(digest: string): Promise<Sent> {
    for (let failures = 0; ;) {
      const outcome = await this.#ask({ method: 'PUT', path: withDigest(this.#path, digest) });
      if (outcome.kind === 'answered') {
        const { answer } = outcome;
        if (isSuccess(answer)) return { kind: 'taken', answer };
        if (!isWorthAnotherTry(answer.status, failures > 0)) return { kind: 'refused', answer };
      }
      failures += 1;
      if (failures > MOST_FAILURES) return ending(outcome);
      await this.#pause(outcome, failures);
    }
  }

  /** Of a session that nobody else knows: it need not wait for its expiry. Never rejects. */
  async cancel(signal: AbortSignal): Promise<void> {
    await this.#ask({ method: 'DELETE', signal }).catch(() => undefined);
  }

  /** Waits and asks how much is there, until the registry says or patience is at its end. */
  async #standing(
    outcome: Outcome,
    failures: number,
  ): Promise<
    | { readonly kind: 'at'; readonly committed: number; readonly answer: Answer; readonly failures: number }
    | Exclude<Sent, { kind: 'taken' }>
  > {
    let latest = outcome;
    for (let count = failures; count <= MOST_FAILURES; count += 1) {
      await this.#pause(latest, count);
      latest = await this.#ask({ method: 'GET' });
      if (latest.kind === 'broken') continue;
      const { answer } = latest;
      if (isSuccess(answer)) {
        const followed = this.#followed(answer);
        if (followed.kind !== 'taken') return followed;
        const committed = committedOf(headerOf(answer.headers, 'range'));
        if (committed === undefined) return { kind: 'failed', reason: 'the registry did not say how much it has' };
        return { kind: 'at', committed, answer, failures: count };
      }
      if (!isWorthAnotherTry(answer.status, false)) return { kind: 'refused', answer };
    }
    return ending(latest);
  }

  async #pause(outcome: Outcome, failures: number): Promise<void> {
    const answer = outcome.kind === 'answered' ? outcome.answer : undefined;
    const retryAfter = answer === undefined ? undefined : headerOf(answer.headers, 'retry-after');
    const pause = pauseMs(failures, retryAfter, Date.now(), Math.random());
    this.#options.onRetry(reasonOf(outcome), pause);
    await this.#options.wait(pause, this.#options.signal);
  }

  #ask(question: Partial<Question> & { readonly method: string }): Promise<Outcome> {
    const { upstream, headers, signal, onProgress } = this.#options;
    let sent = 0;
    return upstream.exchange({
      path: this.#path,
      signal,
      onSent: (bytes) => {
        sent += bytes;
        onProgress(this.#taken + sent);
      },
      ...question,
      headers: [...headers, ...(question.headers ?? [])],
    });
  }

  #advance(offset: number, bytes: number): void {
    this.#offset = offset;
    this.#isHearsay = false;
    this.#taken += bytes;
    this.#options.onProgress(this.#taken);
  }

  /** The session goes on where the answer says. Not at another host: the client's password is for this one. */
  #followed(answer: Answer): Sent {
    const { upstream } = this.#options;
    const location = headerOf(answer.headers, 'location');
    if (location === undefined) return { kind: 'taken', answer };
    const path = upstreamPath(location, { upstream: upstream.url, path: this.#path });
    if (path === undefined)
      return { kind: 'failed', reason: `${upstream.url.origin} goes on with the upload at another host` };
    this.#path = path;
    return { kind: 'taken', answer };
  }
}

/** How many bytes a session has that took a chunk. A registry that does not say it has taken all. */
function endOf({ headers }: Answer, first: number | undefined, length: number): number | undefined {
  const committed = committedOf(headerOf(headers, 'range'));
  const isOneByte = committed === 0 && (first ?? 0) + length === 1;
  if (isOneByte) return 1;
  return committed ?? (first === undefined ? undefined : first + length);
}

function isAnswer(outcome: Outcome, status: number): boolean {
  return outcome.kind === 'answered' && outcome.answer.status === status;
}

function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300;
}

function ending(outcome: Outcome): Exclude<Sent, { kind: 'taken' }> {
  if (outcome.kind === 'answered' && !isSuccess(outcome.answer)) return { kind: 'refused', answer: outcome.answer };
  return { kind: 'failed', reason: reasonOf(outcome) };
}

function reasonOf(outcome: Outcome): string {
  if (outcome.kind === 'broken') return outcome.reason;
  const { status } = outcome.answer;
  return isSuccess(outcome.answer) ? 'the registry has not taken all of it' : `the registry answered ${String(status)}`;
}
