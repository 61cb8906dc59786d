/**
 * Lists at full size: 10,000 tags of one repository, 5,000 referrers of one subject, 10,000 repositories. The last page
 * costs what the first one does, in object calls and in rows that are read, and whoever pages through all of it while
 * others write misses nothing that stood still and sees nothing of it twice (end-8b, end-12a, end-12b; CVE-2023-2253).
 */
import { env } from 'cloudflare:workers';
import { runDurableObjectAlarm } from 'cloudflare:test';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, putManifest, repositoryStub, send } from './client.ts';
import { readPage, walkBeside } from './lists.ts';
import { LogLines } from './log-lines.ts';
import { countRows } from './rows.ts';
import { seedCatalog, seedReferrers, seedTags, smallManifest, subjectDescriptor, type Small } from './seeding.ts';

const TAGS = 10_000;
const REFERRERS = 5_000;
const REPOSITORIES = 10_000;
const SBOM = 'application/vnd.example.sbom.v1';
const SIGNATURE = 'application/vnd.example.signature.v1';
/** Thousands of rows, on a machine that does other things as well. */
const FULL_SIZE_TIMEOUT_MS = 240_000;

const name = 'large/lists';
const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
const tags = numbered('t', TAGS);
/** A repository more than are counted: the one of the tags and referrers, which tells the catalog by itself. */
const repositories = [name, ...numbered('many/r', REPOSITORIES - 1)];
const catalog = () => env.CATALOG.get(env.CATALOG.idFromName('catalog'));

let log: LogLines;
let targets: Small[] = [];
let subject: Small;
let referrers: string[] = [];

beforeAll(async () => {
  targets = await Promise.all([0, 1, 2].map((index) => smallManifest(`target ${String(index)}`)));
  subject = await smallManifest('subject');
  for (const [index, target] of targets.entries()) {
    await seedTags(
      name,
      tags.filter((_, at) => at % targets.length === index),
      target,
    );
  }
  referrers = await seedReferrers(
    name,
    subject.digest,
    Array.from({ length: REFERRERS }, (_, index) => ({ type: index % 10 === 0 ? SBOM : SIGNATURE })),
  );
  await seedCatalog(repositories);
  // Names that were there once, one between any two: they are rows as well, and no page may go through them.
  await seedCatalog(
    repositories.map((repository) => `${repository}-gone`),
    false,
  );
  await runDurableObjectAlarm(repositoryStub(name));
}, FULL_SIZE_TIMEOUT_MS);
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface List {
  label: string;
  path: () => string;
  object: () => DurableObjectStub;
  /** How many entries there are, and on each page. */
  total: number;
  size: number;
  /** What a request reads besides its entries: the row behind the page; for tags, whether there is a manifest. */
  rowsBeside: number;
}

const referrersOf = (query = '') => `/v2/${name}/referrers/${subject.digest}${query}`;
const LISTS: readonly List[] = [
  {
    label: 'tags',
    path: () => `/v2/${name}/tags/list`,
    object: () => repositoryStub(name),
    total: TAGS,
    size: 1_000,
    rowsBeside: 2,
  },
  {
    label: 'tags in small pages',
    path: () => `/v2/${name}/tags/list?n=100`,
    object: () => repositoryStub(name),
    total: TAGS,
    size: 100,
    rowsBeside: 2,
  },
  {
    label: 'referrers',
    path: () => referrersOf(),
    object: () => repositoryStub(name),
    total: REFERRERS,
    size: 500,
    rowsBeside: 1,
  },
  {
    label: 'referrers of one type',
    path: () => referrersOf(`?artifactType=${encodeURIComponent(SIGNATURE)}`),
    object: () => repositoryStub(name),
    total: (REFERRERS * 9) / 10,
    size: 500,
    rowsBeside: 1,
  },
  {
    label: 'repositories',
    path: () => '/v2/_catalog',
    object: catalog,
    total: REPOSITORIES,
    size: 1_000,
    rowsBeside: 1,
  },
  {
    label: 'repositories, however many are asked for',
    path: () => `/v2/_catalog?n=${'9'.repeat(18)}`,
    object: catalog,
    total: REPOSITORIES,
    size: 1_000,
    rowsBeside: 1,
  },
  {
    label: 'repositories in small pages',
    path: () => '/v2/_catalog?n=100',
    object: catalog,
    total: REPOSITORIES,
    size: 100,
    rowsBeside: 1,
  },
];

interface PageWork {
  entries: number;
  objectCalls: number;
  storeOperations: number;
  rowsRead: number;
  rowsWritten: number;
}

/** What each page costs, from the first to the last. */
async function workOfPages({ path, object }: List): Promise<PageWork[]> {
  const works: PageWork[] = [];
  // An object that has just woken looks at its alarm once.
  await readPage(path());
  for (let at: string | undefined = path(); at !== undefined;) {
    log.clear();
    const from: string = at;
    const { result, rows } = await countRows([object()], () => readPage(from));
    const [request] = log.requests;
    works.push({
      entries: result.entries.length,
      objectCalls: request?.objectCalls ?? NaN,
      storeOperations: request?.storeOperations ?? NaN,
      rowsRead: rows.read,
      rowsWritten: rows.written,
    });
    at = result.next;
  }
  return works;
}

