/**
 * Who asks: from credentials to a principal (ADR 10). A secret that Berth made is found by its SHA-256 and costs nothing to
 * check; a signed token in the place of a password is a job's; any other password is an htpasswd line's; a Bearer is Berth's
 * own. Whatever was proven once is looked at again with each request: the credential or the trust behind a token has to stand,
 * and its owner's groups and its limits are those of today.
 *
 * What is refused is refused in one way for each kind of credential, and why is for the log alone.
 */
import { isJwt, type Credentials } from './credentials.ts';
import { htpasswdMark, lineOfMark, type Htpasswd, type HtpasswdLine } from './htpasswd.ts';
import { saysJobCredential, verifyJobCredential } from './job-credential.ts';
import type { Issuer, Key, TokenClaims } from './jwt.ts';
import type { PasswordChecks } from './password-checks.ts';
import type { Limit, Principal } from './principal.ts';
import { hashOf, parseSecret, quickHashOf, type SecretKind } from './secret.ts';
import type { Trust, Trusts } from './trusts.ts';
import type { VerifiedTokens } from './verified-tokens.ts';
import { verifyIdToken, workloadOf, type FindIssuerKeys, type WorkloadIdentity } from './workload.ts';

/** A credential of the accounts that counts now. */
interface StoredCredential {
  readonly id: string;
  readonly kind: SecretKind;
  readonly owner:
    | { readonly kind: 'user'; readonly name: string; readonly groups: readonly string[] }
    | { readonly kind: 'robot'; readonly name: string };
  readonly limit: Limit | undefined;
  readonly service: string | undefined;
  readonly parent: string | undefined;
}

/** What an isolate knows, and what it counts. */
export interface Means {
  readonly htpasswd: Htpasswd;
  readonly checks: PasswordChecks;
  readonly tokens: VerifiedTokens;
  readonly keys: readonly Key[];
  /** Undefined where the registry has no public URL: then it makes and takes no tokens. */
  readonly issuer: Issuer | undefined;
  /** In ms since the epoch. */
  readonly now: number;
  /** Where the request comes from; undefined where that is not known. */
  readonly network: string | undefined;
  readonly bySecret: (hash: string) => Promise<StoredCredential | undefined>;
  /** Whether a secret was used here of late: then its use is no news. */
  readonly isInUse: (hash: string) => boolean;
  readonly byId: (id: string) => Promise<StoredCredential | undefined>;
  /** How long this client has to wait before its guess at a name's password is looked at. */
  readonly waitSeconds: (name: string) => number | undefined;
  /** The same of a secret in Berth's own form, of which each costs a lookup. */
  readonly secretWaitSeconds: () => number | undefined;
  readonly countUnknownSecret: () => void;
  readonly countWrong: (name: string) => Promise<void>;
  readonly trusts: Trusts;
  readonly findIssuerKeys: FindIssuerKeys;
  /** Whether a job's token, by its SHA-256, has not been seen here of late; from now on it has. */
  readonly isFirstUse: (hash: string) => boolean;
}

/**
 * What somebody signed in with. `bearer`: a token of the token endpoint. `id-token`: a job's, of its issuer. `proxy`: the word
 * of the proxy in front, after which nobody signs in here.
 */
type Proof = SecretKind | 'htpasswd' | 'bearer' | 'id-token' | 'job' | 'proxy';

export interface SignedIn {
  readonly kind: 'signed-in';
  readonly principal: Principal;
  readonly proof: Proof;
  /** What a token made of it is bound to: a credential's id or a line's mark; of a job, what that is. */
  readonly credential: string;
  readonly workload?: WorkloadIdentity;
  /** When what was brought ends, where that is by itself: in ms since the epoch. */
  readonly expiresAt?: number;
  /** Whether this is news, and no repetition of what was found right a moment ago. */
  readonly isFresh: boolean;
}

export type SignIn =
  | SignedIn
  /** `reason` is for the log. */
  | {
      readonly kind: 'refused';
      readonly proof: 'password' | 'bearer';
      readonly reason: string;
      readonly message: string;
    }
  | { readonly kind: 'too-many'; readonly seconds: number }
  | { readonly kind: 'busy' }
  /** The issuer of a job's token tells no keys, and none are known. */
  | { readonly kind: 'no-keys' };

const WRONG_PASSWORD_MESSAGE = 'the name or the password is wrong, or it has expired or was revoked';
const WRONG_TOKEN_MESSAGE = 'this token is not valid, or not any more: sign in again';
const REFRESH_MESSAGE = 'a refresh token opens nothing but the token endpoint';
const WRONG_JOB_MESSAGE =
  "this token of a job is not valid here, or not any more: its issuer, audience, claims and time have to fit one of the registry's trusts, " +
  "and as a password it goes with the trust's name";

