/**
 * What to do about an attempt to send a chunk that did not end well: whether to try again, when, and from which byte
 * (distribution-spec, "Pushing a blob in chunks": the `Range` of a session is what it has). Pure.
 */

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
/** What a registry may ask for by Retry-After; beyond that nobody sits and waits. */
const LONGEST_ASKED_PAUSE_MS = 60_000;
/** In a row, without a byte of progress: about a minute in all. */
export const MOST_FAILURES = 8;

const REQUEST_TIMEOUT = 408;
const TOO_MANY_REQUESTS = 429;
const SERVER_ERROR = 500;
/** RFC 9110 §15.6.2, §15.6.6; RFC 4918 §11.5: they will say the same again. */
const LASTING: ReadonlySet<number> = new Set([501, 505, 507]);
const CONFLICT = 409;
const RANGE_NOT_SATISFIABLE = 416;

/**
 * @param isRepeated whether an attempt before this one may have left something behind: a connection that broke off here may
 *   still be read from there, so that the registry finds two who write, or more bytes than it just said.
 */
export function isWorthAnotherTry(status: number, isRepeated: boolean): boolean {
  if (status === REQUEST_TIMEOUT || status === TOO_MANY_REQUESTS) return true;
  if (isRepeated && (status === CONFLICT || status === RANGE_NOT_SATISFIABLE)) return true;
  return status >= SERVER_ERROR && !LASTING.has(status);
}

/**
 * How long to wait after so many failures in a row.
 * @param chance from 0 to 1, so that those who failed together do not come back together.
 */
export function pauseMs(failures: number, retryAfter: string | undefined, now: number, chance: number): number {
  const asked = askedPauseMs(retryAfter, now);
  if (asked !== undefined) return Math.min(LONGEST_ASKED_PAUSE_MS, Math.max(0, asked));
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return longest / 2 + (longest / 2) * chance;
}

/** RFC 9110 §10.2.3: seconds, or a date. */
function askedPauseMs(retryAfter: string | undefined, now: number): number | undefined {
  if (retryAfter === undefined) return undefined;
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1_000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? undefined : date - now;
}

/** How many bytes a session has. `0-0` is said of none and of one: the former, unless more is known. Undefined: unsaid. */
export function committedOf(range: string | undefined): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(range ?? '')?.[1];
  if (last === undefined) return undefined;
  return last === '0' ? 0 : Number(last) + 1;
}

/** `first-last`, both inclusive. */
export function contentRange(first: number, length: number): string {
  return `${String(first)}-${String(first + length - 1)}`;
}
