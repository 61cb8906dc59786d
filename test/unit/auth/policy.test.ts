/** Who may do what under a policy, case by case; policy-oracle.test.ts asks ten thousand more. */
import { describe, expect, it } from 'vitest';
import { explain, isPublic, readableBy } from '../../../src/auth/policy.ts';
import type { Principal } from '../../../src/auth/principal.ts';
import { ANYWHERE, ask, job, named, policyOf, robot, user } from './questions.ts';

const nobody: Principal = { kind: 'anonymous' };
const team = {
  ...{ name: 'devs push', subjects: ['group:devs'], repositories: ['team/**'], actions: ['pull', 'push'] },
  message: 'Ask #platform for the group devs.',
};
const open = { name: 'open', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] };
const home = { name: 'home', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] };

describe('a rule', () => {
  const policy = policyOf(team, open, home);

  it.each([
    ['a member of the group', user('alice', ['devs']), 'push', 'team/app', 'devs push'],
    ['nobody in particular', nobody, 'pull', 'public/app', 'open'],
    ['somebody who signed in, to what is open to everybody', user('bob'), 'pull', 'public/app', 'open'],
    ['a person to what has that name', user('bob'), 'delete', 'bob/a/b', 'home'],
  ] as const)('allows %s', (_label, principal, right, repository, rule) => {
    expect(ask(policy, principal, right, repository)).toEqual({ allowed: true, rule, moves: 'any' });
  });

  it.each([
    ['another action', user('alice', ['devs']), 'delete', 'team/app'],
    ['another repository', user('alice', ['devs']), 'push', 'teams/app'],
    ['another group', user('alice', ['dev', 'devs2']), 'push', 'team/app'],
    ['a robot with the name of a person', robot('bob'), 'pull', 'bob/app'],
    ['a person with the name of a group', user('devs'), 'push', 'team/app'],
    ['nobody in particular, of those who signed in', nobody, 'pull', 'bob/app'],
    ['whose name is no part of a repository name', user('*'), 'pull', 'bob/app'],
    ['whose name has a slash', user('bob/app'), 'pull', 'bob/app/x'],
    ['whose name is a pattern', user('**'), 'pull', 'team/app'],
  ] as const)('does not allow %s', (_label, principal, right, repository) => {
    expect(ask(policy, principal, right, repository)).toMatchObject({ allowed: false, reason: 'policy' });
  });

  it('gives a job what names its trust, and nothing that is for everybody who signed in', () => {
    const main = { ref: 'refs/heads/main', repository: 'acme/app' };
    const rules = policyOf(
      {
        ...{ name: 'ci', subjects: ['workload:github'], repositories: ['ci/{claim:repository}/**'], actions: ['push'] },
        when: { claims: { ref: ['refs/heads/main', 'refs/tags/*'] } },
      },
      { name: 'operators', subjects: ['group:github:ops'], repositories: ['ops'], actions: ['push'] },
      { name: 'everybody', subjects: ['authenticated'], repositories: ['**'], actions: ['*'] },
    );
    expect(ask(rules, job('github', main), 'push', 'ci/acme/app/image')).toMatchObject({ allowed: true, rule: 'ci' });
    expect(ask(rules, job('github', main, ['github:ops']), 'push', 'ops')).toMatchObject({ rule: 'operators' });
    for (const [principal, repository] of [
      [job('github', main), 'ci/acme/other/image'],
      [job('github', main), 'ops'],
      [job('github', main), 'github/app'],
      [job('gitlab', main), 'ci/acme/app/image'],
      [job('github', { ...main, ref: 'refs/heads/other' }), 'ci/acme/app/image'],
      [job('github', { ref: main.ref }), 'ci/acme/app/image'],
      [job('github', { ...main, repository: '*' }), 'ci/acme/app/image'],
      [job('github', { ...main, repository: 'acme/../app' }), 'ci/acme/app/image'],
    ] as const)
      expect(ask(rules, principal, 'push', repository)).toMatchObject({ allowed: false, reason: 'policy' });
    // Whoever has the name of a trust is no job of it.
    const named = policyOf({ name: 'ci', subjects: ['workload:github'], repositories: ['**'], actions: ['push'] });
    for (const other of [user('github'), robot('github'), user('workload:github'), user('x', ['workload:github'])])
      expect(ask(named, other, 'push', 'a').allowed).toBe(false);
  });

  it('tells a job whom a rule would have to name, and which claim was none of those asked for', () => {
    const refused = ask(policyOf(), job('github'), 'push', 'a');
    expect('message' in refused ? refused.message : '').toContain(
      'a rule to its policy that lets workload:github push there',
    );
    const rule = { name: 'ci', subjects: ['workload:github'], repositories: ['a'], actions: ['push'] };
    const rules = policyOf({ ...rule, when: { claims: { ref: 'refs/heads/main' } } });
    expect(explain(rules, job('github', { ref: 'x' }), 'push', named('a'), ANYWHERE).close).toEqual([
      {
        rule: 'ci',
        lacks: [{ part: 'claim', why: 'the claim ref of workload:github:job is none of refs/heads/main' }],
      },
    ]);
  });

  it('looks at each of its subjects and patterns, not at the first alone (GHSA-xq2m-cj8w-56v5)', () => {
    const several = policyOf({
      ...{ name: 'several', subjects: ['user:x', 'user:y', 'robot:z'], repositories: ['a', 'b/*', 'c/**'] },
      actions: ['push', 'delete'],
    });
    for (const principal of [user('x'), user('y'), robot('z')])
      for (const right of ['push', 'delete'] as const)
        for (const name of ['a', 'b/1', 'c/1/2']) expect(ask(several, principal, right, name).allowed, name).toBe(true);
    expect(ask(several, user('z'), 'push', 'a').allowed).toBe(false);
    expect(ask(several, user('x'), 'push', 'b/1/2').allowed).toBe(false);
  });

  it('for no pattern that is everything gives everything (GHSA-xq2m-cj8w-56v5)', () => {
    for (const pattern of ['*', '*/*', 'team/**', '{user}/**', '**/x'])
      expect(ask(policyOf({ ...home, repositories: [pattern] }), user('bob'), 'pull').allowed, pattern).toBe(false);
    expect(ask(policyOf({ ...home, repositories: ['**'] }), user('bob'), 'pull').allowed).toBe(true);
  });

  it('allows nothing once its time has come', () => {
    const until = policyOf({ ...open, when: { until: '1970-01-01T00:00:10Z' } });
    expect(ask(until, nobody, 'pull', 'public/app', { address: undefined, now: 9_999 }).allowed).toBe(true);
    expect(ask(until, nobody, 'pull', 'public/app', { address: undefined, now: 10_000 }).allowed).toBe(false);
  });

  it('for a network allows nothing to who is elsewhere, or is nobody knows where', () => {
    const office = policyOf({ ...open, when: { networks: ['10.0.0.0/8', 'fd00::/8'] } });
    const from = (address: string | undefined) =>
      ask(office, nobody, 'pull', 'public/app', { address, now: 0 }).allowed;
    expect([from('10.1.2.3'), from('fd12::1')]).toEqual([true, true]);
    expect([from('11.1.2.3'), from(undefined), from('')]).toEqual([false, false, false]);
  });
});

