/** Tags: `GET /v2/<name>/tags/list?n=&last=` (end-8a, end-8b), sorted by their bytes. */
import { RegistryError } from '../oci/error.ts';
import { query, type RepositoryContext } from './context.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from './pages.ts';

export async function listTags(context: RepositoryContext): Promise<Response> {
  const { repository, registry } = context;
  const size = pageSizeOf(context);
  // One more than the page holds tells whether there is a next one.
  const result = await registry.listTags(repository, query(context, 'last') ?? '', size === 0 ? 0 : size + 1);
  if (result.kind === 'unknown') throw new RegistryError('NAME_UNKNOWN', { detail: { name: repository } });
  const { page, last } = cutPage(result.tags, size);
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last }));
  return listAnswer({ name: repository, tags: page }, headers);
}
