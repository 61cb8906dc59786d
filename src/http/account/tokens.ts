/** Somebody's own personal access tokens: `/account/tokens`. */
import { isOfLine } from '../../objects/accounts/messages.ts';
import { RegistryError } from '../../oci/error.ts';
import { KNOWN } from '../access/known.ts';
import { createdAnswer, notFound, shownToken } from '../account-answers.ts';
import { auditChange } from '../audit.ts';
import { freshSecret } from '../fresh-secret.ts';
import { listAnswer } from '../pages.ts';
import type { PersonContext } from './person.ts';
import { madeToken, readTokenRequest } from '../token-requests.ts';

export async function listOwnTokens(context: PersonContext): Promise<Response> {
  const { meter, objects, account, within, ownerKind } = context;
  const tokens = await meter.call(objects.accounts().listTokens(account, within, ownerKind));
  if (tokens === undefined) throw notFound('account');
  return listAnswer({ tokens: tokens.map(shownToken) }, new Headers());
}

/** The answer has the token, this once. */
export async function createOwnToken(context: PersonContext): Promise<Response> {
  const { meter, objects, account: owner, ownerKind, credential } = context;
  if (ownerKind === 'htpasswd' && !isOfLine({ parent: credential })) throw madeByLineAlone();
  const asked = await readTokenRequest(context);
  const { secret, secretHash } = freshSecret('token');
  const wanted = { ...asked, owner, secretHash, madeWith: credential };
  const token = madeToken(await meter.call(objects.accounts().makeToken(wanted)));
  auditChange(context, `user:${owner}`, { action: 'token created', subject: `user:${owner}`, credential: token.id });
  return createdAnswer({ ...shownToken(token), token: secret }, `/account/tokens/${token.id}`);
}

export async function revokeOwnToken(context: PersonContext): Promise<Response> {
  const { meter, objects, account, within, ownerKind, params } = context;
  const id = params['token'] ?? '';
  if (!(await meter.call(objects.accounts().revokeToken(account, id, within, ownerKind)))) throw notFound('token');
  KNOWN.forgetOwner(account);
  auditChange(context, `user:${account}`, { action: 'token revoked', subject: `user:${account}`, credential: id });
  return new Response(null, { status: 204 });
}

/** Otherwise it would not be seen that the line is gone which the first one was made with. */
function madeByLineAlone(): RegistryError {
  return new RegistryError('DENIED', {
    message: 'a token of somebody with an htpasswd password makes no other one: sign in with the password for that',
  });
}
