/** The three lists of a registry (tags, referrers, repositories), read in pages as a client does: by the `Link` of each. */
import * as v from 'valibot';
import { demand, send } from './client.ts';

const ListSchema = v.union([
  v.pipe(
    v.looseObject({ tags: v.array(v.string()) }),
    v.transform(({ tags }) => tags),
  ),
  v.pipe(
    v.looseObject({ repositories: v.array(v.string()) }),
    v.transform(({ repositories }) => repositories),
  ),
  v.pipe(
    v.looseObject({ manifests: v.array(v.looseObject({ digest: v.string() })) }),
    v.transform(({ manifests }) => manifests.map(({ digest }) => digest)),
  ),
]);

export interface Page {
  /** Tags, names of repositories, or digests of referrers. */
  entries: string[];
  next: string | undefined;
}

export async function readPage(path: string): Promise<Page> {
  const response = demand(await send('GET', path), 200);
  const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return { entries: v.parse(ListSchema, await response.json()), next };
}

/**
 * All pages from this address on. While each of them is read, `meanwhile` goes on beside it; the next one is asked for
 * when both have ended.
 */
export async function walkBeside(path: string, meanwhile: (page: number) => Promise<unknown>): Promise<string[][]> {
  const pages: string[][] = [];
  for (let at: string | undefined = path; at !== undefined;) {
    const [{ entries, next }]: [Page, unknown] = await Promise.all([readPage(at), meanwhile(pages.length)]);
    pages.push(entries);
    at = next;
  }
  return pages;
}
