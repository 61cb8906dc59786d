/** Limits: what may stand in one, and when one is surely within another. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { isWithin, LimitSchema } from '../../../src/auth/limit.ts';

const pull = ['pull'] as const;

describe('a limit', () => {
  it.each([
    ['team/app', 'team/app', true],
    ['team/app', 'team/**', true],
    ['team/a/b', 'team/**', true],
    ['team/*', 'team/**', true],
    ['anything/at/all', '**', true],
    ['**', 'team/**', false],
    ['team', 'team/**', false],
    ['team-b/app', 'team/**', false],
    ['team/app', 'team/*', false],
    ['other/app', 'team/**', false],
    ['a/x/b', 'a/*/**', false],
    ['{user}/app', '{user}/**', true],
    ['bob/app', '{user}/**', false],
  ])('of %s is within one of %s: %s', (inner, outer, expected) => {
    const narrow = { repositories: [inner], actions: pull };
    expect(isWithin(narrow, { repositories: ['none', outer], actions: pull })).toBe(expected);
  });

  it('is not within one of fewer actions, and every pattern counts', () => {
    const wide = { repositories: ['a/**', 'b'], actions: ['pull', 'push'] } as const;
    expect(isWithin({ repositories: ['a/x', 'b'], actions: ['push'] }, wide)).toBe(true);
    expect(isWithin({ repositories: ['a/x'], actions: ['pull', 'delete'] }, wide)).toBe(false);
    expect(isWithin({ repositories: ['a/x', 'c'], actions: pull }, wide)).toBe(false);
  });

  it.each([
    ['nothing', undefined],
    ['no repository', { repositories: [], actions: pull }],
    ['no action', { repositories: ['a'], actions: [] }],
    ['an action that is none', { repositories: ['a'], actions: ['admin'] }],
    ['a field that is none', { repositories: ['a'], actions: pull, admin: true }],
    ['a pattern with a space', { repositories: ['a b'], actions: pull }],
    ['a pattern that is too long', { repositories: ['a'.repeat(256)], actions: pull }],
    ['too many patterns', { repositories: Array.from({ length: 101 }, () => 'a'), actions: pull }],
  ])('is refused with %s', (_what, value) => {
    expect(v.is(LimitSchema, value)).toBe(false);
  });
});
