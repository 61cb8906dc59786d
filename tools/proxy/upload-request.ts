/**
 * Which requests are cut, and what is to be known of them (distribution-spec, "Pushing blobs": end-4b, end-5, end-6).
 * Pure.
 */
import { parseContentRange } from '../../src/oci/range.ts';
import { headerOf, type HeaderList } from './headers.ts';

/** An upload whose body does not go on in one piece. */
export interface Upload {
  /** Path and query that the client asked for. */
  readonly path: string;
  /** Of the blob, for people. */
  readonly repository: string;
  /** True for a POST with its blob, which has no session yet. */
  readonly opens: boolean;
  /** As it stands in the query, of a request that is to end the upload. */
  readonly digest: string | undefined;
  /** The first byte's offset in the session, where the client says it. */
  readonly start: number | undefined;
  /** Bytes of the body, where the client says it. */
  readonly length: number | undefined;
}

export type Plan =
  | { readonly kind: 'pass' }
  | { readonly kind: 'cut'; readonly upload: Upload }
  | { readonly kind: 'refuse'; readonly code: 'RANGE_INVALID' | 'SIZE_INVALID'; readonly message: string };

const UPLOAD_PATH = /^\/v2\/(.+)\/blobs\/uploads(?:\/([^/]*))?$/;

const DIGEST = /^digest=(.*)$/;

const PASS: Plan = { kind: 'pass' };

/** @param target path and query. A body that fits into a chunk and says so goes through unchanged. */
export function planOf(method: string, target: string, headers: HeaderList, chunkBytes: number): Plan {
  const [path = '', query = ''] = target.split('?', 2);
  const [, repository, id = ''] = UPLOAD_PATH.exec(path) ?? [];
  if (repository === undefined) return PASS;
  const given = digestOf(query);
  const opens = method === 'POST' && id === '' && given !== undefined;
  const appends = method === 'PATCH' && id !== '';
  const closes = method === 'PUT' && id !== '' && given !== undefined;
  if (!opens && !appends && !closes) return PASS;

  const announced = headerOf(headers, 'content-length');
  // Node has read it before, and answers anything but digits itself.
  let length = announced === undefined ? undefined : Number(announced);
  if (length === undefined && headerOf(headers, 'transfer-encoding') === undefined) return PASS;
  if (length !== undefined && length <= chunkBytes) return PASS;

  const rangeHeader = headerOf(headers, 'content-range');
  let start: number | undefined;
  if (rangeHeader !== undefined) {
    const range = parseContentRange(rangeHeader);
    if (range === undefined)
      return refuse('RANGE_INVALID', 'Content-Range of a chunk must be <first>-<last>, both inclusive, as in 0-1023');
    start = range.start;
    const ranged = range.end - range.start + 1;
    if (length !== undefined && length !== ranged)
      return refuse('SIZE_INVALID', 'Content-Range and Content-Length announce different sizes');
    length = ranged;
  }
  return {
    kind: 'cut',
    upload: { path: target, repository, opens, digest: appends ? undefined : given, start, length },
  };
}

/** The address of a session with the digest that ends it. `location` may have a query of its own. */
export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`;
}

/** What asks for a session only: the same without the digest, which would ask for a blob. */
export function withoutDigest(target: string): string {
  const [path = '', query = ''] = target.split('?', 2);
  const rest = query.split('&').filter((part) => part !== '' && !DIGEST.test(part));
  return rest.length === 0 ? path : `${path}?${rest.join('&')}`;
}

function digestOf(query: string): string | undefined {
  for (const part of query.split('&')) {
    const digest = DIGEST.exec(part)?.[1];
    if (digest !== undefined && digest !== '') return digest;
  }
  return undefined;
}

function refuse(code: 'RANGE_INVALID' | 'SIZE_INVALID', message: string): Plan {
  return { kind: 'refuse', code, message };
}
