/** An outside token server beside other settings: a policy that is asked too, and what opens nothing beside its tokens. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ROUTES } from '../../../src/http/routes.ts';
import { CATALOG, OUTSIDE, repository } from '../../outside-issuer.ts';
import { demand, refusal, sendWith, type Settings } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { admin } from './administration.ts';
import { outsideRegistry, type OutsideRegistry } from './outside-registry.ts';
import { bearer, HTPASSWD, HUGO, SETTINGS as OWN_SETTINGS, tokenFor } from './people.ts';

const CHALLENGE = `Bearer realm="${OUTSIDE.realm}",service="${OUTSIDE.service}"`;

let log: LogLines;
let registry: OutsideRegistry;
beforeAll(async () => {
  registry = await outsideRegistry();
});
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const given: OutsideRegistry['given'] = (...asked) => registry.given(...asked);
const ask: OutsideRegistry['ask'] = (...asked) => registry.ask(...asked);
const challengeOf = (response: Response) => response.headers.get('www-authenticate');

describe('a policy beside the tokens', () => {
  const FROZEN = { name: 'frozen', subjects: ['outside:nobody'], repositories: ['**'], actions: ['push'] };
  const rules = [
    { name: 'team', subjects: ['outside:alice'], repositories: ['team/**'], actions: ['pull'] },
    { name: 'public', subjects: ['anonymous'], repositories: ['hidden/**'], actions: ['pull'] },
    { ...FROZEN, message: 'Frozen for the release.' },
  ];
  const also = () => ({
    BERTH_TOKEN_SERVER: registry.issuer.document({ policy: 'also' }),
    BERTH_POLICY: JSON.stringify({ rules }),
  });
  const everything = [repository('team/app', '*'), repository('hidden/app', '*'), CATALOG];

  it('has to allow what they say, and says why not in its own words', async () => {
    demand(await ask('GET', '/v2/team/app/manifests/latest', await given(everything), also()), 200);
    const answer = ask('POST', '/v2/team/app/blobs/uploads/', await given(everything), also());
    expect(await refusal(answer)).toMatchObject({ status: 403, code: 'DENIED', message: 'Frozen for the release.' });
    const bob = await given(everything, { sub: 'bob' });
    expect((await ask('GET', '/v2/team/app/manifests/latest', bob, also())).status).toBe(403);
    // Also where its bearer has no name: no other token would help.
    const nobody = await given(everything, { sub: '' });
    expect((await ask('GET', '/v2/team/app/manifests/latest', nobody, also())).status).toBe(403);
    const narrow = await given([repository('team/other', 'pull')]);
    expect(challengeOf(await ask('GET', '/v2/team/app/manifests/latest', narrow, also()))).toMatch(
      /,error="insufficient_scope",error_description="[^"]+"$/,
    );
  });

  it('opens nothing without one, what is open to everybody neither', async () => {
    const response = await ask('GET', '/v2/hidden/app/manifests/latest', {}, also());
    expect(challengeOf(response)).toBe(`${CHALLENGE},scope="repository:hidden/app:pull"`);
    const nobody = await given([repository('hidden/app', 'pull')], { sub: '' });
    demand(await ask('GET', '/v2/hidden/app/manifests/latest', nobody, also()), 200);
  });

  it('hides in the list what its reader may not pull', async () => {
    const response = demand(await ask('GET', '/v2/_catalog', await given([CATALOG]), also()), 200);
    const { repositories } = await response.json<{ repositories: string[] }>();
    expect(repositories).toEqual(expect.arrayContaining(['hidden/app', 'team/app']));
    const bob = demand(await ask('GET', '/v2/_catalog', await given([CATALOG], { sub: 'bob' }), also()), 200);
    expect(await bob.json()).toEqual({ repositories: ['hidden/app'] });
  });

  it('may be the one that the admin API was given, and closes everything until there is one', async () => {
    const stored = { BERTH_TOKEN_SERVER: registry.issuer.document({ policy: 'also' }) };
    const pull = async () =>
      (await ask('GET', '/v2/team/app/manifests/latest', await given(everything), stored)).status;
    expect(await pull()).toBe(403);
    const put = await admin('PUT', '/admin/policy', { rules }, { settings: stored });
    expect(put.status).toBe(200);
    expect(await pull()).toBe(200);
    const explained = await admin(
      'POST',
      '/admin/access/explain',
      { subject: 'outside:alice', repository: 'team/app', action: 'pull' },
      { settings: stored },
    );
    expect(explained.json).toMatchObject({ allowed: true, rule: 'team', signsIn: true });
  });

  it('that nobody asks is not taken, and explains nothing', async () => {
    const told = [
      await admin('PUT', '/admin/policy', { rules }, { settings: registry.settings }),
      await admin(
        'POST',
        '/admin/access/explain',
        { subject: 'outside:alice', repository: 'team/app', action: 'pull' },
        { settings: registry.settings },
      ),
    ];
    for (const { status, message } of told) expect([status, message.includes('decide alone')]).toEqual([409, true]);
  });
});

describe('a setting that contradicts the token server, or is no token server', () => {
  it.each<[problem: string, more: () => Settings]>([
    ['BERTH_ANONYMOUS=read-write and BERTH_TOKEN_SERVER both', () => ({ BERTH_ANONYMOUS: 'read-write' })],
    ['BERTH_OPEN_LOOPBACK=on opens', () => ({ BERTH_OPEN_LOOPBACK: 'on' })],
    ['BERTH_HTPASSWD names people', () => ({ BERTH_HTPASSWD: HTPASSWD })],
    ['BERTH_POLICY would not be asked', () => ({ BERTH_POLICY: '{"rules":[]}' })],
    ['BERTH_TOKEN_SERVER has this', () => ({ BERTH_PUBLIC_URL: 'https://auth.example' })],
    ['BERTH_TOKEN_SERVER is no token server: the document:', () => ({ BERTH_TOKEN_SERVER: '' })],
    [
      'BERTH_TOKEN_SERVER is no token server: algorithms[0]: must be',
      () => ({ BERTH_TOKEN_SERVER: registry.issuer.document({ algorithms: ['HS256'] }) }),
    ],
    [
      'BERTH_TOKEN_SERVER is no token server: jwks.keys[0]: holds d',
      () => ({
        BERTH_TOKEN_SERVER: registry.issuer.document({ jwks: { keys: [{ ...registry.issuer.jwk, d: 'hush' }] } }),
      }),
    ],
  ])('opens nothing: %s', async (problem, more) => {
    const headers = { host: 'localhost', ...(await given([repository('team/app', '*'), CATALOG])) };
    for (const route of ROUTES) {
      const [method = 'GET'] = [route.method].flat();
      log.clear();
      const path = route.path
        .replace(':name+', 'team/app')
        .replace(':reference', 'latest')
        .replace(':digest', registry.blob.digest)
        .replace(':upload', '0'.repeat(64));
      const response = await ask(method, path, headers, more(), method === 'GET' ? {} : { body: new Uint8Array() });
      const said = await response.text();
      expect(response.status, path).toBe(503);
      expect(said).not.toContain('BERTH_');
      expect(log.requests[0], path).toMatchObject({ objectCalls: 0, storeOperations: 0 });
      const [line] = log.events.filter(({ event }) => event === 'wrong settings');
      expect(line?.['problems'], path).toContain(problem);
      expect(log.text).not.toContain('hush');
    }
  });

  it('counts no more once it is gone: its tokens open nothing then, and those of Berth do', async () => {
    const own = bearer(await tokenFor(HUGO, 'repository:team/app:pull'));
    demand(await sendWith(OWN_SETTINGS, 'GET', '/v2/', { headers: own }), 200);
    expect((await sendWith(OWN_SETTINGS, 'GET', '/v2/', { headers: await given([]) })).status).toBe(401);
  });
});
