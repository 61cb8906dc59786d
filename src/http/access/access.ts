/**
 * What counts of access while a request runs: the policy, whether anybody is asked who comes, and how credentials become a
 * principal. It puts together what the settings say, what the isolate knows of the accounts (known.ts), and the checks of
 * auth/.
 */
import { signIn, type Means, type SignIn } from '../../auth/authenticate.ts';
import { serviceOf } from '../../auth/challenge.ts';
import { challengeOf } from '../../auth/configured-token-server.ts';
import { hasToken, parseAuthorization, type Credentials } from '../../auth/credentials.ts';
import type { Circumstances } from '../../auth/decision.ts';
import { htpasswdOf } from '../../auth/htpasswd.ts';
import type { Issuer, Key } from '../../auth/jwt.ts';
import { networkOf } from '../../auth/networks.ts';
import { withoutCredentials } from '../../auth/open-loopback.ts';
import type { ProxyProof } from '../../auth/proxy-proof.ts';
import { PasswordChecks } from '../../auth/password-checks.ts';
import type { Policy } from '../../auth/policy.ts';
import { principalName, type Principal } from '../../auth/principal.ts';
import type { Scope } from '../../auth/scope.ts';
import { trustsOf } from '../../auth/trusts.ts';
import { VerifiedTokens } from '../../auth/verified-tokens.ts';
import type { Config } from '../../config.ts';
import type { Objects } from '../../objects/stubs.ts';
import { WorkMeter } from '../../observability/work.ts';
import type { Note } from '../request-log.ts';
import { FIRST_USES } from './first-uses.ts';
import { GUESSES, type LimiterBindings } from './guesses.ts';
import { ISSUERS } from './issuers.ts';
import { KNOWN, type AccountsReader, type Asking } from './known.ts';
import { auditSignIn, refusedSignIn } from './sign-in-answers.ts';
import { storedPolicy } from './stored-policy.ts';
import { callerByProxy } from './through-proxy.ts';

/** One of each an isolate. */
const CHECKS = new PasswordChecks();
const TOKENS = new VerifiedTokens();

export interface AccessSources {
  readonly config: Config;
  /** The one that the settings make. */
  readonly policy: Policy;
  readonly objects: Objects;
  readonly meter: WorkMeter;
  readonly limiters: LimiterBindings;
  readonly circumstances: Circumstances;
  readonly hold: (work: Promise<unknown>) => void;
}

/** What the registry's own routes ask. */
export interface Entrance {
  readonly policy: Policy;
  /** Whether there is an account, an htpasswd line, a trust, a proxy or a policy: then it matters who comes, and loopback is not open. */
  readonly asksWho: boolean;
  readonly signIn: (given: Exclude<Credentials, { kind: 'none' }>) => Promise<SignIn>;
}

/** And what the token endpoint does. */
export interface Access extends Entrance {
  readonly signingKey: Key;
  readonly publicKeys: readonly Key[];
  /** Undefined where the registry has no public URL. */
  readonly issuer: Issuer | undefined;
  readonly means: Means;
}

/** Of a request, what tells who sends it and what is logged of that. */
interface Arrival {
  readonly id: string;
  readonly request: Request;
  readonly config: Config;
  readonly proxy: ProxyProof;
  readonly circumstances: Circumstances;
  readonly note: Note;
}

/** Throws UNAVAILABLE where what counts cannot be told. */
export async function openAccess(sources: AccessSources): Promise<Access> {
  const { config, circumstances, limiters } = sources;
  const asking = askingOf(sources);
  const snapshot = await KNOWN.snapshot(asking);
  const htpasswd = htpasswdOf(config);
  const trusts = trustsOf(config);
  const policy =
    sources.policy.kind === 'document' ? sources.policy : (storedPolicy(snapshot.policy) ?? sources.policy);
  const issuer =
    config.publicUrl === undefined ? undefined : { issuer: config.publicUrl, service: serviceOf(config.publicUrl) };
  const network = networkOf(circumstances.address);
  const means: Means = {
    htpasswd,
    checks: CHECKS,
    tokens: TOKENS,
    keys: snapshot.publicKeys,
    issuer,
    now: circumstances.now,
    network,
    isInUse: (hash) => KNOWN.isInUse(hash),
    bySecret: (hash) => KNOWN.bySecret(hash, asking),
    byId: (id) => KNOWN.byId(id, asking),
    waitSeconds: (name) => GUESSES.waitSeconds(name, network, circumstances.now),
    secretWaitSeconds: () => GUESSES.secretWaitSeconds(network, circumstances.now),
    countUnknownSecret: () => {
      GUESSES.countUnknownSecret(network, circumstances.now);
    },
    countWrong: (name) => GUESSES.count(name, network, circumstances.now, limiters),
    trusts,
    findIssuerKeys: (trusted, kid) => ISSUERS.keys(trusted, kid, sources.hold),
    isFirstUse: (hash) => FIRST_USES.isFirst(hash),
  };
  const hasPeople = snapshot.hasAccounts || htpasswd.size > 0 || trusts.length > 0 || config.proxySecrets.length > 0;
  return {
    policy,
    asksWho: hasPeople || policy.kind === 'document',
    signingKey: snapshot.signingKey,
    publicKeys: snapshot.publicKeys,
    issuer,
    means,
    signIn: (given) => signIn(given, means),
  };
}

export function askingOf({ objects, meter, hold }: Pick<AccessSources, 'objects' | 'meter' | 'hold'>): Asking {
  return { accounts: accountsReader(objects, meter), later: accountsReader(objects, new WorkMeter()), hold };
}

/** What is asked twice changes nothing. */
function accountsReader(objects: Objects, meter: WorkMeter): AccountsReader {
  return {
    snapshot: () => meter.callAgain(() => objects.accounts().snapshot()),
    findBySecret: (hash) => meter.callAgain(() => objects.accounts().findBySecret(hash)),
    findById: (id) => meter.callAgain(() => objects.accounts().findById(id)),
  };
}

/** Who sends a request to a route that is not open to anyone. Throws what a client is told whose credentials do not do. */
export async function callerOf(
  access: Entrance,
  { request, config, proxy, circumstances, id, note }: Arrival,
  scope: Scope,
): Promise<Principal> {
  const vouchedFor = callerByProxy(proxy);
  if (vouchedFor !== undefined) {
    if ('name' in vouchedFor) {
      note({ principal: vouchedFor });
      const isNews = FIRST_USES.isFirst(principalName(vouchedFor));
      if (isNews) auditSignIn({ id, circumstances }, { principal: vouchedFor, proof: 'proxy' });
    }
    return vouchedFor;
  }
  // Where nobody has been given credentials, those of another registry do no harm.
  if (!access.asksWho) return withoutCredentials(request, config);
  const given = parseAuthorization(request.headers.get('authorization'));
  if (given.kind === 'none') return { kind: 'anonymous' };
  const result = await access.signIn(given);
  if (result.kind === 'signed-in') {
    if (result.isFresh) auditSignIn({ id, circumstances }, result);
    note({ principal: result.principal });
    return result.principal;
  }
  const error = hasToken(request) ? 'invalid_token' : undefined;
  throw refusedSignIn(result, challengeOf(config, { scope, error }), { note, id, circumstances });
}
