/** Robots: `/admin/robots`, `/admin/robots/<name>` and its secret. A robot has repositories and actions of its own. */
import * as v from 'valibot';
import type { RobotView } from '../../objects/accounts/messages.ts';
import { query } from '../context.ts';
import { freshSecret } from '../fresh-secret.ts';
import { readJson } from '../json-body.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from '../pages.ts';
import { createdAnswer, createdView, nameOf, notFound, shownDay, shownTime, timeOf } from '../account-answers.ts';
import { Actions, Description, expiryOf, Flag, Lifetime, Name, Repositories } from '../request-fields.ts';
import type { AdminContext } from './administrator.ts';
import { changed } from './changed.ts';

const NewRobot = v.strictObject({
  name: Name,
  description: v.optional(Description, ''),
  repositories: Repositories,
  actions: Actions,
  expiresInDays: v.optional(Lifetime, null),
});
const RobotChange = v.strictObject({
  description: v.optional(Description),
  repositories: v.optional(Repositories),
  actions: v.optional(Actions),
  disabled: v.optional(Flag),
});
const Renewal = v.strictObject({ expiresInDays: v.optional(Lifetime, null) });

export async function listRobots(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const size = pageSizeOf(context);
  const found = await meter.call(objects.accounts().listRobots(query(context, 'last') ?? '', size + 1));
  const { page, last } = cutPage(found, size);
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last: last.name }));
  return listAnswer({ robots: page.map(shown) }, headers);
}

export async function getRobot(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const found = await meter.call(objects.accounts().getRobot(nameOf(context, 'robot')));
  if (found === undefined) throw notFound('robot');
  return listAnswer(shown(found), new Headers());
}

/** The answer has the secret, this once. */
export async function createRobot(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const { name, description, repositories, actions, expiresInDays } = await readJson(context, NewRobot);
  const { secret, secretHash } = freshSecret('robot');
  const robot = { name, description, limit: { repositories, actions }, secretHash, expiresAt: expiryOf(expiresInDays) };
  const view = createdView(await meter.call(objects.accounts().createRobot(robot)), 'robot', name);
  changed(context, { action: 'robot created', subject: `robot:${name}` });
  return createdAnswer({ ...shown(view), secret }, `/admin/robots/${name}`);
}

export async function changeRobot(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'robot');
  const { description, repositories, actions, disabled } = await readJson(context, RobotChange);
  const change = { description, repositories, actions, isDisabled: disabled };
  const view = await meter.call(objects.accounts().changeRobot(name, change));
  if (view === undefined) throw notFound('robot');
  changed(context, { action: 'robot changed', subject: `robot:${name}` });
  return Response.json(shown(view));
}

export async function deleteRobot(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'robot');
  if (!(await meter.call(objects.accounts().remove('robot', name)))) throw notFound('robot');
  changed(context, { action: 'robot deleted', subject: `robot:${name}` });
  return new Response(null, { status: 204 });
}

/** A new secret in place of the old one, told this once. */
export async function renewRobot(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const name = nameOf(context, 'robot');
  const { expiresInDays } = await readJson(context, Renewal);
  const { secret, secretHash } = freshSecret('robot');
  const view = await meter.call(objects.accounts().renewRobot(name, secretHash, expiryOf(expiresInDays)));
  if (view === undefined) throw notFound('robot');
  changed(context, { action: 'robot secret renewed', subject: `robot:${name}` });
  return Response.json({ ...shown(view), secret });
}

function shown({ name, description, limit, isDisabled, createdAt, expiresAt, lastUsedDay }: RobotView) {
  return {
    name,
    description,
    repositories: limit.repositories,
    actions: limit.actions,
    disabled: isDisabled,
    created: timeOf(createdAt),
    expires: shownTime(expiresAt),
    lastUsed: shownDay(lastUsedDay),
  };
}
