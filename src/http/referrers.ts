/**
 * Referrers: `GET /v2/<name>/referrers/<digest>?artifactType=` (end-12a, end-12b): an index of the manifests whose
 * subject this is, in the order in which they came. It never answers 404: a subject may come later than what refers to it.
 */
import { OCI_INDEX } from '../oci/media-type.ts';
import type { Referrer } from '../objects/repository/manifests.ts';
import { digestOf, query, type RepositoryContext } from './context.ts';
import { RegistryError } from '../oci/error.ts';
import { listAnswer, nextLink } from './pages.ts';

const MARKER = /^\d{1,15}$/;

export async function listReferrers(context: RepositoryContext): Promise<Response> {
  const { repository, registry, params } = context;
  const subject = digestOf(params['digest'] ?? '');
  const type = filterOf(context);
  const after = markerOf(context);
  const { referrers, next } = await registry.referrers(repository, subject, type, after);
  const headers = new Headers();
  if (type !== undefined) headers.set('oci-filters-applied', 'artifactType');
  if (next !== undefined) headers.set('link', nextLink(context, { last: String(next) }));
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: referrers.map(descriptorOf) };
  return listAnswer(index, headers, OCI_INDEX);
}

/** An empty filter is none. */
function filterOf(context: RepositoryContext): string | undefined {
  const type = query(context, 'artifactType');
  return type === '' ? undefined : type;
}

/** Where the page begins: what the `Link` of the one before says. */
function markerOf(context: RepositoryContext): number {
  const last = query(context, 'last') ?? '0';
  if (MARKER.test(last)) return Number(last);
  throw new RegistryError('UNSUPPORTED', {
    status: 400,
    message: 'last must be as the Link of the page before says it',
  });
}

function descriptorOf({ mediaType, digest, size, artifactType, annotations }: Referrer): object {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations: JSON.parse(annotations) as unknown }),
  };
}
