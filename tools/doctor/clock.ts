/** Whether the registry's clock agrees with ours (RFC 9110 §6.6.1, Date): tokens and certificates count on it. Pure. */
import { failed, ok, skipped, type Verdict } from './verdict.ts';

/** Distribution's tokens are taken so long before and after they are valid. */
const MOST_APART_MS = 60_000;
/** Date tells whole seconds. */
const ROUNDING_MS = 1_000;
const MS_PER_SECOND = 1_000;
const SECONDS_PER_MINUTE = 60;
const MINUTES_PER_HOUR = 60;

/** @param asked when the question went out, by our clock; @param answered when its answer came */
export function judgeClock(date: string | undefined, asked: Date, answered: Date): Verdict {
  if (date === undefined) return skipped('its answers have no Date');
  const theirs = Date.parse(date);
  if (Number.isNaN(theirs)) return skipped('the Date of its answers is none');
  const early = asked.getTime() - (theirs + ROUNDING_MS);
  const late = theirs - answered.getTime();
  const apart = Math.max(early, late);
  if (apart <= MOST_APART_MS) return ok('its clock and that of this machine agree to a minute');
  return failed(
    `its clock is ${span(apart)} ${late > early ? 'ahead of' : 'behind'} that of this machine`,
    'Set the one that is wrong (timedatectl set-ntp true): tokens are refused, and certificates seem to have expired.',
  );
}

function span(ms: number): string {
  const minutes = Math.round(ms / MS_PER_SECOND / SECONDS_PER_MINUTE);
  if (minutes < MINUTES_PER_HOUR) return `${String(minutes)} minute${minutes === 1 ? '' : 's'}`;
  const hours = Math.round(minutes / MINUTES_PER_HOUR);
  return `${String(hours)} hour${hours === 1 ? '' : 's'}`;
}
