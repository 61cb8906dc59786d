/**
 * What lets the scripts of web pages, such as registry UIs, read answers: CORS (Fetch Standard, "HTTP-CORS protocol"). Off
 * unless BERTH_CORS_ORIGINS names origins. It hides or shows answers to pages and grants no right: that is auth/.
 */
import { isFromListedOrigin } from '../auth/open-loopback.ts';
import type { Config } from '../config.ts';

type Origins = Pick<Config, 'corsOrigins'>;

/** Chromium believes a preflight for no longer. */
const PREFLIGHT_MAX_AGE_SECONDS = 7_200;

/** Of a request: what the protocol knows, and what pages send to keep caches out of the way. */
const REQUEST_HEADERS = [
  ...['Accept', 'Authorization', 'Cache-Control', 'Content-Range', 'Content-Type'],
  ...['If-Match', 'If-None-Match', 'If-Range', 'Range'],
].join(', ');

/** Of an answer, what browsers would hide. They show Cache-Control, Content-Length and Content-Type to every page. */
const EXPOSED_HEADERS = [
  ...['Accept-Ranges', 'Allow', 'Content-Range', 'ETag', 'Link', 'Location', 'Range', 'Retry-After', 'Warning'],
  ...['WWW-Authenticate', 'X-Request-Id'],
  ...['Docker-Content-Digest', 'Docker-Distribution-API-Version', 'Docker-Upload-UUID'],
  ...['OCI-Chunk-Min-Length', 'OCI-Filters-Applied', 'OCI-Namespace', 'OCI-Subject', 'OCI-Tag'],
].join(', ');

/** What every answer below /v2/ carries, refusals too: a page could not read why it was refused. */
export function corsHeaders(request: Request, origins: Origins): Readonly<Record<string, string>> {
  const { corsOrigins } = origins;
  if (corsOrigins.length === 0) return {};
  const exposed = { 'access-control-expose-headers': EXPOSED_HEADERS };
  // Never with credentials: any page could then act as whoever looks at it.
  if (corsOrigins === '*') return { 'access-control-allow-origin': '*', ...exposed };
  // Told to everybody, or a cache would give one origin's answer to another.
  const vary = { vary: 'Origin' };
  if (!isFromListedOrigin(request, origins)) return vary;
  return {
    'access-control-allow-origin': request.headers.get('origin') ?? '',
    'access-control-allow-credentials': 'true',
    ...exposed,
    ...vary,
  };
}

/**
 * The answer to a browser that asks whether a page's script may send a request. It comes before any right is looked at, since
 * browsers send no credentials with it, and tells of the route alone. `undefined` where it is no such question, or the
 * page's origin is none that may ask.
 */
export function preflight(request: Request, origins: Origins, methods: readonly string[]): Response | undefined {
  const isQuestion = request.method === 'OPTIONS' && request.headers.has('access-control-request-method');
  const mayAsk = origins.corsOrigins === '*' ? request.headers.has('origin') : isFromListedOrigin(request, origins);
  if (!isQuestion || !mayAsk) return undefined;
  const headers = {
    'access-control-allow-methods': methods.join(', '),
    'access-control-allow-headers': REQUEST_HEADERS,
    'access-control-max-age': String(PREFLIGHT_MAX_AGE_SECONDS),
  };
  return new Response(null, { status: 204, headers });
}
