/**
 * From request to answer: find the route, say who asks, check the right, run the handler, render what it throws, and
 * write one line of log. itty-router matches the paths; its own error page would show messages to clients, so every
 * failure is caught here.
 */
import { Router, type IRequest } from 'itty-router';
import { scopeOfRequest } from '../auth/challenge.ts';
import type { Allowed, Moves, Right } from '../auth/decision.ts';
import { authorize } from '../auth/policy.ts';
import { isThroughProxy, proxyProof } from '../auth/proxy-proof.ts';
import { configOf, ConfigurationError, type Config } from '../config.ts';
import { drain } from '../objects/upload/drain.ts';
import { RegistryError } from '../oci/error.ts';
import { parseRepositoryName } from '../oci/repository-name.ts';
import { callerOf, openAccess } from './access/access.ts';
import { openEntrance, openTokenEndpoint } from './access/outside-access.ts';
import { isNobody, refusal, SIGN_IN } from './access/refusal.ts';
import { demandOpenToProxy, LET_IN_BY_PROXY } from './access/through-proxy.ts';
import { asPerson } from './account/person.ts';
import { asAdministrator } from './admin/administrator.ts';
import { auditRefusal } from './audit.ts';
import { openServices, type Context } from './context.ts';
import { NEVER_CACHED } from './caching.ts';
import { clientAddress, connectionOf } from './client-address.ts';
import { corsHeaders, preflight } from './cors.ts';
import { errorResponse, explained } from './error-response.ts';
import { hostOf } from './location.ts';
import { loggedUploadId } from './logged-target.ts';
import { directAddress, peerAddress } from './peer.ts';
import { demandWritable } from './read-only.ts';
import { logRequest, type Note, type RequestRecord } from './request-log.ts';
import { openStore } from '../storage/stores.ts';
import { ROUTES, type Method, type Route } from './routes.ts';
import { warnOfWrongSecret } from './wrong-secrets.ts';

interface Call {
  env: Env;
  execution: ExecutionContext;
  record: RequestRecord;
}

/** Name, reference and a page's marker together stay far below. */
const LONGEST_URL_CHARACTERS = 4_096;

const router = buildRouter();

export async function handle(request: Request, env: Env, execution: ExecutionContext): Promise<Response> {
  const record: RequestRecord = { id: crypto.randomUUID(), started: Date.now(), method: request.method };
  let response: Response;
  try {
    if (!URL.canParse(request.url)) throw badHost();
    if (request.url.length > LONGEST_URL_CHARACTERS) throw tooLong();
    if (BACKSLASH.test(request.url)) throw backslash();
    response = await router.fetch(request, { env, execution, record } satisfies Call);
  } catch (thrown) {
    const error = await explained(thrown, openStore(env));
    response = errorResponse(error, record.id);
    record.error = error instanceof RegistryError ? error.code : 'UNKNOWN';
  }
  await drain(request.body);
  const answered = finished(response, record, isOfApi(request) ? corsHeaders(request, corsOf(env)) : {});
  logRequest(record, request, answered);
  return answered;
}

function buildRouter() {
  const router = Router<IRequest & Request, [Call], Response>();
  for (const route of ROUTES) {
    for (const method of [route.method].flat()) {
      router[verb(method)](route.path, (request, call) =>
        isExactly(route.path, request) ? run(route, request, call) : undefined,
      );
    }
  }
  for (const path of new Set(ROUTES.map((route) => route.path))) {
    router.all(path, (request, call) => (isExactly(path, request) ? otherMethod(path, request, call) : undefined));
  }
  for (const method of ['get', 'head'] as const) {
    router[method]('/v2', (request) => (isExactly('/v2', request) ? toBase() : undefined));
  }
  router.all('*', () => {
    throw new RegistryError('UNSUPPORTED', { status: 404, message: 'there is nothing at this path' });
  });
  return router;
}

/** itty-router lets a path end in any number of slashes; here each thing has one address (CVE-2020-29662). */
function isExactly(path: string, request: Request): boolean {
  const { pathname } = new URL(request.url);
  return !pathname.endsWith('//') && pathname.endsWith('/') === path.endsWith('/');
}

