/**
 * Access to a registry whose tokens come from an outside server (docs/token-server.md). Nothing of accounts counts there, so
 * their object is asked for no more than a policy that the admin API was given, where that has to allow things too.
 */
import { configuredTokenServer } from '../../auth/configured-token-server.ts';
import { signInFromOutside } from '../../auth/outside-token.ts';
import type { Policy } from '../../auth/policy.ts';
import type { TokenServer } from '../../auth/token-server-document.ts';
import { RegistryError } from '../../oci/error.ts';
import { askingOf, openAccess, type Access, type AccessSources, type Entrance } from './access.ts';
import { KNOWN } from './known.ts';
import { storedPolicy } from './stored-policy.ts';

/** Throws UNAVAILABLE where what counts cannot be told. */
export async function openEntrance(sources: AccessSources): Promise<Entrance> {
  const server = configuredTokenServer(sources.config);
  if (server === undefined) return openAccess(sources);
  const { now } = sources.circumstances;
  return {
    policy: await policyBeside(sources),
    asksWho: true,
    signIn: (given) => signInFromOutside(given, server, now),
  };
}

/** For the token endpoint and what belongs to it. Throws UNSUPPORTED where tokens come from elsewhere. */
export async function openTokenEndpoint(sources: AccessSources): Promise<Access> {
  const server = configuredTokenServer(sources.config);
  if (server === undefined) return openAccess(sources);
  throw elsewhere(server);
}

/** A policy by setting counts alone, as everywhere. */
async function policyBeside(sources: AccessSources): Promise<Policy> {
  const { policy } = sources;
  if (policy.kind !== 'token-server' || policy.also?.kind !== 'setting') return policy;
  const { policy: stored } = await KNOWN.snapshot(askingOf(sources));
  return { kind: 'token-server', also: storedPolicy(stored) ?? policy.also };
}

/** Clients that hear 404 try another way. */
function elsewhere({ realm }: TokenServer): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    status: 404,
    message: `this registry makes no tokens: its token server is ${realm}`,
  });
}
