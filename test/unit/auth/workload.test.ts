/** The token of a job, with each part of it wrong once; and the job credential, which is no other token. */
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type CryptoKey, type JWTHeaderParameters } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { saysJobCredential, signJobCredential, verifyJobCredential } from '../../../src/auth/job-credential.ts';
import { lifetimeUntil, signToken, verifyToken, type Key } from '../../../src/auth/jwt.ts';
import { parseIssuerKeys, type IssuerKey } from '../../../src/auth/issuer-keys.ts';
import { parseTrusts, type Trusts } from '../../../src/auth/trusts.ts';
import { verifyIdToken, workloadOf, type WorkloadIdentity } from '../../../src/auth/workload.ts';

const NOW = Date.UTC(2026, 10, 1);
const SECONDS = NOW / 1_000;
const ISSUER = 'https://token.issuer.example';
const AUDIENCE = 'https://registry.example';

const GITHUB = {
  name: 'github',
  issuer: ISSUER,
  audience: AUDIENCE,
  claims: { repository_owner_id: '7', repository: 'acme/*', ref: ['refs/heads/main', 'refs/tags/*'] },
};

function trustsFrom(...trusts: object[]): Trusts {
  const result = parseTrusts(JSON.stringify({ trusts }));
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.trusts;
}
const TRUSTS = trustsFrom(GITHUB);

const HONEST = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'repo:acme/app:ref:refs/heads/main',
  iat: SECONDS,
  nbf: SECONDS,
  exp: SECONDS + 300,
  repository: 'acme/app',
  repository_owner_id: '7',
  ref: 'refs/heads/main',
};

interface Pair {
  readonly kid: string;
  readonly algorithm: string;
  readonly own: CryptoKey;
  readonly shown: Record<string, unknown>;
}

async function makePair(kid: string, algorithm: string): Promise<Pair> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { kid, algorithm, own: privateKey, shown: { ...(await exportJWK(publicKey)), kid, alg: algorithm } };
}

let rsa: Pair;
let ec: Pair;
let edwards: Pair;
let stranger: Pair;
let keys: readonly IssuerKey[];
beforeAll(async () => {
  [rsa, ec, edwards, stranger] = await Promise.all([
    makePair('rsa', 'RS256'),
    makePair('ec', 'ES256'),
    makePair('edwards', 'EdDSA'),
    makePair('stranger', 'RS256'),
  ]);
  keys =
    parseIssuerKeys(new TextEncoder().encode(JSON.stringify({ keys: [rsa.shown, ec.shown, edwards.shown] }))) ?? [];
});

interface Forgery {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly by?: Pair;
}

function token({ claims = {}, header = {}, by = rsa }: Forgery = {}): Promise<string> {
  const protectedHeader: JWTHeaderParameters = { alg: by.algorithm, kid: by.kid, typ: 'JWT', ...header };
  return new SignJWT({ ...HONEST, ...claims }).setProtectedHeader(protectedHeader).sign(by.own);
}

const verify = (given: string, trusts = TRUSTS, now = NOW) => verifyIdToken(given, trusts, async () => keys, now);
async function outcome(given: string, trusts?: Trusts, now?: number): Promise<string> {
  const result = await verify(given, trusts, now);
  return result.kind === 'invalid' ? result.reason : result.kind;
}

