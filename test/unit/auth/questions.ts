/** Policies and principals as tests write them. */
import type { Circumstances, Decision, Right } from '../../../src/auth/decision.ts';
import { parsePolicy } from '../../../src/auth/policy-document.ts';
import { authorize, type Policy } from '../../../src/auth/policy.ts';
import type { Principal } from '../../../src/auth/principal.ts';
import { parseRepositoryName, type RepositoryName } from '../../../src/oci/repository-name.ts';

export const ANYWHERE: Circumstances = { address: undefined, now: 0 };

export function policyOf(...rules: readonly object[]): Policy {
  const result = parsePolicy(JSON.stringify({ rules }));
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.policy;
}

export function named(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new Error(`'${text}' is no repository name`);
  return name;
}

type User = Extract<Principal, { kind: 'user' }>;

export function user(name: string, groups: readonly string[] = [], narrowed: Partial<User> = {}): Principal {
  return { kind: 'user', name, groups, limits: [], ...narrowed };
}

export function robot(name: string): Principal {
  return { kind: 'robot', name, limits: [] };
}

/** A job of this trust. */
export function job(trust: string, claims: Record<string, string> = {}, groups: readonly string[] = []): Principal {
  const issuer = 'https://issuer.example';
  return { kind: 'workload', name: `${trust}:job`, trust, issuer, claims, groups, limits: [] };
}

export function ask(
  policy: Policy,
  principal: Principal,
  right: Right,
  repository?: string,
  circumstances: Circumstances = ANYWHERE,
): Decision {
  return authorize(policy, principal, right, repository === undefined ? undefined : named(repository), circumstances);
}
