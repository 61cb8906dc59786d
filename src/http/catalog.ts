/**
 * Repositories: `GET /v2/_catalog?n=&last=` (Docker Registry HTTP API v2, "Catalog"), sorted by their bytes: those that
 * have content, as the catalog has heard, and that the caller may pull.
 */
import { readableBy } from '../auth/policy.ts';
import { query, type Context } from './context.ts';
import { listAnswer, nextLink, pageSizeOf } from './pages.ts';

export async function listRepositories(context: Context): Promise<Response> {
  const { policy, principal, circumstances, registry } = context;
  const size = pageSizeOf(context);
  const mayRead = readableBy(policy, principal, circumstances);
  const { names, next } = await registry.listRepositories(query(context, 'last') ?? '', size, mayRead);
  const headers = new Headers();
  if (next !== undefined) headers.set('link', nextLink(context, { n: String(size), last: next }));
  return listAnswer({ repositories: names }, headers);
}
