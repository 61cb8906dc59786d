/** Accounts: `/admin/accounts`, `/admin/accounts/<name>` and its password. */
import * as v from 'valibot';
import type { AccountView } from '../../objects/accounts/messages.ts';
import { query } from '../context.ts';
import { freshSecret } from '../fresh-secret.ts';
import { readJson } from '../json-body.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from '../pages.ts';
import { createdAnswer, createdView, nameOf, notFound, timeOf } from '../account-answers.ts';
import { Flag, Groups, Name } from '../request-fields.ts';
import type { AdminContext } from './administrator.ts';
import { changed } from './changed.ts';

const NewAccount = v.strictObject({
  name: Name,
  groups: v.optional(Groups, []),
  administrator: v.optional(Flag, false),
});
const AccountChange = v.strictObject({
  groups: v.optional(Groups),
  administrator: v.optional(Flag),
  disabled: v.optional(Flag),
});

export async function listAccounts(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const size = pageSizeOf(context);
  const found = await meter.call(objects.accounts().listAccounts(query(context, 'last') ?? '', size + 1));
  const { page, last } = cutPage(found, size);
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last: last.name }));
  return listAnswer({ accounts: page.map(shown) }, headers);
}

export async function getAccount(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const found = await meter.call(objects.accounts().getAccount(nameOf(context, 'account')));
  if (found === undefined) throw notFound('account');
  return listAnswer(shown(found), new Headers());
}

/** The answer has the password, this once. */
export async function createAccount(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const { name, groups, administrator: isAdministrator } = await readJson(context, NewAccount);
  const { secret, secretHash } = freshSecret('password');
  const result = await meter.call(objects.accounts().createAccount({ name, groups, isAdministrator, secretHash }));
  const view = createdView(result, 'account', name);
  changed(context, { action: 'account created', subject: `user:${name}` });
  return createdAnswer({ ...shown(view), password: secret }, `/admin/accounts/${name}`);
}

export async function changeAccount(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'account');
  const { groups, administrator: isAdministrator, disabled: isDisabled } = await readJson(context, AccountChange);
  const view = await meter.call(objects.accounts().changeAccount(name, { groups, isAdministrator, isDisabled }));
  if (view === undefined) throw notFound('account');
  changed(context, { action: 'account changed', subject: `user:${name}` });
  return Response.json(shown(view));
}

export async function deleteAccount(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'account');
  if (!(await meter.call(objects.accounts().remove('user', name)))) throw notFound('account');
  changed(context, { action: 'account deleted', subject: `user:${name}` });
  return new Response(null, { status: 204 });
}

/** A new password in place of the old one, told this once. */
export async function renewPassword(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'account');
  await readJson(context, v.strictObject({}));
  const { secret, secretHash } = freshSecret('password');
  if (!(await meter.call(objects.accounts().renewPassword(name, secretHash)))) throw notFound('account');
  changed(context, { action: 'password renewed', subject: `user:${name}` });
  return Response.json({ name, password: secret });
}

function shown({ name, groups, isAdministrator, isDisabled, createdAt }: AccountView) {
  return { name, groups, administrator: isAdministrator, disabled: isDisabled, created: timeOf(createdAt) };
}
