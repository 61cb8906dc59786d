/** Where what an event tells of can be fetched: by digest, which a later push does not change. */
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { EventKind } from './event.ts';

export function urlOfTarget(
  origin: string,
  kind: EventKind,
  repository: RepositoryName,
  digest: Digest | undefined,
): string | undefined {
  if (digest === undefined) return undefined;
  const resource = kind.startsWith('blob.') ? 'blobs' : 'manifests';
  return `${origin}/v2/${repository}/${resource}/${digest}`;
}
