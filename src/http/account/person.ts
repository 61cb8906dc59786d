/**
 * Who sees and changes the tokens of an account or of an htpasswd line: its owner, who has signed in with the password or
 * with a token. The object is asked each time, so that a revocation holds here at once. A token that is limited sees itself
 * and what it made: one that leaks must not take the others away.
 */
import { byPassword } from '../../auth/authenticate.ts';
import { isJwt } from '../../auth/credentials.ts';
import { htpasswdOf } from '../../auth/htpasswd.ts';
import { parseSecret } from '../../auth/secret.ts';
import { isOfLine, type TokenOwnerKind } from '../../objects/accounts/messages.ts';
import type { Access } from '../access/access.ts';
import { brought, cameIn, credentialOf, turnedAway, type Brought, type Door } from '../access/door.ts';
import { refusedSignIn } from '../access/sign-in-answers.ts';
import type { Asked, Context } from '../context.ts';

const DOOR: Door = {
  name: 'account',
  challenge: 'Basic realm="Berth account"',
  message: 'sign in with your name and password, or with one of your personal access tokens',
};

interface Person {
  /** The name of the account, or of the htpasswd line. */
  readonly account: string;
  readonly ownerKind: TokenOwnerKind;
  /** The id of what was signed in with, or the line's mark. */
  readonly credential: string;
  /** What all else has to be made with, or be; undefined where the whole account is seen. */
  readonly within: string | undefined;
}

export interface PersonContext extends Context, Asked, Person {}

/**
 * Throws UNAUTHORIZED, or TOOMANYREQUESTS.
 *
 * @param open what passwords of htpasswd are checked with
 */
export async function asPerson(context: Context, open: () => Promise<Access>): Promise<PersonContext> {
  const ask = () => personOf(context, open);
  return { ...context, ...(await ask()), askAgain: ask };
}

async function personOf(context: Context, open: () => Promise<Access>): Promise<Person> {
  const sent = brought(DOOR, context);
  // A job signs in at the registry as people do, and is none.
  if (isJwt(sent.secret)) throw turnedAway(DOOR, context, 'no person');
  // Whether there is a line of that name, the time that it takes must not tell (CVE-2023-20902).
  const isLine = parseSecret(sent.secret) === undefined && htpasswdOf(context.config).size > 0;
  return isLine ? byLine(context, sent, await open()) : bySecret(context, sent);
}

async function byLine(context: Context, { name = '', secret }: Brought, { means }: Access): Promise<Person> {
  const result = await byPassword(name, secret, means);
  if (result.kind !== 'signed-in') throw refusedSignIn(result, DOOR.challenge, context);
  const { principal, credential, proof } = result;
  if (proof !== 'htpasswd') throw turnedAway(DOOR, context, 'no person');
  context.note({ principal });
  cameIn(DOOR, context, { actor: `user:${name}`, proof, credential });
  return { account: name, ownerKind: 'htpasswd', credential, within: credential };
}

async function bySecret(context: Context, sent: Brought): Promise<Person> {
  const found = await credentialOf(DOOR, context, sent, ['password', 'token']);
  const { id, kind, owner, limit, parent } = found;
  if (owner.kind !== 'user') throw turnedAway(DOOR, context, 'no person');
  context.note({ principal: { kind: 'user', name: owner.name, groups: owner.groups, limits: [] } });
  cameIn(DOOR, context, { actor: `user:${owner.name}`, proof: kind, credential: id });
  const line = isOfLine(found) ? parent : undefined;
  return {
    account: owner.name,
    ownerKind: line === undefined ? 'user' : 'htpasswd',
    credential: id,
    within: kind === 'token' && limit !== undefined ? id : line,
  };
}
