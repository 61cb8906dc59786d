/**
 * Who may use the admin API: whoever has `BERTH_ADMIN_PASSWORD`, or a token marked for it of an account that is marked as
 * an administrator. Nothing else opens it: no policy, no open loopback, and no token of the token endpoint, whoever it was
 * made for (CVE-2026-123710). The object is asked each time, so that a revocation holds here at once.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { networkOf } from '../../auth/networks.ts';
import { parseSecret } from '../../auth/secret.ts';
import { RegistryError } from '../../oci/error.ts';
import { brought, cameIn, credentialOf, turnedAway, type Brought, type Door } from '../access/door.ts';
import { GUESSES, type LimiterBindings } from '../access/guesses.ts';
import { refusedSignIn } from '../access/sign-in-answers.ts';
import type { Asked, Context } from '../context.ts';
import { GUESS_PACE, isGuessable } from './guess-pace.ts';

const DOOR: Door = {
  name: 'admin',
  challenge: 'Basic realm="Berth administration"',
  message:
    'the admin API takes the password of the setting BERTH_ADMIN_PASSWORD, as the user "admin" or as a Bearer token, ' +
    "or an administrator's personal access token that was marked for it",
};
/** The user that the password is of, where a client wants one. */
const ADMIN_USER = 'admin';
export const PASSWORD_ACTOR = 'admin password';

export interface AdminContext extends Context, Asked {
  /** As it stands in the log: `user:alice`, or `admin password`. */
  readonly actor: string;
}

/** Throws UNAUTHORIZED, TOOMANYREQUESTS for a guess too many, or DENIED for somebody who is known and is no administrator. */
export async function asAdministrator(context: Context, limiters: LimiterBindings): Promise<AdminContext> {
  const ask = () => administrator(context, limiters);
  return { ...context, actor: await ask(), askAgain: ask };
}

async function administrator(context: Context, limiters: LimiterBindings): Promise<string> {
  const sent = brought(DOOR, context);
  if (parseSecret(sent.secret) === undefined) {
    await demandPassword(context, sent, limiters);
    cameIn(DOOR, context, { actor: PASSWORD_ACTOR, proof: 'admin password', credential: PASSWORD_ACTOR });
    return PASSWORD_ACTOR;
  }
  const { id, owner, opensAdmin } = await credentialOf(DOOR, context, sent, ['token']);
  if (owner.kind !== 'user' || !opensAdmin || !owner.isAdministrator) {
    throw new RegistryError('DENIED', {
      message: 'this token does not open the admin API: it takes one that an administrator had marked for it',
    });
  }
  const actor = `user:${owner.name}`;
  context.note({ principal: { kind: 'user', name: owner.name, groups: owner.groups, limits: [] } });
  cameIn(DOOR, context, { actor, proof: 'token', credential: id });
  return actor;
}

/**
 * Guesses wait, and only those of one network for each other. Where networks are not known, guesses at what a person made up
 * have a pace (guess-pace.ts).
 */
async function demandPassword(context: Context, sent: Brought, limiters: LimiterBindings): Promise<void> {
  const { circumstances, config } = context;
  const { now } = circumstances;
  const network = networkOf(circumstances.address);
  const seconds = GUESSES.waitSeconds(PASSWORD_ACTOR, network, now);
  if (seconds !== undefined) throw refusedSignIn({ kind: 'too-many', seconds }, DOOR.challenge, context);
  const isPaced = network === undefined && config.adminPassword !== undefined && isGuessable(config.adminPassword);
  if (isPaced && !(await GUESS_PACE.turn())) throw refusedSignIn({ kind: 'busy' }, DOOR.challenge, context);
  if (isAdminPassword(sent, config.adminPassword)) {
    if (isPaced) GUESS_PACE.giveBack();
    return;
  }
  await GUESSES.count(PASSWORD_ACTOR, network, now, limiters);
  throw turnedAway(DOOR, context, 'wrong admin password');
}

/** In a time that depends on neither: both are hashed first. */
function isAdminPassword({ name, secret }: Brought, password: string | undefined): boolean {
  if (password === undefined || (name !== undefined && name !== ADMIN_USER)) return false;
  return timingSafeEqual(sha256(secret), sha256(password));
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
