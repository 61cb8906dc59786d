/**
 * The token endpoint (distribution, "Token Authentication Specification" and "OAuth2 Token Specification"): `GET /token` with
 * Basic credentials or none, and `POST /token` with the grants `password`, `refresh_token`, and that of a job (exchange.ts).
 *
 * A token is granted what was asked for and is allowed; a smaller grant, and an empty one, is still a token, and the registry
 * is the one to refuse. Its service is this registry and no other, whatever is asked for (CVE-2026-123710).
 */
import { byPassword, byRefreshToken, type SignedIn, type SignIn } from '../../auth/authenticate.ts';
import { BASIC_CHALLENGE } from '../../auth/challenge.ts';
import { nameAndPassword, parseAuthorization } from '../../auth/credentials.ts';
import type { Right } from '../../auth/decision.ts';
import { lifetimeUntil, signToken, type Issuer, type TokenClaims } from '../../auth/jwt.ts';
import { authorize } from '../../auth/policy.ts';
import type { Principal } from '../../auth/principal.ts';
import { formatScope, parseScopes, type Scope } from '../../auth/scope.ts';
import { RegistryError } from '../../oci/error.ts';
import type { RepositoryName } from '../../oci/repository-name.ts';
import { auditSignIn, refusedSignIn } from '../access/sign-in-answers.ts';
import type { Access } from '../access/access.ts';
import { FORM_ROOM, readBody } from '../body.ts';
import type { SignInContext } from '../context.ts';
import { freshSecret } from '../fresh-secret.ts';
import { demandSameOrigin } from '../same-origin.ts';
import { badRequest } from './bad-request.ts';
import { ACCESS_TOKEN_TYPE, exchanged, jobCredentialAnswer, TOKEN_EXCHANGE } from './exchange.ts';

const LONGEST_FORM_BYTES = 32 * 1024;
const FORM = 'application/x-www-form-urlencoded';
const LONGEST_ECHO = 100;
const MILLISECONDS = /\.\d+Z$/;

/** What a token is asked for, in either form of request. */
interface Asked {
  readonly scope: Scope;
  readonly wantsRefresh: boolean;
}

/** Whoever brings nothing gets a token for what everybody may do. */
export async function getToken(context: SignInContext): Promise<Response> {
  const { access, request, url, config } = context;
  demandSameOrigin(request, config);
  const issuer = issuerOf(access);
  demandService(url.searchParams.getAll('service'), issuer);
  const asked = { scope: scopeOf(url.searchParams), wantsRefresh: url.searchParams.get('offline_token') === 'true' };
  const given = parseAuthorization(request.headers.get('authorization'));
  if (given.kind === 'none') return answer(context, issuer, asked, undefined);
  if (given.kind !== 'basic') throw badRequest('the token endpoint takes Basic credentials or none', 401);
  return answer(context, issuer, asked, signedIn(context, await byPassword(given.name, given.password, access.means)));
}

export async function postToken(context: SignInContext): Promise<Response> {
  const { access, request, config } = context;
  demandSameOrigin(request, config);
  const issuer = issuerOf(access);
  const form = await formOf(request);
  demandService(form.getAll('service'), issuer);
  const asked = { scope: scopeOf(form), wantsRefresh: form.get('access_type') === 'offline' };
  switch (form.get('grant_type')) {
    case 'password': {
      const given = nameAndPassword(form.get('username') ?? '', form.get('password') ?? '');
      if (given === undefined) throw badRequest('username and password are not a name and a password');
      return answer(
        context,
        issuer,
        asked,
        signedIn(context, await byPassword(given.name, given.password, access.means)),
      );
    }
    case 'refresh_token': {
      const token = form.get('refresh_token') ?? '';
      const proven = signedIn(context, await byRefreshToken(token, issuer, access.means));
      // It does not rotate: docker can't store another one.
      return answer(context, issuer, { ...asked, wantsRefresh: false }, proven, { refresh_token: token });
    }
    case TOKEN_EXCHANGE: {
      const job = await exchanged(context, issuer, form);
      if (!job.wantsAccessToken) return jobCredentialAnswer(context, issuer, job, form, asked.scope);
      const more = { issued_token_type: ACCESS_TOKEN_TYPE, token_type: 'Bearer' };
      return answer(context, issuer, { ...asked, wantsRefresh: false }, job.proven, more);
    }
    default:
      throw badRequest(`grant_type must be password, refresh_token or ${TOKEN_EXCHANGE}`);
  }
}

