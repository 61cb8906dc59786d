/** Tags (end-8a, end-8b): sorted by their bytes, in pages that lose none. Thousands of them: large-lists.test.ts. */
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, imageOf, pushed, putManifest, refusal, send, sha256 } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

/** However many are asked for. */
const PAGE_LIMIT = 1_000;
/** Several are prefixes of one another, or sort otherwise than their bytes in some locale. */
const TAGS = [
  ...[
    '0',
    '00',
    '1',
    '1.0',
    '1.0.0',
    '1.0-rc',
    '1-0',
    '10',
    '2',
    'A',
    'B',
    'Z',
    '_',
    '_a',
    '__',
    'a',
    'aa',
    'a-',
    'a.',
  ],
  ...['a_', 'a0', 'aA', 'ab', 'abc', 'b', 'latest', 'latest-1', 'lates', 'v1', 'v1.2', 'v10', 'z', 'z'.repeat(128)],
];
const SORTED = [...TAGS].sort();
const name = 'tags/main';

let blob: Blob;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(100));
  const body = imageOf(blob);
  for (const tag of [...TAGS].reverse()) demand(await putManifest(name, tag, body), 201);
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Page {
  tags: string[];
  next: string | undefined;
}

async function page(path: string): Promise<Page> {
  const response = demand(await send('GET', path), 200);
  expect(response.headers.get('content-type')).toBe('application/json');
  const body: { name: string; tags: string[] } = await response.json();
  expect(body.name).toBe(path.slice('/v2/'.length, path.indexOf('/tags/list')));
  const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  expect(response.headers.has('link')).toBe(next !== undefined);
  return { tags: body.tags, next };
}

/** All pages, from this address on. */
async function walk(path: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let at: string | undefined = path; at !== undefined;) {
    const { tags, next } = await page(at);
    pages.push(tags);
    at = next;
  }
  return pages;
}

const list = (query: string) => `/v2/${name}/tags/list${query}`;

describe('the list of tags', () => {
  it('has every tag once, sorted by its bytes', async () => {
    expect(await page(list(''))).toEqual({ tags: SORTED, next: undefined });
  });

  it.each([1, 2, 3, 7, TAGS.length - 1, TAGS.length, TAGS.length + 1])(
    'in pages of %i loses none and repeats none',
    async (n) => {
      const pages = await walk(list(`?n=${String(n)}`));
      expect(pages.flat()).toEqual(SORTED);
      expect(pages.slice(0, -1).every((tags) => tags.length === n)).toBe(true);
      expect(pages.at(-1)?.length).toBeGreaterThan(0);
    },
  );

  it('goes on after `last`, which need not be a tag', async () => {
    const markers = [...TAGS, '', '!', '~', 'a!', 'latest-', 'Latest', 'v', 'zz', 'é', '%2F', "a' OR 1=1 --", '\u0000'];
    for (const last of markers) {
      const { tags } = await page(list(`?last=${encodeURIComponent(last)}`));
      expect(tags, last).toEqual(SORTED.filter((tag) => tag > last));
    }
  });

  it('after the last tag is an empty list without a link', async () => {
    expect(await page(list(`?last=${'z'.repeat(128)}`))).toEqual({ tags: [], next: undefined });
    expect(await page(list(`?n=5&last=${'z'.repeat(128)}`))).toEqual({ tags: [], next: undefined });
  });

  it('of no tags (n=0) is an empty list without a link', async () => {
    expect(await page(list('?n=0'))).toEqual({ tags: [], next: undefined });
    expect(await page(list('?n=000&last=a'))).toEqual({ tags: [], next: undefined });
  });

  it('takes any larger n for the limit', async () => {
    for (const n of [String(PAGE_LIMIT), '1000000000', '9'.repeat(300)]) {
      expect(await page(list(`?n=${n}`))).toEqual({ tags: SORTED, next: undefined });
    }
  });

  it.each(['-1', '1.5', 'ten', '1e3', '0x10', '', ' 1', '1 ', '+1', 'NaN', '١'])(
    'refuses an n that is no whole number (%s)',
    async (n) => {
      const answer = await refusal(send('GET', list(`?n=${encodeURIComponent(n)}`)));
      expect(answer).toMatchObject({ status: 400, code: 'PAGINATION_NUMBER_INVALID', detail: { n } });
    },
  );

  it('whatever the page and the marker, is the part of the whole list that they name', async () => {
    const marker = fc.oneof(fc.constantFrom(...TAGS), fc.string({ unit: 'grapheme-ascii', maxLength: 5 }));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), marker, async (n, last) => {
        const pages = await walk(list(`?n=${String(n)}&last=${encodeURIComponent(last)}`));
        expect(pages.flat()).toEqual(SORTED.filter((tag) => tag > last));
      }),
      { numRuns: 25 },
    );
  });

  it('shows a new tag to who asks after its push, and each tag once however often it is pushed', async () => {
    const repository = 'tags/growing';
    const own = await pushed(repository, blob);
    for (const tag of ['b', 'a', 'c', 'a', 'b']) {
      demand(await putManifest(repository, tag, imageOf(own)), 201);
      expect((await page(`/v2/${repository}/tags/list`)).tags).toContain(tag);
    }
    expect((await page(`/v2/${repository}/tags/list`)).tags).toEqual(['a', 'b', 'c']);
  });

  it('is empty when manifests were pushed by digest alone', async () => {
    const repository = 'tags/untagged';
    const own = await pushed(repository, blob);
    const manifest = imageOf(own, { annotations: { untagged: 'yes' } });
    const digest = await sha256(manifest);
    demand(await putManifest(repository, digest, manifest), 201);
    expect(await page(`/v2/${repository}/tags/list`)).toEqual({ tags: [], next: undefined });
  });

  it('of a repository without manifests, or unknown, is NAME_UNKNOWN', async () => {
    await pushed('tags/only-blobs', blob);
    for (const repository of ['tags/unknown', 'tags/only-blobs']) {
      for (const query of ['', '?n=0', '?n=5&last=a']) {
        const answer = await refusal(send('GET', `/v2/${repository}/tags/list${query}`));
        expect(answer).toMatchObject({ status: 404, code: 'NAME_UNKNOWN', detail: { name: repository } });
      }
    }
  });
});
