/** The page size `n` of lists (distribution-spec, "Listing Tags"). */

const WHOLE_NUMBER = /^\d+$/;

/** Absent: a full page. Above the limit: clamped to it. Negative, fractional or no number: `invalid`. */
export function parsePageSize(input: string | undefined, limit: number): number | 'invalid' {
  if (input === undefined) return limit;
  return WHOLE_NUMBER.test(input) ? Math.min(Number(input), limit) : 'invalid';
}
