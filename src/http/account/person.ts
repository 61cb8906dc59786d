/**
 * Who sees and changes the tokens of an account: its owner, who has signed in with the password or with a token. The object
 * is asked each time, so that a revocation holds here at once. A token that is limited sees itself and what it made: one that
 * leaks must not take the others away.
 */
import { brought, credentialOf, turnedAway, type Door } from '../access/door.ts';
import type { Context } from '../context.ts';

const DOOR: Door = {
  challenge: 'Basic realm="Berth account"',
  message: "sign in with your account's name and password, or with one of its personal access tokens",
};

export interface PersonContext extends Context {
  /** The account's name. */
  readonly account: string;
  /** The id of what was signed in with. */
  readonly credential: string;
  /** The token that all else has to be made with, or be; undefined where the whole account is seen. */
  readonly within: string | undefined;
}

/** Throws UNAUTHORIZED, or TOOMANYREQUESTS. */
export async function asPerson(context: Context): Promise<PersonContext> {
  const found = await credentialOf(DOOR, context, brought(DOOR, context), ['password', 'token']);
  const { owner } = found;
  if (owner.kind !== 'user') throw turnedAway(DOOR, context, 'no person');
  context.note({ principal: { kind: 'user', name: owner.name, groups: owner.groups, limits: [] } });
  const within = found.kind === 'token' && found.limit !== undefined ? found.id : undefined;
  return { ...context, account: owner.name, credential: found.id, within };
}
