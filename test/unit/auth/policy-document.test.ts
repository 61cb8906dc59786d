/** The policy document: what it may say, and that any mistake in it is told by path and reason. */
import { describe, expect, it } from 'vitest';
import { LONGEST_POLICY_CHARACTERS, parsePolicy } from '../../../src/auth/policy-document.ts';

const RULE = { name: 'team', subjects: ['group:devs'], repositories: ['team/**'], actions: ['pull'] };

/** What is wrong with a document of this rule. */
function mistakes(rule: object): readonly string[] {
  return mistakesOf(JSON.stringify({ rules: [{ ...RULE, ...rule }] }));
}

function mistakesOf(text: string): readonly string[] {
  const result = parsePolicy(text);
  return result.ok ? [] : result.mistakes;
}

describe('a policy document', () => {
  it('may say all of this', () => {
    const result = parsePolicy(
      JSON.stringify({
        rules: [
          {
            name: 'CI may add tags',
            subjects: ['user:alice', 'group:devs', 'robot:ci', 'anonymous', 'authenticated'],
            repositories: ['team/*', 'team/**', '{user}/**'],
            actions: ['*', 'push'],
            overwrite: false,
            mutableTags: ['sha256-*', 'edge'],
            when: { networks: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'], until: '2027-01-01T01:00:00+01:00' },
            message: 'Ask #platform for the group devs.',
          },
        ],
      }),
    );
    expect(result).toMatchObject({
      ok: true,
      policy: {
        kind: 'document',
        rules: [
          {
            name: 'CI may add tags',
            subjects: [
              ...[
                { kind: 'user', name: 'alice' },
                { kind: 'group', name: 'devs' },
                { kind: 'robot', name: 'ci' },
              ],
              ...[{ kind: 'anonymous' }, { kind: 'authenticated' }],
            ],
            actions: new Set(['pull', 'push', 'delete']),
            overwrite: false,
            mutableTags: ['sha256-*', 'edge'],
            until: Date.UTC(2027, 0, 1),
          },
        ],
      },
    });
  });

  it('may be empty: then nobody may do anything', () => {
    expect(parsePolicy('{"rules":[]}')).toEqual({ ok: true, policy: { kind: 'document', rules: [] } });
  });

  it.each<[rule: object, mistake: string]>([
    [{ action: ['pull'] }, 'rules[0].action: is not known here'],
    [{ __proto__x: 1 }, 'rules[0].__proto__x: is not known here'],
    [{ 'a b': 1 }, 'rules[0]."a b": is not known here'],
    [{ name: undefined }, 'rules[0].name: is missing'],
    [{ subjects: undefined }, 'rules[0].subjects: is missing'],
    [{ name: '' }, 'rules[0].name: must be one line of text'],
    [{ name: 'a\nb' }, 'rules[0].name: must be one line of text'],
    [{ name: 'x'.repeat(101) }, 'rules[0].name: must have at most 100 characters'],
    [{ name: 7 }, 'rules[0].name: must be a string'],
    [{ subjects: [] }, 'rules[0].subjects: must not be empty'],
    [{ subjects: 'user:alice' }, 'rules[0].subjects: must be a list'],
    [{ subjects: ['user:alice', 'alice'] }, 'rules[0].subjects[1]: must be user:NAME'],
    [{ subjects: ['user:'] }, 'rules[0].subjects[0]: must be user:NAME'],
    [{ subjects: ['admin:root'] }, 'rules[0].subjects[0]: must be user:NAME'],
    [{ subjects: ['*'] }, 'rules[0].subjects[0]: must be user:NAME'],
    [{ subjects: Array.from({ length: 201 }, () => 'anonymous') }, 'rules[0].subjects: must have at most 200 entries'],
    [{ repositories: [] }, 'rules[0].repositories: must not be empty'],
    [{ repositories: ['team**'] }, 'rules[0].repositories[0]: has ** beside other characters'],
    [{ repositories: [null] }, 'rules[0].repositories[0]: must be a string'],
    [{ repositories: Array.from({ length: 201 }, () => 'a') }, 'rules[0].repositories: must have at most 200 entries'],
    [{ actions: ['pull', 'read'] }, 'rules[0].actions[1]: must be one of pull, push, delete, *'],
    [{ actions: [] }, 'rules[0].actions: must not be empty'],
    [{ overwrite: 'no', actions: ['push'] }, 'rules[0].overwrite: must be true or false'],
    [{ overwrite: false }, 'rules[0].overwrite: tells what a push may do'],
    [{ mutableTags: ['x'], actions: ['push'] }, 'rules[0].mutableTags: exempts tags from "overwrite": false'],
    [{ mutableTags: ['a/b'], overwrite: false, actions: ['push'] }, 'rules[0].mutableTags[0]: may have letters'],
    [{ when: { network: ['10.0.0.0/8'] } }, 'rules[0].when.network: is not known here'],
    [{ when: { networks: [] } }, 'rules[0].when.networks: must not be empty'],
    [{ when: { networks: ['10.0.0.1/8'] } }, 'rules[0].when.networks[0]: has bits beyond its length'],
    [{ when: { until: '2027-01-01' } }, 'rules[0].when.until: must be a time with its offset'],
    [{ when: { until: '2027-01-01T00:00:00' } }, 'rules[0].when.until: must be a time with its offset'],
    [{ when: { until: '2027-02-30T00:00:00Z' } }, 'rules[0].when.until: must be a time with its offset'],
    [{ when: 'office' }, 'rules[0].when: must be an object'],
    [{ message: 'x'.repeat(501) }, 'rules[0].message: must have at most 500 characters'],
    [{ message: '\u001b[31m' }, 'rules[0].message: must be one line of text'],
  ])('is refused for %j', (rule, mistake) => {
    const [first = '', ...others] = mistakes(rule);
    expect(first).toContain(mistake);
    expect(others).toEqual([]);
  });

  it.each([
    ['', 'the document: must be a JSON object in UTF-8'],
    ['[]', 'the document: must be a JSON object'],
    ['{"rules":[{}', 'the document: must be a JSON object'],
    ['{}', 'rules: is missing'],
    ['{"rules":{}}', 'rules: must be a list'],
    ['{"rules":[7]}', 'rules[0]: must be an object'],
    ['{"rules":[],"default":"allow"}', 'default: is not known here'],
    ['{"rules":[],"rules":[]}', 'the document: must not name "rules" twice'],
    ['{"rules":[[[[[[[[]]]]]]]]}', 'the document: must not be nested deeper'],
    [' '.repeat(LONGEST_POLICY_CHARACTERS + 1), 'the document: must have at most 65536 characters'],
  ])('is none: %s', (text, mistake) => {
    expect(mistakesOf(text)[0]).toContain(mistake);
  });

  it('says where the text stops to be JSON', () => {
    expect(mistakesOf('{\n"rules": [],\n"x"\n}')[0]).toContain('from line 4 column 1 on');
  });

  it('names the rule that two have in common, and refuses too many', () => {
    expect(mistakesOf(JSON.stringify({ rules: [RULE, RULE] }))).toEqual(['rules: two rules are named "team"']);
    const many = Array.from({ length: 501 }, (_, index) => ({ ...RULE, name: String(index) }));
    expect(mistakesOf(JSON.stringify({ rules: many }))[0]).toMatch(/at most/);
  });

  it('tells several mistakes at once, and not without end', () => {
    expect(mistakes({ name: '', actions: ['x'] })).toHaveLength(2);
    expect(mistakes({ subjects: Array.from({ length: 100 }, () => 'x') })).toHaveLength(10);
  });

  it('repeats no key at any length', () => {
    expect(mistakes({ ['k'.repeat(10_000)]: 1 })[0]?.length).toBeLessThan(200);
  });
});
