/**
 * Why somebody may do something, or not: `POST /admin/access/explain`. Asks the very policy that requests are asked about,
 * and also tells which rules came close and what they lacked.
 */
import * as v from 'valibot';
import { parseAccountName } from '../../auth/account-name.ts';
import { isAddress } from '../../auth/networks.ts';
import { parsePolicy } from '../../auth/policy-document.ts';
import { explain, type Policy } from '../../auth/policy.ts';
import type { Principal } from '../../auth/principal.ts';
import { parseRepositoryName } from '../../oci/repository-name.ts';
import { RegistryError } from '../../oci/error.ts';
import { fields, mistakes, readJson } from '../json-body.ts';
import type { AdminContext } from './administrator.ts';
import { Groups, notFound } from './views.ts';

const SUBJECT = /^(user|robot):(.{1,255})$/;
const SUBJECT_PROBLEM = 'must be user:<name>, robot:<name> or anonymous';

const Question = fields({
  subject: v.pipe(
    v.string(SUBJECT_PROBLEM),
    v.check((text) => text === 'anonymous' || SUBJECT.test(text), SUBJECT_PROBLEM),
  ),
  groups: v.optional(Groups),
  repository: v.string('must be the name of a repository'),
  action: v.picklist(['pull', 'push', 'delete'], 'must be pull, push or delete'),
  address: v.optional(
    v.pipe(
      v.string('must be an IP address'),
      v.check((text) => isAddress(text), 'must be an IP address'),
    ),
  ),
});

/** `groups` stand in for those of the account, and `address` is where the subject is taken to be. */
export async function explainAccess(context: AdminContext): Promise<Response> {
  const { subject, groups, repository: name, action, address } = await readJson(context, Question);
  const repository = parseRepositoryName(name);
  if (repository === undefined) throw mistakes(['repository must be the name of a repository']);
  const principal = await principalOf(context, subject, groups);
  const policy = await policyNow(context);
  const { decision, close } = explain(policy, principal, action, repository, {
    address,
    now: context.circumstances.now,
  });
  return Response.json({
    allowed: decision.allowed,
    rule: decision.rule,
    ...(decision.allowed ? { moves: decision.moves } : { message: decision.message }),
    close,
  });
}

/** As it would sign in with what has no limit but its own. A name of htpasswd has no groups. */
async function principalOf(
  { meter, objects }: AdminContext,
  subject: string,
  groups: readonly string[] | undefined,
): Promise<Principal> {
  const [, kind, name = ''] = SUBJECT.exec(subject) ?? [];
  const own = parseAccountName(name);
  if (kind === 'user') {
    const account = own === undefined ? undefined : await meter.call(objects.accounts().getAccount(own));
    return { kind: 'user', name, groups: groups ?? account?.groups ?? [], limits: [] };
  }
  if (kind !== 'robot') return { kind: 'anonymous' };
  const robot = own === undefined ? undefined : await meter.call(objects.accounts().getRobot(own));
  if (robot === undefined) throw notFound('robot');
  return { kind: 'robot', name, limits: [robot.limit] };
}

/** Fresh, since whoever asks has perhaps just changed it. */
async function policyNow({ policy, meter, objects }: AdminContext): Promise<Policy> {
  if (policy.kind === 'document') return policy;
  const stored = await meter.call(objects.accounts().getPolicy());
  if (stored === undefined) return policy;
  const parsed = parsePolicy(stored.document);
  if (parsed.ok) return parsed.policy;
  throw new RegistryError('UNAVAILABLE', { message: `the policy cannot be read here: ${parsed.mistakes.join('; ')}` });
}
