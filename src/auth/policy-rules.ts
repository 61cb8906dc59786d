/** What one rule of a policy document says to one question, and what it lacks where it does not allow it. Pure. */
import type { RepositoryName } from '../oci/repository-name.ts';
import { NO_CLAIMS, unmetClaim, type Claims } from './claims.ts';
import type { Circumstances } from './decision.ts';
import { isWithin } from './networks.ts';
import { matchesEverything, matchesRepository, ownComponent, type Pattern } from './patterns.ts';
import type { Rule, Subject } from './policy-document.ts';
import { principalName, type Action, type Principal } from './principal.ts';

export interface Question {
  readonly principal: Principal;
  readonly action: Action;
  /** Undefined stands for every one, and for a name that is none: then only a rule for all of them is about it. */
  readonly repository: RepositoryName | undefined;
  readonly circumstances: Circumstances;
}

/** The parts of a rule, all of which have to fit. */
type Part = 'subject' | 'repository' | 'action' | 'claim' | 'network' | 'time';

export interface Lack {
  readonly part: Part;
  /** In words. */
  readonly why: string;
}

/** Of a list, so many stand in a reason. */
const LISTED = 5;

/** What of the rule does not fit, but for its repositories. */
export function isForCaller(rule: Rule, { principal, action, circumstances }: Omit<Question, 'repository'>): boolean {
  return (
    rule.actions.has(action) &&
    rule.subjects.some((subject) => isSubject(subject, principal)) &&
    isInTime(rule, circumstances) &&
    isInNetworks(rule, circumstances) &&
    unmetClaim(rule.claims ?? [], claimsOf(principal)) === undefined
  );
}

export function isAboutRepository(rule: Rule, { principal, repository }: Question): boolean {
  return rule.repositories.some((pattern) => covers(pattern, repository, principal));
}

/** A pattern as this caller may use it. */
export function covers(pattern: Pattern, repository: RepositoryName | undefined, principal: Principal): boolean {
  if (repository === undefined) return matchesEverything(pattern);
  // A robot is no person, and a name from outside nobody's here: one that is named as somebody must not get what is theirs.
  const own = principal.kind === 'user' ? ownComponent(principal.name) : undefined;
  return matchesRepository(pattern, repository, own, claimsOf(principal));
}

function claimsOf(principal: Principal): Claims {
  return principal.kind === 'workload' ? principal.claims : NO_CLAIMS;
}

/** Empty where the rule allows it. */
export function lacksOf(rule: Rule, question: Question): Lack[] {
  const { principal, action, repository, circumstances } = question;
  const lacks: Lack[] = [];
  const lack = (part: Part, why: string): void => {
    lacks.push({ part, why });
  };
  if (!rule.subjects.some((subject) => isSubject(subject, principal))) {
    lack('subject', `${principalName(principal)} is none of ${listed(rule.subjects.map(formatSubject))}`);
  }
  if (!isAboutRepository(rule, question)) {
    const patterns = listed(rule.repositories.map((pattern) => pattern.text));
    const nobody =
      isOnlyForPeople(rule) && principal.kind !== 'user' ? `; {user} is nobody for ${principalName(principal)}` : '';
    lack('repository', `${repository ?? 'the name'} matches none of ${patterns}${nobody}`);
  }
  if (!rule.actions.has(action)) lack('action', `${action} is none of ${listed([...rule.actions])}`);
  const unmet = unmetClaim(rule.claims ?? [], claimsOf(principal));
  if (unmet !== undefined) {
    const values = listed(unmet.patterns.map((pattern) => pattern.text));
    lack('claim', `the claim ${unmet.name} of ${principalName(principal)} is none of ${values}`);
  }
  if (!isInNetworks(rule, circumstances)) {
    const networks = listed((rule.networks ?? []).map((network) => network.text));
    const { address } = circumstances;
    lack(
      'network',
      address === undefined ? `where the caller is, is not known` : `${address} is in none of ${networks}`,
    );
  }
  if (!isInTime(rule, circumstances)) lack('time', `the rule ended at ${new Date(rule.until ?? 0).toISOString()}`);
  return lacks;
}

/** Who is no person matches nothing of it, whatever the repository. */
function isOnlyForPeople({ repositories }: Rule): boolean {
  return repositories.every(({ text }) => text.split('/').includes('{user}'));
}

function isSubject(subject: Subject, principal: Principal): boolean {
  switch (subject.kind) {
    case 'anonymous':
      return true;
    case 'authenticated':
      return 'name' in principal && principal.kind !== 'workload';
    case 'group':
      return (principal.kind === 'user' || principal.kind === 'workload') && principal.groups.includes(subject.name);
    case 'workload':
      return principal.kind === 'workload' && principal.trust === subject.name;
    case 'user':
    case 'robot':
    case 'outside':
    case 'proxy':
      return principal.kind === subject.kind && principal.name === subject.name;
  }
}

/** An address that nobody knows is in no network. */
function isInNetworks({ networks }: Rule, { address }: Circumstances): boolean {
  if (networks === undefined) return true;
  return address !== undefined && networks.some((network) => isWithin(network, address));
}

function isInTime({ until }: Rule, { now }: Circumstances): boolean {
  return until === undefined || now < until;
}

function formatSubject(subject: Subject): string {
  return 'name' in subject ? `${subject.kind}:${subject.name}` : subject.kind;
}

function listed(words: readonly string[]): string {
  const more = words.length - LISTED;
  return `${words.slice(0, LISTED).join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`;
}
