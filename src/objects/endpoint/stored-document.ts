/** What has to be known of a stored document before its secrets can be read. */
import * as v from 'valibot';

const Summary = v.object({
  order: v.optional(v.picklist(['any', 'repository']), 'any'),
  disabled: v.optional(v.boolean(), false),
});

export function summaryOf(document: string): { order: 'any' | 'repository'; isDisabled: boolean } {
  const result = v.safeParse(Summary, JSON.parse(document));
  // What can't be read is told where it is used.
  if (!result.success) return { order: 'any', isDisabled: false };
  return { order: result.output.order, isDisabled: result.output.disabled };
}