describe('a push that may not move tags', () => {
  const fixed = { ...team, name: 'add', overwrite: false, mutableTags: ['sha256-*', 'edge'] };
  const alsoFixed = { ...fixed, name: 'add too', mutableTags: ['edge', 'nightly'] };
  const dev = user('alice', ['devs']);

  it('may move what any of the rules that allow it exempts', () => {
    expect(ask(policyOf(fixed, alsoFixed), dev, 'push', 'team/app')).toEqual({
      ...{ allowed: true, rule: 'add' },
      moves: { exempt: ['sha256-*', 'edge', 'nightly'] },
    });
  });

  it('may move them where another rule lets it', () => {
    const both = policyOf(fixed, { ...team, name: 'all' });
    expect(ask(both, dev, 'push', 'team/app')).toEqual({ allowed: true, rule: 'all', moves: 'any' });
  });

  it('is told so for pushes alone', () => {
    expect(ask(policyOf(fixed), dev, 'pull', 'team/app')).toMatchObject({ rule: 'add', moves: 'any' });
  });
});

describe('who is refused', () => {
  const message = (principal: Principal, right: 'pull' | 'push' | 'delete', name: string, ...rules: object[]) => {
    const decision = ask(policyOf(...rules), principal, right, name);
    return decision.allowed ? undefined : [decision.rule, decision.message];
  };
  const delegated = { ...team, name: 'ci', subjects: ['robot:ci'], actions: ['*'], message: 'CI does that.' };

  it('is told what the closest rule says: the one about this repository that lacks the fewest parts', () => {
    // devs push lacks the action, ci the subject: both one, so the first of them.
    expect(message(user('a', ['devs']), 'delete', 'team/app', team, delegated)).toEqual(['devs push', team.message]);
    // devs push lacks subject and action, ci the subject alone.
    expect(message(user('a'), 'delete', 'team/app', team, delegated)).toEqual(['ci', 'CI does that.']);
  });

  it('hears nothing of rules about other repositories, and nothing of those that have no message', () => {
    expect(message(user('a', ['devs']), 'push', 'other/app', team, open)).toEqual([
      'no rule',
      'user:a may not push to other/app. Whoever runs this registry can add a rule to its policy that lets user:a push there.',
    ]);
  });

  it('is asked to sign in where that was not done', () => {
    expect(message(nobody, 'pull', 'secret/app', open)).toEqual([
      'no rule',
      'a caller without credentials may not pull from secret/app. Sign in first, for example with docker login.',
    ]);
  });
});