/** @param given `none` is nobody, and not for here */
export async function signIn(given: Exclude<Credentials, { kind: 'none' }>, means: Means): Promise<SignIn> {
  switch (given.kind) {
    case 'malformed':
      return refused(
        'password',
        'malformed',
        'the Authorization header is not one of Basic or Bearer that can be read',
      );
    case 'bearer':
      return byToken(given.token, means);
    case 'basic':
      return byPassword(given.name, given.password, means);
  }
}

/** Basic, and the token endpoint's `password` grant. */
export async function byPassword(name: string, password: string, means: Means): Promise<SignIn> {
  if (isJwt(password)) return byJob(name, password, means);
  const kind = parseSecret(password);
  if (kind === undefined) return byHtpasswd(name, password, means);
  if (kind === 'refresh') return refused('password', 'a refresh token as a password', REFRESH_MESSAGE);
  const hash = await quickHashOf(password);
  const isFresh = !means.isInUse(hash);
  const found = await lookedUp(hash, means);
  if (found?.kind === 'too-many') return found;
  if (found?.owner.name !== name)
    return wrong(name, found === undefined ? 'unknown secret' : "another owner's secret", means);
  if (!stands(found, means.htpasswd)) return wrong(name, 'its htpasswd line is gone', means);
  return signedIn(found, isFresh);
}

/** The token endpoint's `refresh_token` grant. */
export async function byRefreshToken(token: string, { service }: Issuer, means: Means): Promise<SignIn> {
  const found = parseSecret(token) === 'refresh' ? await lookedUp(hashOf(token), means) : undefined;
  if (found?.kind === 'too-many') return found;
  if (found?.kind !== 'refresh') return wrong('', 'unknown refresh token', means, WRONG_TOKEN_MESSAGE);
  if (found.service !== service) return refused('password', 'for another service', WRONG_TOKEN_MESSAGE);
  if (!stands(found, means.htpasswd)) return refused('password', 'its htpasswd line is gone', WRONG_TOKEN_MESSAGE);
  return signedIn(found, true);
}

type TooMany = Extract<SignIn, { kind: 'too-many' }>;

/** What is in use here is looked at in any case, so that nobody is kept out by another's inventions. */
async function lookedUp(hash: string, means: Means): Promise<StoredCredential | TooMany | undefined> {
  const seconds = means.isInUse(hash) ? undefined : means.secretWaitSeconds();
  if (seconds !== undefined) return { kind: 'too-many', seconds };
  const found = await means.bySecret(hash);
  if (found === undefined) means.countUnknownSecret();
  return found;
}

/**
 * Neither costs more than one signature, so what is right is looked at whoever guesses nearby; what is not is counted, and a key
 * that nobody knows is looked for only so often (http/access/issuers.ts).
 */
async function byJob(name: string, token: string, means: Means): Promise<SignIn> {
  const trusts = means.trusts.filter((trust) => trust.name === name);
  // Of no trust: the name is whatever somebody wrote, and counts for nothing.
  if (trusts.length === 0) return wrong('', 'a token as a password', means);
  if (!saysJobCredential(token)) return byIdToken(token, trusts, name, means);
  const { issuer, keys, now } = means;
  if (issuer === undefined) return refused('password', 'no public URL', WRONG_JOB_MESSAGE);
  const verified = await verifyJobCredential(token, keys, issuer, now);
  if (verified.kind === 'invalid') return wrong(name, verified.reason, means, WRONG_JOB_MESSAGE);
  const { identity, parts, expiresAt } = verified;
  const job = workloadOf(identity, trusts);
  if (typeof job === 'string') return wrong(name, job, means, WRONG_JOB_MESSAGE);
  return {
    kind: 'signed-in',
    principal: { ...job, parts },
    proof: 'job',
    credential: '',
    workload: identity,
    expiresAt,
    isFresh: means.isFirstUse(await quickHashOf(token)),
  };
}

type NotSignedIn = Exclude<SignIn, SignedIn>;

/** A job that came in by its issuer's token, with the trust that let it in. */
export interface SignedInJob extends SignedIn {
  readonly workload: WorkloadIdentity;
  readonly trust: Trust;
}

/** What the token's issuer says of the job. */
export async function byIdToken(
  token: string,
  trusts: Trusts,
  name: string,
  means: Means,
): Promise<SignedInJob | NotSignedIn> {
  const verified = await verifyIdToken(token, trusts, means.findIssuerKeys, means.now);
  if (verified.kind === 'unavailable') return { kind: 'no-keys' };
  if (verified.kind === 'invalid') return wrong(name, verified.reason, means, WRONG_JOB_MESSAGE);
  const { principal, identity, trust, expiresAt } = verified;
  const isFresh = means.isFirstUse(await quickHashOf(token));
  const proven = { principal, proof: 'id-token', credential: '', workload: identity, expiresAt, isFresh } as const;
  return { kind: 'signed-in', ...proven, trust };
}

