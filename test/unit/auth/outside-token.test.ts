/** Tokens of an outside server, and every way in which somebody might make one. */
import { exportJWK, exportSPKI, importJWK, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyOutsideToken } from '../../../src/auth/outside-token.ts';
import { parseTokenServer, type TokenServer } from '../../../src/auth/token-server-document.ts';
import { CATALOG, OUTSIDE, OutsideIssuer, repository, type TokenParts } from '../../outside-issuer.ts';

const NOW = Date.UTC(2026, 10, 1);
const SECOND = 1_000;
const APP = repository('team/app', 'pull', 'push');

let issuer: OutsideIssuer;
let stranger: OutsideIssuer;
beforeAll(async () => {
  [issuer, stranger] = await Promise.all([OutsideIssuer.make(), OutsideIssuer.make()]);
});

function serverOf(text = issuer.document()): TokenServer {
  const result = parseTokenServer(text);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.server;
}

const made = (parts: TokenParts = {}, by = issuer) => by.token([APP], { now: NOW, ...parts });

async function verdict(token: string | Promise<string>, server = serverOf(), now = NOW): Promise<string> {
  const result = await verifyOutsideToken(await token, server, now);
  return result.kind === 'valid' ? 'valid' : result.reason;
}

async function bearerOf(parts: TokenParts = {}): Promise<unknown> {
  const result = await verifyOutsideToken(await made(parts), serverOf(), NOW);
  return result.kind === 'valid' ? result.principal : result.reason;
}

describe('a token of the server', () => {
  it('makes its subject a principal of a kind of its own, with what its access says', async () => {
    expect(await bearerOf()).toEqual({
      kind: 'outside',
      name: 'alice',
      limits: [],
      scope: { grants: [{ repository: 'team/app', actions: ['pull', 'push'] }], catalog: false },
    });
  });

  it('of nobody is one of nobody', async () => {
    for (const sub of ['', undefined, null])
      expect(await bearerOf({ claims: { sub } })).toMatchObject({ kind: 'anonymous', scope: { catalog: false } });
  });

  it('counts from a minute before it begins until a minute after it ends', async () => {
    const token = await made();
    for (const [seconds, expected] of [
      [-61, 'not-yet-valid'],
      [-59, 'valid'],
      [359, 'valid'],
      [361, 'expired'],
    ] as const)
      expect(await verdict(token, serverOf(), NOW + seconds * SECOND), String(seconds)).toBe(expected);
  });

  it('may be for several services, may say when it begins and need not', async () => {
    expect(await verdict(made({ claims: { aud: ['other', OUTSIDE.service] } }))).toBe('valid');
    expect(await verdict(made({ claims: { nbf: undefined, iat: undefined, jti: undefined } }))).toBe('valid');
  });

  it.each<[claim: string, value: unknown, reason: string]>([
    ['iss', undefined, 'issuer'],
    ['iss', 'another', 'issuer'],
    ['iss', `${OUTSIDE.issuer} `, 'issuer'],
    ['aud', undefined, 'audience'],
    ['aud', 'other', 'audience'],
    ['aud', [], 'audience'],
    ['aud', ['other'], 'audience'],
    ['exp', undefined, 'claims'],
    ['exp', 'tomorrow', 'claims'],
    ['exp', NOW / SECOND - 61, 'expired'],
    ['nbf', NOW / SECOND + 62, 'not-yet-valid'],
    ['nbf', 'now', 'claims'],
    ['sub', 7, 'claims'],
    ['sub', 'x'.repeat(256), 'claims'],
    ['sub', 'a\nb', 'claims'],
    ['access', 'repository:team/app:pull', 'claims'],
    ['access', { type: 'repository' }, 'claims'],
  ])('with the claim %s as %j is refused', async (claim, value, reason) => {
    expect(await verdict(made({ claims: { [claim]: value } }))).toBe(reason);
  });
});

