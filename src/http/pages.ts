/** Lists in pages: the size that a client asks for, and the `Link` to the next page (RFC 8288). */
import { RegistryError } from '../oci/error.ts';
import { parsePageSize } from '../oci/pagination.ts';
import { query, type Context } from './context.ts';

/** A page holds at most this many names, whatever `n` says. */
const PAGE_LIMIT = 1_000;
const ECHOED_CHARACTERS = 100;

/** `n`, within what one page may hold. */
export function pageSizeOf(context: Context): number {
  const given = query(context, 'n');
  const size = parsePageSize(given, PAGE_LIMIT);
  if (size === 'invalid') {
    throw new RegistryError('PAGINATION_NUMBER_INVALID', { detail: { n: given?.slice(0, ECHOED_CHARACTERS) } });
  }
  return size;
}

/** The first of `found`, and the last of these where it holds more than the page. */
export function cutPage<T>(found: readonly T[], size: number): { page: readonly T[]; last: T | undefined } {
  const page = found.slice(0, size);
  return { page, last: found.length > size ? page.at(-1) : undefined };
}

/** The same address with other parameters. Relative: a proxy in front may speak another scheme. */
export function nextLink({ url }: Context, parameters: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(url.search);
  for (const [name, value] of Object.entries(parameters)) query.set(name, value);
  return `<${url.pathname}?${query.toString()}>; rel="next"`;
}

/** JSON with its length, so that the answer to HEAD has it too. */
export function listAnswer(value: unknown, headers: Headers, mediaType = 'application/json'): Response {
  const body = new TextEncoder().encode(JSON.stringify(value));
  headers.set('content-type', mediaType);
  headers.set('content-length', String(body.byteLength));
  return new Response(body, { headers });
}
