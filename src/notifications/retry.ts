/**
 * When a delivery that failed is tried again: exponential back-off with full jitter, so that a receiver which comes back is
 * not met by everything at once. What the receiver itself says (`Retry-After`, RFC 9110 §10.2.3) counts, up to the same
 * hour.
 */

const FIRST_RETRY_MS = 1_000;
export const LONGEST_RETRY_MS = 3_600_000;
const LONGEST_HEADER_CHARACTERS = 64;

/** @param attempts so far, the failed one included @param random from 0 to 1 */
export function retryDelayMs(attempts: number, retryAfterMs: number | undefined, random: number): number {
  const ceiling = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 20));
  const ownDelay = Math.max(1, Math.round(ceiling * random));
  return Math.max(ownDelay, Math.min(retryAfterMs ?? 0, LONGEST_RETRY_MS));
}

/** Seconds, or a date. `undefined` for anything else. */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  if (text === '' || text.length > LONGEST_HEADER_CHARACTERS || !text.endsWith('GMT')) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
