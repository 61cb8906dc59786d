/** Patterns of repositories and tags: what each matches, and how long the longest takes. */
import { describe, expect, it } from 'vitest';
import type { Claims } from '../../../src/auth/claims.ts';
import { matchesRepository, matchesTag, parsePattern, tagPatternProblem } from '../../../src/auth/patterns.ts';
import { parseTag } from '../../../src/oci/reference.ts';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';

function matches(text: string, name: string, own?: string, claims?: Claims): boolean {
  const result = parsePattern(text);
  const repository = parseRepositoryName(name);
  if (!result.ok || repository === undefined) throw new Error(`'${text}' or '${name}' is none`);
  return matchesRepository(result.pattern, repository, own, claims);
}

describe('a pattern of repositories', () => {
  it.each<[pattern: string, yes: string[], no: string[]]>([
    ['team/app', ['team/app'], ['team', 'team/app2', 'team/app/x', 'xteam/app', 'a/team/app']],
    ['team/*', ['team/app', 'team/a-b'], ['team', 'team/a/b', 'teams/app', 'x/team/app']],
    ['*', ['app'], ['team/app']],
    ['*/*', ['team/app'], ['app', 'a/b/c']],
    ['team/**', ['team/app', 'team/a/b/c'], ['team', 'teams/app', 'x/team/app']],
    ['**', ['app', 'a/b', 'a/b/c/d'], []],
    ['**/app', ['team/app', 'a/b/app'], ['app', 'app/x', 'team/xapp']],
    ['a/**/z', ['a/b/z', 'a/b/c/z', 'a/z/z'], ['a/z', 'a/b/y', 'b/a/b/z']],
    ['**/**', ['a/b', 'a/b/c'], ['a']],
    ['a/**/b/**/c', ['a/x/b/y/c', 'a/b/b/b/c', 'a/x/b/y/b/c'], ['a/b/c', 'a/x/b/c', 'a/b/x/c']],
    ['app-*', ['app-1', 'app-x-y'], ['app', 'xapp-1']],
    ['*-cache', ['x-cache'], ['cache', 'x-cache1']],
    ['a*b*c', ['abc', 'a1b2c', 'abbcc'], ['ab', 'acb', 'a/b/c']],
    ['ab*ba', ['abba', 'abxba'], ['aba']],
    ['team/v1.0*', ['team/v1.0', 'team/v1.0-x'], ['team/v1x0']],
  ])('%s', (pattern, yes, no) => {
    for (const name of yes) expect(matches(pattern, name), name).toBe(true);
    for (const name of no) expect(matches(pattern, name), name).toBe(false);
  });

  it('with {user} matches what has the name of who asks, and nothing where that is no part of a name', () => {
    expect(matches('{user}/**', 'alice/app', 'alice')).toBe(true);
    expect(matches('{user}/**', 'bob/app', 'alice')).toBe(false);
    expect(matches('home/{user}', 'home/alice', 'alice')).toBe(true);
    expect(matches('{user}/**', 'alice/app', undefined)).toBe(false);
  });

  it('with {claim:…} matches what the token of a job says there, and nothing where that is no part of a name', () => {
    const said = (repository: Claims[string]) => ({ repository });
    expect(matches('{claim:repository}/**', 'acme/app/image', undefined, said('acme/app'))).toBe(true);
    expect(matches('ci/**/{claim:repository}', 'ci/x/acme/app', undefined, said('acme/app'))).toBe(true);
    expect(matches('ci/{claim:repository}', 'ci/acme', undefined, said('acme'))).toBe(true);
    for (const other of [
      'acme/app2',
      'acme',
      '*',
      '**',
      'acme/*',
      'ACME/app',
      '',
      '/',
      'acme//app',
      '..',
      ['acme/app'],
    ])
      expect(matches('{claim:repository}/**', 'acme/app/image', undefined, said(other)), String(other)).toBe(
        other === 'acme',
      );
    expect(matches('{claim:repository}', 'acme', 'acme')).toBe(false);
    expect(matches('{claim:constructor}', 'acme', undefined, {})).toBe(false);
  });

  it.each([
    ['a{claim:x}', 'no component alone'],
    ['{claim:}', 'names no claim'],
    ['{claim:a b}', 'names no claim'],
    ['{claim:a/b}', 'names no claim'],
    ['', 'must not be empty'],
    ['/team', 'slash'],
    ['team/', 'slash'],
    ['a//b', 'slash'],
    ['team**', 'is a component alone'],
    ['a/**b', 'is a component alone'],
    ['***', 'is a component alone'],
    ['{user}-x/**', 'is a component alone'],
    ['{group}/**', 'lower-case letters'],
    ['Team/*', 'lower-case letters'],
    ['team/?', 'lower-case letters'],
    ['team/[ab]', 'lower-case letters'],
    ['team /x', 'lower-case letters'],
    ['!team', 'lower-case letters'],
    ['a'.repeat(256), 'at most 255 characters'],
  ])('is none: %s', (text, reason) => {
    const result = parsePattern(text);
    expect(result.ok ? 'a pattern' : result.message).toContain(reason);
  });

  it('takes no longer than both lengths multiplied, whatever it is', () => {
    const started = performance.now();
    const name = `${'a'.repeat(120)}/${'a/'.repeat(60)}a`;
    for (let round = 0; round < 200; round += 1) {
      expect(matches(`${'a*'.repeat(100)}b/**`, name)).toBe(false);
      expect(matches(`${'**/'.repeat(20)}${'a/**/'.repeat(20)}b`, name)).toBe(false);
      expect(matches(`${'**/*a*/'.repeat(30)}b`, name)).toBe(false);
    }
    // With backtracking one of these would take longer than the universe has been there.
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('a pattern of tags', () => {
  it.each([
    ['latest', 'latest', true],
    ['latest', 'latest-1', false],
    ['sha256-*', 'sha256-0a.sig', true],
    ['sha256-*', 'xsha256-0a', false],
    ['*', 'V1.0', true],
    ['v*.*', 'v1', false],
    ['v*.*', 'v1.2.3', true],
  ])('%s of %s: %s', (pattern, text, expected) => {
    const tag = parseTag(text);
    expect(tag !== undefined && matchesTag(pattern, tag)).toBe(expected);
  });

  it.each(['', 'a/b', 'sha256:*', '[a-z]', 'a b', 'x'.repeat(256)])('is none: %s', (text) => {
    expect(tagPatternProblem(text)).toBeDefined();
  });
});
