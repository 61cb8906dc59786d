/** Keys that an operator trusts: each name that token servers know one by, and what is no key to trust. */
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CERTIFICATES } from '../../certificates.ts';
import { keyOfJwk, keysOfCertificates, type TrustedKey } from '../../../src/auth/trusted-key.ts';

/** RFC 7638 §3.1, whose thumbprint it names. */
const RFC_KEY = {
  kty: 'RSA',
  n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};
const RFC_THUMBPRINT = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs';
/** Of the same key: `openssl pkey -pubin -outform DER | openssl sha256 -binary | head -c 30 | base32 | fold -w 4 | paste -sd :` */
const RFC_FINGERPRINT = 'VUZD:EDHW:YWLN:RBFQ:KOA3:UVZ2:XKG5:2V2J:WTPI:6SRD:U6PZ:VCO5';

const { pem: CERTIFICATE, fingerprint: CERTIFICATE_FINGERPRINT } = CERTIFICATES.RS256;

function trusted(given: Record<string, unknown>): TrustedKey {
  const result = keyOfJwk(given);
  if (!result.ok) throw new Error(result.message);
  return result.key;
}

function problem(given: Record<string, unknown>): string {
  const result = keyOfJwk(given);
  return result.ok ? 'none' : result.message;
}

function rsa(modulusLength: number): JsonWebKey {
  return generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'jwk' });
}

function ec(namedCurve: string): JsonWebKey {
  return generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' });
}

describe('a key', () => {
  it('has the name that its set gives it, its thumbprint (RFC 7638 §3.1) and its fingerprint of libtrust', () => {
    const { thumbprint, ids } = trusted(RFC_KEY);
    expect(thumbprint).toBe(RFC_THUMBPRINT);
    expect(ids).toEqual(['2011-04-29', RFC_THUMBPRINT, RFC_FINGERPRINT]);
    const { kid: _, ...nameless } = RFC_KEY;
    expect(trusted(nameless).ids).toEqual([RFC_THUMBPRINT, RFC_FINGERPRINT]);
  });

  it('of a certificate has the two that are made of the key', () => {
    const results = keysOfCertificates(`a line of openssl's\n${CERTIFICATE}\n`);
    expect(results).toHaveLength(1);
    const [result] = results ?? [];
    expect(result?.ok === true ? result.key.ids : result?.message).toEqual([
      expect.stringMatching(/^[\w-]{43}$/),
      CERTIFICATE_FINGERPRINT,
    ]);
  });

  it('is for the algorithms of its kind, or for the one that it names', () => {
    const { alg: _, ...rsa } = RFC_KEY;
    expect(trusted(rsa).algorithms).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
    expect(trusted(RFC_KEY).algorithms).toEqual(['RS256']);
    for (const [namedCurve, algorithm] of [
      ['P-256', 'ES256'],
      ['P-384', 'ES384'],
      ['P-521', 'ES512'],
    ] as const)
      expect(trusted({ ...ec(namedCurve) }).algorithms).toEqual([algorithm]);
    const edwards = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    expect(trusted({ ...edwards }).algorithms).toEqual(['EdDSA', 'Ed25519']);
  });

  it('keeps nothing of what its set says besides, such as a certificate or an address of one', () => {
    const more = { x5c: ['MIIB'], x5u: 'https://attacker.example/cert', x5t: 'x', use: 'sig', key_ops: ['verify'] };
    expect(trusted({ ...RFC_KEY, ...more }).jwk).toEqual({ kty: 'RSA', n: RFC_KEY.n, e: RFC_KEY.e });
  });

  it('is the same with zeros before its numbers', () => {
    const padded = Buffer.concat([Buffer.alloc(3), Buffer.from(RFC_KEY.n, 'base64url')]).toString('base64url');
    expect(trusted({ ...RFC_KEY, n: padded }).thumbprint).toBe(RFC_THUMBPRINT);
  });
});

describe('what is no key to trust', () => {
  it.each<[what: string, given: Record<string, unknown>, message: string]>([
    ['a private half', { ...RFC_KEY, d: 'AQAB' }, 'holds d, which is private'],
    ['a prime', { ...RFC_KEY, p: 'AQAB' }, 'holds p, which is private'],
    ['a secret', { kty: 'oct', k: 'c2VjcmV0' }, 'holds k, which is private'],
    ['no kind', { n: RFC_KEY.n, e: RFC_KEY.e }, 'is none of an RSA key'],
    ['another kind', { kty: 'AKP', pub: 'AQAB', alg: undefined }, 'is none of an RSA key'],
    ['half a key', { kty: 'RSA', n: RFC_KEY.n }, 'is none of an RSA key'],
    ['a key for agreeing', { kty: 'OKP', crv: 'X25519', x: 'AQAB' }, 'is none of an RSA key'],
    ['a name that is none', { ...RFC_KEY, kid: 7 }, 'has a kid that is not 1 to 255 characters'],
    ['an endless name', { ...RFC_KEY, kid: 'x'.repeat(256) }, 'has a kid that is not 1 to 255 characters'],
    ['a key for encryption', { ...RFC_KEY, use: 'enc' }, 'is not for signatures'],
    ['a key for wrapping', { ...RFC_KEY, key_ops: ['wrapKey'] }, 'is not for verifying'],
    ['HMAC', { ...RFC_KEY, alg: 'HS256' }, 'has an alg that is none of RS256'],
    ['no algorithm', { ...RFC_KEY, alg: 'none' }, 'has an alg that is none of RS256'],
    ['an algorithm for other keys', { ...RFC_KEY, alg: 'ES256' }, 'has the alg ES256, which is for other keys'],
    ['everything a signature', { ...RFC_KEY, e: 'AQ' }, 'has an exponent below 65537'],
    ['a point off its curve', { kty: 'EC', crv: 'P-256', x: 'AQAB', y: 'AQAB' }, 'is no key'],
  ])('%s is told', (_, given, message) => {
    expect(problem(given)).toContain(message);
  });

  it('an RSA key of fewer than 2048 bits is refused, and one of very many', () => {
    expect(problem({ ...rsa(1_024) })).toContain('has 1024 bits, where an RSA key has 2048');
    const huge = Buffer.alloc(1_100, 0xff).toString('base64url');
    expect(problem({ ...RFC_KEY, n: huge })).toContain('has 8800 bits');
  });

  it.each([
    ['nothing', ''],
    ['no PEM', 'certificate'],
    ['one that is cut off', CERTIFICATE.slice(0, 200)],
    ['one beside one that is cut off', `${CERTIFICATE}\n${CERTIFICATE.slice(0, 200)}`],
  ])('%s is no text of certificates', (_, text) => {
    expect(keysOfCertificates(text)).toBeUndefined();
  });

  it('a private key beside a certificate is told, and what is no certificate at all', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const results = keysOfCertificates(`${CERTIFICATE}\n${pem}`) ?? [];
    expect(results.map((result) => result.ok || result.message)).toEqual([
      true,
      'is no certificate (PRIVATE KEY): leave it out',
    ]);
    const broken = keysOfCertificates('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----') ?? [];
    expect(broken.map((result) => result.ok || result.message)).toEqual(['cannot be read']);
  });
});
