/** Tags: `GET /v2/<name>/tags/list?n=&last=` (end-8a, end-8b), sorted by their bytes. */
import { RegistryError } from '../oci/error.ts';
import { parsePageSize } from '../oci/pagination.ts';
import { query, type RepositoryContext } from './context.ts';

/** A page holds at most this many names, whatever `n` says. */
const PAGE_LIMIT = 1_000;

export async function listTags(context: RepositoryContext): Promise<Response> {
  const { repository, registry } = context;
  const size = parsePageSize(query(context, 'n'), PAGE_LIMIT);
  if (size === 'invalid') {
    throw new RegistryError('PAGINATION_NUMBER_INVALID', { detail: { n: query(context, 'n')?.slice(0, 100) } });
  }
  // One more than the page holds tells whether there is a next one.
  const result = await registry.listTags(repository, query(context, 'last') ?? '', size === 0 ? 0 : size + 1);
  if (result.kind === 'unknown') throw new RegistryError('NAME_UNKNOWN', { detail: { name: repository } });
  const tags = result.tags.slice(0, size);
  const last = tags.at(-1);
  const headers = new Headers();
  if (last !== undefined && result.tags.length > size) {
    const next = new URLSearchParams({ n: String(size), last });
    headers.set('link', `</v2/${repository}/tags/list?${next.toString()}>; rel="next"`);
  }
  return Response.json({ name: repository, tags }, { headers });
}
