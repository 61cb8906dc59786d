/** What a registry asks for in `WWW-Authenticate`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenge } from '../../../../tools/registry/challenge.ts';

const REALM = 'https://auth.example.org/token';
const bearer = (rest: object = {}): object => ({
  kind: 'bearer',
  realm: REALM,
  service: undefined,
  error: undefined,
  ...rest,
});

describe('a challenge', () => {
  it.each([
    ['Basic realm="Registry"', { kind: 'basic' }],
    ['basic', { kind: 'basic' }],
    [`Bearer realm="${REALM}"`, bearer()],
    [`Bearer realm="${REALM}",service="registry",scope="repository:a/b:pull,push"`, bearer({ service: 'registry' })],
    [`BEARER Realm = "${REALM}" , Service = registry`, bearer({ service: 'registry' })],
    [`Bearer realm="${REALM}",error="insufficient_scope"`, bearer({ error: 'insufficient_scope' })],
    // A quoted string may hold whatever would mean something outside of it.
    [`Bearer service="a, Basic realm=\\"x\\"",realm="${REALM}"`, bearer({ service: 'a, Basic realm="x"' })],
    [`Bearer realm="${REALM}",realm="https://evil.example/"`, bearer()],
  ])('%s', (header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge);
  });

  it('is taken for a token where both are offered, in either order and in one header', () => {
    expect(parseChallenge(`Basic realm="R", Bearer realm="${REALM}"`)).toEqual(bearer());
    expect(parseChallenge(`Bearer realm="${REALM}", Basic realm="R"`)).toEqual(bearer());
    expect(parseChallenge(`Negotiate abc==, Bearer realm="${REALM}"`)).toEqual(bearer());
  });

  it.each(['', 'Negotiate', 'Digest realm="x"', 'Bearer', 'Bearer service="x"', 'realm="x"', '"', 'Bearer realm="x'])(
    'is none that can be answered: %s',
    (header) => {
      expect(parseChallenge(header)).toBeUndefined();
    },
  );

  it('is read to its end, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 300 }), (header) => {
        parseChallenge(header);
        parseChallenge(`Bearer ${header}`);
      }),
    );
    expect(parseChallenge(`Bearer realm="${'x'.repeat(10_000)}"`)).toBeUndefined();
  });
});