describe('the key', () => {
  it.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    'may be for %s, where that is pinned',
    async (algorithm) => {
      const one = await OutsideIssuer.make(algorithm);
      expect(await verdict(made({}, one), serverOf(one.document()))).toBe('valid');
    },
  );

  it('is found by the name in its set, its thumbprint and its fingerprint', async () => {
    const server = serverOf();
    const ids = server.onlyKey?.ids ?? [];
    expect(ids).toHaveLength(3);
    expect(ids[2]).toMatch(/^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
    for (const kid of ids) expect(await verdict(made({ header: { kid } }), server)).toBe('valid');
    for (const kid of ['', 'KEY-1', '__proto__', 'constructor', ids[2]?.toLowerCase(), 0, null])
      expect(await verdict(made({ header: { kid } }), server), String(kid)).toBe('unknown-key');
  });

  it('that a token does not name is the only one, and no other', async () => {
    const nameless = await made({ header: { kid: undefined } });
    expect(await verdict(nameless)).toBe('valid');
    const keys = [issuer.jwk, { ...stranger.jwk, kid: 'key-2' }];
    expect(await verdict(nameless, serverOf(issuer.document({ jwks: { keys } })))).toBe('unknown-key');
  });

  it('of somebody else is refused under its own name and under a known one', async () => {
    expect(await verdict(made({ header: { kid: 'key-2' } }, stranger))).toBe('unknown-key');
    expect(await verdict(made({}, stranger))).toBe('signature');
    expect(await verdict(made({ header: { kid: undefined } }, stranger))).toBe('signature');
  });

  it('is for no algorithm that is not pinned, though it could be', async () => {
    const one = await OutsideIssuer.make('RS256');
    const server = serverOf(one.document());
    const secret = await exportJWK(one.privateKey);
    for (const alg of ['RS384', 'RS512', 'PS256'])
      expect(await verdict(made({ header: { alg }, by: await importJWK(secret, alg) }, one), server)).toBe('algorithm');
  });

  it('of one kind is not taken for one of another, though both algorithms are pinned', async () => {
    const [ec, rsa] = [await OutsideIssuer.make('ES256', 'ec'), await OutsideIssuer.make('RS256', 'rsa')];
    const server = serverOf(
      ec.document({ jwks: { keys: [ec.jwk, rsa.jwk] }, algorithms: ['ES256', 'RS256', 'PS256'] }),
    );
    expect(await verdict(made({}, ec), server)).toBe('valid');
    expect(await verdict(made({}, rsa), server)).toBe('valid');
    expect(await verdict(made({ header: { kid: 'rsa' } }, ec), server)).toBe('algorithm');
    expect(await verdict(made({ header: { kid: 'ec' } }, rsa), server)).toBe('algorithm');
  });
});

describe('a forged token', () => {
  it('without a signature is refused (alg: none)', async () => {
    const token = new UnsecuredJWT({ sub: 'alice', access: [APP] })
      .setIssuer(OUTSIDE.issuer)
      .setAudience(OUTSIDE.service);
    expect(await verdict(token.setExpirationTime('1h').encode())).toBe('algorithm');
    const [, payload] = (await made()).split('.');
    for (const alg of ['none', 'None', 'NONE', ''])
      expect(await verdict(`${encode({ alg, kid: 'key-1' })}.${String(payload)}.`)).toBe('algorithm');
  });

  it('signed by HMAC with the public key is refused', async () => {
    const one = await OutsideIssuer.make('RS256');
    const server = serverOf(one.document());
    const pem = await exportSPKI(await publicKeyOf(one));
    for (const text of [pem, pem.trim(), JSON.stringify(one.jwk)])
      for (const alg of ['HS256', 'HS384', 'HS512'])
        expect(await verdict(made({ header: { alg }, by: new TextEncoder().encode(text) }, one), server)).toBe(
          'algorithm',
        );
  });

  it.each(['right', 'foreign'] as const)(
    'that brings a key is refused, signed by the %s one (CVE-2025-24976)',
    async (who) => {
      for (const own of [
        { jwk: stranger.jwk },
        { x5c: ['MIIB'] },
        { jku: 'https://attacker.example/jwks.json' },
        { x5u: 'https://attacker.example/cert' },
      ])
        expect(await verdict(made({ header: own }, who === 'right' ? issuer : stranger))).toBe('foreign-key');
    },
  );

  it('that brings a key is believed by the trusted one alone, where it may bring one', async () => {
    const server = serverOf(issuer.document({ ignoreEmbeddedKeys: true }));
    for (const own of [{ jwk: stranger.jwk }, { x5c: ['MIIB'] }, { jku: 'https://attacker.example/jwks.json' }]) {
      expect(await verdict(made({ header: own }), server)).toBe('valid');
      expect(await verdict(made({ header: own }, stranger), server)).toBe('signature');
      expect(await verdict(made({ header: { ...own, kid: 'key-2' } }, stranger), server)).toBe('unknown-key');
    }
  });

  it('with an extension that has to be understood is refused, whatever may be ignored', async () => {
    const [, payload, signature] = (await made()).split('.');
    const header = encode({ alg: 'ES256', kid: 'key-1', crit: ['exp'], exp: 1 });
    for (const ignoreEmbeddedKeys of [false, true])
      expect(
        await verdict(
          `${header}.${String(payload)}.${String(signature)}`,
          serverOf(issuer.document({ ignoreEmbeddedKeys })),
        ),
      ).toBe('foreign-key');
  });

  it('whose claims were changed is refused', async () => {
    const [header, , signature] = (await made()).split('.');
    const [, payload] = (await made({ sub: 'root' }, stranger)).split('.');
    expect(await verdict(`${String(header)}.${String(payload)}.${String(signature)}`)).toBe('signature');
  });

  it.each(['', '.', '..', 'a.b.c', 'e30.e30.', 'e30.e30.e30', 'not a token', `${'x'.repeat(15_000)}.y.z`])(
    'that is none at all is refused: %.20s',
    async (token) => {
      expect(await verdict(token)).not.toBe('valid');
    },
  );
});

