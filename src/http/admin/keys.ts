/** The keys that Berth's own tokens are signed with: `POST /admin/keys/rotate`. */
import * as v from 'valibot';
import { readJson } from '../json-body.ts';
import { conflict, timeOf } from '../account-answers.ts';
import { Flag } from '../request-fields.ts';
import type { AdminContext } from './administrator.ts';
import { changed } from './changed.ts';

/** `forgetOld`: for when somebody else may have a key. Every token so far is void, and clients sign in anew by themselves. */
const Rotation = v.strictObject({ forgetOld: v.optional(Flag, false) });

export async function rotateKeys(context: AdminContext): Promise<Response> {
  const { meter, objects } = context;
  const { forgetOld } = await readJson(context, Rotation);
  const result = await meter.call(objects.accounts().rotateKeys(forgetOld));
  if (result.kind === 'too-many') {
    throw conflict('there are too many keys whose tokens may still live: wait some hours, or say "forgetOld": true');
  }
  changed(context, { action: forgetOld ? 'keys replaced' : 'key rotated', subject: `key:${result.kid}` });
  return Response.json({ kid: result.kid, signsFrom: timeOf(result.signsFrom) });
}