/**
 * A URL parser takes a backslash for a slash (WHATWG URL §4.4), and then finds dot segments behind it. Whoever stands in front and
 * guards some paths has read it as it was sent (CVE-2020-29662). Dot segments between slashes all of them resolve.
 */
const BACKSLASH = /^[^?#]*\\/;

function backslash(): RegistryError {
  return new RegistryError('UNSUPPORTED', { status: 400, message: 'a path has no backslashes here' });
}

/** Before anything looks at it: the router gathers query parameters in a time that grows with their square. */
function tooLong(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    status: 414,
    message: `a request's address may have ${String(LONGEST_URL_CHARACTERS)} characters here`,
  });
}

/** workerd takes any Host that looks like one; 99999999999, a number beyond IPv4, is none (RFC 9112 §3.2). */
function badHost(): RegistryError {
  return new RegistryError('UNSUPPORTED', { status: 400, message: 'the Host header names no host' });
}

/** Relative, since a proxy in front may speak another scheme. */
function toBase(): Response {
  return new Response(null, { status: 301, headers: { location: '/v2/', 'content-length': '0' } });
}

async function run(route: Route, request: IRequest & Request, { env, execution, record }: Call): Promise<Response> {
  record.route = route.name;
  const hold = (work: Promise<unknown>): void => {
    execution.waitUntil(work);
  };
  const services = openServices(env, hold);
  record.meter = services.meter;
  const note: Note = (said) => Object.assign(record, said);
  const params: Readonly<Record<string, string | undefined>> = request.params;
  const proxy = proxyProof(request.headers, services.config);
  if (proxy.kind === 'wrong') {
    record.proxy = 'wrong secret';
    warnOfWrongSecret(Date.now());
  }
  const { publicUrl, servedScheme, trustedProxy, directClients, onCloudflare } = services.config;
  const place = { publicUrl, servedScheme, trustedProxy: trustedProxy || isThroughProxy(proxy) };
  const connection = connectionOf(request);
  const isDirect = directClients && !onCloudflare && !place.trustedProxy;
  const circumstances = {
    address: isDirect ? await directAddress(env, connection) : clientAddress(request, { ...place, onCloudflare }),
    connection,
    now: Date.now(),
  };
  // Cloudflare's own logs have it.
  if (!onCloudflare) record.address = circumstances.address;
  const url = new URL(request.url);
  let asked: Promise<string | undefined> | undefined;
  const peer = (): Promise<string | undefined> => (asked ??= peerAddress(env, connection, 'known'));
  const arrival = { ...services, peer, id: record.id, note, request, url, proxy, place, circumstances, params };
  const nobody: Context = { ...arrival, principal: { kind: 'anonymous' } };
  if (route.right === 'anyone') return route.handler(nobody);
  demandOpenToProxy(proxy, route.right);
  // Before the policy is looked at: a broken one is put right here.
  if (route.right === 'admin') return route.handler(await asAdministrator(nobody, env));
  const sources = { ...arrival, limiters: env };
  if (route.right === 'own-tokens') return route.handler(await asPerson(nobody, () => openAccess(sources)));
  if (route.right === 'sign-in') {
    const access = await openTokenEndpoint(sources);
    return route.handler({ ...nobody, policy: access.policy, access });
  }
  const { right } = route;
  const repository = parseRepositoryName(params['name'] ?? '');
  record.repository = repository;
  record.reference = params['reference'] ?? params['digest'] ?? loggedUploadId(params['upload']);
  const ask = async (): Promise<{ context: Context; moves: Moves }> => {
    const entrance = await openEntrance(sources);
    const principal = await callerOf(entrance, arrival, scopeOfRequest(right, repository, arrival.url));
    const context: Context = { ...arrival, principal, policy: entrance.policy };
    const now = { ...circumstances, now: Date.now() };
    const { moves } = demand({ ...context, circumstances: now, asksWho: entrance.asksWho }, record, right, repository);
    return { context, moves };
  };
  const { context } = await ask();
  if (route.right === 'ping' || route.right === 'catalog') return route.handler(context);
  if (repository === undefined) {
    throw new RegistryError('NAME_INVALID', {
      message:
        'a repository name is lower-case words of letters and digits, joined by . _ __ or -, in parts joined by /',
      detail: { name: params['name']?.slice(0, 300) },
    });
  }
  demandWritable(context.config, request.method, () => methodsOf(route.path));
  const askAgain = async () => (await ask()).moves;
  return inNamespace(context, await route.handler({ ...context, repository, askAgain }));
}

