/** Berth's own tokens, and every way in which somebody might make one. */
import { exportJWK, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import * as v from 'valibot';
import { beforeAll, describe, expect, it } from 'vitest';
import { publicKeySet, signToken, verifyToken, type Key, type TokenClaims } from '../../../src/auth/jwt.ts';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';

const NOW = Date.UTC(2026, 10, 1);
const SECOND = 1_000;
const ISSUER = { issuer: 'https://registry.example', service: 'registry.example' };
const app = parseRepositoryName('team/app');
if (app === undefined) throw new Error('no name');
const CLAIMS: TokenClaims = {
  kind: 'user',
  name: 'alice',
  credential: 'c1',
  scope: { grants: [{ repository: app, actions: ['pull', 'push'] }], catalog: true },
};

async function makeKey(kid: string): Promise<{ own: Key; shown: Key }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { own: { kid, jwk: await exportJWK(privateKey) }, shown: { kid, jwk: await exportJWK(publicKey) } };
}

let key: { own: Key; shown: Key };
let stranger: { own: Key; shown: Key };
beforeAll(async () => {
  [key, stranger] = await Promise.all([makeKey('k1'), makeKey('k2')]);
});

const verify = (token: string, now = NOW, issuer = ISSUER) => verifyToken(token, [key.shown], issuer, now);
const reason = async (token: string, now?: number, issuer?: typeof ISSUER) => {
  const result = await verify(token, now, issuer);
  return result.kind === 'invalid' ? result.reason : 'valid';
};

/** A token of Berth's form, but for what is said. */
async function forged({
  header = {},
  claims = {},
  by = key.own,
}: {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  by?: Key;
} = {}): Promise<string> {
  const seconds = Math.floor(NOW / SECOND);
  return new SignJWT({
    iss: ISSUER.issuer,
    aud: ISSUER.service,
    sub: 'alice',
    iat: seconds,
    nbf: seconds,
    exp: seconds + 300,
    kind: 'user',
    credential: 'c1',
    access: [],
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'k1', ...header })
    .sign(await importJWK({ ...by.jwk, kty: 'EC' }, 'ES256'));
}

describe('a token', () => {
  it('says who has it and what for, until it ends', async () => {
    const token = await signToken(key.own, ISSUER, CLAIMS, NOW);
    expect(await verify(token)).toEqual({ kind: 'valid', claims: CLAIMS, expiresAt: NOW + 300 * SECOND });
    expect(await reason(await forged())).toBe('valid');
  });

  it('of nobody has no name', async () => {
    const nobody: TokenClaims = { kind: 'anonymous', name: '', credential: '', scope: { grants: [], catalog: false } };
    expect(await verify(await signToken(key.own, ISSUER, nobody, NOW))).toMatchObject({
      kind: 'valid',
      claims: nobody,
    });
  });

  it('counts for five minutes, and one more for clocks that differ', async () => {
    const token = await signToken(key.own, ISSUER, CLAIMS, NOW);
    expect(await reason(token, NOW + 359 * SECOND)).toBe('valid');
    expect(await reason(token, NOW + 361 * SECOND)).toBe('expired');
    expect(await reason(token, NOW - 59 * SECOND)).toBe('valid');
    expect(await reason(token, NOW - 62 * SECOND)).toBe('not-yet-valid');
  });

  it('is for one service of one issuer', async () => {
    const token = await signToken(key.own, ISSUER, CLAIMS, NOW);
    expect(await reason(token, NOW, { ...ISSUER, service: 'other.example' })).toBe('audience');
    expect(await reason(token, NOW, { ...ISSUER, issuer: 'https://other.example' })).toBe('issuer');
    expect(await reason(await forged({ claims: { aud: undefined } }))).toBe('audience');
    expect(await reason(await forged({ claims: { iss: undefined } }))).toBe('issuer');
  });
});

