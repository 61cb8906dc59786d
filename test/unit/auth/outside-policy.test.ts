/** Who may do what where the tokens of an outside server say it, alone or together with a policy. */
import { describe, expect, it } from 'vitest';
import { isPublic, readableBy, type OwnPolicy, type Policy } from '../../../src/auth/policy.ts';
import { principalName, type Principal } from '../../../src/auth/principal.ts';
import { ANYWHERE, ask, named, policyOf, user } from './questions.ts';

type Outside = Extract<Principal, { kind: 'outside' }>;
type Scope = NonNullable<Outside['scope']>;

const ALONE: Policy = { kind: 'token-server', also: undefined };
const APP: Scope = { grants: [{ repository: 'team/app', actions: ['pull', 'push'] }], catalog: false };
const EVERYTHING: Scope = { grants: [{ repository: 'team/app', actions: ['pull', 'push', 'delete'] }], catalog: true };
const NOBODY: Principal = { kind: 'anonymous' };

function outside(scope: Scope = APP, name = 'alice'): Principal {
  return { kind: 'outside', name, limits: [], scope };
}

function also(...rules: readonly object[]): Policy {
  const policy = policyOf(...rules.map((rule, index) => ({ name: String(index), repositories: ['**'], ...rule })));
  if (policy.kind === 'token-server') throw new Error('no policy of its own');
  return { kind: 'token-server', also: policy };
}

describe('a token alone', () => {
  it('is the right to what it names and to nothing else', () => {
    for (const action of ['pull', 'push'] as const)
      expect(ask(ALONE, outside(), action, 'team/app')).toEqual({ allowed: true, rule: 'token server', moves: 'any' });
    for (const [action, name] of [
      ['delete', 'team/app'],
      ['pull', 'team/other'],
      ['pull', 'team'],
      ['catalog', undefined],
      ['pull', undefined],
    ] as const)
      expect(ask(ALONE, outside(), action, name)).toMatchObject({ allowed: false, reason: 'scope' });
    expect(ask(ALONE, outside(EVERYTHING), 'catalog').allowed).toBe(true);
  });

  it('says whom to ask where it is too narrow', () => {
    expect(ask(ALONE, outside(), 'delete', 'team/app')).toMatchObject({
      message: 'the token server did not give alice a token for repository:team/app:delete, or was not asked for one',
    });
  });

  it('opens the base, whatever it names', () => {
    expect(ask(ALONE, outside({ grants: [], catalog: false }), 'ping').allowed).toBe(true);
    expect(ask(ALONE, { kind: 'anonymous', scope: APP }, 'ping').allowed).toBe(true);
  });

  it('of nobody is as good as any', () => {
    expect(ask(ALONE, { kind: 'anonymous', scope: APP }, 'push', 'team/app').allowed).toBe(true);
  });

  it('lists every name if it may list, and none if not', () => {
    expect(readableBy(ALONE, outside(EVERYTHING), ANYWHERE)).toBe('every');
    const none = readableBy(ALONE, NOBODY, ANYWHERE);
    expect(none === 'every' || none(named('team/app'))).toBe(false);
  });
});

describe.each<[string, Policy]>([
  ['alone', ALONE],
  ['beside a policy that allows everybody everything', also({ subjects: ['anonymous'], actions: ['*'] })],
])('without a token, where it counts %s', (_, policy) => {
  it('nobody may do anything, whoever it is', () => {
    for (const principal of [NOBODY, user('alice'), { kind: 'robot', name: 'ci', limits: [] }] as const)
      for (const right of ['ping', 'catalog', 'pull', 'push', 'delete'] as const)
        expect(ask(policy, principal, right, 'team/app')).toMatchObject({ allowed: false, rule: 'no token' });
    expect(ask(policy, { kind: 'local' }, 'pull', 'team/app').allowed).toBe(false);
    expect(isPublic(policy, named('team/app'))).toBe(false);
    const none = readableBy(policy, NOBODY, ANYWHERE);
    expect(none === 'every' || none(named('team/app'))).toBe(false);
  });
});

describe('a token beside a policy', () => {
  it('allows what both allow', () => {
    const policy = also({ subjects: ['outside:alice'], repositories: ['team/**'], actions: ['pull'] });
    expect(ask(policy, outside(EVERYTHING), 'pull', 'team/app').allowed).toBe(true);
    expect(ask(policy, outside(EVERYTHING), 'push', 'team/app')).toMatchObject({ allowed: false, reason: 'policy' });
    expect(ask(policy, outside(APP), 'pull', 'team/other')).toMatchObject({ allowed: false, reason: 'scope' });
    expect(ask(policy, outside(EVERYTHING, 'bob'), 'pull', 'team/app')).toMatchObject({ allowed: false });
    // Too narrow, and refused: another token comes first.
    expect(ask(policy, outside(APP, 'bob'), 'delete', 'team/app')).toMatchObject({ allowed: false, reason: 'scope' });
  });

  it('keeps tags where the policy has them stay', () => {
    const policy = also({ subjects: ['authenticated'], actions: ['push'], overwrite: false });
    expect(ask(policy, outside(), 'push', 'team/app')).toMatchObject({ allowed: true, moves: { exempt: [] } });
  });

  it('lists what the policy lets its bearer pull', () => {
    const policy = also({ subjects: ['authenticated'], repositories: ['team/*'], actions: ['pull'] });
    const mayRead = readableBy(policy, outside(EVERYTHING), ANYWHERE);
    expect(mayRead === 'every' || [mayRead(named('team/app')), mayRead(named('secret/app'))]).toEqual([true, false]);
  });

  it('is worth nothing where there is none', () => {
    const none: OwnPolicy = { kind: 'setting', anonymous: 'none' };
    const policy: Policy = { kind: 'token-server', also: none };
    const { allowed, message } = { message: '', ...ask(policy, outside(), 'pull', 'team/app') };
    expect(allowed).toBe(false);
    // BERTH_ANONYMOUS beside a token server is a contradiction.
    expect(message).toBe(
      'this registry asks its policy besides the token server, and has none yet: its operator has to give one',
    );
    expect(ask(policy, { kind: 'anonymous', scope: APP }, 'ping').allowed).toBe(true);
  });
});

describe('a name of the token server', () => {
  const rule = (subject: string) => also({ subjects: [subject], actions: ['pull'] });

  it('is nobody of here: no user, no robot, and no group has it', () => {
    for (const subject of ['user:alice', 'robot:alice', 'group:alice'])
      expect(ask(rule(subject), outside(), 'pull', 'team/app').allowed).toBe(false);
    for (const subject of ['outside:alice', 'authenticated', 'anonymous'])
      expect(ask(rule(subject), outside(), 'pull', 'team/app').allowed).toBe(true);
    expect(principalName(outside())).toBe('outside:alice');
  });

  it('that is written like one of here is still its own', () => {
    const disguised = outside(APP, 'user:alice');
    expect(ask(rule('user:alice'), disguised, 'pull', 'team/app').allowed).toBe(false);
    expect(principalName(disguised)).toBe('outside:user:alice');
  });

  it('gets nothing that is named after a person', () => {
    const policy = also({ subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] });
    const scope: Scope = { grants: [{ repository: 'alice/app', actions: ['pull'] }], catalog: false };
    expect(ask(policy, outside(scope), 'pull', 'alice/app').allowed).toBe(false);
  });
});
