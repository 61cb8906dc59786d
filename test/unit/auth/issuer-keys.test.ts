/** What is taken of what an issuer publishes. */
import { exportJWK, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { configurationAddress, parseIssuerKeys, parseKeysAddress } from '../../../src/auth/issuer-keys.ts';

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const keysOf = (...keys: unknown[]) => parseIssuerKeys(bytes({ keys }));
async function publicJwk(algorithm: string, more: object = {}): Promise<Record<string, unknown>> {
  const { publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { kid: 'k', ...(await exportJWK(publicKey)), ...more };
}

describe('a key of an issuer', () => {
  it.each([
    ['RS256', {}, ['RS256']],
    ['RS256', { alg: 'RS512' }, ['RS512']],
    ['PS256', { alg: 'PS256' }, ['PS256']],
    ['ES256', {}, ['ES256']],
    ['ES384', { alg: 'ES384' }, ['ES384']],
    ['EdDSA', {}, ['EdDSA', 'Ed25519']],
  ])('%s that says %j is for %j', async (algorithm, more, algorithms) => {
    expect(keysOf(await publicJwk(algorithm, more))).toMatchObject([{ kid: 'k', algorithms }]);
  });

  it.each<[string, object]>([
    ['RS256', { alg: 'HS256' }],
    ['RS256', { alg: 'none' }],
    ['RS256', { alg: 'RSA-OAEP' }],
    ['RS256', { alg: 'ES256' }],
    ['ES256', { alg: 'ES384' }],
    ['RS256', { use: 'enc' }],
    ['RS256', { kid: undefined }],
    ['RS256', { kid: '' }],
    ['RS256', { kid: 'k'.repeat(300) }],
    ['RS256', { n: 'AQAB' }],
    ['RS256', { n: 'A'.repeat(5_000) }],
    ['RS256', { e: 'A'.repeat(20) }],
    ['ES256', { crv: 'secp256k1' }],
    ['ES256', { kty: 'oct', k: 'AAAA' }],
  ])('%s that says %j is none', async (algorithm, more) => {
    expect(keysOf(await publicJwk(algorithm, more), await publicJwk('ES256', { kid: 'other' }))).toMatchObject([
      { kid: 'other' },
    ]);
  });

  it('is none whose private half everybody can read', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    expect(keysOf({ kid: 'k', ...(await exportJWK(privateKey)) })).toEqual([]);
  });

  it('is none where everything is a signature of it, or where it is no point of its curve', async () => {
    expect(keysOf(await publicJwk('RS256', { e: 'AQ' }))).toEqual([]);
    expect(keysOf(await publicJwk('ES256', { x: 'AQ' }))).toEqual([]);
  });
});

describe('a set of keys', () => {
  it.each<[string, unknown]>([
    ['no object', []],
    ['no keys', {}],
    ['keys that are no list', { keys: {} }],
    ['more than anybody has', { keys: Array.from({ length: 101 }, () => ({})) }],
  ])('with %s is none', (_what, value) => {
    expect(parseIssuerKeys(bytes(value))).toBeUndefined();
  });

  it('that is no JSON is none', () => {
    expect(parseIssuerKeys(new TextEncoder().encode('<html>'))).toBeUndefined();
    expect(parseIssuerKeys(new TextEncoder().encode('['.repeat(100)))).toBeUndefined();
  });
});

describe('the configuration of an issuer', () => {
  const ISSUER = 'https://issuer.example';
  const address = (changes: object, issuer = ISSUER) =>
    parseKeysAddress(bytes({ issuer: ISSUER, jwks_uri: `${ISSUER}/keys`, ...changes }), issuer);

  it('says where its keys are', () => {
    expect(address({})).toEqual({ ok: true, url: 'https://issuer.example/keys' });
    expect(configurationAddress(ISSUER)).toBe('https://issuer.example/.well-known/openid-configuration');
    expect(configurationAddress('https://issuer.example/a/')).toBe(
      'https://issuer.example/a/.well-known/openid-configuration',
    );
  });

  it.each([
    [{ issuer: 'https://other.example' }],
    [{ issuer: `${ISSUER}/` }],
    [{ issuer: undefined }],
    [{ jwks_uri: undefined }],
    [{ jwks_uri: 'http://issuer.example/keys' }],
    [{ jwks_uri: 'https://issuer.example:8443/keys' }],
    [{ jwks_uri: 'https://issuer.example.attacker.example/keys' }],
    [{ jwks_uri: 'http://169.254.169.254/latest/meta-data' }],
    [{ jwks_uri: 'keys' }],
  ])('with %j is not believed', (changes) => {
    expect(address(changes)).toMatchObject({ ok: false });
  });
});
