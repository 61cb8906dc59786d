/** Tokens of an outside server over the routes of the registry: what they open and what they do not. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KNOWN } from '../../../src/http/access/known.ts';
import { ROUTES, type Method } from '../../../src/http/routes.ts';
import { OCI_MANIFEST } from '../../../src/oci/media-type.ts';
import { CERTIFICATES } from '../../certificates.ts';
import { CATALOG, OUTSIDE, OutsideIssuer, repository } from '../../outside-issuer.ts';
import { demand, imageOf, refusal, sendWith } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { PASSWORD } from './administration.ts';
import { outsideRegistry, type OutsideRegistry } from './outside-registry.ts';
import { basic, bearer, HUGO, newAccount, tokenFor } from './people.ts';

const CHALLENGE = `Bearer realm="${OUTSIDE.realm}",service="${OUTSIDE.service}"`;
const SECOND_MS = 1_000;

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

describe('a request without a token', () => {
  it('is told where to fetch one, for what it needs, and of no error', async () => {
    for (const [method, path, scope] of [
      ['GET', '/v2/', ''],
      ['GET', '/v2/team/app/manifests/latest', ',scope="repository:team/app:pull"'],
      ['GET', '/v2/none/such/manifests/latest', ',scope="repository:none/such:pull"'],
      ['POST', '/v2/team/app/blobs/uploads/', ',scope="repository:team/app:pull,push"'],
      ['DELETE', '/v2/team/app/manifests/latest', ',scope="repository:team/app:delete"'],
      ['GET', '/v2/_catalog', ',scope="registry:catalog:*"'],
    ] as const) {
      const response = await ask(method, path);
      expect(challengeOf(response), path).toBe(`${CHALLENGE}${scope}`);
      expect(await refusal(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    }
  });

  it('asks no object who comes, on an isolate that knows nothing yet either', async () => {
    KNOWN.forget();
    for (const headers of [{}, await given([repository('team/app', 'pull')])]) {
      log.clear();
      await ask('GET', '/v2/', headers);
      expect(log.requests[0]).toMatchObject({ objectCalls: 0, storeOperations: 0 });
    }
  });
});

describe('what is no token of the server', () => {
  it.each<[what: string, header: () => Promise<Record<string, string>>]>([
    ['none at all', () => Promise.resolve(bearer('e30.e30.e30'))],
    ['one that is far too long', () => Promise.resolve(bearer('x'.repeat(20_000)))],
    ["one of Berth's own", async () => bearer(await tokenFor(HUGO, 'repository:team/app:pull'))],
    ['one of nobody of Berth', async () => bearer(await tokenFor(undefined, ''))],
    ['one by another issuer', () => given([], { claims: { iss: 'another' } })],
    ['one for another service', () => given([], { claims: { aud: 'another' } })],
    ['one of another key', async () => bearer(await (await OutsideIssuer.make()).token([]))],
    ['one with its own key', () => given([], { header: { jwk: registry.issuer.jwk } })],
  ])('%s is refused as invalid, also where it would not be needed', async (_, header) => {
    for (const path of ['/v2/', '/v2/team/app/manifests/latest']) {
      const response = await ask('GET', path, await header());
      expect(challengeOf(response)).toMatch(/,error="invalid_token"$/);
      expect(await refusal(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    }
  });

  it('a name and a password are not, whosever they are', async () => {
    const alice = await newAccount('alice');
    for (const person of [alice, HUGO]) {
      const response = await ask('GET', '/v2/', basic(person));
      expect(challengeOf(response)).toBe(CHALLENGE);
      expect((await refusal(response)).message).toContain('and no passwords');
    }
  });

  it('is one that has ended, by the clock of the registry', async () => {
    const headers = await given([repository('team/app', 'pull')]);
    expect((await ask('GET', '/v2/', headers)).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60 * SECOND_MS });
    expect(challengeOf(await ask('GET', '/v2/', headers))).toMatch(/,error="invalid_token"$/);
  });
});

describe('a token', () => {
  it('opens what its access names', async () => {
    const headers = await given([repository('team/new', 'pull', 'push', 'delete')]);
    const opened = demand(await ask('POST', '/v2/team/new/blobs/uploads/', headers), 202);
    const path = opened.headers.get('location') ?? '';
    const length = { 'content-length': String(registry.blob.bytes.byteLength) };
    demand(
      await ask(
        'PUT',
        `${path}?digest=${registry.blob.digest}`,
        { ...headers, ...length },
        {},
        { body: registry.blob.bytes },
      ),
      201,
    );
    const type = { 'content-type': OCI_MANIFEST };
    demand(
      await ask('PUT', '/v2/team/new/manifests/v1', { ...headers, ...type }, {}, { body: imageOf(registry.blob) }),
      201,
    );
    for (const read of ['manifests/v1', `blobs/${registry.blob.digest}`, 'tags/list'])
      demand(await ask('GET', `/v2/team/new/${read}`, headers), 200);
    demand(await ask('DELETE', '/v2/team/new/manifests/v1', headers), 202);
  });

  it('opens no route that needs another right, nor another repository', async () => {
    const CASES = ROUTES.filter(({ path }) => path.includes(':name+')).flatMap((route) =>
      [route.method].flat().map((method: Method) => ({ route, method })),
    );
    for (const action of ['pull', 'push', 'delete', '*'] as const) {
      const headers = await given([
        repository('team/app', action),
        repository('team', '*'),
        repository('eam/app', '*'),
      ]);
      for (const { route, method } of CASES) {
        for (const name of ['team/app', 'hidden/app', 'team/app/x', 'none']) {
          const path = route.path
            .replace(':name+', name)
            .replace(':reference', 'absent')
            .replace(':digest', `sha256:${'0'.repeat(64)}`)
            .replace(':upload', '0'.repeat(64));
          const body = ['GET', 'HEAD'].includes(method) ? {} : { body: new Uint8Array() };
          const response = await ask(method, path, headers, {}, body);
          await response.body?.cancel();
          const isOpen = name === 'team/app' && (action === '*' || action === route.right);
          if (isOpen) expect([401, 403], `${method} ${path} ${action}`).not.toContain(response.status);
          else {
            expect(response.status, `${method} ${path} ${action}`).toBe(401);
            expect(challengeOf(response), path).toMatch(/,error="insufficient_scope",error_description="[^"]+"$/);
          }
        }
      }
    }
  });

  it('of nobody opens what the server gave to nobody', async () => {
    const headers = await given([repository('team/app', 'pull')], { sub: '' });
    demand(await ask('GET', '/v2/', headers), 200);
    demand(await ask('GET', '/v2/team/app/manifests/latest', headers), 200);
    expect((await ask('POST', '/v2/team/app/blobs/uploads/', headers)).status).toBe(401);
  });

  it('lists every name if it may list, and is told the scope if not', async () => {
    const response = demand(await ask('GET', '/v2/_catalog', await given([CATALOG])), 200);
    const { repositories } = await response.json<{ repositories: string[] }>();
    expect(repositories).toEqual(expect.arrayContaining(['hidden/app', 'team/app']));
    expect(challengeOf(await ask('GET', '/v2/_catalog', await given([repository('team/app', '*')])))).toBe(
      `${CHALLENGE},scope="registry:catalog:*",error="insufficient_scope",error_description="the token server did not give alice a token for registry:catalog:*, or was not asked for one"`,
    );
  });

  it('mounts from where it may pull; of anywhere else nobody can tell whether there is something (CVE-2026-117685)', async () => {
    const path = (from: string) => `/v2/team/target/blobs/uploads/?mount=${registry.blob.digest}&from=${from}`;
    const target = repository('team/target', 'pull', 'push');
    const narrow = await given([target]);
    const told = async (from: string) => {
      log.clear();
      const { status } = await ask('POST', path(from), narrow);
      return { status, objectCalls: log.requests[0]?.objectCalls };
    };
    expect(await told('hidden/app')).toEqual(await told('none/such'));
    expect(await told('hidden/app')).toMatchObject({ status: 202 });
    demand(await ask('POST', `/v2/team/target/blobs/uploads/?mount=${registry.blob.digest}`, narrow), 202);
    const wide = await given([target, repository('hidden/app', 'pull')]);
    demand(await ask('POST', path('hidden/app'), wide), 201);
  });

  it('goes on with the upload that another token of the same name began, and nobody else does', async () => {
    const access = [repository('team/app', 'pull', 'push')];
    const opened = demand(await ask('POST', '/v2/team/app/blobs/uploads/', await given(access)), 202);
    const path = opened.headers.get('location') ?? '';
    for (const sub of ['bob', 'user:alice', '']) demand(await ask('GET', path, await given(access, { sub })), 404);
    demand(await ask('GET', path, await given(access, { claims: { jti: 'another' } })), 204);
  });

  it('is somebody of its own kind in the log, where the token is not', async () => {
    const headers = await given([repository('team/app', 'pull')]);
    await ask('GET', '/v2/team/app/manifests/latest', headers);
    await ask('GET', '/v2/hidden/app/manifests/latest', headers);
    expect(log.requests).toMatchObject([
      { principal: 'outside:alice', status: 200 },
      { principal: 'outside:alice', status: 401, refusedBy: 'scope of the token' },
    ]);
    expect(log.text).not.toContain(headers['authorization']?.slice('Bearer '.length) ?? 'none');
  });

  it('of no form opens the administration, nor the tokens of an account that is named as its bearer', async () => {
    await newAccount('root');
    const more = { BERTH_ADMIN_PASSWORD: PASSWORD };
    for (const sub of ['root', 'admin', 'user:root', '']) {
      const access = [repository('**', '*'), CATALOG, { type: 'registry', name: 'admin', actions: ['*'] }];
      const headers = await given(access, { sub, claims: { administrator: true, admin: true } });
      for (const path of ['/admin/accounts', '/admin/policy', '/account/tokens'])
        expect((await ask('GET', path, headers, more)).status, path).toBe(401);
      expect((await ask('POST', '/admin/keys/rotate', headers, more)).status).toBe(401);
    }
    demand(await ask('GET', '/admin/accounts', basic({ name: 'admin', password: PASSWORD }), more), 200);
  });
});

describe('every algorithm', () => {
  it.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    'is verified here: %s',
    async (algorithm) => {
      const one = await OutsideIssuer.make(algorithm);
      const more = { BERTH_TOKEN_SERVER: one.document() };
      demand(await ask('GET', '/v2/', bearer(await one.token([])), more), 200);
      const [header, , signature] = (await one.token([])).split('.');
      const [, payload] = (await one.token([CATALOG])).split('.');
      expect((await ask('GET', '/v2/', bearer(`${header}.${payload}.${signature}`), more)).status).toBe(401);
    },
  );

  it.each(['RS256', 'ES384', 'EdDSA'] as const)('has its key from a certificate, too: %s', async (algorithm) => {
    const { pem, fingerprint } = CERTIFICATES[algorithm];
    const more = {
      BERTH_TOKEN_SERVER: registry.issuer.document({ jwks: undefined, certificates: pem, algorithms: [algorithm] }),
    };
    // Whoever has the certificate has not the key: nobody's signature is that of the one that is found by its name.
    const forger = await OutsideIssuer.make(algorithm, fingerprint);
    expect((await ask('GET', '/v2/', bearer(await forger.token([])), more)).status).toBe(401);
    expect(log.requests[0]).toMatchObject({ refusedBy: 'signature' });
  });
});

describe("Berth's own tokens", () => {
  it('are not made, and what asks for one is told where they come from', async () => {
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: 'grant_type=password' };
    for (const answer of [
      ask('GET', '/token?service=x', basic(HUGO), { BERTH_PUBLIC_URL: 'https://registry.example' }),
      sendWith(registry.settings, 'POST', '/token', form),
      ask('GET', '/.well-known/jwks.json'),
    ])
      expect(await refusal(answer)).toMatchObject({
        status: 404,
        message: `this registry makes no tokens: its token server is ${OUTSIDE.realm}`,
      });
  });
});