async function byHtpasswd(name: string, password: string, means: Means): Promise<SignIn> {
  const { htpasswd, checks } = means;
  if (htpasswd.size === 0) return wrong(name, 'unknown password', means);
  const origin = { network: means.network, now: means.now };
  const known = checks.recall(htpasswd, name, password, origin);
  if (known !== undefined) return signedInByLine(known, false);
  const seconds = means.waitSeconds(name);
  if (seconds !== undefined) return { kind: 'too-many', seconds };
  const result = await checks.check(htpasswd, name, password, origin, () => means.waitSeconds(name) === undefined);
  if (result === 'busy') return tooManyOr(name, means, { kind: 'busy' });
  const line = htpasswd.get(name);
  if (result === 'right' && line !== undefined) return signedInByLine(line, true);
  return wrong(name, 'wrong password', means);
}

async function byToken(token: string, means: Means): Promise<SignIn> {
  const { issuer, keys, tokens, now } = means;
  if (issuer === undefined) return refused('bearer', 'no public URL', WRONG_TOKEN_MESSAGE);
  const verified = await tokens.verify(token, keys, issuer, now);
  if (verified.kind === 'invalid') return refused('bearer', verified.reason, WRONG_TOKEN_MESSAGE);
  const { claims } = verified;
  const owner = await ownerOf(claims, means);
  if (owner === undefined) return refused('bearer', 'its credential is gone', WRONG_TOKEN_MESSAGE);
  const { scope, credential } = claims;
  return { kind: 'signed-in', principal: { ...owner, scope }, proof: 'bearer', credential, isFresh: false };
}

type Owner = Exclude<Principal, { kind: 'local' }>;

/** Whom a token stands for, as long as what it was made for stands. */
async function ownerOf(claims: TokenClaims, means: Means): Promise<Owner | undefined> {
  if (claims.kind === 'anonymous') return { kind: 'anonymous' };
  if (claims.kind === 'workload') return jobOf(claims, means);
  const line = lineOfMark(means.htpasswd, claims.credential);
  if (line !== undefined) return claims.kind === 'user' && line.name === claims.name ? userOfLine(line) : undefined;
  const found = await means.byId(claims.credential);
  if (found === undefined || !stands(found, means.htpasswd)) return undefined;
  return found.owner.kind === claims.kind && found.owner.name === claims.name ? principalOf(found) : undefined;
}

function jobOf({ workload }: TokenClaims, { trusts }: Means): Owner | undefined {
  const job = workload === undefined ? undefined : workloadOf(workload, trusts);
  return typeof job === 'string' ? undefined : job;
}

/** What was made with an htpasswd line's password dies with the line, and only whoever reads the lines can tell. */
export function stands({ parent }: Pick<StoredCredential, 'parent'>, lines: Htpasswd): boolean {
  return parent?.startsWith('htpasswd:') !== true || lineOfMark(lines, parent) !== undefined;
}

function signedIn(found: StoredCredential, isFresh: boolean): SignedIn {
  return { kind: 'signed-in', principal: principalOf(found), proof: found.kind, credential: found.id, isFresh };
}

function signedInByLine(line: HtpasswdLine, isFresh: boolean): SignedIn {
  return { kind: 'signed-in', principal: userOfLine(line), proof: 'htpasswd', credential: htpasswdMark(line), isFresh };
}

function principalOf({ owner, limit }: StoredCredential): Owner {
  const limits = limit === undefined ? [] : [limit];
  return owner.kind === 'robot'
    ? { kind: 'robot', name: owner.name, limits }
    : { kind: 'user', name: owner.name, groups: owner.groups, limits };
}

function userOfLine({ name }: HtpasswdLine): Owner {
  return { kind: 'user', name, groups: [], limits: [] };
}

/** Counts it; a client that has guessed too often hears how long to wait, also when this one was looked at. */
async function wrong(
  name: string,
  reason: string,
  means: Means,
  message = WRONG_PASSWORD_MESSAGE,
): Promise<NotSignedIn> {
  await means.countWrong(name);
  return tooManyOr(name, means, refused('password', reason, message));
}

function tooManyOr(name: string, means: Means, otherwise: NotSignedIn): NotSignedIn {
  const seconds = means.waitSeconds(name);
  return seconds === undefined ? otherwise : { kind: 'too-many', seconds };
}

function refused(proof: 'password' | 'bearer', reason: string, message: string): NotSignedIn {
  return { kind: 'refused', proof, reason, message };
}
