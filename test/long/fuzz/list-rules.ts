/** What lists answer. Pure. */
import * as v from 'valibot';
import { isDigest } from './grammar.ts';
import type { Base, ListReferrers, ListRepositories, ListTags } from './operation.ts';
import { header, headerLike, json, outcome, refusal } from './outcome.ts';
import type { Check, Outcome } from './outcome.ts';
import { repositoryOf } from './state.ts';
import type { State } from './state.ts';

const PAGE_LIMIT = 1_000;
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';
const Repositories = v.pipe(v.string(), v.parseJson(), v.object({ repositories: v.array(v.string()) }));

export function base(state: State, { method, path }: Base): Outcome[] {
  if (path === '/v2') return [outcome(state, 301, header('location', '/v2/'))];
  if (path === '/v2/') return [outcome(state, 200, json(method, {}))];
  return [
    outcome(state, 200, ({ body }) => (method === 'HEAD' || body.toString() === 'ok\n' ? undefined : 'it is not ok')),
  ];
}

export function tags(state: State, { repository, method, n, last = '' }: ListTags): Outcome[] {
  const size = pageSize(n);
  if (size === undefined) return [refusal(state, 400, 'PAGINATION_NUMBER_INVALID')];
  const there = repositoryOf(state, repository);
  if (there.manifests.size === 0) return [refusal(state, 404, 'NAME_UNKNOWN')];
  // By their bytes: tags are ASCII, so by their UTF-16 units as well.
  const after = [...there.tags.keys()].sort().filter((tag) => tag > last);
  const page = after.slice(0, size);
  const goesOn = size > 0 && after.length > size;
  const list = json(method, { name: repository, tags: page });
  return [
    outcome(state, 200, list, goesOn ? link(`/v2/${repository}/tags/list`, size, page) : header('link', undefined)),
  ];
}

/** What the catalog has heard of is a moment behind: the player asks at the end whether it has heard of everything. */
export function catalog(state: State, { method, n, last = '' }: ListRepositories): Outcome[] {
  const size = pageSize(n);
  if (size === undefined) return [refusal(state, 400, 'PAGINATION_NUMBER_INVALID')];
  return [
    outcome(state, 200, (answer) =>
      method === 'HEAD' ? undefined : catalogProblem(answer.body.toString(), size, last, answer.headers.get('link')),
    ),
  ];
}

function catalogProblem(body: string, size: number, last: string, told: string | undefined): string | undefined {
  const parsed = v.safeParse(Repositories, body);
  if (!parsed.success) return `it is no list of repositories: ${body}`;
  const names = parsed.output.repositories;
  if (names.length > size) return `there are ${String(names.length)} names`;
  const isSorted = names.every((name, index) => name > (names[index - 1] ?? last));
  if (!isSorted) return `the names are not in order, or not after '${last}': ${names.join(' ')}`;
  return told === undefined ? undefined : linkProblem(told, '/v2/_catalog', size, names);
}

export function referrers(state: State, { repository, method, digest, artifactType, last }: ListReferrers): Outcome[] {
  const faults: Outcome[] = [];
  if (!isDigest(digest)) faults.push(refusal(state, 400, 'DIGEST_INVALID'));
  if (last !== undefined && !/^\d{1,15}$/.test(last)) faults.push(refusal(state, 400, 'UNSUPPORTED'));
  if (faults.length > 0) return faults;
  const filter = artifactType === '' ? undefined : artifactType;
  const manifests = [...repositoryOf(state, repository).manifests]
    .filter(([, { document }]) => document.subject === digest)
    .filter(([, { document }]) => filter === undefined || document.artifactType === filter)
    .map(([referrer, { document, mediaType }]) => ({
      mediaType,
      digest: referrer,
      size: document.bytes.byteLength,
      ...(document.artifactType === undefined ? {} : { artifactType: document.artifactType }),
      ...(Object.keys(document.annotations ?? {}).length === 0 ? {} : { annotations: document.annotations }),
    }));
  return [
    outcome(
      state,
      200,
      headerLike('content-type', new RegExp(`^${INDEX_TYPE.replace(/[.+]/g, '\\$&')}$`)),
      header('oci-filters-applied', filter === undefined ? undefined : 'artifactType'),
      json(method, { schemaVersion: 2, mediaType: INDEX_TYPE, manifests }),
      header('link', undefined),
    ),
  ];
}

function pageSize(n: string | undefined): number | undefined {
  if (n === undefined) return PAGE_LIMIT;
  return /^\d+$/.test(n) ? Math.min(Number(n), PAGE_LIMIT) : undefined;
}

function link(path: string, size: number, page: readonly string[]): Check {
  return ({ headers }) => linkProblem(headers.get('link') ?? '', path, size, page);
}

function linkProblem(told: string, path: string, size: number, page: readonly string[]): string | undefined {
  const target = /^<(\/[^>]*)>; rel="next"$/.exec(told)?.[1];
  if (target === undefined) return `the Link is '${told}'`;
  const { pathname, searchParams } = new URL(target, 'http://registry');
  const isRight =
    pathname === path && searchParams.get('n') === String(size) && searchParams.get('last') === page.at(-1);
  return isRight ? undefined : `the Link is '${told}', but the page ends with ${page.at(-1) ?? 'nothing'}`;
}
