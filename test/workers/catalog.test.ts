/** The list of repositories (Docker Registry HTTP API v2, "Catalog"): those with content, in pages that lose none. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';
import { demand, imageOf, pushed, putManifest, refusal, send, sendWith, sha256 } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, objects, settle } from './world.ts';

let log: LogLines;
beforeEach(() => {
  log = new LogLines();
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

async function walk(path: string, between?: () => Promise<void>): Promise<string[]> {
  const names: string[] = [];
  for (let at: string | undefined = path; at !== undefined;) {
    const { repositories, next } = await page(at);
    names.push(...repositories);
    await between?.();
    at = next;
  }
  return names;
}

const catalog = () => env.CATALOG.get(env.CATALOG.idFromName('catalog'));

/** Has the catalog know of so many repositories more, in the way that they tell it. */
async function announce(names: readonly string[], present = true, sequence = 1): Promise<void> {
  for (const text of names) {
    const name = parseRepositoryName(text);
    if (name === undefined) throw new Error(`'${text}' is no repository name`);
    await objects.catalog().set(name, present, sequence);
  }
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

describe('a large catalog', () => {
  const MANY = 10_000;
  const LIMIT = 1_000;
  const names = Array.from({ length: MANY }, (_, index) => `many/r${String(index).padStart(5, '0')}`);

  beforeAll(async () => {
    await announce(names.slice(0, 1));
    await runInDurableObject(catalog(), (_object, { storage }) => {
      for (const name of names.slice(1))
        storage.sql.exec('INSERT INTO repositories (name, present, sequence) VALUES (?, 1, 1)', name);
    });
  });

  it('comes in pages of at most the limit, each as cheap as the other (CVE-2023-2253)', async () => {
    for (const n of ['', `?n=${'9'.repeat(18)}`]) {
      log.clear();
      const seen = await walk(`/v2/_catalog${n}`);
      expect(seen.filter((name) => name.startsWith('many/'))).toEqual(names);
      expect(log.requests.length).toBe(Math.ceil(seen.length / LIMIT));
      expect(new Set(log.requests.map(({ objectCalls }) => objectCalls))).toEqual(new Set([1]));
    }
    expect(await page('/v2/_catalog?n=0')).toEqual({ repositories: [], next: undefined });
    const rows = await runInDurableObject(catalog(), (_object, { storage }) =>
      [names[0] ?? '', names[MANY - 20] ?? ''].map((last) => {
        const query = 'SELECT name FROM repositories WHERE present = 1 AND name > ? ORDER BY name LIMIT 11';
        const cursor = storage.sql.exec(query, last);
        expect(cursor.toArray()).toHaveLength(11);
        return cursor.rowsRead;
      }),
    );
    expect(rows[1]).toBe(rows[0]);
  });

  it('loses nothing and repeats nothing that stands still while others come and go', async () => {
    const moving = Array.from({ length: 40 }, (_, index) => `many/r${String(index * 250).padStart(5, '0')}-moving`);
    let sequence = 1;
    const seen = await walk('/v2/_catalog?n=700', async () => {
      sequence += 1;
      await announce(
        moving.filter((_, index) => index % 2 === sequence % 2),
        sequence % 3 !== 0,
        sequence,
      );
    });
    expect(seen.filter((name) => !name.endsWith('-moving') && name.startsWith('many/'))).toEqual(names);
    expect(new Set(seen).size).toBe(seen.length);
  });
});
