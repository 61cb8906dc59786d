/**
 * Why somebody may do something, or not: `POST /admin/access/explain`. Asks the very policy that requests are asked about,
 * and also tells which rules came close and what they lacked.
 */
import * as v from 'valibot';
import { parseAccountName } from '../../auth/account-name.ts';
import { carriedClaims, type Claims } from '../../auth/claims.ts';
import { configuredTokenServer } from '../../auth/configured-token-server.ts';
import { htpasswdOf } from '../../auth/htpasswd.ts';
import { isAddress } from '../../auth/networks.ts';
import { explain, type OwnPolicy } from '../../auth/policy.ts';
import { ACTIONS, type Principal } from '../../auth/principal.ts';
import { trustsOf } from '../../auth/trusts.ts';
import { workloadOf } from '../../auth/workload.ts';
import { parseRepositoryName } from '../../oci/repository-name.ts';
import { storedPolicy } from '../access/stored-policy.ts';
import { mistakes, readJson } from '../json-body.ts';
import { askedNowhere, notFound } from '../account-answers.ts';
import { Groups } from '../request-fields.ts';
import type { AdminContext } from './administrator.ts';

const SUBJECT = /^(user|robot|workload|outside|proxy):(.{1,255})$/;
const SUBJECT_PROBLEM =
  'must be user:<name>, robot:<name>, workload:<trust>, outside:<name>, proxy:<name> or anonymous';

const DISABLED = 'it is disabled';
const OUTSIDE_ALONE = 'here another token server says who comes in';

const Question = v.strictObject({
  subject: v.pipe(
    v.string(SUBJECT_PROBLEM),
    v.check((text) => text === 'anonymous' || SUBJECT.test(text), SUBJECT_PROBLEM),
  ),
  groups: v.optional(Groups),
  claims: v.optional(v.record(v.string(), v.unknown(), 'must be an object of claims')),
  repository: v.string('must be the name of a repository'),
  action: v.picklist(ACTIONS, 'must be pull, push or delete'),
  address: v.optional(
    v.pipe(
      v.string('must be an IP address'),
      v.check((text) => isAddress(text), 'must be an IP address'),
    ),
  ),
});

/**
 * `groups` stand in for those of the account, and `address` is where the subject is taken to be; `claims` are what the token of
 * a job says. What a token of an outside server may say besides, nobody here knows.
 */
export async function explainAccess(context: AdminContext): Promise<Response> {
  const { subject, groups, claims, repository: name, action, address } = await readJson(context, Question);
  const repository = parseRepositoryName(name);
  if (repository === undefined) throw mistakes(['repository must be the name of a repository']);
  const { principal, keptOut } = await subjectOf(context, { subject, groups, claims });
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
    signsIn: keptOut === undefined,
    ...(keptOut === undefined ? {} : { why: keptOut }),
  });
}

interface Subject {
  readonly principal: Principal;
  /**
   * Why nobody can come as it now; undefined where somebody can. The rules may well be about somebody who is disabled, or whose
   * name has a slip in it.
   */
  readonly keptOut: string | undefined;
}

/** As it would sign in with what has no limit but its own. A name of htpasswd has no groups. */
async function subjectOf(
  { meter, objects, config }: AdminContext,
  { subject, groups, claims }: Pick<v.InferOutput<typeof Question>, 'subject' | 'groups' | 'claims'>,
): Promise<Subject> {
  const [, kind, name = ''] = SUBJECT.exec(subject) ?? [];
  const isOutside = configuredTokenServer(config) !== undefined;
  const own = parseAccountName(name);
  if (kind === 'user') {
    const account = own === undefined ? undefined : await meter.call(objects.accounts().getAccount(own));
    const principal: Principal = { kind: 'user', name, groups: groups ?? account?.groups ?? [], limits: [] };
    const isKnown = account?.isDisabled === false || htpasswdOf(config).has(name);
    const unknown = account === undefined ? 'no account and no line of htpasswd has this name' : DISABLED;
    return { principal, keptOut: isOutside ? OUTSIDE_ALONE : isKnown ? undefined : unknown };
  }
  if (kind === 'outside')
    return {
      principal: { kind, name, limits: [] },
      keptOut: isOutside ? undefined : 'there is no other token server here',
    };
  if (kind === 'proxy') {
    const isProven = config.proxySecrets.length > 0;
    return {
      principal: { kind, name, limits: [] },
      keptOut: isProven ? undefined : 'no proxy can prove itself here: BERTH_PROXY_SECRET is not set',
    };
  }
  if (kind === 'workload') return jobOf(config, name, claims ?? {}, groups);
  if (kind !== 'robot') return { principal: { kind: 'anonymous' }, keptOut: undefined };
  const robot = own === undefined ? undefined : await meter.call(objects.accounts().getRobot(own));
  if (robot === undefined) throw notFound('robot');
  const keptOut = isOutside ? OUTSIDE_ALONE : robot.isDisabled ? DISABLED : undefined;
  return { principal: { kind: 'robot', name, limits: [robot.limit] }, keptOut };
}

/** A job of this trust that says these claims. Where the trust would not let it in, the rules are asked all the same. */
function jobOf(
  config: AdminContext['config'],
  name: string,
  said: Readonly<Record<string, unknown>>,
  groups: readonly string[] | undefined,
): Subject {
  const trusts = trustsOf(config);
  const trust = trusts.find((one) => one.name === name);
  if (trust === undefined) throw notFound('trust');
  const claims: Claims = carriedClaims(said, Object.keys(said), trust.groups?.claim);
  const { issuer } = trust;
  const job = workloadOf({ trust: name, issuer, claims }, trusts);
  if (typeof job !== 'string') return { principal: { ...job, groups: groups ?? job.groups }, keptOut: undefined };
  const stranger = { kind: 'workload', name: `${name}:?`, trust: name, issuer, claims, limits: [] } as const;
  const keptOut = `the trust ${name} does not let in a job with these claims: ${job}`;
  return { principal: { ...stranger, groups: groups ?? [] }, keptOut };
}

/** Fresh, since whoever asks has perhaps just changed it. */
async function policyNow({ policy: configured, meter, objects }: AdminContext): Promise<OwnPolicy> {
  const policy = configured.kind === 'token-server' ? configured.also : configured;
  if (policy === undefined) throw askedNowhere();
  if (policy.kind === 'document') return policy;
  return storedPolicy(await meter.call(objects.accounts().getPolicy())) ?? policy;
}
