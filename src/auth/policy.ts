/**
 * Who may do what. Pure: no I/O, no clock.
 *
 * A policy is a document of rules, or where there is none the setting BERTH_ANONYMOUS. What no rule allows is refused. Where
 * tokens come from an outside server, they say themselves what they allow, and one of these may be asked besides.
 * A rule allows what fits all of its parts, and no rule takes away what another one gives, so their order decides
 * nothing but which one the log names. The limits of a credential and the scope of a token then narrow that.
 */
import type { Config } from '../config.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { Circumstances, Decision, Refused, Right } from './decision.ts';
import { parsePattern, type Pattern } from './patterns.ts';
import type { PolicyDocument, Rule } from './policy-document.ts';
import { covers, isAboutRepository, isForCaller, lacksOf, type Lack, type Question } from './policy-rules.ts';
import { decideBySetting, decideByToken } from './policy-setting.ts';
import { principalName, type Action, type Limit, type Principal } from './principal.ts';

export type OwnPolicy = { readonly kind: 'setting'; readonly anonymous: Config['anonymous'] } | PolicyDocument;

/** `also`: what has to allow it besides the token of the outside server; undefined where that decides alone. */
export type Policy = OwnPolicy | { readonly kind: 'token-server'; readonly also: OwnPolicy | undefined };

/** Of the rules that came close, so many are told. */
const MOST_CLOSE_RULES = 5;
/** A rule that lacks more has nothing to do with the question. */
const MOST_LACKS = 2;

const NO_POLICY_YET: Refused = {
  allowed: false,
  rule: 'no policy',
  reason: 'policy',
  message: 'this registry asks its policy besides the token server, and has none yet: its operator has to give one',
};

const DOING = { pull: 'pull from', push: 'push to', delete: 'delete in' } as const satisfies Record<Action, string>;

/**
 * @param repository undefined for a right that is of none; and for every one at once, which is also what a name stands
 *   for that no repository can have
 */
export function authorize(
  policy: Policy,
  principal: Principal,
  right: Right,
  repository: RepositoryName | undefined,
  circumstances: Circumstances,
): Decision {
  // What such a token is for its server has said: who lacks that fetches another one, whatever a policy says of it.
  const tooNarrow = policy.kind === 'token-server' ? beyondScope(principal, right, repository) : undefined;
  if (tooNarrow !== undefined) return tooNarrow;
  const decision = decide(policy, principal, right, repository, circumstances);
  if (!decision.allowed) return decision;
  return beyondScope(principal, right, repository) ?? decision;
}

/** Without the scope of a token. */
function decide(
  policy: Policy,
  principal: Principal,
  right: Right,
  repository: RepositoryName | undefined,
  circumstances: Circumstances,
): Decision {
  const decision = decideByPolicy(policy, principal, right, repository, circumstances);
  return decision.allowed ? (beyondLimits(principal, right, repository) ?? decision) : decision;
}

function decideByPolicy(
  policy: Policy,
  principal: Principal,
  right: Right,
  repository: RepositoryName | undefined,
  circumstances: Circumstances,
): Decision {
  switch (policy.kind) {
    case 'setting':
      return decideBySetting(policy.anonymous, principal, right);
    case 'document':
      return decideByDocument(policy.rules, principal, right, repository, circumstances);
    case 'token-server': {
      const byToken = decideByToken(principal);
      if (!byToken.allowed || policy.also === undefined || right === 'ping') return byToken;
      if (policy.also.kind === 'setting') return NO_POLICY_YET;
      return decideByPolicy(policy.also, principal, right, repository, circumstances);
    }
  }
}

/** A rule that did not allow it, and what of it did not fit. */
export interface CloseRule {
  readonly rule: string;
  readonly lacks: readonly Lack[];
}

/**
 * The decision, and the rules that came close: those of a document that lack one part or two, the closest first. Where
 * it is allowed, there is nothing to be close to.
 */
export function explain(
  policy: Policy,
  principal: Principal,
  action: Action,
  repository: RepositoryName,
  circumstances: Circumstances,
): { readonly decision: Decision; readonly close: readonly CloseRule[] } {
  const decision = authorize(policy, principal, action, repository, circumstances);
  if (policy.kind !== 'document' || decision.allowed) return { decision, close: [] };
  const question = { principal, action, repository, circumstances };
  const close = policy.rules
    .map((rule) => ({ rule: rule.name, lacks: lacksOf(rule, question) }))
    .filter(({ lacks }) => lacks.length > 0 && lacks.length <= MOST_LACKS)
    .sort((one, other) => one.lacks.length - other.lacks.length);
  return { decision, close: close.slice(0, MOST_CLOSE_RULES) };
}