describe(
  'every page, to the last, costs what the first one does (CVE-2023-2253)',
  { timeout: FULL_SIZE_TIMEOUT_MS },
  () => {
    it.each(LISTS)('$label', async (list) => {
      const works = await workOfPages(list);
      expect(works).toHaveLength(list.total / list.size);
      const [first] = works;
      if (first === undefined) throw new Error('there is no page');
      expect(first).toMatchObject({ entries: list.size, objectCalls: 1, storeOperations: 0, rowsWritten: 0 });
      expect(first.rowsRead).toBeLessThanOrEqual(list.size + list.rowsBeside);
      for (const between of works.slice(1, -1)) expect(between).toEqual(first);
      // Behind the last one there is no row to look at.
      expect(works.at(-1)).toEqual({ ...first, rowsRead: first.rowsRead - 1 });
    });
  },
);

/** Asks for what may be there or not: 404 is as good as done. */
async function remove(path: string): Promise<void> {
  const { status } = await send('DELETE', path);
  expect([202, 404]).toContain(status);
}

async function push(repository: string, reference: string, { body }: Small): Promise<void> {
  demand(await putManifest(repository, reference, body), 201);
}

/** Some of a list's names, spread over all of it, others at each turn. */
function spread<T>(all: readonly T[], turn: number): T[] {
  const step = Math.floor(all.length / 7);
  return Array.from({ length: 7 }, (_, index) => all[(index * step + turn * 37) % all.length]).filter(
    (value) => value !== undefined,
  );
}

function expectOnceEach(pages: readonly string[][], standing: readonly string[]): void {
  const seen = new Map<string, number>();
  for (const entry of pages.flat()) seen.set(entry, (seen.get(entry) ?? 0) + 1);
  expect(standing.filter((entry) => seen.get(entry) !== 1)).toEqual([]);
}

describe(
  'whoever pages through all of it while others push, move and delete',
  { timeout: FULL_SIZE_TIMEOUT_MS },
  () => {
    it('sees each tag that stands once, also those that are moved to other manifests', async () => {
      let writes = 0;
      const pages = await walkBeside(`/v2/${name}/tags/list?n=700`, async (turn) => {
        const target = targets[turn % targets.length] ?? subject;
        const own = await smallManifest(`turn ${String(turn)}`);
        await Promise.all([
          ...spread(tags, turn).map((tag) => push(name, tag, target)),
          ...spread(tags, turn).map((tag) => push(name, `${tag}-moving`, own)),
          ...spread(tags, turn - 1).map((tag) => remove(`/v2/${name}/manifests/${tag}-moving`)),
          ...spread(tags, turn - 2).map((tag) => push(name, `${tag}-moving`, target)),
        ]);
        // With all tags that lead to it, in one step.
        if (turn % 3 === 2) await remove(`/v2/${name}/manifests/${own.digest}`);
        writes += 1;
      });
      expect(writes).toBeGreaterThan(10);
      expectOnceEach(pages, tags);
      const seen = pages.flat();
      expect(new Set(seen).size).toBe(seen.length);
    });

    it.each([
      { label: 'referrer', query: '' },
      { label: 'referrer of one type', query: `?artifactType=${encodeURIComponent(SIGNATURE)}` },
    ])('sees each $label that stands once', async ({ query }) => {
      const moving = new Set(spread(referrers, 1));
      const standing = referrers.filter((digest, index) => !moving.has(digest) && (query === '' || index % 10 !== 0));
      const doomed = [...moving];
      const pages = await walkBeside(referrersOf(query), async (turn) => {
        const extra = { artifactType: SIGNATURE, subject: subjectDescriptor(subject) };
        const fresh = await smallManifest(`fresh ${String(turn)} ${query}`, extra);
        await Promise.all([
          push(name, fresh.digest, fresh),
          ...doomed.splice(0, 1).map((digest) => remove(`/v2/${name}/manifests/${digest}`)),
          // Theirs stay, whatever becomes of the subject.
          turn % 2 === 0 ? push(name, 'subject', subject) : remove(`/v2/${name}/manifests/${subject.digest}`),
        ]);
      });
      expectOnceEach(pages, standing);
      const seen = pages.flat();
      expect(new Set(seen).size).toBe(seen.length);
    });

    it('sees each repository that stands once', async () => {
      const moving = [...spread(repositories, 3), ...spread(repositories, 11)].map(
        (repository) => `${repository}-moving`,
      );
      const manifest = await smallManifest('moving');
      const pages = await walkBeside('/v2/_catalog?n=900', async (turn) => {
        await Promise.all(
          moving.map(async (repository, index) => {
            if ((index + turn) % 2 === 0) await push(repository, 'latest', manifest);
            else await remove(`/v2/${repository}/manifests/${manifest.digest}`);
            // The repository tells the catalog.
            await runDurableObjectAlarm(repositoryStub(repository));
          }),
        );
      });
      expectOnceEach(pages, repositories);
      const seen = pages.flat();
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen.some((repository) => repository.endsWith('-moving'))).toBe(true);
    });
  },
);
