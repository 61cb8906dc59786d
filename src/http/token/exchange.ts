/**
 * The grant by which a job exchanges its issuer's token for a credential of this registry (RFC 8693 §2): a job credential,
 * which any client takes as a password, or at once a token of the token endpoint.
 */
import { byIdToken, type SignedInJob } from '../../auth/authenticate.ts';
import { BASIC_CHALLENGE } from '../../auth/challenge.ts';
import { isJwt, LONGEST_JWT_CHARACTERS } from '../../auth/credentials.ts';
import { saysJobCredential, signJobCredential } from '../../auth/job-credential.ts';
import type { Issuer } from '../../auth/jwt.ts';
import type { Limit } from '../../auth/principal.ts';
import { formatScope, type Scope } from '../../auth/scope.ts';
import { SHORTEST_LIFETIME_SECONDS } from '../../auth/trusts.ts';
import { auditSignIn, refusedSignIn } from '../access/sign-in-answers.ts';
import type { SignInContext } from '../context.ts';
import { badRequest } from './bad-request.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TYPES = 'urn:ietf:params:oauth:token-type:';
const SUBJECT_TYPES = ['id_token', 'jwt'].map((type) => TYPES + type);
const JWT_TYPE = `${TYPES}jwt`;
export const ACCESS_TOKEN_TYPE = `${TYPES}access_token`;

export interface Exchanged {
  readonly proven: SignedInJob;
  /** How long the credential is to live at most, where that was said. */
  readonly wantedSeconds: number | undefined;
  /** Whether a token of the token endpoint is wanted, and no job credential. */
  readonly wantsAccessToken: boolean;
}

/** Who the job is. Throws what its client is told where it is none that is trusted, or asks for what there is not. */
export async function exchanged(context: SignInContext, issuer: Issuer, form: URLSearchParams): Promise<Exchanged> {
  const { access } = context;
  demandTarget(form, issuer);
  if (form.has('actor_token')) throw badRequest('actor_token is not supported: a job speaks for itself');
  const wanted = form.get('requested_token_type') ?? JWT_TYPE;
  if (wanted !== JWT_TYPE && wanted !== ACCESS_TOKEN_TYPE)
    throw badRequest(`requested_token_type must be ${JWT_TYPE} or ${ACCESS_TOKEN_TYPE}`);
  if (!SUBJECT_TYPES.includes(form.get('subject_token_type') ?? ''))
    throw badRequest(`subject_token_type must be ${SUBJECT_TYPES.join(' or ')}`);
  const token = form.get('subject_token') ?? '';
  if (token.length > LONGEST_JWT_CHARACTERS || !isJwt(token))
    throw badRequest(`subject_token must be a signed JWT of at most ${String(LONGEST_JWT_CHARACTERS)} characters`);
  // Or a job could have one for ever.
  if (saysJobCredential(token))
    throw badRequest("a job credential makes no other one: exchange the issuer's own token");
  const wantedSeconds = secondsOf(form.get('expires_in'));
  const proven = await byIdToken(token, access.means.trusts, '', access.means);
  if (proven.kind !== 'signed-in') throw refusedSignIn(proven, BASIC_CHALLENGE, context);
  context.note({ principal: proven.principal });
  auditSignIn(context, proven, wanted === JWT_TYPE ? 'job credential made' : 'token made');
  return { proven, wantedSeconds, wantsAccessToken: wanted === ACCESS_TOKEN_TYPE };
}

/** @param asked where it names nothing, the credential is for all that the policy gives the job */
export async function jobCredentialAnswer(
  { access, circumstances }: SignInContext,
  issuer: Issuer,
  { proven: { workload, trust }, wantedSeconds }: Exchanged,
  form: URLSearchParams,
  asked: Scope,
): Promise<Response> {
  // As long as the trust says, or shorter.
  const lifetime = Math.min(wantedSeconds ?? trust.lifetimeSeconds, trust.lifetimeSeconds);
  const parts = form.has('scope') ? partsOf(asked) : undefined;
  const credential = { identity: workload, parts };
  const token = await signJobCredential(access.signingKey, issuer, credential, circumstances.now, lifetime);
  // Otherwise it would be refused wherever it is sent.
  if (token.length > LONGEST_JWT_CHARACTERS)
    throw badRequest('this scope makes the credential longer than a password may be: ask for fewer repositories');
  return Response.json(
    {
      access_token: token,
      issued_token_type: JWT_TYPE,
      // It is a password, and no Bearer (RFC 8693 §2.2.1).
      token_type: 'N_A',
      expires_in: lifetime,
      ...(parts === undefined ? {} : { scope: formatScope({ ...asked, catalog: false }) }),
    },
    { headers: { 'cache-control': 'no-store' } },
  );
}

/** What was asked for lies within; whether it is allowed is asked when it is used. */
function partsOf({ grants }: Scope): readonly Limit[] {
  return grants.map(({ repository, actions }) => ({ repositories: [repository], actions }));
}

function secondsOf(given: string | null): number | undefined {
  if (given === null) return undefined;
  if (!/^\d{1,9}$/.test(given) || Number(given) < SHORTEST_LIFETIME_SECONDS)
    throw badRequest(`expires_in must be a whole number of seconds, at least ${String(SHORTEST_LIFETIME_SECONDS)}`);
  return Number(given);
}

/** `service` was looked at: these two, where there are any, have to name this registry as well. */
function demandTarget(form: URLSearchParams, { issuer, service }: Issuer): void {
  const names = [...form.getAll('audience'), ...form.getAll('resource')];
  if (names.every((name) => name === service || name === issuer || name === `${issuer}/`)) return;
  throw badRequest(`this token endpoint is for ${issuer} alone: audience and resource can name no other`);
}
