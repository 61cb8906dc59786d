/**
 * A limit as it is asked for and as it is stored: the part of its owner's rights that a credential has. Checked at both
 * ends by the one schema.
 */
import * as v from 'valibot';
import { parsePattern } from './patterns.ts';
import { ACTIONS, type Limit } from './principal.ts';

/** Of repository patterns in one limit. */
const MOST_PATTERNS = 100;

export const LimitSchema = v.strictObject({
  repositories: v.pipe(
    v.array(
      v.pipe(
        v.string('must be a repository pattern'),
        v.check((text) => parsePattern(text).ok, 'must be a repository pattern, as team/app, team/* or team/**'),
      ),
      'must be a list of repository patterns',
    ),
    v.minLength(1, 'must name at least one repository pattern; ** is all'),
    v.maxLength(MOST_PATTERNS, `may have ${MOST_PATTERNS} patterns`),
  ),
  actions: v.pipe(
    v.array(v.picklist(ACTIONS, 'must be pull, push or delete'), 'must be a list of actions'),
    v.minLength(1, 'must name at least one of pull, push and delete'),
    v.maxLength(ACTIONS.length, 'names an action twice'),
  ),
});

/**
 * Whether `narrow` surely allows nothing that `wide` does not. It may say no to what would be narrower: patterns are
 * compared as they are written, and only `x/**` and `**` are known to hold others.
 */
export function isWithin(narrow: Limit, wide: Limit): boolean {
  return (
    narrow.actions.every((action) => wide.actions.includes(action)) &&
    narrow.repositories.every((inner) => wide.repositories.some((outer) => holds(outer, inner)))
  );
}

function holds(outer: string, inner: string): boolean {
  if (outer === inner || outer === '**') return true;
  return outer.endsWith('/**') && !outer.slice(0, -3).includes('*') && inner.startsWith(outer.slice(0, -2));
}
