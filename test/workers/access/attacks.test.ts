/** What somebody may try against signing in, one test each. Forged tokens that never reach a key: test/unit/auth/jwt.test.ts. */
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  SignJWT,
  UnsecuredJWT,
  type JWK,
  type JWTPayload,
} from 'jose';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { refusal, sendWith, type Settings } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import {
  accounts,
  answerOf,
  basic,
  bearer,
  getToken,
  HTPASSWD,
  HUGO,
  newAccount,
  newSecret,
  newToken,
  postToken,
  PUBLIC_URL,
  refreshTokenOf,
  SERVICE,
  SETTINGS,
  tokenFor,
  type Person,
} from './people.ts';

const SCOPE = 'repository:team/app:pull,push';

let alice: Person;
/** Of a token of alice's: what it says, and the key that signed it. */
let honest: JWTPayload;
let kid: string;
let signingKey: JWK;
beforeAll(async () => {
  alice = await newAccount('alice');
  const token = await tokenFor(alice, SCOPE);
  honest = decodeJwt(token);
  kid = decodeProtectedHeader(token).kid ?? '';
  signingKey = (await accounts().snapshot()).result.signingKey.jwk;
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const base = (headers: Record<string, string>, settings: Settings = SETTINGS) =>
  sendWith(settings, 'GET', '/v2/', { headers });
const push = (token: string, repository = 'team/app', settings: Settings = SETTINGS) =>
  sendWith(settings, 'POST', `/v2/${repository}/blobs/uploads/`, { headers: bearer(token) });

/** What Berth's own key signs: what an attacker could not, and what another Berth with the same key would. */
async function signed(claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  const key = await importJWK({ ...signingKey, kty: 'EC' }, 'ES256');
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid, ...header }).sign(key);
}

async function expectRefused(token: string): Promise<void> {
  for (const response of [await base(bearer(token)), await push(token)]) {
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer .*,error="invalid_token"$/);
    expect(await refusal(response)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  }
}

describe('a token', () => {
  it('that is honest is taken', async () => {
    expect((await push(await signed(honest))).status).toBe(202);
  });

  it('without a signature is refused (alg: none)', async () => {
    await expectRefused(new UnsecuredJWT(honest).encode());
  });

  it('signed by HMAC with the public key is refused', async () => {
    const { keys } = await (await sendWith(SETTINGS, 'GET', '/.well-known/jwks.json')).json<{ keys: object[] }>();
    const secret = new TextEncoder().encode(JSON.stringify(keys[0]));
    await expectRefused(await new SignJWT(honest).setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid }).sign(secret));
  });

  it('that brings its own key is refused (CVE-2025-24976)', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    for (const header of [{ jwk }, { jwk, kid }, { x5c: ['MIIB'] }, { jku: 'https://attacker.example/jwks' }]) {
      const token = new SignJWT(honest).setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...header });
      await expectRefused(await token.sign(privateKey));
    }
    // And where the right key has signed it, for then somebody has put it there.
    await expectRefused(await signed(honest, { jwk }));
  });

  it('of an unknown key id is refused', async () => {
    await expectRefused(await signed(honest, { kid: 'other' }));
    await expectRefused(await signed(honest, { kid: undefined }));
  });

  it('of another issuer is refused', async () => {
    await expectRefused(await signed({ ...honest, iss: 'https://other.example' }));
  });

  it('for another service is refused, though the same key signed it', async () => {
    await expectRefused(await signed({ ...honest, aud: 'other.example' }));
    const elsewhere = { ...SETTINGS, BERTH_PUBLIC_URL: 'https://other.example' };
    const token = (await answerOf(getToken('service=other.example', basic(alice), elsewhere))).token;
    expect((await base(bearer(token), elsewhere)).status).toBe(200);
    await expectRefused(token);
  });

  it('that has expired is refused, and one that is not valid yet', async () => {
    const now = Math.floor(Date.now() / 1_000);
    await expectRefused(await signed({ ...honest, exp: now - 61 }));
    await expectRefused(await signed({ ...honest, nbf: now + 120 }));
  });

  it('of somebody else than its credential is of is refused', async () => {
    await newAccount('mallory');
    await expectRefused(await signed({ ...honest, sub: 'mallory' }));
    await expectRefused(await signed({ ...honest, kind: 'robot' }));
    await expectRefused(await signed({ ...honest, credential: 'nobody' }));
    await expectRefused(await signed({ ...honest, credential: 'htpasswd:alice:0' }));
    await expectRefused(await signed({ ...honest, kind: 'local' }));
  });

  it('that says more than its owner may gets no more', async () => {
    const access = [{ type: 'repository', name: 'secret/app', actions: ['pull', 'push', 'delete'] }];
    expect((await push(await signed({ ...honest, access }), 'secret/app')).status).toBe(403);
  });

  it('of nobody gets what is public and nothing else, whatever it says (CVE-2026-27771)', async () => {
    const access = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push'] }];
    const token = await signed({ ...honest, sub: '', kind: 'anonymous', credential: '', access });
    const response = await push(token);
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/error="insufficient_scope"$/);
  });

  it('opens nothing on a registry without a public URL', async () => {
    const token = await tokenFor(alice, SCOPE);
    expect((await base(bearer(token), { ...SETTINGS, BERTH_PUBLIC_URL: undefined })).status).toBe(401);
  });
});

