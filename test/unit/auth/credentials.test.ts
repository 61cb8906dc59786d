import { describe, expect, it } from 'vitest';
import { parseAuthorization } from '../../../src/auth/credentials.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('the Authorization header', () => {
  it('is a name and a password, or a token, or not there', () => {
    expect(parseAuthorization(null)).toEqual({ kind: 'none' });
    expect(parseAuthorization(basic('alice:open:sesame'))).toEqual({
      kind: 'basic',
      name: 'alice',
      password: 'open:sesame',
    });
    expect(parseAuthorization(basic('a:'))).toEqual({ kind: 'basic', name: 'a', password: '' });
    expect(parseAuthorization(basic('älice:pässword'))).toEqual({ kind: 'basic', name: 'älice', password: 'pässword' });
    expect(parseAuthorization('Bearer a.b-_.c')).toEqual({ kind: 'bearer', token: 'a.b-_.c' });
    expect(parseAuthorization('bearer  a')).toEqual({ kind: 'bearer', token: 'a' });
  });

  it('has room for the token of a job as a password, and for nothing else of that length', () => {
    const jwt = (characters: number) => `eyJhbGciOiJSUzI1NiJ9.eyJ9.${'a'.repeat(characters - 26)}`;
    expect(parseAuthorization(basic(`github:${jwt(8_192)}`))).toMatchObject({ kind: 'basic', password: jwt(8_192) });
    expect(parseAuthorization(basic(`github:${jwt(8_193)}`))).toEqual({ kind: 'malformed' });
    expect(parseAuthorization(basic(`github:x${jwt(8_191)}`))).toEqual({ kind: 'malformed' });
  });

  it('of an empty name and password is as if it were not there: podman sends it when it knows nothing', () => {
    expect(parseAuthorization(basic(':'))).toEqual({ kind: 'none' });
  });

  it.each([
    ...['', 'Basic', 'Bearer', 'Bearer ', 'Digest username="a"', 'Negotiate YWI=', 'alice:password'],
    ...[
      'Basic !!!',
      `Basic ${Buffer.from('no colon').toString('base64')}`,
      'Basic YTpi, Basic YTpi',
      'Bearer a, Bearer b',
    ],
    // A zero byte would end a password early where it is hashed; a line feed could end a line of a log.
    ...[basic('alice:a\u0000b'), basic('a\nb:c'), `Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`],
    ...[basic(`${'a'.repeat(256)}:b`), basic(`a:${'b'.repeat(4_097)}`), `Bearer ${'a'.repeat(16_384)}`],
  ])('that can be read as neither is malformed: %j', (header) => {
    expect(parseAuthorization(header)).toEqual({ kind: 'malformed' });
  });
});
