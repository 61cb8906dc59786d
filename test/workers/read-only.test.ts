/** BERTH_READ_ONLY: pulls go on, nothing else does, and whoever may not even ask hears what they hear otherwise. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROUTES, type Method } from '../../src/http/routes.ts';
import { admin } from './access/administration.ts';
import { answerOf, basic, getToken, HUGO, newAccount, SETTINGS as PEOPLE } from './access/people.ts';
import { demand, imageOf, pushed, putManifest, refusal, send, sendWith, type Settings } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, settle, storedKeys, type Blob } from './world.ts';

const READ_ONLY: Settings = { BERTH_READ_ONLY: 'on' };
const NAME = 'read-only/app';

let blob: Blob;
let digest: string;
let session: string;
let log: LogLines;
beforeAll(async () => {
  blob = await newBlob(300);
  await pushed(NAME, blob);
  const stored = demand(await putManifest(NAME, 'latest', imageOf(blob)), 201);
  digest = stored.headers.get('docker-content-digest') ?? '';
  const opened = demand(await send('POST', `/v2/${NAME}/blobs/uploads/`), 202);
  const begun = demand(await send('PATCH', opened.headers.get('location') ?? '', { body: blob.bytes }), 202);
  session = begun.headers.get('location') ?? '';
  await settle();
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const pathOf = (path: string): string =>
  path
    .replace(':name+', NAME)
    .replace(':reference', 'latest')
    .replace(':digest', blob.digest)
    .replace(':upload', session.split('/').at(-1) ?? '');
const WRITES = ROUTES.filter(({ path }) => path.startsWith('/v2/')).flatMap((route) =>
  [route.method]
    .flat()
    .filter((method: Method) => method !== 'GET' && method !== 'HEAD')
    .map((method: Method) => ({ name: `${method} ${route.path}`, method, path: route.path })),
);

describe('a read-only registry', () => {
  it.each(WRITES)('refuses $name, says why, and does nothing for it', async ({ method, path }) => {
    const keys = await storedKeys();
    log.clear();
    const body = method === 'DELETE' ? {} : { body: blob.bytes };
    const response = await sendWith(READ_ONLY, method, pathOf(path), body);
    const reads = ROUTES.filter((route) => route.path === path)
      .flatMap((route) => route.method)
      .filter((one) => one === 'GET' || one === 'HEAD');
    expect(response.headers.get('allow')).toBe(reads.join(', '));
    expect(response.headers.has('www-authenticate')).toBe(false);
    const { status, code, message } = await refusal(response);
    expect({ status, code }).toEqual({ status: 405, code: 'UNSUPPORTED' });
    expect(message).toMatch(/^this registry is read-only just now: pulls go on/);
    expect(log.requests[0]).toMatchObject({ error: 'UNSUPPORTED', storeOperations: 0 });
    expect(await storedKeys()).toEqual(keys);
  });

  it('refuses mounts and whole bodies as it does sessions', async () => {
    for (const query of [`mount=${blob.digest}&from=${NAME}`, `mount=${blob.digest}`, `digest=${blob.digest}`])
      expect((await sendWith(READ_ONLY, 'POST', `/v2/${NAME}/blobs/uploads/?${query}`)).status, query).toBe(405);
  });

  it('serves manifests, blobs, tags, referrers and names', async () => {
    for (const method of ['GET', 'HEAD'])
      for (const path of [
        ...['/v2/', '/v2/_catalog', '/healthz', `/v2/${NAME}/tags/list`, `/v2/${NAME}/referrers/${digest}`],
        ...[`/v2/${NAME}/manifests/latest`, `/v2/${NAME}/manifests/${digest}`, `/v2/${NAME}/blobs/${blob.digest}`],
      ])
        demand(await sendWith(READ_ONLY, method, path), 200);
  });

  it('keeps what was begun: a session tells its bytes, and goes on once pushes are taken again', async () => {
    demand(await sendWith(READ_ONLY, 'GET', session), 204);
    expect((await sendWith(READ_ONLY, 'PUT', `${session}?digest=${blob.digest}`)).status).toBe(405);
    demand(await send('PUT', `${session}?digest=${blob.digest}`), 201);
  });

  it('answers who may not push as ever, so that nobody learns of it what they may not', async () => {
    const closed = { ...PEOPLE, ...READ_ONLY };
    const path = '/v2/team/app/blobs/uploads/';
    const told = async (settings: Settings, headers: Record<string, string>, at = path) => {
      const response = await sendWith(settings, 'POST', at, { headers });
      return { challenge: response.headers.get('www-authenticate'), ...(await refusal(response)) };
    };
    expect(await told(closed, {})).toEqual(await told(PEOPLE, {}));
    expect(await told(closed, basic({ name: 'hugo', password: 'wrong' }))).toMatchObject({ status: 401 });
    expect(await told(closed, basic(HUGO), '/v2/public/app/blobs/uploads/')).toMatchObject({ status: 403 });
    expect(await told(closed, basic(HUGO))).toMatchObject({ status: 405, code: 'UNSUPPORTED' });
    expect(await told(READ_ONLY, {}, '/v2/team/NO/blobs/uploads/')).toMatchObject({ code: 'NAME_INVALID' });
  });

  it('makes tokens for pushes, so that docker hears why and not that it is not let in', async () => {
    const closed = { ...PEOPLE, ...READ_ONLY };
    const query = new URLSearchParams({ service: 'registry.example', scope: 'repository:team/app:pull,push' });
    const { scope, token } = await answerOf(getToken(query.toString(), basic(HUGO), closed));
    expect(scope).toBe('repository:team/app:pull,push');
    const headers = { authorization: `Bearer ${token}` };
    expect((await sendWith(closed, 'POST', '/v2/team/app/blobs/uploads/', { headers })).status).toBe(405);
  });

  it('has its accounts, policy and tokens changed as ever', async () => {
    const made = await admin('POST', '/admin/accounts', { name: 'reader' }, { settings: READ_ONLY });
    expect(made.status).toBe(201);
    const alice = await newAccount('alice');
    const response = await sendWith(READ_ONLY, 'POST', '/account/tokens', { headers: basic(alice), body: '{}' });
    expect(response.status).toBe(201);
  });

  it('answers questions of browsers and other methods as ever', async () => {
    const other = await sendWith(READ_ONLY, 'DELETE', '/v2/_catalog');
    expect(other.status).toBe(405);
    expect(other.headers.get('allow')).toBe('GET, HEAD');
    expect((await refusal(other)).message).not.toContain('read-only');
  });
});
