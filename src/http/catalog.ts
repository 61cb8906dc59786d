/**
 * Repositories: `GET /v2/_catalog?n=&last=` (Docker Registry HTTP API v2, "Catalog"), sorted by their bytes: those that
 * have content, as the catalog has heard, and that the caller may pull.
 */
import { readableBy } from '../auth/policy.ts';
import { MARKER_SIGN } from '../objects/catalog/catalog.ts';
import { RegistryError } from '../oci/error.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts';
import { query, type Context } from './context.ts';
import { listAnswer, nextLink, pageSizeOf } from './pages.ts';

export async function listRepositories(context: Context): Promise<Response> {
  const { policy, principal, circumstances, registry } = context;
  const size = pageSizeOf(context);
  const mayRead = readableBy(policy, principal, circumstances);
  const last = query(context, 'last') ?? '';
  if (mayRead !== 'every' && !maySeek(last, mayRead)) throw noProbe();
  const page = await registry.listRepositories(last, size, mayRead);
  if (page === undefined) throw noProbe();
  const { names, next } = page;
  const headers = new Headers();
  if (next !== undefined) headers.set('link', nextLink(context, { n: String(size), last: next }));
  return listAnswer({ repositories: names }, headers);
}

/**
 * Where the pages begin that follow any text at all tells what lies between it and them: one name after the other could be
 * found out. So whoever may not see every name goes on from one that was shown, or from a marker. It has to be a
 * repository's: a pattern that begins with a star allows names all over the list.
 */
function maySeek(last: string, mayRead: (repository: RepositoryName) => boolean): boolean {
  if (last === '' || last.startsWith(MARKER_SIGN)) return true;
  const repository = parseRepositoryName(last);
  return repository !== undefined && mayRead(repository);
}

function noProbe(): RegistryError {
  return new RegistryError('PAGINATION_NUMBER_INVALID', {
    message: 'last must be a repository that you may pull from, or what the Link of a page says',
  });
}