describe('what access says', () => {
  const grants = async (access: unknown) => {
    const result = await verifyOutsideToken(await made({ claims: { access } }), serverOf(), NOW);
    return result.kind === 'valid' && 'scope' in result.principal ? result.principal.scope : result;
  };

  it('is nothing where it is missing, empty, or null, as Go writes an empty list', async () => {
    for (const access of [undefined, null, []]) expect(await grants(access)).toEqual({ grants: [], catalog: false });
    expect(await grants([{ type: 'repository', name: 'a', actions: null }])).toEqual({
      grants: [{ repository: 'a', actions: [] }],
      catalog: false,
    });
  });

  it('is every action for *, and those that are known of others', async () => {
    const access = [repository('a', '*'), repository('b', 'admin', 'pull'), repository('c', 'PULL')];
    expect(await grants(access)).toEqual({
      grants: [
        { repository: 'a', actions: ['pull', 'push', 'delete'] },
        { repository: 'b', actions: ['pull'] },
        { repository: 'c', actions: [] },
      ],
      catalog: false,
    });
  });

  it('may have a class behind its type', async () => {
    expect(await grants([{ type: 'repository(plugin)', name: 'a', actions: ['pull'] }])).toEqual({
      grants: [{ repository: 'a', actions: ['pull'] }],
      catalog: false,
    });
  });

  it('of the catalog is the list of repositories, for * alone', async () => {
    expect(await grants([CATALOG])).toEqual({ grants: [], catalog: true });
    expect(await grants([{ ...CATALOG, actions: ['pull'] }])).toEqual({ grants: [], catalog: false });
  });

  it('is nothing where it is of no form that is known, and takes nothing from the rest', async () => {
    const access = [
      ...[null, 7, 'repository:a:pull', {}, { type: 'repository', name: 'a', actions: 'pull' }],
      ...[
        repository('UPPER', 'pull'),
        repository('../a', 'pull'),
        repository('a/', 'pull'),
        repository('a%2fb', 'pull'),
      ],
      ...[
        { type: 'plugin', name: 'a', actions: ['pull'] },
        { type: 'registry', name: 'other', actions: ['*'] },
      ],
      ...[{ type: 'Repository', name: 'a', actions: ['pull'] }, repository('b', 'pull')],
    ];
    expect(await grants(access)).toEqual({ grants: [{ repository: 'b', actions: ['pull'] }], catalog: false });
  });
});

async function publicKeyOf(one: OutsideIssuer) {
  const key = await importJWK(one.jwk, one.algorithm);
  if (key instanceof Uint8Array) throw new Error('no public key');
  return key;
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
