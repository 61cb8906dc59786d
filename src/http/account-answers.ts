/** How the administration and `/account` answer: what is there, what was made, and what is in the way. */
import { parseAccountName, type AccountName } from '../auth/account-name.ts';
import type { CreateResult, TokenView } from '../objects/accounts/messages.ts';
import { RegistryError } from '../oci/error.ts';
import type { Context } from './context.ts';

const DAY_MS = 86_400_000;

/** The name in the path. What can be no name is nobody's. */
export function nameOf({ params }: Context, parameter: 'account' | 'robot'): AccountName {
  const name = parseAccountName(params[parameter] ?? '');
  if (name === undefined) throw notFound(parameter);
  return name;
}

export function notFound(what: string): RegistryError {
  return new RegistryError('NOT_FOUND', { message: `there is no such ${what}` });
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

/** Where the tokens of an outside server decide alone. */
export function askedNowhere(): RegistryError {
  return conflict(
    'no policy is asked here, since the tokens of BERTH_TOKEN_SERVER decide alone: "policy": "also" there has one asked too',
  );
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
