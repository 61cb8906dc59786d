/**
 * Lists that come page by page (distribution-spec, "Listing Tags", "Listing Referrers"; distribution's catalog). Nobody
 * outside decides how much of them is kept at once, nor that they never end.
 */
import * as v from 'valibot';
import { parseJsonDocument } from '../../src/oci/json-document.ts';
import type { Answer } from '../registry/exchange.ts';
import { nextPage, type NextPage } from './link.ts';
import { failure, success, type Outcome } from '../registry/outcome.ts';
import type { RegistryClient } from '../registry/registry-client.ts';
import { withRetries } from '../registry/retry.ts';
import { MAX_PAGES, SeenPages } from './seen-pages.ts';

/** Names on a page; what most registries give at most. */
const PAGE_SIZE = 1_000;
/** Some registries give all names at once, whatever is asked for. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;
/** No list is nested deeper than a descriptor's annotations. */
const MAX_DEPTH = 8;
const OK = 200;
const BAD_REQUEST = 400;

export interface ListQuery<Entry> {
  readonly path: string;
  readonly scopes: readonly string[];
  readonly accept: string;
  readonly schema: v.GenericSchema<unknown, readonly Entry[]>;
  /** Whether pages are asked for by size, which the referrers API does not know. */
  readonly sized: boolean;
}

export type Listed<Entry> =
  | { readonly kind: 'page'; readonly entries: readonly Entry[] }
  /**
   * The last that comes. With a status where already the first page was refused: perhaps there is no such list. Unanswered where
   * nobody said anything of it.
   */
  | { readonly kind: 'broken'; readonly reason: string; readonly status?: number; readonly isUnanswered?: true };

/** One page after the other. */
export async function* list<Entry>(
  client: RegistryClient,
  { path, scopes, accept, schema, sized }: ListQuery<Entry>,
): AsyncGenerator<Listed<Entry>, void, undefined> {
  const seen = new SeenPages();
  let url = new URL(path, client.url);
  if (sized) url.searchParams.set('n', String(PAGE_SIZE));
  for (;;) {
    const isFirst = seen.isEmpty;
    seen.add(url);
    const fetched = await withRetries(client.signal, () => fetchPage(client, url, { scopes, accept, schema }));
    if (!fetched.ok) {
      const { reason, isUnanswered } = fetched.failure;
      return yield isUnanswered === undefined ? broken(reason) : { ...broken(reason), isUnanswered };
    }
    const page = fetched.value;
    if (page.kind === 'broken') {
      // Some give smaller pages, and refuse instead of giving one.
      if (page.status !== BAD_REQUEST || !isFirst || !sized) return yield isFirst ? page : broken(page.reason);
      url = new URL(path, client.url);
      continue;
    }
    yield page;
    const { next } = page;
    if (next.kind === 'none') return;
    if (next.kind === 'refused') return yield broken(`${client.name}: ${next.reason}`);
    const judged = seen.judge(next.url);
    if (judged === 'seen') return yield broken(`${client.name} has a list that goes in circles`);
    if (judged === 'full') return yield broken(`${client.name} has a list of over ${MAX_PAGES} pages`);
    ({ url } = next);
  }
}

type Broken = Listed<never> & { readonly kind: 'broken' };

function broken(reason: string): Broken {
  return { kind: 'broken', reason };
}

type Page<Entry> = (Listed<Entry> & { readonly kind: 'page'; readonly next: NextPage }) | Broken;

async function fetchPage<Entry>(
  client: RegistryClient,
  url: URL,
  { scopes, accept, schema }: Pick<ListQuery<Entry>, 'scopes' | 'accept' | 'schema'>,
): Promise<Outcome<Page<Entry>>> {
  const called = await client.once({ method: 'GET', path: url, scopes, headers: { accept } });
  if (!called.ok) return called;
  const answer = called.value;
  if (answer.status !== OK) {
    const { reason } = (await client.refused(answer, 'a list')).failure;
    return success({ kind: 'broken', status: answer.status, reason });
  }
  const next = nextPage(answer.header('link'), url);
  const entries = await entriesOf(client, answer, schema);
  return entries.ok ? success({ kind: 'page', entries: entries.value, next }) : entries;
}

async function entriesOf<Entry>(
  client: RegistryClient,
  answer: Answer,
  schema: ListQuery<Entry>['schema'],
): Promise<Outcome<readonly Entry[]>> {
  const body = await answer.bytes(MAX_PAGE_BYTES);
  if (!body.ok) return body;
  const json = parseJsonDocument(body.value, MAX_DEPTH);
  if (!json.ok) return failure(`a list of ${client.name} ${json.message}`);
  const parsed = v.safeParse(schema, json.value, { abortEarly: true });
  return parsed.success ? success(parsed.output) : failure(`${client.name} answered with what is no such list`);
}
