/** The document of an outside token server: what it may say, and that any mistake in it is told by path and reason. */
import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  LONGEST_TOKEN_SERVER_CHARACTERS,
  parseTokenServer,
  type TokenServer,
} from '../../../src/auth/token-server-document.ts';
import { OUTSIDE, OutsideIssuer } from '../../outside-issuer.ts';

let one: OutsideIssuer;
let other: OutsideIssuer;
beforeAll(async () => {
  [one, other] = await Promise.all([OutsideIssuer.make('ES256', 'one'), OutsideIssuer.make('RS256', 'other')]);
});

function server(text: string): TokenServer {
  const result = parseTokenServer(text);
  if (!result.ok) throw new Error(result.mistakes.join('; '));
  return result.server;
}

function mistakes(text: string): readonly string[] {
  const result = parseTokenServer(text);
  return result.ok ? [] : result.mistakes;
}

describe('the document of a token server', () => {
  it('says by default that the token decides alone, and that a key of its own is refused', () => {
    expect(server(one.document())).toMatchObject({
      ...OUTSIDE,
      algorithms: ['ES256'],
      policy: 'off',
      ignoresEmbeddedKeys: false,
    });
  });

  it('may say all of it', () => {
    const keys = [one.jwk, other.jwk];
    const said = server(
      one.document({
        jwks: { keys, 'whatever a set says besides': 1 },
        algorithms: ['ES256', 'PS256', 'RS256'],
        policy: 'also',
        ignoreEmbeddedKeys: true,
      }),
    );
    expect(said).toMatchObject({ policy: 'also', ignoresEmbeddedKeys: true, onlyKey: undefined });
    expect(said.keys.get('other')?.algorithms).toEqual(['RS256', 'PS256']);
    expect(said.keys.get('one')?.algorithms).toEqual(['ES256']);
    expect(said.keys.size).toBe(6);
  });

  it('has one key where the same one stands there twice', () => {
    const keys = [one.jwk, { ...one.jwk, kid: 'its older name' }];
    const { onlyKey } = server(one.document({ jwks: { keys } }));
    expect(onlyKey?.ids).toEqual(['one', expect.any(String), expect.any(String), 'its older name']);
  });

  it('has its realm without what could end a quoted string', () => {
    expect(server(one.document({ realm: 'https://auth.example/a"b' })).realm).toBe('https://auth.example/a%22b');
  });

  it.each<[changes: Record<string, unknown>, mistake: string]>([
    [{ realm: undefined }, 'realm: is missing'],
    [{ realm: 'auth.example' }, 'realm: must be https://'],
    [{ realm: 'http://auth.example/token' }, 'realm: must be https://'],
    [{ realm: 'ftp://auth.example/' }, 'realm: must be https://'],
    [{ realm: 'https://me:secret@auth.example/' }, 'realm: must be https://'],
    [{ realm: 'https://auth.example/#x' }, 'realm: must be https://'],
    [{ service: undefined }, 'service: is missing'],
    [{ service: 'a"b' }, 'service: must be of ASCII'],
    [{ service: 'a\\b' }, 'service: must be of ASCII'],
    [{ service: '' }, 'service: must be one line'],
    [{ issuer: undefined }, 'issuer: is missing'],
    [{ issuer: 7 }, 'issuer: must be a string'],
    [{ issuer: 'a\nb' }, 'issuer: must be one line'],
    [{ algorithms: undefined }, 'algorithms: is missing'],
    [{ algorithms: [] }, 'algorithms: must not be empty'],
    [{ algorithms: ['HS256'] }, 'algorithms[0]: must be one of RS256'],
    [{ algorithms: ['none'] }, 'algorithms[0]: must be one of RS256'],
    [{ algorithms: ['ES256', 'RS256'] }, 'algorithms[1]: none of the keys is for RS256'],
    [{ jwks: undefined }, 'the document: names no key'],
    [{ jwks: { keys: [] } }, 'jwks.keys: must not be empty'],
    [{ jwks: {} }, 'jwks.keys: is missing'],
    [{ jwks: [] }, 'jwks'],
    [{ jwks: { keys: ['x'] } }, 'jwks.keys[0]: must be an object'],
    [{ jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }, 'jwks.keys[0]: holds k, which is private'],
    [{ certificates: 'x' }, 'certificates: must be 1 to 50 certificates in PEM'],
    [{ policy: 'on' }, 'policy: must be off or also'],
    [{ ignoreEmbeddedKeys: 'yes' }, 'ignoreEmbeddedKeys: must be true or false'],
    [{ ignoreEmbedded: true }, 'ignoreEmbedded: is not known here; docs/token-server.md has every key'],
  ])('with %j is none', (changes, mistake) => {
    expect(mistakes(one.document(changes))[0]).toContain(mistake);
  });

  it('is none with a private key, which no message repeats', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ format: 'jwk' });
    const said = mistakes(one.document({ jwks: { keys: [secret] } }));
    expect(said).toEqual(['jwks.keys[0]: holds d, which is private: leave out all but the public key']);
    const pem = privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    expect(mistakes(one.document({ certificates: pem }))).toEqual([
      'certificates: number 1 is no certificate (EC PRIVATE KEY): leave it out',
    ]);
  });

  it('is none where a key is for none of the algorithms', () => {
    const keys = [one.jwk, other.jwk];
    expect(mistakes(one.document({ jwks: { keys } }))).toEqual([
      'algorithms: the key other needs one of RS256, RS384, RS512, PS256, PS384, PS512',
    ]);
  });

  it('is none where one name means two keys', () => {
    const keys = [one.jwk, { ...other.jwk, kid: 'one' }];
    expect(mistakes(one.document({ jwks: { keys }, algorithms: ['ES256', 'RS256'] }))).toEqual([
      'jwks.keys: two of the keys are named "one"',
    ]);
  });

  it.each([
    ['', 'the document: must be a JSON object'],
    ['[]', 'the document: must be a JSON object'],
    ['{"realm":"a","realm":"b"}', 'the document: must not name "realm" twice'],
    [' '.repeat(LONGEST_TOKEN_SERVER_CHARACTERS + 1), 'the document: must have at most 65536 characters'],
  ])('that is no document is told: %.30j', (text, mistake) => {
    expect(mistakes(text)[0]).toContain(mistake);
  });
});
