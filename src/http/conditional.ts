/** Conditional requests (RFC 9110 §13). Every entity tag here is a digest in quotes, and strong. */
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/error.ts';
import type { EntityTags, Preconditions } from '../oci/precondition.ts';

/** §8.8.3, with what separates it from the next one (§5.6.1). Read in one pass: whoever may read may send any header. */
const NEXT_TAG = /[ \t]*(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(,|$)/y;
/** More than anybody compares with at once. */
const MOST_TAGS = 100;

export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether the client has these bytes already (If-None-Match, weak comparison, §13.1.2). What is malformed matches nothing. */
export function notModified(request: Request, digest: Digest): boolean {
  const tags = tagsOf(request.headers.get('if-none-match'), 'weak');
  return tags === 'any' || (tags !== 'malformed' && tags?.includes(digest) === true);
}

/** Throws where the client wants these bytes only if they are others (If-Match, strong comparison, §13.1.1). */
export function demandMatch(request: Request, digest: Digest): void {
  const tags = tagsOf(request.headers.get('if-match'), 'strong');
  if (tags === undefined || tags === 'any') return;
  if (tags === 'malformed' || !tags.includes(digest)) throw preconditionFailed(digest);
}

/** Whether a Range counts: with If-Range, only while the client's bytes are these (§13.1.5). A date never is. */
export function rangeApplies(request: Request, digest: Digest): boolean {
  const header = request.headers.get('if-range');
  return header === null || header.trim() === entityTag(digest);
}

/** The conditions of a request that changes something. One that cannot be read is refused: to ignore it could overwrite. */
export function preconditionsOf({ headers }: Request): Preconditions {
  const ifMatch = tagsOf(headers.get('if-match'), 'strong');
  const ifNoneMatch = tagsOf(headers.get('if-none-match'), 'weak');
  if (ifMatch === 'malformed' || ifNoneMatch === 'malformed') {
    throw new RegistryError('UNSUPPORTED', {
      status: 400,
      message: 'If-Match and If-None-Match are * or entity tags: digests in double quotes, as in "sha256:…"',
    });
  }
  return { ifMatch, ifNoneMatch };
}

/** @param current what is there now, if anything is */
export function preconditionFailed(current: Digest | undefined): RegistryError {
  return new RegistryError('DENIED', {
    status: 412,
    message:
      current === undefined
        ? 'If-Match asks for what is not there; nothing was changed'
        : `the condition does not hold: ${current} is there now; nothing was changed`,
    detail: { current: current ?? null },
  });
}

/** The digests that a header names. Weak tags never match strongly. */
function tagsOf(header: string | null, comparison: 'weak' | 'strong'): EntityTags | 'malformed' | undefined {
  if (header === null) return undefined;
  if (header.trim() === '*') return 'any';
  const tags: string[] = [];
  const next = new RegExp(NEXT_TAG);
  for (let count = 1; count <= MOST_TAGS; count += 1) {
    const [whole, weak, opaque = '', separator] = next.exec(header) ?? [];
    if (whole === undefined) return 'malformed';
    if (weak === undefined || comparison === 'weak') tags.push(opaque);
    if (separator === '') return tags;
  }
  return 'malformed';
}
