/** The policy that the settings alone make. Pure. */
import { ConfigurationError, type Config } from '../config.ts';
import { configuredTokenServer, type TokenServerSettings } from './configured-token-server.ts';
import { parsePolicy } from './policy-document.ts';
import type { OwnPolicy, Policy } from './policy.ts';

/** Throws ConfigurationError, which has the path and reason of each mistake: a broken policy must not open what it closes. */
export function configuredPolicy(config: TokenServerSettings): Policy {
  const server = configuredTokenServer(config);
  if (server === undefined) return ownPolicy(config);
  return { kind: 'token-server', also: server.policy === 'also' ? ownPolicy(config) : undefined };
}

function ownPolicy({ anonymous, policy }: Pick<Config, 'anonymous' | 'policy'>): OwnPolicy {
  if (policy === undefined) return { kind: 'setting', anonymous };
  const result = parsePolicy(policy);
  if (result.ok) return result.policy;
  throw new ConfigurationError(`BERTH_POLICY is no policy: ${result.mistakes.join('; ')}`);
}

/** What to say where BERTH_ANONYMOUS stands beside a policy, which alone counts. */
export function ignoredAnonymous({ anonymous }: Pick<Config, 'anonymous'>): string | undefined {
  if (anonymous === 'none') return undefined;
  return `BERTH_ANONYMOUS=${anonymous} has no effect: there is a policy, and it alone decides. A rule for the subject "anonymous" opens repositories to everyone.`;
}
