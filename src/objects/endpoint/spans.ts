/** Parts of the log, put together. Pure. */
import type { Span } from '../event-log/messages.ts';

/** Numbers that follow one another, as spans. @param numbers in their order */
export function runsOf(numbers: readonly number[]): Span[] {
  return joined(numbers.map((number) => ({ first: number, last: number })));
}

/** Spans that meet are one. @param spans by their beginnings */
export function joined(spans: readonly Span[]): Span[] {
  const whole: { first: number; last: number }[] = [];
  for (const { first, last } of spans) {
    const open = whole.at(-1);
    if (open !== undefined && first <= open.last + 1) open.last = Math.max(open.last, last);
    else whole.push({ first, last });
  }
  return whole;
}
