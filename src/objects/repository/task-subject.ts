/** The subject of a repository's tasks: a digest and what belongs to it. Neither can hold a space. */
import { parseDigest, type Digest } from '../../oci/digest.ts';

export function subjectOf(digest: Digest, rest: string): string {
  return `${digest} ${rest}`;
}

/** Throws on what `subjectOf` never makes. */
export function splitSubject(subject: string): { digest: Digest; rest: string } {
  const [digest = '', rest = ''] = subject.split(' ');
  const parsed = parseDigest(digest);
  if (parsed === undefined) throw new Error(`task subject '${subject}' has no digest`);
  return { digest: parsed, rest };
}
