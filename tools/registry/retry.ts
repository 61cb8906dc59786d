/** Trying again what failed for a reason that may pass, after a while that grows (RFC 9110 §10.2.3, Retry-After). */
import { setTimeout as delay } from 'node:timers/promises';
import { failure, type Outcome } from './outcome.ts';

const ATTEMPTS = 5;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** Who asks for more is not waited for; a second run goes on there. */
const LONGEST_RETRY_AFTER_MS = 600_000;
/** Of all pauses of one thing that is tried, so that who always asks for a little more holds nobody for hours. */
const MOST_WAITING_MS = 900_000;
const MS_PER_SECOND = 1_000;

const STATUSES_THAT_PASS: ReadonlySet<number> = new Set([408, 425, 429]);
/** Not implemented; a version that is not spoken; a full disk, which stays full. */
const FINAL_SERVER_ERRORS: ReadonlySet<number> = new Set([501, 505, 507]);
const SERVER_ERROR = 500;

export function isTransientStatus(status: number): boolean {
  return STATUSES_THAT_PASS.has(status) || (status >= SERVER_ERROR && !FINAL_SERVER_ERRORS.has(status));
}

/** Seconds, or a date. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * MS_PER_SECOND;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/** Half of it by chance, so that several that failed together do not come back together. */
export function backOffMs(attempt: number, random: number): number {
  const most = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  return Math.round((most * (1 + random)) / 2);
}

type Wait = (ms: number, signal: AbortSignal) => Promise<unknown>;

const waitFor: Wait = (ms, signal) => delay(ms, undefined, { signal });

/**
 * @param attempt is told how many there were before it.
 * @param wait rejects when the signal says so.
 */
export async function withRetries<Value>(
  signal: AbortSignal,
  attempt: (before: number) => Promise<Outcome<Value>>,
  wait = waitFor,
): Promise<Outcome<Value>> {
  let waitedMs = 0;
  for (let before = 0; ; before += 1) {
    if (signal.aborted) return failure('was stopped');
    const outcome = await attempt(before);
    if (outcome.ok || !outcome.failure.transient || before + 1 === ATTEMPTS) return outcome;
    const { retryAfterMs } = outcome.failure;
    if (retryAfterMs !== undefined && retryAfterMs > LONGEST_RETRY_AFTER_MS) return outcome;
    const pauseMs = Math.max(backOffMs(before, Math.random()), retryAfterMs ?? 0);
    waitedMs += pauseMs;
    if (waitedMs > MOST_WAITING_MS) return outcome;
    try {
      await wait(pauseMs, signal);
    } catch {
      // Stopped while it waited; the top of the loop says so.
    }
  }
}