describe('a forged token', () => {
  it('without a signature is refused (alg: none)', async () => {
    const token = new UnsecuredJWT({ sub: 'alice' }).setIssuer(ISSUER.issuer).encode();
    expect(await reason(token)).toBe('algorithm');
    const [, payload] = (await forged()).split('.');
    for (const alg of ['none', 'None', 'NONE', ''])
      expect(await reason(`${encode({ alg, kid: 'k1' })}.${String(payload)}.`)).toBe('algorithm');
  });

  it('signed by HMAC with the public key is refused', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(key.shown.jwk));
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      const token = await new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg, kid: 'k1' }).sign(secret);
      expect(await reason(token)).toBe('algorithm');
    }
  });

  it('with a key of its own is refused, the right key id or not (CVE-2025-24976)', async () => {
    for (const kid of ['k1', 'k2', undefined])
      for (const own of [
        { jwk: stranger.shown.jwk },
        { x5c: ['MIIB'] },
        { jku: 'https://attacker.example/jwks.json' },
        { x5u: 'https://attacker.example/cert' },
      ]) {
        const token = await forged({ header: { ...own, kid }, by: stranger.own });
        expect(await reason(token)).toBe('foreign-key');
      }
  });

  it('with an extension that has to be understood is refused', async () => {
    const [, payload, signature] = (await forged()).split('.');
    const header = encode({ alg: 'ES256', kid: 'k1', crit: ['exp'], exp: 1 });
    expect(await reason(`${header}.${String(payload)}.${String(signature)}`)).toBe('foreign-key');
  });

  it('by another key is refused, under its own id and under a known one', async () => {
    expect(await reason(await forged({ header: { kid: 'k2' }, by: stranger.own }))).toBe('unknown-key');
    expect(await reason(await forged({ by: stranger.own }))).toBe('signature');
    for (const kid of [undefined, '', 'K1', '__proto__', '0'])
      expect(await reason(await forged({ header: { kid } }))).toBe('unknown-key');
  });

  it('whose claims were changed is refused', async () => {
    const [header, payload = '', signature] = (await forged()).split('.');
    const Claims = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));
    const claims = v.parse(Claims, Buffer.from(payload, 'base64url').toString());
    const changed = encode({ ...claims, sub: 'root' });
    expect(await reason(`${String(header)}.${changed}.${String(signature)}`)).toBe('signature');
  });

  it.each([
    ['exp', undefined],
    ['nbf', undefined],
    ['iat', undefined],
    ['sub', undefined],
    ['exp', 'tomorrow'],
    ['kind', 'local'],
    ['kind', undefined],
    ['credential', undefined],
    ['credential', 5],
    ['access', undefined],
    ['access', 'repository:team/app:pull'],
    ['access', [{ type: 'repository', name: 'team/app' }]],
  ])('with the claim %s as %j is refused', async (claim, value) => {
    expect(await reason(await forged({ claims: { [claim]: value } }))).toBe('claims');
  });

  it('of another type is refused', async () => {
    expect(await reason(await forged({ header: { typ: 'at+jwt' } }))).toBe('claims');
  });

  it.each(['', '.', '..', 'a.b.c', 'e30.e30.', 'e30.e30.e30', 'not a token', `${'x'.repeat(15_000)}.y.z`])(
    'that is none at all is refused: %.20s',
    async (token) => {
      expect(await reason(token)).not.toBe('valid');
    },
  );
});

describe('what a token grants', () => {
  it.each([
    [[{ type: 'repository', name: 'team/app', actions: ['*'] }], ['pull', 'push', 'delete']],
    [[{ type: 'repository', name: 'team/app', actions: ['admin', 'pull'] }], ['pull']],
    [[{ type: 'repository', name: 'team/app', actions: [] }], []],
  ])('of %j are actions that are known', async (access, actions) => {
    const result = await verify(await forged({ claims: { access } }));
    expect(result).toMatchObject({ claims: { scope: { grants: [{ repository: 'team/app', actions }] } } });
  });

  it('is nothing for what is no repository', async () => {
    const access = [
      { type: 'repository', name: 'TEAM/app', actions: ['pull'] },
      { type: 'plugin', name: 'team/app', actions: ['pull'] },
      { type: 'registry', name: 'catalog', actions: ['pull'] },
    ];
    const result = await verify(await forged({ claims: { access } }));
    expect(result).toMatchObject({ claims: { scope: { grants: [], catalog: false } } });
  });
});

describe('the set of keys that everybody may see', () => {
  it('has no private half', () => {
    const { x, y } = key.own.jwk;
    expect(publicKeySet([key.own])).toEqual({
      keys: [{ kty: 'EC', use: 'sig', alg: 'ES256', kid: 'k1', crv: 'P-256', x, y }],
    });
  });
});

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
