/** The list of repositories (Docker Registry HTTP API v2, "Catalog"): those with content. Thousands: large-lists.test.ts. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { demand, imageOf, pushed, putManifest, refusal, send, sendWith, sha256 } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, settle } from './world.ts';

beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Page {
  repositories: string[];
  next: string | undefined;
}

async function page(path: string): Promise<Page> {
  const response = demand(await send('GET', path), 200);
  expect(response.headers.get('content-type')).toBe('application/json');
  const { repositories }: { repositories: string[] } = await response.json();
  const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return { repositories, next };
}

async function walk(path: string): Promise<string[]> {
  const names: string[] = [];
  for (let at: string | undefined = path; at !== undefined;) {
    const { repositories, next } = await page(at);
    names.push(...repositories);
    at = next;
  }
  return names;
}

describe('the catalog', () => {
  it('has a repository once a manifest was pushed there, and no longer once the last one was deleted', async () => {
    const name = 'catalog/life';
    const blob = await pushed(name, await newBlob());
    const listed = async () => (await walk('/v2/_catalog')).includes(name);
    await settle();
    expect(await listed()).toBe(false);
    const body = imageOf(blob);
    demand(await putManifest(name, 'one', body), 201);
    await settle();
    expect(await listed()).toBe(true);
    demand(await send('DELETE', `/v2/${name}/manifests/${await sha256(body)}`), 202);
    await settle();
    expect(await listed()).toBe(false);
  });

  it('has no name on a page of none', async () => {
    expect(await page('/v2/_catalog?n=0')).toEqual({ repositories: [], next: undefined });
  });

  it('needs the right to read, and 401 tells nothing of it', async () => {
    expect(await refusal(sendWith({ BERTH_ANONYMOUS: 'none' }, 'GET', '/v2/_catalog'))).toMatchObject({ status: 401 });
    expect((await sendWith({ BERTH_ANONYMOUS: 'read' }, 'GET', '/v2/_catalog')).status).toBe(200);
  });

  it.each(['/v2//_catalog', '/v2/_catalog/', '/v2/%5Fcatalog', '/v2/_CATALOG', '/V2/_catalog', '/v2/x/../_catalog/'])(
    'has no other address: %s (CVE-2020-29662)',
    async (path) => {
      const answer = await sendWith({ BERTH_ANONYMOUS: 'none' }, 'GET', path);
      expect([401, 404]).toContain(answer.status);
      expect(await answer.text()).not.toContain('repositories');
    },
  );

  it.each(['-1', '1.5', 'ten', '', 'NaN', '1e18'])(
    'refuses an n that is no whole number: %s (CVE-2023-2253)',
    async (n) => {
      expect(await refusal(send('GET', `/v2/_catalog?n=${encodeURIComponent(n)}`))).toMatchObject({
        status: 400,
        code: 'PAGINATION_NUMBER_INVALID',
        detail: { n },
      });
    },
  );
});
