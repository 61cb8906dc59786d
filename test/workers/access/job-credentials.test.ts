/** A job credential: how long it lives, with what it dies, and what it does not open. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KNOWN } from '../../../src/http/access/known.ts';
import { demand, sendWith } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { asJob, JobRegistry, MINUTE } from './jobs.ts';
import { accounts, answerOf, basic, bearer, getToken, SERVICE } from './people.ts';

let jobs: JobRegistry;
beforeAll(async () => {
  jobs = await JobRegistry.open();
});
let log: LogLines;
beforeEach(() => {
  log = new LogLines();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

describe('a job credential', () => {
  it('lives an hour, so that a login, twenty minutes and a push go well, and what is made of it lives no longer', async () => {
    const { access_token: credential } = await jobs.credential();
    pass(20 * MINUTE);
    const { token } = await answerOf(
      getToken(`service=${SERVICE}&scope=repository:team/acme/app/image:push`, asJob(credential), jobs.settings()),
    );
    expect((await jobs.push(bearer(token))).status).toBe(202);
    pass(38 * MINUTE);
    const late = await answerOf(getToken(`service=${SERVICE}`, asJob(credential), jobs.settings()));
    expect(late.expires_in).toBeLessThanOrEqual(120);
    pass(4 * MINUTE);
    for (const headers of [asJob(credential), bearer(late.token)]) expect((await jobs.base(headers)).status).toBe(401);
  });

  it('dies with its trust, and with a condition that it does not meet', async () => {
    const { access_token: credential } = await jobs.credential();
    const { token } = await answerOf(getToken(`service=${SERVICE}`, asJob(credential), jobs.settings()));
    for (const headers of [asJob(credential), bearer(token)]) {
      expect((await jobs.base(headers)).status).toBe(200);
      for (const changes of [
        { name: 'other' },
        { claims: { repository_owner_id: '8' } },
        { issuer: 'https://other.example' },
      ])
        expect((await jobs.base(headers, jobs.settings(changes))).status).toBe(401);
      expect((await jobs.base(headers, { ...jobs.settings(), BERTH_TRUSTS: undefined })).status).toBe(401);
    }
  });

  it('is asked about under the policy of today', async () => {
    const { access_token: credential } = await jobs.credential();
    const query = `service=${SERVICE}&scope=repository:team/acme/app/image:push`;
    const { token } = await answerOf(getToken(query, asJob(credential), jobs.settings()));
    const closed = jobs.settings({}, { BERTH_POLICY: '{"rules":[]}' });
    for (const headers of [asJob(credential), bearer(token)])
      expect((await jobs.push(headers, undefined, closed)).status).toBe(403);
  });

  it('dies with the key that signed it, when that is forgotten', async () => {
    const { access_token: credential } = await jobs.credential();
    await accounts().rotateKeys(true);
    KNOWN.forget();
    expect((await jobs.base(asJob(credential))).status).toBe(401);
  });

  it('is no Bearer, opens nothing under another name, and an access token is none', async () => {
    const { access_token: credential } = await jobs.credential();
    expect((await jobs.base(bearer(credential))).status).toBe(401);
    for (const name of ['other', 'hugo', '']) expect((await jobs.base(asJob(credential, name))).status).toBe(401);
    const { token } = await answerOf(getToken(`service=${SERVICE}`, asJob(credential), jobs.settings()));
    expect((await jobs.base(asJob(token))).status).toBe(401);
    const elsewhere = jobs.settings({}, { BERTH_PUBLIC_URL: 'https://other.example' });
    expect((await jobs.base(asJob(credential), elsewhere)).status).toBe(401);
  });

  it("opens neither the administration nor what is a person's", async () => {
    const { access_token: credential } = await jobs.credential();
    for (const password of [credential, await jobs.idToken()])
      for (const path of ['/admin/accounts', '/account/tokens'])
        for (const headers of [asJob(password), bearer(password), basic({ name: 'admin', password })])
          expect(
            (await sendWith(jobs.settings({}, { BERTH_ADMIN_PASSWORD: 'x'.repeat(20) }), 'GET', path, { headers }))
              .status,
          ).toBe(401);
  });

  it('goes on with an upload that its job began with its own token, and nobody else does', async () => {
    const { access_token: credential } = await jobs.credential();
    const location = (await jobs.push(asJob(await jobs.idToken()))).headers.get('location') ?? '';
    const path = location.startsWith('/') ? location : new URL(location).pathname;
    const look = (headers: Record<string, string>) => sendWith(jobs.settings(), 'GET', path, { headers });
    expect((await look(asJob(credential))).status).toBe(204);
    const other = asJob(await jobs.idToken({ sub: 'repo:acme/app:ref:refs/heads/other' }));
    expect((await look(other)).status).toBe(404);
  });

  it('costs no object call on a warm isolate, nor does a raw token or a token made of it', async () => {
    const { access_token: credential } = await jobs.credential();
    const query = `service=${SERVICE}&scope=repository:team/acme/app/image:pull`;
    const { token } = await answerOf(getToken(query, asJob(credential), jobs.settings()));
    for (const headers of [asJob(credential), asJob(await jobs.idToken()), bearer(token)]) {
      await jobs.base(headers);
      log.clear();
      demand(await jobs.base(headers), 200);
      expect(log.requests.map(({ objectCalls }) => objectCalls)).toEqual([0]);
    }
  });
});

describe('the audit log', () => {
  it('tells who signed in, by which trust and issuer, once, and what was made; never a token', async () => {
    const token = await jobs.idToken({ sub: 'repo:acme/app:environment:logged' });
    log.clear();
    const { access_token: credential } = await jobs.credential({ subject_token: token });
    for (let time = 0; time < 2; time += 1) for (const one of [token, credential]) await jobs.base(asJob(one));
    const actor = 'workload:github:repo:acme/app:environment:logged';
    const who = { actor, trust: 'github', issuer: jobs.issuer.url };
    expect(log.events.filter(({ event }) => event === 'audit')).toMatchObject([
      { action: 'job credential made', proof: 'id-token', ...who },
      { action: 'signed in', proof: 'job', ...who },
    ]);
    expect(log.requests.at(-1)).toMatchObject({ principal: actor });
    for (const secret of [token, credential])
      for (const part of secret.split('.').slice(1)) expect(log.text).not.toContain(part);
  });
});

describe('POST /admin/access/explain', () => {
  const BERTH_ADMIN_PASSWORD = 'an-administrator-of-these-tests';
  const ask = async (body: object) => {
    const given = jobs.settings({}, { BERTH_ADMIN_PASSWORD });
    const headers = { ...bearer(BERTH_ADMIN_PASSWORD), 'content-type': 'application/json' };
    const question = { repository: 'team/acme/app/image', action: 'push', ...body };
    return sendWith(given, 'POST', '/admin/access/explain', { headers, body: JSON.stringify(question) });
  };

  it('tells of a job what the policy says of its claims, and whether its trust lets it in', async () => {
    const claims = { sub: 's', repository_owner_id: '7', repository: 'acme/app', ref: 'refs/heads/main' };
    expect(await (await ask({ subject: 'workload:github', claims })).json()).toMatchObject({
      ...{ allowed: true, rule: 'main', signsIn: true },
    });
    const other = { ...claims, repository_owner_id: '8', ref: 'refs/heads/x' };
    expect(await (await ask({ subject: 'workload:github', claims: other })).json()).toMatchObject({
      ...{ allowed: false, signsIn: false },
      why: 'the trust github does not let in a job with these claims: its claim repository_owner_id',
      close: [
        { rule: 'main', lacks: [{ part: 'claim' }] },
        { rule: 'people', lacks: [{ part: 'subject' }] },
        { rule: 'public' },
      ],
    });
    expect((await ask({ subject: 'workload:absent' })).status).toBe(404);
  });
});