/** A pull that names this registry as its source (spec, "Registry Proxying") is told so. Of no other does it hold content. */
function inNamespace({ place, request, url }: Context, response: Response): Response {
  const asked = url.searchParams.get('ns');
  if (asked !== null && asked === hostOf(request, place)) response.headers.set('oci-namespace', asked);
  return response;
}

/** Throws unless the policy grants the right. Before anything is looked up, so that nothing can be told apart. */
function demand(
  context: Context & { readonly asksWho: boolean },
  record: RequestRecord,
  right: Right,
  repository: ReturnType<typeof parseRepositoryName>,
): Allowed {
  const { policy, principal, circumstances, asksWho, proxy } = context;
  if (right === 'ping' && isThroughProxy(proxy)) return LET_IN_BY_PROXY;
  const mustSignIn = right === 'ping' && asksWho && isNobody(principal);
  const decision = mustSignIn ? SIGN_IN : authorize(policy, principal, right, repository, circumstances);
  if (decision.allowed) return decision;
  record.notLocal = principal.kind === 'anonymous' ? principal.notLocal : undefined;
  record.refusedBy = decision.rule;
  // Of a token that is too narrow, its client only has to ask for another one.
  if (decision.reason === 'policy') auditRefusal(context, { right, repository, rule: decision.rule });
  throw refusal(context, right, repository, decision);
}

/** One that no route of this path has: a browser's question, or a mistake. */
function otherMethod(path: string, request: Request, { env, record }: Call): Response {
  const allowed = methodsOf(path);
  const answer = isOfApi(request) ? preflight(request, corsOf(env), allowed) : undefined;
  if (answer !== undefined) {
    record.route = 'preflight';
    return answer;
  }
  throw new RegistryError('UNSUPPORTED', {
    status: 405,
    // Without the method's name: HEAD is answered as GET is, to the byte.
    message: `this method is not supported here; ${allowed.join(', ')} ${allowed.length === 1 ? 'is' : 'are'}`,
    headers: { allow: allowed.join(', ') },
  });
}

function methodsOf(path: string): Method[] {
  return ROUTES.filter((route) => route.path === path).flatMap((route) => route.method);
}

function verb(method: Method): 'get' | 'head' | 'put' | 'post' | 'patch' | 'delete' {
  const verbs = { GET: 'get', HEAD: 'head', PUT: 'put', POST: 'post', PATCH: 'patch', DELETE: 'delete' } as const;
  return verbs[method];
}

/** Whether it is for the registry's API; what is beside it, such as the health of it, is no business of pages. */
function isOfApi({ url }: Request): boolean {
  return URL.canParse(url) && /^\/v2(?:\/|$)/.test(new URL(url).pathname);
}

/** Of wrong settings, none: they open nothing. */
function corsOf(env: Env): Pick<Config, 'corsOrigins'> {
  try {
    return configOf(env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { corsOrigins: [] };
  }
}

/** Headers that every answer carries. */
function finished(response: Response, record: RequestRecord, more: Readonly<Record<string, string>>): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(more)) headers.set(name, value);
  headers.set('docker-distribution-api-version', 'registry/2.0');
  headers.set('x-content-type-options', 'nosniff');
  headers.set('x-request-id', record.id);
  // workerd sends none, and clients compare it with their clocks (RFC 9110 §6.6.1).
  headers.set('date', new Date().toUTCString());
  if (!headers.has('cache-control')) headers.set('cache-control', NEVER_CACHED);
  // A manifest's type is whatever its author wrote; no browser is to run it here.
  headers.set('content-security-policy', "default-src 'none'; sandbox");
  const body = record.method === 'HEAD' ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}