describe('the base and the list', () => {
  it('let in whoever signed in, and ask everybody else to, so that docker logs in', () => {
    const policy = policyOf(open);
    expect(ask(policy, nobody, 'ping')).toMatchObject({ allowed: false, reason: 'policy' });
    expect(ask(policy, { kind: 'local' }, 'ping')).toMatchObject({ allowed: false });
    for (const known of [user('a'), robot('r')]) expect(ask(policyOf(), known, 'ping').allowed).toBe(true);
    expect(ask(policy, { kind: 'anonymous', scope: { grants: [], catalog: false } }, 'ping').allowed).toBe(true);
  });

  it('are open to whoever may pull anything', () => {
    expect(ask(policyOf(team, open), nobody, 'catalog').allowed).toBe(true);
    expect(ask(policyOf(team), nobody, 'catalog').allowed).toBe(false);
    expect(ask(policyOf(team), user('a', ['devs']), 'catalog').allowed).toBe(true);
    expect(ask(policyOf({ ...team, actions: ['push'] }), user('a', ['devs']), 'catalog').allowed).toBe(false);
  });

  it('show what the caller may pull', () => {
    const shown = (principal: Principal, ...rules: object[]) => {
      const mayRead = readableBy(policyOf(...rules), principal, ANYWHERE);
      if (mayRead === 'every') return 'every';
      return ['team/a', 'public/a', 'a/x'].filter((name) => mayRead(named(name)));
    };
    expect(shown(nobody, team, open, home)).toEqual(['public/a']);
    expect(shown(user('a', ['devs']), team, open, home)).toEqual(['team/a', 'public/a', 'a/x']);
    expect(shown(nobody, { ...open, repositories: ['x', '**'] })).toBe('every');
    expect(
      shown(user('a', [], { limits: [{ repositories: ['team/*'], actions: ['pull'] }] }), home, team, open),
    ).toEqual([]);
    expect(
      shown(user('a', ['devs'], { limits: [{ repositories: ['team/*'], actions: ['pull'] }] }), home, team, open),
    ).toEqual(['team/a']);
    expect(shown(user('a', ['devs'], { limits: [{ repositories: ['**'], actions: ['push'] }] }), team, open)).toEqual(
      [],
    );
  });
});

describe('somebody on an open loopback', () => {
  it('is nobody special once there is a policy', () => {
    const policy = policyOf(team, open, home);
    expect(ask(policy, { kind: 'local' }, 'push', 'team/app').allowed).toBe(false);
    expect(ask(policy, { kind: 'local' }, 'pull', 'public/app').allowed).toBe(true);
  });
});

