/**
 * Repositories: `GET /v2/_catalog?n=&last=` (Docker Registry HTTP API v2, "Catalog"), sorted by their bytes: those that
 * have content, as the catalog has heard.
 */
import { query, type Context } from './context.ts';
import { cutPage, listAnswer, nextLink, pageSizeOf } from './pages.ts';

export async function listRepositories(context: Context): Promise<Response> {
  const size = pageSizeOf(context);
  const found = await context.registry.listRepositories(query(context, 'last') ?? '', size === 0 ? 0 : size + 1);
  const { page, last } = cutPage(found, size);
  const headers = new Headers();
  if (last !== undefined) headers.set('link', nextLink(context, { n: String(size), last }));
  return listAnswer({ repositories: page }, headers);
}
