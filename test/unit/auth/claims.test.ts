/** Conditions on claims: whole values, and stars that stay within their part. */
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import {
  carriedClaims,
  claimConditions,
  claimOf,
  matchesClaim,
  parseClaimPattern,
  unmetClaim,
} from '../../../src/auth/claims.ts';

const fits = (pattern: string, value: string) => matchesClaim(parseClaimPattern(pattern), value);

describe('a pattern', () => {
  it.each([
    ['acme/app', 'acme/app'],
    ['acme/*', 'acme/app'],
    ['acme/*', 'acme/'],
    ['*/app', 'acme/app'],
    ['refs/tags/v*', 'refs/tags/v1.2'],
    ['refs/tags/v*.*', 'refs/tags/v1.2'],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/app:ref:refs/heads/main'],
    ['repo:acme/app:environment:*', 'repo:acme/app:environment:production'],
    ['12', '12'],
  ])('%s fits %s', (pattern, value) => {
    expect(fits(pattern, value)).toBe(true);
  });

  it.each([
    // Similar beginnings and ends are other values.
    ['acme/app', 'acme/app2'],
    ['acme/app', 'acme/ap'],
    ['acme/app', 'xacme/app'],
    ['acme/app', 'Acme/app'],
    ['acme/app', 'acme/app '],
    ['acme/app', ''],
    ['12', '123'],
    ['12', '012'],
    // A star never crosses what the parts are divided by.
    ['acme/*', 'acme/app/more'],
    ['acme*', 'acme/app'],
    ['*', 'acme/app'],
    ['*', 'repo:acme'],
    ['refs/heads/*', 'refs/heads/feature/x'],
    ['repo:acme/*', 'repo:acme/app:ref:refs/heads/main'],
    ['repo:acme/app:*', 'repo:acme/app:ref:refs/heads/main'],
    ['repo:*/app:ref:refs/heads/main', 'repo:acme/x/app:ref:refs/heads/main'],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/app:environment:x:ref:refs/heads/main'],
    ['repo:acme*app', 'repo:acme:app'],
    ['a/b', 'a:b'],
    ['a*b', 'a'],
    ['ab*ba', 'aba'],
  ])('%s does not fit %s', (pattern, value) => {
    expect(fits(pattern, value)).toBe(false);
  });

  it('agrees with a regular expression, whatever both are', () => {
    const word = fc
      .array(fc.constantFrom('a', 'b', '/', ':', '*', '.'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(word, word, (pattern, text) => {
        const value = text.replaceAll('*', 'a');
        const expression = pattern.replaceAll('.', '\\.').replaceAll('*', '[^/:]*');
        expect(fits(pattern, value)).toBe(new RegExp(`^${expression}$`).test(value));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('conditions', () => {
  const parse = (given: unknown) => v.safeParse(claimConditions, given);
  const conditionsOf = (given: unknown) => v.parse(claimConditions, given);
  const unmet = (given: unknown, claims: Parameters<typeof unmetClaim>[1]) =>
    unmetClaim(conditionsOf(given), claims)?.name;

  it('hold all of them, and of each one of its values', () => {
    const given = { owner: '7', ref: ['refs/heads/main', 'refs/tags/*'] };
    expect(unmet(given, { owner: '7', ref: 'refs/tags/v1' })).toBeUndefined();
    expect(unmet(given, { owner: '7', ref: 'refs/heads/main', more: 'x' })).toBeUndefined();
    expect(unmet(given, { owner: '8', ref: 'refs/tags/v1' })).toBe('owner');
    expect(unmet(given, { owner: '7', ref: 'refs/heads/other' })).toBe('ref');
    expect(unmet(given, { owner: '7' })).toBe('ref');
    expect(unmet(given, {})).toBe('owner');
  });

  it('look into no list, and at nothing that every object has', () => {
    expect(unmet({ owner: '7' }, { owner: ['7'] })).toBe('owner');
    expect(unmet({ constructor: '*' }, {})).toBe('constructor');
    expect(claimOf({}, 'toString')).toBeUndefined();
  });

  it.each<[unknown, string]>([
    [undefined, 'must be an object'],
    [[], 'must be an object'],
    [{}, 'must not be empty'],
    [{ ref: 5 }, 'must be a value, or a list of values'],
    [{ ref: [] }, 'must not be empty'],
    [{ ref: '' }, 'must be one line'],
    [{ ref: 'a\nb' }, 'must be one line'],
    [{ ref: 'a**' }, 'two stars in a row'],
    [{ ref: 'x'.repeat(256) }, 'at most 255'],
    [{ ref: Array.from({ length: 51 }, String) }, 'at most 50'],
    [{ aud: 'x' }, 'of the token itself'],
    [{ iss: 'x' }, 'of the token itself'],
    [JSON.parse('{"__proto__": 5}'), 'must be a value'],
    [Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`c${String(index)}`, 'x'])), 'at most 20'],
  ])('%j are none', (given, message) => {
    const result = parse(given);
    expect(result.issues?.map((issue) => issue.message).join()).toContain(message);
  });

  it('name the claim and the value that is wrong', () => {
    const result = parse({ owner: '7', ref: ['a', '**'] });
    expect(result.issues?.map((issue) => issue.path?.map(({ key }) => key))).toEqual([['ref', 1]]);
  });
});

describe('what is carried of a token', () => {
  it('is what conditions can ask for: text, and numbers and truth values as text', () => {
    const payload = {
      ...{ iss: 'i', aud: 'a', exp: 1, nbf: 1, iat: 1, jti: 'j' },
      ...{ sub: 's', id: 12, flag: true, half: 1.5, nothing: null, deep: { a: 1 }, list: ['a'], lines: 'a\nb' },
    };
    expect(carriedClaims(payload, ['sub'], undefined)).toEqual({ sub: 's', id: '12', flag: 'true' });
    expect(carriedClaims(payload, [], 'list')).toMatchObject({ list: ['a'] });
    expect(carriedClaims({ list: 'one' }, [], 'list')).toEqual({ list: ['one'] });
    expect(carriedClaims({ list: ['a', 5, 'b\nc', {}] }, [], 'list')).toEqual({ list: ['a'] });
  });

  it('is bounded, and what matters comes first', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`c${String(index)}`, 'x'.repeat(200)]));
    const carried = carriedClaims(
      { ...many, sub: 's', groups: Array.from({ length: 500 }, String) },
      ['sub', 'groups'],
      'groups',
    );
    expect(JSON.stringify(carried).length).toBeLessThan(4_000);
    expect(carried['sub']).toBe('s');
    expect(carried['groups']).toHaveLength(50);
  });

  it('has keys of its own, whatever they are called', () => {
    const payload: Record<string, string> = Object.fromEntries([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    const carried = carriedClaims(payload, [], undefined);
    expect(claimOf(carried, '__proto__')).toBe('x');
    expect(claimOf(carried, 'constructor')).toBe('y');
    expect(claimOf(carriedClaims({}, ['toString'], undefined), 'toString')).toBeUndefined();
  });
});
