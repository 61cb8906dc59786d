/** The policy by the admin API: read, change, and not undo what somebody else changed meanwhile. */
import { beforeEach, describe, expect, it } from 'vitest';
import { admin } from './administration.ts';

const PATH = '/admin/policy';
const POLICY = {
  rules: [{ name: 'public', subjects: ['anonymous'], repositories: ['public/**'], actions: ['pull'] }],
};
const put = (document: unknown, headers: Record<string, string> = {}) => admin('PUT', PATH, document, { headers });

/** One registry, whose versions go on from test to test. */
let current = 0;
beforeEach(async () => {
  if (current > 0) return;
  expect(await admin('GET', PATH)).toMatchObject({ status: 404, code: 'NOT_FOUND' });
  expect(await put(POLICY, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
  expect(await put(POLICY)).toMatchObject({ status: 200 });
  current = 1;
});

describe('the policy', () => {
  it('comes back as it was sent, with its version as the entity tag', async () => {
    const answer = await admin('GET', PATH);
    expect(answer.json).toEqual(POLICY);
    expect(answer.headers.get('etag')).toBe(`"${current}"`);
  });

  it('is changed by whoever names the version in force, and by one of several who do so at once', async () => {
    const headers = { 'if-match': `"${current}"` };
    const answers = await Promise.all([put(POLICY, headers), put(POLICY, headers), put(POLICY, headers)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
    current += 1;
    expect(answers.find(({ status }) => status === 200)?.headers.get('etag')).toBe(`"${current}"`);
  });

  it.each([
    ['no condition', {}, 428],
    ['an old version', { 'if-match': '"0"' }, 412],
    ['several versions', { 'if-match': '"1", "2", "3"' }, 412],
    ['something that is no version', { 'if-match': '"sha256:0"' }, 412],
    ['that there is none', { 'if-none-match': '*' }, 412],
    ['what is malformed', { 'if-match': '1' }, 400],
  ])('stays as it is with %s', async (_what, headers, status) => {
    const answer = await put({ rules: [] }, headers);
    expect(answer.status).toBe(status);
    expect((await admin('GET', PATH)).headers.get('etag')).toBe(`"${current}"`);
  });

  it('is changed whatever it is where that is asked for', async () => {
    expect((await put(POLICY, { 'if-match': '*' })).status).toBe(200);
    current += 1;
  });

  it('has its versions listed with who made them, and given out again', async () => {
    const { json } = await admin('GET', `${PATH}/versions`);
    const versions = Array.from({ length: current }, (_unused, index) => ({
      version: current - index,
      by: 'admin password',
    }));
    expect(json['versions']).toMatchObject(versions);
    expect((await admin('GET', `${PATH}?version=1`)).headers.get('etag')).toBe('"1"');
    expect((await admin('GET', `${PATH}?version=99`)).status).toBe(404);
    expect((await admin('GET', `${PATH}?version=one`)).status).toBe(400);
  });

  it.each([
    ['no JSON', '{', 400],
    ['no object', '[]', 400],
    ['more than 256 KiB', JSON.stringify({ rules: ['x'.repeat(256 * 1024)] }), 413],
  ])('that is %s is refused', async (_what, body, status) => {
    expect((await put(body, { 'if-match': '*' })).status).toBe(status);
  });

  it('that a setting gives is shown, and changed by the setting alone', async () => {
    const settings = { BERTH_POLICY: JSON.stringify(POLICY) };
    expect((await admin('GET', PATH, undefined, { settings })).json).toEqual(POLICY);
    const answer = await admin('PUT', PATH, POLICY, { settings, headers: { 'if-match': '*' } });
    expect(answer).toMatchObject({ status: 409, code: 'CONFLICT' });
    expect(answer.message).toContain('BERTH_POLICY');
  });
});

describe('an explanation', () => {
  const settings = {
    BERTH_POLICY: JSON.stringify({
      rules: [
        { name: 'homes', subjects: ['authenticated'], repositories: ['{user}/**'], actions: ['*'] },
        {
          name: 'build',
          subjects: ['group:builders'],
          repositories: ['team/**'],
          actions: ['push'],
          message: 'ask Ann',
        },
        { name: 'robots', subjects: ['robot:explained'], repositories: ['team/**'], actions: ['pull', 'push'] },
      ],
    }),
  };
  const explain = (body: Record<string, unknown>) => admin('POST', '/admin/access/explain', body, { settings });

  it('says of a person by which rule they may, and which came close where they may not', async () => {
    await admin('POST', '/admin/accounts', { name: 'ann', groups: ['builders'] });
    const question = { subject: 'user:ann', repository: 'team/app', action: 'push' };
    expect((await explain(question)).json).toMatchObject({ allowed: true, rule: 'build', close: [] });
    expect((await explain({ ...question, repository: 'ann/x', action: 'delete' })).json).toMatchObject({
      rule: 'homes',
    });
    const refused = await explain({ ...question, groups: [] });
    expect(refused.json).toMatchObject({ allowed: false, message: 'ask Ann' });
    expect(refused.text).toContain('user:ann is none of group:builders');
    expect((await explain({ ...question, subject: 'anonymous' })).json).toMatchObject({ allowed: false });
  });

  it('says of a robot what its own limits leave', async () => {
    const robot = { name: 'explained', repositories: ['team/**'], actions: ['pull'] };
    await admin('POST', '/admin/robots', robot);
    const question = { subject: 'robot:explained', repository: 'team/app', action: 'pull' };
    expect((await explain(question)).json).toMatchObject({ allowed: true, rule: 'robots' });
    expect((await explain({ ...question, action: 'push' })).json).toMatchObject({
      allowed: false,
      rule: 'limits of the credential',
      message:
        'this credential of robot:explained is limited, and may not push to team/app. Whoever runs this registry can widen it: PATCH /admin/robots/explained.',
    });
    expect((await explain({ ...question, subject: 'robot:nobody' })).status).toBe(404);
  });

  it('says besides whether anybody can come as that now', async () => {
    await admin('POST', '/admin/accounts', { name: 'gone', groups: ['builders'] });
    const question = { subject: 'user:gone', repository: 'team/app', action: 'push' };
    expect((await explain(question)).json).toMatchObject({ allowed: true, signsIn: true });
    expect((await explain(question)).text).not.toContain('"why"');
    await admin('PATCH', '/admin/accounts/gone', { disabled: true });
    expect((await explain(question)).json).toMatchObject({ signsIn: false, why: 'it is disabled' });
    const slip = { ...question, subject: 'user:gonne', groups: ['builders'] };
    expect((await explain(slip)).json).toMatchObject({
      ...{ allowed: true, signsIn: false },
      why: 'no account and no line of htpasswd has this name',
    });
  });

  it.each([
    { subject: 'group:builders' },
    { subject: 'user:' },
    { repository: 'NO/name' },
    { action: 'admin' },
    { address: 'here' },
  ])('is not given of %o', async (wrong) => {
    const right = { subject: 'anonymous', repository: 'a', action: 'pull' };
    expect((await explain({ ...right, ...wrong })).status).toBe(400);
  });
});