/**
 * Which repositories a caller may pull, for a list of many names. The scope of a token is none of it: the token that may
 * list names no repository. So where such tokens decide alone, whoever may list sees every name, as at distribution.
 */
export function readableBy(
  policy: Policy,
  principal: Principal,
  circumstances: Circumstances,
): 'every' | ((repository: RepositoryName) => boolean) {
  if (policy.kind === 'token-server') {
    if (!decideByToken(principal).allowed) return () => false;
    return policy.also === undefined ? 'every' : readableBy(policy.also, principal, circumstances);
  }
  const isUnlimited = limitsOf(principal).length === 0;
  const isWithin = (repository: RepositoryName) => isWithinLimits(principal, 'pull', repository);
  if (policy.kind === 'setting') {
    if (!decideBySetting(policy.anonymous, principal, 'pull').allowed) return () => false;
    return isUnlimited ? 'every' : isWithin;
  }
  const asked = { principal, action: 'pull', circumstances } as const;
  const rules = policy.rules.filter((rule) => isForCaller(rule, asked));
  const isEvery = rules.some((rule) => isAboutRepository(rule, { ...asked, repository: undefined }));
  if (isEvery) return isUnlimited ? 'every' : isWithin;
  return (repository) =>
    rules.some((rule) => isAboutRepository(rule, { ...asked, repository })) && isWithin(repository);
}

/** Whether a caller may move every tag of a repository; the scope of a token, which may be for something else, is none of it. */
export function mayMoveTags(
  policy: Policy,
  principal: Principal,
  repository: RepositoryName,
  circumstances: Circumstances,
): boolean {
  const decision = decide(policy, principal, 'push', repository, circumstances);
  return decision.allowed && decision.moves === 'any';
}

/** Whether everybody may pull from it, wherever they are and for as long as this policy holds. */
export function isPublic(policy: Policy, repository: RepositoryName): boolean {
  const anywhere = { address: undefined, now: Number.POSITIVE_INFINITY };
  return authorize(policy, { kind: 'anonymous' }, 'pull', repository, anywhere).allowed;
}

function decideByDocument(
  rules: readonly Rule[],
  principal: Principal,
  right: Right,
  repository: RepositoryName | undefined,
  circumstances: Circumstances,
): Decision {
  switch (right) {
    case 'ping':
      return decidePing(principal);
    case 'catalog': {
      const listing = rules.find((rule) => isForCaller(rule, { principal, action: 'pull', circumstances }));
      if (listing !== undefined) return { allowed: true, rule: listing.name, moves: 'any' };
      return refused(
        `${subjectOf(principal)} may not pull anything here, so there is nothing to list. ${help(principal)}`,
      );
    }
    case 'pull':
    case 'push':
    case 'delete':
      return decideAction(rules, { principal, action: right, repository, circumstances });
  }
}

/** docker logs in only where the base asks it to; everything that may be pulled without can be pulled all the same. */
function decidePing(principal: Principal): Decision {
  const isKnown = 'name' in principal;
  const hasToken = 'scope' in principal;
  if (isKnown || hasToken) return { allowed: true, rule: isKnown ? 'signed in' : 'token', moves: 'any' };
  return refused(help(principal));
}

function decideAction(rules: readonly Rule[], question: Question): Decision {
  const allowing = rules.filter((rule) => isForCaller(rule, question) && isAboutRepository(rule, question));
  const [first] = allowing;
  if (first === undefined) return refusedByRules(rules, question);
  if (question.action !== 'push') return { allowed: true, rule: first.name, moves: 'any' };
  const moving = allowing.find(({ overwrite }) => overwrite);
  if (moving !== undefined) return { allowed: true, rule: moving.name, moves: 'any' };
  const exempt = [...new Set(allowing.flatMap(({ mutableTags }) => mutableTags))];
  return { allowed: true, rule: first.name, moves: { exempt } };
}

/**
 * The message is that of the closest rule that has one: of those about this repository, the one that lacks the fewest
 * parts, and the first of these. A rule about another repository has nothing to say.
 */
