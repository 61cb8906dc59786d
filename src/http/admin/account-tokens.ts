/** An account's personal access tokens, for an administrator: `/admin/accounts/<name>/tokens`. */
import { madeToken, readTokenRequest } from '../token-requests.ts';
import { freshSecret } from '../fresh-secret.ts';
import { listAnswer } from '../pages.ts';
import { RegistryError } from '../../oci/error.ts';
import { createdAnswer, nameOf, notFound, shownToken } from '../account-answers.ts';
import { PASSWORD_ACTOR, type AdminContext } from './administrator.ts';
import { changed } from './changed.ts';

export async function listAccountTokens(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const tokens = await meter.call(objects.accounts().listTokens(nameOf(context, 'account'), undefined));
  if (tokens === undefined) throw notFound('account');
  return listAnswer({ tokens: tokens.map(shownToken) }, new Headers());
}

export async function createAccountToken(context: AdminContext): Promise<Response> {
  const { meter, objects, actor } = context;
  const owner = nameOf(context, 'account');
  const asked = await readTokenRequest(context);
  // Otherwise one that is about to end, or to be revoked, would live on in another.
  if (asked.opensAdmin && actor !== PASSWORD_ACTOR) {
    throw new RegistryError('DENIED', {
      message:
        "a token that opens the admin API is made with a password: that of the administration, or the account's own",
    });
  }
  const { secret, secretHash } = freshSecret('token');
  const wanted = { ...asked, owner, secretHash, madeWith: undefined };
  const token = madeToken(await meter.call(objects.accounts().makeToken(wanted)));
  changed(context, { action: 'token created', subject: `user:${owner}`, credential: token.id });
  return createdAnswer({ ...shownToken(token), token: secret }, `/admin/accounts/${owner}/tokens/${token.id}`);
}

export async function revokeAccountToken(context: AdminContext): Promise<Response> {
  const { meter, objects, params } = context;
  const owner = nameOf(context, 'account');
  const id = params['token'] ?? '';
  if (!(await meter.call(objects.accounts().revokeToken(owner, id, undefined)))) throw notFound('token');
  changed(context, { action: 'token revoked', subject: `user:${owner}`, credential: id });
  return new Response(null, { status: 204 });
}