describe("a job's token", () => {
  it('says who the job is, with a key of each kind', async () => {
    for (const by of [rsa, ec, edwards]) {
      expect(await verify(await token({ by }))).toMatchObject({
        kind: 'valid',
        principal: {
          kind: 'workload',
          name: 'github:repo:acme/app:ref:refs/heads/main',
          trust: 'github',
          issuer: ISSUER,
        },
        identity: { trust: 'github', issuer: ISSUER, claims: { repository: 'acme/app', repository_owner_id: '7' } },
        expiresAt: NOW + 300_000,
      });
    }
  });

  it.each<[string, Forgery, string]>([
    ['for another audience', { claims: { aud: 'https://other.example' } }, 'audience'],
    ['for a similar audience', { claims: { aud: `${AUDIENCE}.attacker.example` } }, 'audience'],
    ['for no audience', { claims: { aud: undefined } }, 'audience'],
    ['of another issuer', { claims: { iss: 'https://other.example' } }, 'an issuer that is not trusted'],
    ['of a similar issuer', { claims: { iss: `${ISSUER}/` } }, 'an issuer that is not trusted'],
    ['of no issuer', { claims: { iss: undefined } }, 'an issuer that is not trusted'],
    ['that has expired', { claims: { exp: SECONDS - 61 } }, 'expired'],
    ['that does not expire', { claims: { exp: undefined } }, 'claims'],
    ['that is not valid yet', { claims: { nbf: SECONDS + 61 } }, 'not-yet-valid'],
    ['without a time', { claims: { iat: undefined } }, 'claims'],
    ['without a subject', { claims: { sub: undefined } }, 'claims'],
    ['with a subject of two lines', { claims: { sub: 'a\nb' } }, 'its claim sub'],
    ['of another tenant', { claims: { repository_owner_id: '8' } }, 'its claim repository_owner_id'],
    ['of a tenant with a similar id', { claims: { repository_owner_id: '77' } }, 'its claim repository_owner_id'],
    ['of no tenant', { claims: { repository_owner_id: undefined } }, 'its claim repository_owner_id'],
    ['of a list of tenants', { claims: { repository_owner_id: ['7'] } }, 'its claim repository_owner_id'],
    ['of a similar owner', { claims: { repository: 'acme2/app' } }, 'its claim repository'],
    ['of a deeper repository (* crossing /)', { claims: { repository: 'acme/a/b' } }, 'its claim repository'],
    ['of another branch', { claims: { ref: 'refs/heads/main2' } }, 'its claim ref'],
    ['of a branch that looks like a tag', { claims: { ref: 'refs/heads/refs/tags/v1' } }, 'its claim ref'],
    ['of an unknown key', { header: { kid: 'other' } }, 'unknown-key'],
    ['without a key', { header: { kid: undefined } }, 'unknown-key'],
    ['with another key of the issuer', { header: { kid: 'ec' } }, 'algorithm'],
    ['of another type', { header: { typ: 'at+jwt' } }, 'another type'],
    ['with a type that is no text', { header: { typ: 5 } }, 'malformed'],
    ['that brings its own key', { header: { jwk: { kty: 'RSA' } } }, 'foreign-key'],
    ['that brings its own certificate', { header: { x5c: ['MIIB'] } }, 'foreign-key'],
    ['that says where its key is', { header: { jku: 'https://attacker.example/keys' } }, 'foreign-key'],
  ])('%s is refused', async (_what, forgery, reason) => {
    expect(await outcome(await token(forgery))).toBe(reason);
  });

  it("by somebody else's key is refused under any id", async () => {
    expect(await outcome(await token({ by: stranger }))).toBe('unknown-key');
    expect(await outcome(await token({ by: stranger, header: { kid: 'rsa' } }))).toBe('signature');
  });

  it('without a signature is refused (alg: none)', async () => {
    expect(await outcome(new UnsecuredJWT(HONEST).encode())).toBe('algorithm');
    const [, payload = ''] = (await token()).split('.');
    for (const alg of ['none', 'None', '', 'HS256', 'ES256K'])
      expect(await outcome(`${encode({ alg, kid: 'rsa', typ: 'JWT' })}.${payload}.`)).toBe('algorithm');
    for (const alg of [5, null, undefined, ['none']])
      expect(await outcome(`${encode({ alg, kid: 'rsa', typ: 'JWT' })}.${payload}.`)).toBe('malformed');
  });

  it('signed by HMAC with the public key is refused', async () => {
    for (const secret of [JSON.stringify(rsa.shown), String(rsa.shown['n'])]) {
      const forged = new SignJWT(HONEST).setProtectedHeader({ alg: 'HS256', kid: 'rsa', typ: 'JWT' });
      expect(await outcome(await forged.sign(new TextEncoder().encode(secret)))).toBe('algorithm');
    }
  });

  it('whose claims were changed is refused', async () => {
    const [header = '', , signature = ''] = (await token({ claims: { repository_owner_id: '8' } })).split('.');
    expect(await outcome(`${header}.${encode(HONEST)}.${signature}`)).toBe('signature');
  });

  it('is taken within a minute of clocks that differ, and no later', async () => {
    const given = await token();
    expect(await outcome(given, TRUSTS, NOW + 359_000)).toBe('valid');
    expect(await outcome(given, TRUSTS, NOW + 361_000)).toBe('expired');
  });

  it('of an issuer that nobody trusts has nobody asked for keys', async () => {
    const find = vi.fn(async () => keys);
    const foreign = await token({ claims: { iss: 'https://other.example' } });
    for (const given of [foreign, new UnsecuredJWT(HONEST).encode(), 'e30.e30.e30', 'a.b.c', ''])
      expect(await verifyIdToken(given, TRUSTS, find, NOW)).toMatchObject({ kind: 'invalid' });
    expect(find).not.toHaveBeenCalled();
  });

  it('that may be right is not called wrong where its issuer tells no keys', async () => {
    expect(await verifyIdToken(await token(), TRUSTS, async () => 'unavailable', NOW)).toEqual({ kind: 'unavailable' });
  });

  it('fits the first trust of its issuer that it fits', async () => {
    const trusts = trustsFrom(
      { ...GITHUB, name: 'other', claims: { repository_owner_id: '8' } },
      { ...GITHUB, name: 'elsewhere', audience: 'https://elsewhere.example' },
      GITHUB,
      { ...GITHUB, name: 'later' },
    );
    expect(await verify(await token(), trusts)).toMatchObject({ kind: 'valid', trust: { name: 'github' } });
    // An audience of one trust does not make up for the claims of another.
    const mixed = await token({ claims: { aud: 'https://elsewhere.example', repository_owner_id: '8' } });
    expect(await outcome(mixed, trusts)).toBe('its claim repository_owner_id');
  });

  it('has groups that are no groups of the registry, and those alone that can be names', async () => {
    const given = await token({ claims: { groups_direct: ['acme', 'acme/ops', 'a b', ''] } });
    const groupsOf = async (groups: object) => {
      const result = await verify(given, trustsFrom({ ...GITHUB, groups }));
      return result.kind === 'valid' ? result.principal.groups : result;
    };
    expect(await groupsOf({ claim: 'groups_direct' })).toEqual(['github:acme', 'github:acme/ops']);
    expect(await groupsOf({ claim: 'groups_direct', prefix: '' })).toEqual(['acme', 'acme/ops']);
    expect(await groupsOf({ claim: 'absent' })).toEqual([]);
  });

  it('may be known by another claim than its subject', async () => {
    const result = await verify(await token(), trustsFrom({ ...GITHUB, subject: 'repository' }));
    expect(result).toMatchObject({ principal: { name: 'github:acme/app' } });
    expect(await outcome(await token(), trustsFrom({ ...GITHUB, subject: 'absent' }))).toBe('its claim absent');
  });
});