function refusedByRules(rules: readonly Rule[], question: Question): Refused {
  let closest: { rule: Rule; lacks: number } | undefined;
  for (const rule of rules) {
    if (rule.message === undefined || !isAboutRepository(rule, question)) continue;
    const lacks = lacksOf(rule, question).length;
    if (closest === undefined || lacks < closest.lacks) closest = { rule, lacks };
  }
  const { principal, action, repository } = question;
  if (closest !== undefined) return refused(closest.rule.message ?? '', closest.rule.name);
  const where = repository ?? 'this name';
  return refused(`${subjectOf(principal)} may not ${DOING[action]} ${where}. ${help(principal, action)}`);
}

/** A credential may be for a part of what its owner may do. */
function beyondLimits(principal: Principal, right: Right, repository: RepositoryName | undefined): Refused | undefined {
  if (right === 'ping') return undefined;
  // A part of what a job may do is named by repositories: the list of all of them is none.
  const isPart = principal.kind === 'workload' && principal.parts !== undefined;
  const isWithin =
    right === 'catalog'
      ? !isPart && limitsOf(principal).every((ways) => ways.some(({ actions }) => actions.includes('pull')))
      : isWithinLimits(principal, right, repository);
  if (isWithin) return undefined;
  const what = right === 'catalog' ? 'list repositories' : `${DOING[right]} ${repository ?? 'this name'}`;
  return refused(
    `this credential of ${principalName(principal)} is limited, and may not ${what}. ${wayBeyond(principal)}`,
    'limits of the credential',
  );
}

/** A robot's limits are its own: to make another one takes more than to widen it. */
function wayBeyond(principal: Principal): string {
  return principal.kind === 'robot'
    ? `Whoever runs this registry can widen it: PATCH /admin/robots/${principal.name}.`
    : 'Use another one, or have one made that may.';
}

function beyondScope(principal: Principal, right: Right, repository: RepositoryName | undefined): Refused | undefined {
  const scope = 'scope' in principal ? principal.scope : undefined;
  if (scope === undefined || right === 'ping') return undefined;
  if (right === 'catalog') return scope.catalog ? undefined : tooNarrow('registry:catalog:*', principal);
  const isGranted = scope.grants.some((grant) => grant.repository === repository && grant.actions.includes(right));
  return isGranted ? undefined : tooNarrow(`repository:${repository ?? '<name>'}:${right}`, principal);
}

function tooNarrow(scope: string, principal: Principal): Refused {
  // Berth's own token server grants whatever is asked for and allowed; of another one nobody here knows which it was.
  const message =
    principal.kind === 'outside'
      ? `the token server did not give ${principal.name} a token for ${scope}, or was not asked for one`
      : `the token that was sent does not cover this: ask for one with the scope ${scope}`;
  return { allowed: false, rule: 'scope of the token', reason: 'scope', message };
}

function isLimitedTo(
  { repositories, actions }: Limit,
  action: Action,
  repository: RepositoryName | undefined,
  principal: Principal,
): boolean {
  return actions.includes(action) && patternsOf(repositories).some((pattern) => covers(pattern, repository, principal));
}

/** A limit is asked about for each name of a list. */
const parsedLimits = new WeakMap<readonly string[], readonly Pattern[]>();

/** What is no pattern limits to nothing. */
function patternsOf(texts: readonly string[]): readonly Pattern[] {
  const known = parsedLimits.get(texts);
  if (known !== undefined) return known;
  const patterns = texts.flatMap((text) => {
    const result = parsePattern(text);
    return result.ok ? [result.pattern] : [];
  });
  parsedLimits.set(texts, patterns);
  return patterns;
}

/** One of each list has to allow what is done. */
function limitsOf(principal: Principal): readonly (readonly Limit[])[] {
  if (!('limits' in principal)) return [];
  const limits = principal.limits.map((limit) => [limit]);
  return principal.kind === 'workload' && principal.parts !== undefined ? [...limits, principal.parts] : limits;
}

function isWithinLimits(principal: Principal, action: Action, repository: RepositoryName | undefined): boolean {
  return limitsOf(principal).every((ways) => ways.some((limit) => isLimitedTo(limit, action, repository, principal)));
}

function refused(message: string, rule = 'no rule'): Refused {
  return { allowed: false, rule, message, reason: 'policy' };
}

function subjectOf(principal: Principal): string {
  return 'name' in principal ? principalName(principal) : 'a caller without credentials';
}

function help(principal: Principal, action: Action = 'pull'): string {
  if (!('name' in principal)) return 'Sign in first, for example with docker login.';
  const subject = principal.kind === 'workload' ? `workload:${principal.trust}` : principalName(principal);
  return `Whoever runs this registry can add a rule to its policy that lets ${subject} ${action} there.`;
}
