/** What the administration's bodies have in common: the fields that callers send, and how times and limits are shown. */
import * as v from 'valibot';
import { isAccountName, isGroupName, parseAccountName, type AccountName } from '../../auth/account-name.ts';
import { LimitSchema } from '../../auth/limit.ts';
import type { Limit } from '../../auth/principal.ts';
import type { CreateResult, TokenView } from '../../objects/accounts/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import type { Context } from '../context.ts';

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

/** The name in the path. What can be no name is nobody's. */
export function nameOf({ params }: Context, parameter: 'account' | 'robot'): AccountName {
  const name = parseAccountName(params[parameter] ?? '');
  if (name === undefined) throw notFound(parameter);
  return name;
}

export function notFound(what: string): RegistryError {
  return new RegistryError('NOT_FOUND', { message: `there is no such ${what}` });
}

/** The limit of `repositories` and `actions`, either of which may be left out for all. */
export function limitOf(
  repositories: readonly string[] | undefined,
  actions: Limit['actions'] | undefined,
): Limit | undefined {
  if (repositories === undefined && actions === undefined) return undefined;
  return { repositories: repositories ?? ['**'], actions: actions ?? ['pull', 'push', 'delete'] };
}

/** What was created, or throws what is in the way. */
export function createdView<View>(result: CreateResult<View>, what: string, name: string): View {
  switch (result.kind) {
    case 'created':
      return result.view;
    case 'exists':
      throw conflict(`there is the ${what} ${name} already`);
    case 'retired':
      throw conflict(
        `the ${what} ${name} was deleted, and its name is not given again before ${dayOf(result.until)}: ` +
          'a rule or a person may still mean the one who had it',
      );
    case 'full':
      throw conflict(`there are ${String(result.most)} of them, and no more are kept`);
  }
}

export function conflict(message: string): RegistryError {
  return new RegistryError('CONFLICT', { message });
}

/** RFC 3339. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

export function shownTime(ms: number | undefined): string | null {
  return ms === undefined ? null : timeOf(ms);
}

/** @param day counted since the epoch */
export function shownDay(day: number | undefined): string | null {
  return day === undefined ? null : dayOf(day * DAY_MS);
}

function dayOf(ms: number): string {
  return timeOf(ms).slice(0, 10);
}

export function shownToken(token: TokenView) {
  const { id, description, limit, opensAdmin, createdAt, expiresAt, lastUsedDay } = token;
  return {
    id,
    description,
    repositories: limit?.repositories ?? null,
    actions: limit?.actions ?? null,
    administrator: opensAdmin,
    created: timeOf(createdAt),
    expires: shownTime(expiresAt),
    lastUsed: shownDay(lastUsedDay),
  };
}

/** 201, with a secret in it that is told this once. */
export function createdAnswer(value: unknown, location: string): Response {
  return Response.json(value, { status: 201, headers: { location } });
}