describe('a credential with limits', () => {
  const policy = policyOf(team, home);
  const limited = (...limits: { repositories: string[]; actions: ('pull' | 'push' | 'delete')[] }[]) =>
    user('alice', ['devs'], { limits });

  it('allows what the policy and each of them allows', () => {
    const both = limited(
      { repositories: ['team/*', 'alice/**'], actions: ['pull', 'push'] },
      { repositories: ['team/app'], actions: ['pull'] },
    );
    expect(ask(policy, both, 'pull', 'team/app').allowed).toBe(true);
    for (const [right, name] of [
      ['push', 'team/app'],
      ['pull', 'team/other'],
      ['pull', 'alice/x'],
    ] as const)
      expect(ask(policy, both, right, name), name).toMatchObject({ allowed: false, reason: 'policy' });
  });

  it('gives nothing that the policy does not', () => {
    expect(ask(policy, limited({ repositories: ['**'], actions: ['delete'] }), 'delete', 'team/app').allowed).toBe(
      false,
    );
  });

  it('may name its owner, and matches nothing by what is no pattern', () => {
    expect(ask(policy, limited({ repositories: ['{user}/*'], actions: ['pull'] }), 'pull', 'alice/x').allowed).toBe(
      true,
    );
    expect(ask(policy, limited({ repositories: ['**x', ''], actions: ['pull'] }), 'pull', 'alice/x').allowed).toBe(
      false,
    );
  });

  it('lists nothing where it may not pull, and comes in all the same', () => {
    const pushing = limited({ repositories: ['**'], actions: ['push'] });
    expect(ask(policy, pushing, 'catalog').allowed).toBe(false);
    expect(ask(policy, pushing, 'ping').allowed).toBe(true);
  });
});

describe('a token of the token endpoint', () => {
  const policy = policyOf(team, open);
  const grants = [{ repository: 'team/app', actions: ['pull'] }] as const;
  const scoped = user('alice', ['devs'], { scope: { grants, catalog: false } });

  it('allows what the policy and one of its grants allows', () => {
    expect(ask(policy, scoped, 'pull', 'team/app').allowed).toBe(true);
  });

  it('is too narrow for what the policy alone would allow, which another token would not be', () => {
    for (const [right, name] of [
      ['push', 'team/app'],
      ['pull', 'team/app2'],
      ['catalog', undefined],
    ] as const)
      expect(ask(policy, scoped, right, name)).toMatchObject({ allowed: false, reason: 'scope' });
  });

  it('that grants what the policy no longer allows is refused by the policy (CVE-2025-23208)', () => {
    const left = user('alice', [], { scope: { grants, catalog: true } });
    expect(ask(policy, left, 'pull', 'team/app')).toMatchObject({ allowed: false, reason: 'policy' });
  });

  it('of nobody pulls what is open to everybody and nothing else, whatever it says (CVE-2026-27771)', () => {
    const ghost: Principal = {
      kind: 'anonymous',
      scope: {
        grants: [
          { repository: 'team/app', actions: ['pull', 'push', 'delete'] },
          { repository: 'public/app', actions: ['pull'] },
        ],
        catalog: true,
      },
    };
    expect(ask(policy, ghost, 'pull', 'public/app').allowed).toBe(true);
    expect(ask(policy, ghost, 'pull', 'public/other')).toMatchObject({ allowed: false, reason: 'scope' });
    for (const right of ['pull', 'push', 'delete'] as const)
      expect(ask(policy, ghost, right, 'team/app')).toMatchObject({ allowed: false, reason: 'policy' });
  });

  it('covers no name that is none, and not every repository at once', () => {
    const all = policyOf({ ...team, repositories: ['**'] });
    expect(ask(all, scoped, 'pull')).toMatchObject({ allowed: false, reason: 'scope' });
  });
});

