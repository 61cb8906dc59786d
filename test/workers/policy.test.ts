/** A policy over the routes of the registry: what it opens and closes, in lists and mounts too, and what breaks it. */
import { createExecutionContext, runInDurableObject, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { handle } from '../../src/http/app.ts';
import { ROUTES, type Method, type Route } from '../../src/http/routes.ts';
import { demand, isOfOneAnswer, pushedTo, refusal, sendWith, type Settings } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, objects, settle, type Blob } from './world.ts';
import { parseRepositoryName } from '../../src/oci/repository-name.ts';

let log: LogLines;
let blob: Blob;
beforeAll(async () => {
  blob = await newBlob(300);
  await pushedTo(['open/app', 'hidden/app'], blob);
  await settle();
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

function withRules(...rules: readonly object[]): Settings {
  return { BERTH_POLICY: JSON.stringify({ rules }) };
}

const open = { name: 'open', subjects: ['anonymous'], repositories: ['open/**'], actions: ['pull'] };
const CASES = ROUTES.flatMap((route) =>
  [route.method].flat().map((method: Method) => ({ route, method, label: `${method} ${route.path}` })),
);
const pathOf = (route: Route, name: string, digest: string) =>
  route.path
    .replace(':name+', name)
    .replace(':reference', 'latest')
    .replace(':digest', digest)
    .replace(':upload', '0'.repeat(64));
const bodyFor = (method: Method) => (['GET', 'HEAD'].includes(method) ? {} : { body: new Uint8Array() });

async function told(response: Response): Promise<unknown> {
  const headers = [...response.headers].filter(([header]) => !isOfOneAnswer(header));
  return { status: response.status, headers, body: await response.text() };
}

describe.each(['pull', 'push', 'delete', '*'] as const)('a rule that allows %s', (action) => {
  const settings = withRules({ ...open, actions: [action] });

  it('opens the routes that need it, of its repositories, and no other (CVE-2026-41888)', async () => {
    for (const { route, method, label } of CASES.filter(({ route }) => route.path.includes(':name+'))) {
      for (const name of ['open/app', 'open/absent/deep', 'hidden/app', 'openx/app', 'open']) {
        log.clear();
        const path = pathOf(route, name, `sha256:${'0'.repeat(64)}`);
        const response = await sendWith(settings, method, path, bodyFor(method));
        await response.body?.cancel();
        const isOpen = name.startsWith('open/') && (action === '*' || action === route.right);
        if (isOpen) expect([401, 403], `${label} ${name}`).not.toContain(response.status);
        else {
          expect(response.status, `${label} ${name}`).toBe(401);
          expect(response.headers.get('www-authenticate'), label).not.toBeNull();
          expect(log.requests[0], label).toMatchObject({ refusedBy: 'no rule', objectCalls: 0, storeOperations: 0 });
        }
      }
    }
  });
});

describe('what a policy closes', () => {
  it('answers the same whether or not the repository exists', async () => {
    const settings = withRules(
      { ...open, message: 'Ask somebody else.' },
      {
        ...open,
        name: 'all',
        repositories: ['**'],
        actions: ['push'],
        when: { until: '2001-01-01T00:00:00Z' },
        message: 'That was once.',
      },
    );
    for (const { route, method, label } of CASES.filter(({ route }) => route.path.includes(':name+'))) {
      const answer = async (name: string) =>
        told(await sendWith(settings, method, pathOf(route, name, blob.digest), bodyFor(method)));
      const existing = await answer('hidden/app');
      expect(existing, label).toMatchObject({ status: 401 });
      expect(await answer('hidden/none'), label).toEqual(existing);
      expect(await answer('NO/name'), label).toEqual(existing);
    }
  });

  it('is said in the words of the closest rule', async () => {
    const settings = withRules({ ...open, message: 'Pulls only: pushes go through CI.' });
    const answer = await refusal(sendWith(settings, 'POST', '/v2/open/app/blobs/uploads/'));
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHORIZED', message: 'Pulls only: pushes go through CI.' });
    expect(log.requests[0]).toMatchObject({ refusedBy: 'open' });
  });

  it('is closed on an open loopback too, whose callers are nobody special then', async () => {
    const settings = { ...withRules(open), BERTH_OPEN_LOOPBACK: 'on' };
    const headers = { host: '127.0.0.1' };
    expect((await sendWith(settings, 'GET', '/v2/hidden/app/tags/list', { headers })).status).toBe(401);
    expect((await sendWith(settings, 'GET', '/v2/open/app/tags/list', { headers })).status).toBe(200);
    expect((await sendWith(settings, 'GET', '/v2/', { headers })).status).toBe(401);
  });
});

describe('the base of the API', () => {
  it('asks who comes although something is open to everybody, so that docker logs in', async () => {
    const response = await sendWith(withRules(open), 'GET', '/v2/');
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).not.toBeNull();
  });
});

describe('BERTH_ANONYMOUS beside a policy', () => {
  it('counts for nothing, and the log says so once an isolate', async () => {
    const environment = { ...env, ...withRules(open), BERTH_ANONYMOUS: 'read-write' };
    for (const method of ['GET', 'DELETE', 'GET']) {
      const execution = createExecutionContext();
      const request = new Request('http://127.0.0.1/v2/hidden/app/manifests/latest', { method });
      expect((await handle(request, environment, execution)).status).toBe(401);
      await waitOnExecutionContext(execution);
    }
    const said = log.events.filter(({ event }) => event === 'setting ignored');
    expect(said).toHaveLength(1);
    expect(said[0]?.level).toBe('warn');
    expect(said[0]?.['message']).toContain('BERTH_ANONYMOUS=read-write has no effect');
  });

  it('that is none is nothing to say', async () => {
    await sendWith({ ...withRules(open), BERTH_ANONYMOUS: 'none' }, 'GET', '/v2/');
    expect(log.events.map(({ event }) => event)).toEqual(['request']);
  });
});

describe('a policy with a mistake', () => {
  it.each([
    ['', 'the document: must be a JSON object'],
    ['{"rules":[]}x', 'the document: must be a JSON object'],
    [
      JSON.stringify({ rules: [open, { ...open, name: 'x', actions: ['read'] }] }),
      'rules[1].actions[0]: must be one of',
    ],
    [JSON.stringify({ rules: [{ ...open, secret_key: 'hush' }] }), 'rules[0].secret_key: is not known here'],
  ])('opens nothing: %s', async (text, mistake) => {
    for (const { route, method, label } of CASES) {
      log.clear();
      const path = pathOf(route, 'open/app', blob.digest);
      const response = await sendWith(
        { BERTH_POLICY: text, BERTH_ANONYMOUS: 'read-write', BERTH_OPEN_LOOPBACK: 'on' },
        method,
        path,
        { ...bodyFor(method), headers: { host: 'localhost' } },
      );
      const said = await response.text();
      expect(response.status, label).toBe(503);
      expect(said, label).not.toContain('rules');
      expect(log.requests[0], label).toMatchObject({ objectCalls: 0, storeOperations: 0 });
      const [line] = log.events.filter(({ event }) => event === 'wrong settings');
      expect(line?.['problems'], label).toContain(`BERTH_POLICY is no policy: ${mistake}`);
      expect(log.text, label).not.toContain('hush');
    }
  });
});

describe('the network of a client', () => {
  const office = withRules({ ...open, when: { networks: ['10.0.0.0/8'] } });
  const from = async (settings: Settings, headers: Record<string, string>) =>
    (await sendWith({ ...office, ...settings }, 'GET', '/v2/open/app/tags/list', { headers })).status;
  const cloudflare = { BERTH_ON_CLOUDFLARE: 'on' };
  const proxied = { BERTH_ON_CLOUDFLARE: 'off', BERTH_TRUSTED_PROXY: 'on' };
  const neither = { BERTH_ON_CLOUDFLARE: 'off' };

  it('is what Cloudflare says there, and what a trusted proxy says elsewhere', async () => {
    expect(await from(cloudflare, { 'cf-connecting-ip': '10.1.2.3' })).toBe(200);
    expect(await from(cloudflare, { 'cf-connecting-ip': '11.1.2.3', 'x-forwarded-for': '10.1.2.3' })).toBe(401);
    expect(await from(proxied, { 'x-forwarded-for': '192.0.2.1, 10.1.2.3' })).toBe(200);
    expect(await from(proxied, { 'x-forwarded-for': '10.1.2.3, 192.0.2.1', 'cf-connecting-ip': '10.1.2.3' })).toBe(401);
  });

  it('is nobody’s to claim by a header where neither stands in front', async () => {
    for (const header of ['cf-connecting-ip', 'x-forwarded-for', 'x-real-ip', 'forwarded', 'true-client-ip'])
      for (const settings of [neither, { ...neither, BERTH_DIRECT_CLIENTS: 'on' }])
        expect(await from(settings, { [header]: '10.1.2.3' }), header).toBe(401);
  });
});

describe('bytes that their digest names', () => {
  it('are for everybody’s cache where everybody may pull them, from anywhere and for good', async () => {
    const cached = async (rule: object, headers = {}) => {
      const settings = { ...withRules(rule), BERTH_ON_CLOUDFLARE: 'on' };
      const response = demand(await sendWith(settings, 'GET', `/v2/open/app/blobs/${blob.digest}`, { headers }), 200);
      await response.body?.cancel();
      return response.headers.get('cache-control')?.split(',')[0];
    };
    expect(await cached(open)).toBe('public');
    const inside = { 'cf-connecting-ip': '10.0.0.1' };
    expect(await cached({ ...open, when: { networks: ['10.0.0.0/8'] } }, inside)).toBe('private');
    expect(await cached({ ...open, when: { until: '2999-01-01T00:00:00Z' } })).toBe('private');
  });
});

describe('a mount from a repository that the caller may not pull (CVE-2026-117685, CVE-2024-39897)', () => {
  const settings = withRules(
    { ...open, actions: ['*'] },
    { name: 'drop box', subjects: ['anonymous'], repositories: ['hidden/**'], actions: ['push'] },
  );
  const mount = async (digest: string, from?: string) => {
    const source = from === undefined ? '' : `&from=${encodeURIComponent(from)}`;
    log.clear();
    const answer = await sendWith(settings, 'POST', `/v2/open/target/blobs/uploads/?mount=${digest}${source}`);
    const headers = [...answer.headers].flatMap(([header, value]) =>
      isOfOneAnswer(header) ? [] : [[header, value.replace(/[a-f0-9]{64}\.[a-z0-9]+\.[a-f0-9]{64}/, '<id>')]],
    );
    return { status: answer.status, headers, objectCalls: log.requests[0]?.objectCalls };
  };

  it('is the upload session that a mount of nothing is, for the same calls', async () => {
    const nowhere = `sha256:${'0'.repeat(64)}`;
    const nothing = await mount(nowhere, 'open/app');
    expect(nothing).toMatchObject({ status: 202, objectCalls: 1 });
    for (const from of ['hidden/app', 'hidden/none', 'NO/name', 'elsewhere/app'])
      for (const digest of [blob.digest, nowhere]) expect(await mount(digest, from), from).toEqual(nothing);
    const path = `/v2/open/target/blobs/${blob.digest}`;
    expect((await sendWith(settings, 'HEAD', path)).status).toBe(404);
  });

  it('takes from nowhere in particular only for who may pull from everywhere', async () => {
    expect(await mount(blob.digest)).toMatchObject({ status: 202 });
    const everywhere = withRules({ ...open, repositories: ['**'], actions: ['*'] });
    const path = `/v2/open/target/blobs/uploads/?mount=${blob.digest}`;
    expect((await sendWith(everywhere, 'POST', path)).status).toBe(201);
  });

  it('takes from what may be pulled', async () => {
    expect(await mount(blob.digest, 'open/app')).toMatchObject({ status: 201 });
  });
});

describe('the list of repositories', () => {
  interface Page {
    repositories: string[];
    next: string | undefined;
    objectCalls: number | undefined;
  }
  const page = async (settings: Settings, path: string): Promise<Page> => {
    log.clear();
    const response = demand(await sendWith(settings, 'GET', path), 200);
    const { repositories }: { repositories: string[] } = await response.json();
    const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
    return { repositories, next, objectCalls: log.requests[0]?.objectCalls };
  };
  const walk = async (settings: Settings, path: string): Promise<Page[]> => {
    const pages: Page[] = [];
    for (let at: string | undefined = path; at !== undefined;) {
      const one = await page(settings, at);
      pages.push(one);
      at = one.next;
    }
    return pages;
  };
  const catalog = () => env.CATALOG.get(env.CATALOG.idFromName('catalog'));

  it('has what the caller may pull and nothing else', async () => {
    const pages = await walk(withRules(open), '/v2/_catalog?n=1');
    expect(pages.flatMap(({ repositories }) => repositories)).toEqual(['open/app']);
    expect(await page(withRules({ ...open, repositories: ['nothing/here'] }), '/v2/_catalog')).toMatchObject({
      repositories: [],
    });
    expect((await sendWith(withRules({ ...open, actions: ['push'] }), 'GET', '/v2/_catalog')).status).toBe(401);
    expect(await page(withRules(open), '/v2/_catalog?n=0')).toMatchObject({ repositories: [], next: undefined });
  });

  it('does not go on from a name that its reader may not see, which would tell what lies behind it', async () => {
    for (const last of ['open/app', ''])
      expect((await sendWith(withRules(open), 'GET', `/v2/_catalog?last=${last}`)).status).toBe(200);
    for (const last of ['hidden/app', 'm', 'open', '_']) {
      const probe = sendWith(withRules(open), 'GET', `/v2/_catalog?last=${last}`);
      expect(await refusal(probe), last).toMatchObject({ status: 400, code: 'PAGINATION_NUMBER_INVALID' });
    }
    const all = withRules({ ...open, repositories: ['**'] });
    expect((await sendWith(all, 'GET', '/v2/_catalog?last=m')).status).toBe(200);
  });

  it('ends its pages as if hidden names were not there, and goes on after no name that is nobody’s', async () => {
    const settings = withRules({ ...open, repositories: ['*/public'] });
    const set = async (name: string) => {
      const repository = parseRepositoryName(name);
      if (repository === undefined) throw new Error('no name');
      await objects.catalog().set(repository, true, 1);
    };
    for (const name of ['pa/public', 'pz/public']) await set(name);
    const pagesOf = async (n: number) =>
      (await walk(settings, `/v2/_catalog?n=${n}`)).map(({ repositories, next }) => ({ repositories, next }));
    const before = [await pagesOf(1), await pagesOf(2)];
    expect(before.map((pages) => pages.length)).toEqual([2, 1]);
    // Before, between and after what is shown.
    for (const name of ['o/hidden', 'pm/hidden', 'pz/public/hidden', 'q/hidden']) await set(name);
    expect([await pagesOf(1), await pagesOf(2)]).toEqual(before);
    for (const last of ['pb/public', 'pm/public', 'zz/public']) {
      const probe = sendWith(settings, 'GET', `/v2/_catalog?last=${last}`);
      expect(await refusal(probe), last).toMatchObject({ status: 400, code: 'PAGINATION_NUMBER_INVALID' });
    }
    expect(await page(settings, '/v2/_catalog?last=pa/public')).toMatchObject({ repositories: ['pz/public'] });
  });

  it('examines a thousand names a page, tells where it goes on, and names nothing that is hidden', async () => {
    const first = parseRepositoryName('many/h00000');
    if (first === undefined) throw new Error('no name');
    await objects.catalog().set(first, true, 1);
    // Every 500th may be pulled.
    const names = Array.from({ length: 3_000 }, (_, index) =>
      index % 500 === 250 ? `many/open-${String(index).padStart(5, '0')}` : `many/h${String(index).padStart(5, '0')}`,
    );
    await runInDurableObject(catalog(), (_object, { storage }) => {
      for (const name of names.slice(1))
        storage.sql.exec(
          'INSERT INTO repositories (name, present, sequence, marker) VALUES (?, 1, 1, lower(hex(randomblob(16))))',
          name,
        );
    });
    const settings = withRules({ ...open, repositories: ['many/open-*'] });
    const shown = names.filter((name) => name.includes('open'));
    for (const n of ['', '?n=1', '?n=2', '?n=1000']) {
      const pages = await walk(settings, `/v2/_catalog${n}`);
      expect(
        pages.flatMap(({ repositories }) => repositories),
        n,
      ).toEqual(shown);
      for (const { next, objectCalls } of pages) {
        expect(decodeURIComponent(next ?? ''), n).not.toMatch(/many\/h|hidden/);
        expect(objectCalls, n).toBeLessThanOrEqual(2);
      }
    }
    const all = await walk(withRules({ ...open, repositories: ['**'] }), '/v2/_catalog');
    expect(all.flatMap(({ repositories }) => repositories)).toEqual(expect.arrayContaining(names));
    expect(new Set(all.map(({ objectCalls }) => objectCalls))).toEqual(new Set([1]));
  });

  it('goes on nowhere after a mark that nobody made', async () => {
    for (const mark of ['~', '~0', "~' OR 1=1 --", `~${'a'.repeat(1_000)}`])
      expect(await page(withRules(open), `/v2/_catalog?last=${encodeURIComponent(mark)}`)).toMatchObject({
        repositories: [],
        next: undefined,
      });
  });
});