describe('a scope', () => {
  it('with more in it than a scope has grants nothing more (injection)', async () => {
    for (const scope of [
      'repository:team/app:pull","error="x',
      'repository:team/app:pull\nregistry:catalog:*',
      'repository:../secret/app:pull',
      'repository:secret/app%00:pull',
      'repository:public/../secret/app:pull',
      'repository:public/app:pull,push,delete,*',
      'repository:SECRET/app:*',
      'registry:*:*',
      '*:*:*',
      'repository:*:*',
    ]) {
      const query = new URLSearchParams({ service: SERVICE, scope }).toString();
      const { scope: granted } = await answerOf(getToken(query));
      expect(['', 'repository:public/app:pull']).toContain(granted);
    }
  });

  it('is in a challenge only as a name that repositories can have', async () => {
    for (const path of ['/v2/a"b/tags/list', '/v2/a%22b/tags/list', '/v2/A/tags/list', '/v2/a%0d%0ab/tags/list']) {
      const response = await sendWith(SETTINGS, 'GET', path);
      expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="${PUBLIC_URL}/token",service="${SERVICE}"`);
    }
  });
});

describe('a refresh token', () => {
  const refresh = (token: string, service = SERVICE, settings: Settings = SETTINGS) =>
    postToken({ grant_type: 'refresh_token', service, client_id: 'c', refresh_token: token }, settings);

  it('opens nothing on /v2/, as a password and as a token', async () => {
    for (const person of [HUGO, alice]) {
      const token = await refreshTokenOf(person);
      for (const headers of [
        basic({ ...person, password: token }),
        basic({ name: '', password: token }),
        basic({ name: '<token>', password: token }),
        bearer(token),
      ])
        expect((await base(headers)).status).toBe(401);
    }
  });

  it('opens nothing as a password at the token endpoint', async () => {
    const password = await refreshTokenOf(alice);
    expect((await getToken(`service=${SERVICE}`, basic({ ...alice, password }))).status).toBe(401);
    const form = { grant_type: 'password', service: SERVICE, username: alice.name, password };
    expect((await postToken(form)).status).toBe(401);
  });

  it('of another service is refused', async () => {
    const token = await refreshTokenOf(alice);
    const elsewhere = { ...SETTINGS, BERTH_PUBLIC_URL: 'https://other.example' };
    expect((await refresh(token, 'other.example', elsewhere)).status).toBe(401);
    expect((await refresh(token, 'other.example')).status).toBe(400);
  });

  it('dies with the password that it was made with, and so does what was made of it', async () => {
    const person = await newAccount('carol');
    const token = await refreshTokenOf(person);
    const made = (await answerOf(refresh(token))).token;
    expect((await base(bearer(made))).status).toBe(200);
    await accounts().renewPassword('carol', 'f'.repeat(64));
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
    expect((await refresh(token)).status).toBe(401);
    expect((await base(bearer(made))).status).toBe(401);
  });

  it('dies with its htpasswd line, and with its password', async () => {
    const token = await refreshTokenOf(HUGO);
    const made = (await answerOf(refresh(token))).token;
    const other = HTPASSWD.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    for (const lines of [other, undefined]) {
      const changed = { ...SETTINGS, BERTH_HTPASSWD: lines };
      expect((await refresh(token, SERVICE, changed)).status).toBe(401);
      expect((await base(bearer(made), changed)).status).toBe(401);
    }
    expect((await refresh(token)).status).toBe(200);
  });

  it('that nobody made is refused', async () => {
    expect((await refresh(newSecret('refresh'))).status).toBe(401);
  });
});

describe('a secret', () => {
  it('opens nothing under another name, and nothing once it has expired', async () => {
    await newAccount('dora');
    const token = await newToken('dora', { expiresAt: Date.now() + 10_000 });
    expect((await base(basic(token))).status).toBe(200);
    for (const name of ['alice', 'DORA', 'dora ', '']) expect((await base(basic({ ...token, name }))).status).toBe(401);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_001 });
    expect((await base(basic(token))).status).toBe(401);
  });

  it('of an account that is disabled opens nothing, nor does a token of it', async () => {
    const person = await newAccount('erin');
    const token = await tokenFor(person, SCOPE);
    await accounts().changeAccount('erin', { isDisabled: true });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
    expect((await base(basic(person))).status).toBe(401);
    expect((await base(bearer(token))).status).toBe(401);
  });

  it('that is an access token is no password', async () => {
    const password = await tokenFor(alice, SCOPE);
    expect((await base(basic({ name: 'alice', password }))).status).toBe(401);
  });
});

describe('groups', () => {
  it('that an account has left count no more, though its token was made before (CVE-2025-23208)', async () => {
    const policy = { rules: [{ name: 'ops', subjects: ['group:ops'], repositories: ['ops/**'], actions: ['*'] }] };
    const settings = { ...SETTINGS, BERTH_POLICY: JSON.stringify(policy) };
    const person = await newAccount('frank', ['ops']);
    const token = await tokenFor(person, 'repository:ops/app:pull,push', settings);
    expect((await push(token, 'ops/app', settings)).status).toBe(202);
    await accounts().changeAccount('frank', { groups: [] });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 });
    expect((await push(token, 'ops/app', settings)).status).toBe(403);
  });
});

describe('what is too large', () => {
  it.each([
    ['a header', { authorization: `Bearer ${'a'.repeat(20_000)}` }],
    ['a name', basic({ name: 'n'.repeat(300), password: 'p' })],
    ['a password', basic({ name: 'hugo', password: 'p'.repeat(5_000) })],
    ['a token', bearer(`${'a'.repeat(5_000)}.${'b'.repeat(5_000)}.c`)],
  ])('is refused without work: %s', async (_what, headers) => {
    await base({});
    const log = new LogLines();
    expect((await base(headers)).status).toBe(401);
    expect(log.requests[0]).toMatchObject({ objectCalls: 0 });
  });

  it('is refused at the token endpoint: scopes, form, password', async () => {
    expect((await getToken(`service=${SERVICE}&scope=${'x'.repeat(3_900)}&scope=${'y'.repeat(100)}`)).status).toBe(200);
    expect((await postToken({ grant_type: 'password', scope: 'x'.repeat(5_000) })).status).toBe(400);
    expect((await postToken({ grant_type: 'password', password: 'x'.repeat(5_000) })).status).toBe(400);
    expect((await postToken({ grant_type: 'password', password: 'x'.repeat(50_000) })).status).toBe(413);
    expect((await sendWith(SETTINGS, 'GET', `/token?scope=${'x'.repeat(5_000)}`)).status).toBe(414);
  });
});

describe('guesses', () => {
  const from = (network: string) => ({ 'cf-connecting-ip': network });
  const cloudflare = { ...SETTINGS, BERTH_ON_CLOUDFLARE: 'on' };
  const guess = (network: string, password: string, settings: Settings = cloudflare, name = HUGO.name) =>
    base({ ...basic({ name, password }), ...from(network) }, settings);

  it.each([
    ["by the platform's limiter", cloudflare],
    [
      'by the isolate, where there is none',
      { ...cloudflare, GUESSES_FOR_NAME: undefined, GUESSES_FOR_NETWORK: undefined },
    ],
  ])('from one network are refused after ten, without looking, %s', async (how, settings) => {
    const network = how.startsWith('by the p') ? '192.0.2.10' : '192.0.2.20';
    const name = 'guessed';
    const statuses: number[] = [];
    for (let time = 0; time < 15; time += 1)
      statuses.push((await guess(network, `wrong ${String(time)}`, settings, name)).status);
    expect(statuses.slice(0, 9).every((status) => status === 401)).toBe(true);
    expect(statuses.slice(11).every((status) => status === 429)).toBe(true);
    const response = await guess(network, 'wrong', settings, name);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refusal(response)).toMatchObject({ code: 'TOOMANYREQUESTS' });
  });

  it('on one network delay nobody on another, and nobody who has signed in', async () => {
    expect((await guess('192.0.2.31', HUGO.password)).status).toBe(200);
    for (let time = 0; time < 15; time += 1) await guess('192.0.2.31', 'wrong');
    expect((await guess('192.0.2.31', 'wrong')).status).toBe(429);
    // Signed in before, on the very network; and by Berth's own token and secret.
    expect((await guess('192.0.2.31', HUGO.password)).status).toBe(200);
    expect((await base({ ...bearer(await tokenFor(HUGO, '')), ...from('192.0.2.31') }, cloudflare)).status).toBe(200);
    expect((await base({ ...basic(alice), ...from('192.0.2.31') }, cloudflare)).status).toBe(200);
    // The first time here, from another network.
    const before = HTPASSWD.replace(HUGO.name, 'ida');
    expect((await guess('192.0.2.32', HUGO.password, { ...cloudflare, BERTH_HTPASSWD: before }, 'ida')).status).toBe(
      200,
    );
  });

  it('cannot say from where they come', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 14 }, (_, index) =>
        base(
          {
            ...basic({ name: 'spoofed', password: 'x' }),
            ...from('192.0.2.40'),
            'x-forwarded-for': `10.0.0.${String(index)}`,
          },
          cloudflare,
        ),
      ),
    );
    for (const response of statuses) await response.body?.cancel();
    expect((await guess('192.0.2.40', 'x', cloudflare, 'spoofed')).status).toBe(429);
  });
});

describe('the log', () => {
  it('never has a secret in it, nor has an answer (CVE-2025-48374, GHSA-prh4-vhfh-24mj)', async () => {
    const log = new LogLines();
    const canaries = {
      basic: 'canary-basic-password',
      berth: newSecret('token'),
      refresh: newSecret('refresh'),
      jwt: await signed({ ...honest, aud: 'other.example' }),
      form: 'canary-form-password',
      query: 'canary-query',
      name: 'canary-name',
    };
    const answers = [
      await base(basic({ name: canaries.name, password: canaries.basic })),
      await base(basic({ name: 'alice', password: canaries.berth })),
      await base(bearer(canaries.jwt)),
      await base({ authorization: `Digest ${canaries.basic}` }),
      await getToken(`service=${SERVICE}&account=${canaries.query}&scope=${canaries.query}`, basic(HUGO)),
      await getToken(`service=${canaries.query}`),
      await postToken({ grant_type: 'password', service: SERVICE, username: canaries.name, password: canaries.form }),
      await postToken({ grant_type: 'refresh_token', service: SERVICE, refresh_token: canaries.refresh }),
      await postToken({ grant_type: canaries.form, service: SERVICE }),
      await sendWith({ ...SETTINGS, BERTH_HTPASSWD: `hugo:${canaries.basic}` }, 'GET', '/v2/'),
      await sendWith(SETTINGS, 'GET', `/v2/?password=${canaries.query}`),
    ];
    const alive = [HUGO.password, alice.password, await refreshTokenOf(alice), await tokenFor(alice, SCOPE)];
    const said = (await Promise.all(answers.map((answer) => answer.text()))).join('\n');
    expect(log.requests.length).toBeGreaterThanOrEqual(answers.length);
    for (const secret of Object.values(canaries)) {
      expect(log.text).not.toContain(secret);
      expect(said).not.toContain(secret);
    }
    for (const secret of [...alive, ...alive.map((text) => text.slice(-12))]) expect(log.text).not.toContain(secret);
  });
});