describe('a registry without a policy', () => {
  const setting = (anonymous: 'none' | 'read' | 'read-write') => ({ kind: 'setting', anonymous }) as const;

  it('gives everybody what BERTH_ANONYMOUS says, those who signed in included', () => {
    for (const principal of [nobody, user('a'), robot('r')]) {
      expect(ask(setting('read'), principal, 'pull', 'a/b').allowed).toBe(true);
      expect(ask(setting('read'), principal, 'push', 'a/b').allowed).toBe(false);
      expect(ask(setting('read-write'), principal, 'delete', 'a/b').allowed).toBe(true);
    }
    const refused = ask(setting('none'), user('a'), 'pull', 'a/b');
    expect(refused.allowed ? '' : refused.message).toContain('this registry has no policy yet');
    expect(readableBy(setting('none'), user('a'), ANYWHERE)).not.toBe('every');
    expect(readableBy(setting('read'), nobody, ANYWHERE)).toBe('every');
  });

  it('narrows a credential and a token all the same', () => {
    const limited = user('a', [], { limits: [{ repositories: ['a/*'], actions: ['pull'] }] });
    expect(ask(setting('read-write'), limited, 'pull', 'b/c').allowed).toBe(false);
    const scoped: Principal = { kind: 'anonymous', scope: { grants: [], catalog: false } };
    expect(ask(setting('read'), scoped, 'pull', 'b/c')).toMatchObject({ reason: 'scope' });
  });
});

describe('what everybody may pull', () => {
  it.each([
    [open, true],
    [team, false],
    [{ ...open, subjects: ['authenticated'] }, false],
    [{ ...open, when: { networks: ['0.0.0.0/0', '::/0'] } }, false],
    [{ ...open, when: { until: '2999-01-01T00:00:00Z' } }, false],
    [{ ...open, actions: ['push'] }, false],
  ])('%j: %s', (rule, expected) => {
    expect(isPublic(policyOf(rule), named('public/app'))).toBe(expected);
  });
});

describe('an explanation', () => {
  it('names the rule that allowed it', () => {
    const policy = policyOf(open, team);
    expect(explain(policy, user('a', ['devs']), 'push', named('team/app'), ANYWHERE)).toEqual({
      decision: { allowed: true, rule: 'devs push', moves: 'any' },
      close: [],
    });
  });

  it('names the rules that came close, the closest first, and what each lacked', () => {
    const office = {
      ...team,
      name: 'office',
      actions: ['*'],
      when: { networks: ['10.0.0.0/8'], until: '1970-01-01T00:00:01Z' },
    };
    const policy = policyOf(open, office, team);
    const { decision, close } = explain(policy, user('a', ['devs']), 'delete', named('team/app'), {
      address: '11.0.0.1',
      now: 5_000,
    });
    expect(decision).toMatchObject({ allowed: false, rule: 'devs push', message: team.message });
    expect(close).toEqual([
      { rule: 'devs push', lacks: [{ part: 'action', why: 'delete is none of pull, push' }] },
      {
        rule: 'open',
        lacks: [expect.objectContaining({ part: 'repository' }), expect.objectContaining({ part: 'action' })],
      },
      {
        rule: 'office',
        lacks: [
          { part: 'network', why: '11.0.0.1 is in none of 10.0.0.0/8' },
          { part: 'time', why: 'the rule ended at 1970-01-01T00:00:01.000Z' },
        ],
      },
    ]);
  });

  it('says of a rule about the repositories of people that a robot has none', () => {
    const own = { name: 'own', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] };
    const { close } = explain(policyOf(own), robot('ci'), 'push', named('ci/app'), ANYWHERE);
    const why = 'ci/app matches none of {user}/**; {user} is nobody for robot:ci';
    expect(close).toEqual([{ rule: 'own', lacks: [{ part: 'repository', why }] }]);
    const [other] = explain(policyOf(own), user('a'), 'push', named('ci/app'), ANYWHERE).close;
    expect(other?.lacks[0]?.why).toBe('ci/app matches none of {user}/**');
  });

  it('is short, however many rules there are', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({
      ...{ ...team, name: String(index) },
      subjects: Array.from({ length: 20 }, (_subject, other) => `user:u${String(other)}`),
    }));
    const { close } = explain(policyOf(...many), user('a'), 'push', named('team/app'), ANYWHERE);
    expect(close).toHaveLength(5);
    expect(close[0]?.lacks[0]?.why).toBe('user:a is none of user:u0, user:u1, user:u2, user:u3, user:u4 and 15 more');
  });

  it('says of a registry without a policy which setting decided', () => {
    const { decision, close } = explain({ kind: 'setting', anonymous: 'read' }, nobody, 'push', named('a'), ANYWHERE);
    expect([decision.rule, close]).toEqual(['BERTH_ANONYMOUS=read', []]);
  });
});