describe('a job that was let in', () => {
  const identity: WorkloadIdentity = {
    trust: 'github',
    issuer: ISSUER,
    claims: { sub: 's', repository: 'acme/app', repository_owner_id: '7', ref: 'refs/tags/v1' },
  };

  it('is asked about under the trusts of today', () => {
    expect(workloadOf(identity, TRUSTS)).toMatchObject({ kind: 'workload', name: 'github:s' });
    expect(workloadOf(identity, [])).toBe('its trust is gone');
    expect(workloadOf(identity, trustsFrom({ ...GITHUB, name: 'other' }))).toBe('its trust is gone');
    expect(workloadOf(identity, trustsFrom({ ...GITHUB, issuer: 'https://other.example' }))).toBe('its trust is gone');
    const narrower = trustsFrom({ ...GITHUB, claims: { ...GITHUB.claims, ref: 'refs/heads/main' } });
    expect(workloadOf(identity, narrower)).toBe('its claim ref');
  });
});

describe('a job credential', () => {
  const BERTH = { issuer: AUDIENCE, service: 'registry.example' };
  const credential = {
    identity: { trust: 'github', issuer: ISSUER, claims: { sub: 's', groups: ['a'] } },
    parts: undefined,
  };
  let key: { own: Key; shown: Key };
  beforeAll(async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    key = { own: { kid: 'k', jwk: await exportJWK(privateKey) }, shown: { kid: 'k', jwk: await exportJWK(publicKey) } };
  });
  const made = (more: object = {}) => signJobCredential(key.own, BERTH, { ...credential, ...more }, NOW, 3_600);
  const reason = async (given: string, now = NOW, berth = BERTH, known = [key.shown]) => {
    const result = await verifyJobCredential(given, known, berth, now);
    return result.kind === 'invalid' ? result.reason : result.kind;
  };

  it('says what the job is until it ends', async () => {
    const parts = [{ repositories: ['team/app'], actions: ['pull' as const] }];
    const result = await verifyJobCredential(await made({ parts }), [key.shown], BERTH, NOW);
    expect(result).toMatchObject({ kind: 'valid', ...credential, parts, expiresAt: NOW + 3_600_000 });
    expect(await reason(await made(), NOW + 3_659_000)).toBe('valid');
    expect(await reason(await made(), NOW + 3_661_000)).toBe('expired');
    expect(await reason(await made(), NOW - 61_000)).toBe('not-yet-valid');
  });

  it('is for one service, and dies with the key that signed it', async () => {
    expect(await reason(await made(), NOW, { ...BERTH, service: 'other.example' })).toBe('audience');
    expect(await reason(await made(), NOW, { ...BERTH, issuer: 'https://other.example' })).toBe('issuer');
    expect(await reason(await made(), NOW, BERTH, [])).toBe('unknown-key');
  });

  it('is no access token, and an access token is none (RFC 8725 §3.11)', async () => {
    const access = await signToken(
      key.own,
      BERTH,
      {
        kind: 'workload',
        name: 'github:s',
        credential: '',
        workload: credential.identity,
        scope: { grants: [], catalog: false },
      },
      NOW,
    );
    expect(saysJobCredential(access)).toBe(false);
    expect(await reason(access)).not.toBe('valid');
    expect(await verifyToken(await made(), [key.shown], BERTH, NOW)).toMatchObject({ kind: 'invalid' });
    expect(await verifyToken(access, [key.shown], BERTH, NOW)).toMatchObject({
      kind: 'valid',
      claims: { kind: 'workload', workload: credential.identity },
    });
  });

  it('makes tokens that live no longer than it does', () => {
    expect(lifetimeUntil(undefined, NOW)).toBe(300);
    expect(lifetimeUntil(NOW + 3_600_000, NOW)).toBe(300);
    expect(lifetimeUntil(NOW + 20_000, NOW + 999)).toBe(20);
    expect(lifetimeUntil(NOW - 20_000, NOW)).toBe(-20);
  });
});

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