/** Without a public URL there is nobody to be the issuer; clients that hear 404 try another way. */
function issuerOf({ issuer }: Access): Issuer {
  if (issuer !== undefined) return issuer;
  throw new RegistryError('UNSUPPORTED', {
    status: 404,
    message: 'this registry makes no tokens, since BERTH_PUBLIC_URL is not set: sign in with Basic credentials',
  });
}

function demandService(given: readonly string[], { service }: Issuer): void {
  if (given.every((name) => name === service)) return;
  throw badRequest(`this token endpoint is for the service ${service} alone`);
}

function scopeOf(parameters: URLSearchParams): Scope {
  const scope = parseScopes(parameters.getAll('scope'));
  if (scope === undefined) throw badRequest('these are more scopes than a token can carry: ask for several tokens');
  return scope;
}

async function formOf(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== FORM) throw badRequest(`the body must be ${FORM}, not ${String(type).slice(0, LONGEST_ECHO)}`);
  const body = await readBody(request, LONGEST_FORM_BYTES, FORM_ROOM);
  if (body === 'too-large') throw badRequest(`the form may have ${String(LONGEST_FORM_BYTES)} bytes`, 413);
  return new URLSearchParams(new TextDecoder().decode(body));
}

function signedIn(context: SignInContext, result: SignIn): SignedIn {
  if (result.kind !== 'signed-in') throw refusedSignIn(result, BASIC_CHALLENGE, context);
  context.note({ principal: result.principal });
  auditSignIn(context, result, 'token made');
  return result;
}

/** @param more what this grant also answers with: the refresh token that was brought, to be given back */
async function answer(
  context: SignInContext,
  issuer: Issuer,
  { scope, wantsRefresh }: Asked,
  proven: SignedIn | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { access, circumstances } = context;
  const principal: Principal = proven?.principal ?? { kind: 'anonymous' };
  const granted = grantedTo(context, principal, scope);
  const refresh = wantsRefresh ? await newRefreshToken(context, issuer, proven) : undefined;
  const lifetime = lifetimeUntil(proven?.expiresAt, circumstances.now);
  const claims = claimsOf(principal, proven, granted);
  const token = await signToken(access.signingKey, issuer, claims, circumstances.now, lifetime);
  return Response.json(
    {
      token,
      access_token: token,
      // What is used within the leeway of clocks has ended by our own.
      expires_in: Math.max(1, lifetime),
      issued_at: new Date(circumstances.now).toISOString().replace(MILLISECONDS, 'Z'),
      scope: formatScope(granted),
      ...(refresh === undefined ? {} : { refresh_token: refresh }),
      ...more,
    },
    { headers: { 'cache-control': 'no-store' } },
  );
}

function grantedTo({ access, circumstances }: SignInContext, principal: Principal, asked: Scope): Scope {
  const may = (right: Right, repository: RepositoryName | undefined) =>
    authorize(access.policy, principal, right, repository, circumstances).allowed;
  const grants = asked.grants
    .map(({ repository, actions }) => ({ repository, actions: actions.filter((action) => may(action, repository)) }))
    .filter(({ actions }) => actions.length > 0);
  return { grants, catalog: asked.catalog && may('catalog', undefined) };
}

function claimsOf(principal: Principal, proven: SignedIn | undefined, scope: Scope): TokenClaims {
  // Whom somebody else vouches for, another token server or a proxy, fetches no token here.
  if (proven === undefined || !('name' in principal) || principal.kind === 'outside' || principal.kind === 'proxy')
    return { kind: 'anonymous', name: '', credential: '', scope };
  const { credential, workload } = proven;
  return { kind: principal.kind, name: principal.name, credential, workload, scope };
}

/**
 * For a password alone: what docker stores of a personal access token or a robot's secret has to be that secret, since it is
 * what people copy from there. A refresh token dies with the password.
 */
async function newRefreshToken(
  { objects, meter }: SignInContext,
  { service }: Issuer,
  proven: SignedIn | undefined,
): Promise<string | undefined> {
  if (proven === undefined || !('name' in proven.principal)) return undefined;
  if (proven.proof !== 'password' && proven.proof !== 'htpasswd') return undefined;
  const { secret, secretHash } = freshSecret('refresh');
  const made = await meter.call(
    objects.accounts().makeRefresh({
      parent: proven.credential,
      owner: proven.principal.name,
      service,
      secretHash,
    }),
  );
  // Revoked a moment ago: the token that is made now will be found to have no credential.
  return made.kind === 'made' ? secret : undefined;
}
