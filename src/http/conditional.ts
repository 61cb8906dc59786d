/** Conditional requests (RFC 9110 §13). Every entity tag here is a digest in quotes, and strong. */
import type { Digest } from '../oci/digest.ts';

export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether the client has these bytes already (If-None-Match, weak comparison, §13.1.2). */
export function notModified(request: Request, digest: Digest): boolean {
  const header = request.headers.get('if-none-match');
  if (header === null) return false;
  const wanted = entityTag(digest);
  return header.split(',').some((candidate) => {
    const tag = candidate.trim();
    return tag === '*' || tag === wanted || tag === `W/${wanted}`;
  });
}
