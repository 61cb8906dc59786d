/**
 * How something ended that may go wrong for reasons outside of this program: a registry that refuses, a network that
 * breaks. Such an end is a value with one line for people; exceptions are for our own defects.
 */

export interface Failure {
  /** One line. It never holds a password, a token, or a query of an address, which may be signed. */
  readonly reason: string;
  /** Worth another try: the network, a 5xx, 408, 429. */
  readonly transient: boolean;
  /** How long the registry asks to be left alone. */
  readonly retryAfterMs?: number;
  /** The network's: whoever was asked has said nothing, so has refused nothing. */
  readonly isUnanswered?: true;
}

export interface Failed {
  readonly ok: false;
  readonly failure: Failure;
}

export type Outcome<Value> = { readonly ok: true; readonly value: Value } | Failed;

export function success<Value>(value: Value): Outcome<Value> {
  return { ok: true, value };
}

/** For good: another try would end the same. */
export function failure(reason: string): Failed {
  return { ok: false, failure: { reason, transient: false } };
}

export function transientFailure(reason: string, retryAfterMs?: number): Failed {
  return {
    ok: false,
    failure: { reason, transient: true, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  };
}

export function unanswered(reason: string, { transient }: Pick<Failure, 'transient'>): Failed {
  return { ok: false, failure: { reason, transient, isUnanswered: true } };
}

/** An outcome that nobody should try to better. */
export function forGood<Value>(outcome: Outcome<Value>): Outcome<Value> {
  if (outcome.ok) return outcome;
  const { reason, isUnanswered } = outcome.failure;
  return isUnanswered === undefined ? failure(reason) : unanswered(reason, { transient: false });
}

/** The way of a failure through a stream of bytes, which has no other; caught where the stream is consumed. */
export class StreamFailure extends Error {
  override readonly name = 'StreamFailure';
  readonly failure: Failure;

  constructor(reason: string, { transient }: { readonly transient: boolean }) {
    super(reason);
    this.failure = { reason, transient };
  }
}

const MAX_QUOTED_CHARACTERS = 200;

/** What somebody else wrote, fit for one line: nothing that a terminal would obey, and not long. */
export function quoted(text: string): string {
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return plain.length <= MAX_QUOTED_CHARACTERS ? plain : `${plain.slice(0, MAX_QUOTED_CHARACTERS)}…`;
}
