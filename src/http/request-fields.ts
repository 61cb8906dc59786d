/** Fields that the bodies of the administration and of `/account` have in common. */
import * as v from 'valibot';
import { isAccountName, isGroupName } from '../auth/account-name.ts';
import { LimitSchema } from '../auth/limit.ts';
import { ACTIONS, type Limit } from '../auth/principal.ts';

const DAY_MS = 86_400_000;
const LONGEST_LIFETIME_DAYS = 3_650;
const LONGEST_DESCRIPTION_CHARACTERS = 200;
const MOST_GROUPS = 50;
const CONTROL_CHARACTER = /\p{Cc}/u;
const NAME_PROBLEM = 'must be 1 to 64 lower-case letters and digits, joined by . _ __ or -';

export const Name = v.pipe(v.string(NAME_PROBLEM), v.check(isAccountName, NAME_PROBLEM));
export const Groups = v.pipe(
  v.array(
    v.pipe(v.string('must be a name'), v.check(isGroupName, 'must be up to 128 letters, digits and . _ : / @ -')),
  ),
  v.maxLength(MOST_GROUPS, `may have ${MOST_GROUPS} groups`),
);
export const Flag = v.boolean('must be true or false');
export const Description = v.pipe(
  v.string('must be text'),
  v.maxLength(LONGEST_DESCRIPTION_CHARACTERS, `may have ${LONGEST_DESCRIPTION_CHARACTERS} characters`),
  v.check((text) => !CONTROL_CHARACTER.test(text), 'must be one line'),
);
const DAYS_PROBLEM = `must be a whole number of days from 1 to ${LONGEST_LIFETIME_DAYS}, or null for no end`;
/** `null`: for ever. */
export const Lifetime = v.nullable(
  v.pipe(
    v.number(DAYS_PROBLEM),
    v.integer(DAYS_PROBLEM),
    v.minValue(1, DAYS_PROBLEM),
    v.maxValue(LONGEST_LIFETIME_DAYS, DAYS_PROBLEM),
  ),
);
export const { repositories: Repositories, actions: Actions } = LimitSchema.entries;

export function expiryOf(days: number | null): number | undefined {
  return days === null ? undefined : Date.now() + days * DAY_MS;
}

/** The limit of `repositories` and `actions`, either of which may be left out for all. */
export function limitOf(
  repositories: readonly string[] | undefined,
  actions: Limit['actions'] | undefined,
): Limit | undefined {
  if (repositories === undefined && actions === undefined) return undefined;
  return { repositories: repositories ?? ['**'], actions: actions ?? ACTIONS };
}
