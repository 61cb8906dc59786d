/** Jobs that sign in with what their issuer says of them, raw and exchanged (RFC 8693 §2). */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { demand, refusal, sendWith } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { ACCESS_TOKEN, asJob, Exchanged, ID_TOKEN, JobRegistry, JWT, MINUTE } from './jobs.ts';
import { answerOf, basic, bearer, getToken, HUGO, newAccount, PUBLIC_URL, SERVICE } from './people.ts';

let jobs: JobRegistry;
beforeAll(async () => {
  jobs = await JobRegistry.open();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function pass(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

describe("a job's own token", () => {
  it('is a password under the name of its trust, for as long as it lives', async () => {
    const headers = asJob(await jobs.idToken());
    expect((await jobs.base(headers)).status).toBe(200);
    expect((await jobs.push(headers)).status).toBe(202);
    // Also where there is no address for tokens.
    expect((await jobs.push(headers, undefined, jobs.settings({}, { BERTH_PUBLIC_URL: undefined }))).status).toBe(202);
    pass(7 * MINUTE);
    expect((await jobs.base(headers)).status).toBe(401);
  });

  it('makes tokens at the token endpoint that end with it, and no refresh token', async () => {
    const token = await jobs.idToken({ exp: Math.floor(Date.now() / 1_000) + 120 });
    const query = `service=${SERVICE}&offline_token=true&scope=repository:team/acme/app/image:pull,push,delete`;
    const answer = await answerOf(getToken(query, asJob(token), jobs.settings()));
    expect(answer).not.toHaveProperty('refresh_token');
    expect(answer.scope).toBe('repository:team/acme/app/image:pull,push');
    expect(answer.expires_in).toBeLessThanOrEqual(120);
    expect(decodeJwt(answer.token).exp).toBe(decodeJwt(token).exp);
    expect((await jobs.push(bearer(answer.token))).status).toBe(202);
    pass(4 * MINUTE);
    expect((await jobs.push(bearer(answer.token))).status).toBe(401);
  });

  it('opens nothing under another name, and nothing else as a Bearer', async () => {
    const token = await jobs.idToken();
    await newAccount('github');
    for (const name of ['gitlab', 'hugo', '', 'GITHUB', 'github '])
      expect((await jobs.base(asJob(token, name))).status).toBe(401);
    expect((await jobs.base(bearer(token))).status).toBe(401);
    // Without a trust it is no password of anybody's.
    expect((await jobs.base(asJob(token), { ...jobs.settings(), BERTH_TRUSTS: undefined })).status).toBe(401);
  });

  it.each<[string, Record<string, unknown>]>([
    ['audience', { aud: 'https://other.example' }],
    ['tenant', { repository_owner_id: '77' }],
    ['time', { exp: 1 }],
  ])('with a wrong %s is refused, in the same words', async (_what, claims) => {
    const response = await jobs.base(asJob(await jobs.idToken(claims)));
    const { status, message } = await refusal(response);
    expect(status).toBe(401);
    expect(message).toContain('this token of a job is not valid here');
  });

  it('of another job gets what the policy gives that one, and hears why not more', async () => {
    const headers = asJob(await jobs.idToken({ ref: 'refs/heads/feature', repository: 'acme/other' }));
    expect((await jobs.base(headers)).status).toBe(200);
    for (const repository of ['team/acme/app/image', 'team/acme/other/image', 'other'])
      expect(await refusal(jobs.push(headers, repository))).toMatchObject({ status: 403, code: 'DENIED' });
    expect((await sendWith(jobs.settings(), 'GET', '/v2/public/x/tags/list', { headers })).status).toBe(404);
  });
});

describe('the exchange', () => {
  it('answers as RFC 8693 has it, with what any client takes as a password', async () => {
    const response = demand(await jobs.exchange({ subject_token: await jobs.idToken() }), 200);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { access_token: credential, ...answer } = v.parse(Exchanged, await response.json());
    expect(answer).toEqual({ issued_token_type: JWT, token_type: 'N_A', expires_in: 3_600 });
    expect(decodeProtectedHeader(credential).typ).toBe('berth-job+jwt');
    expect((await jobs.base(asJob(credential))).status).toBe(200);
    expect((await jobs.push(asJob(credential))).status).toBe(202);
  });

  it('gives as long as the trust says, or less where less is asked for', async () => {
    expect((await jobs.credential({ expires_in: '600' })).expires_in).toBe(600);
    expect((await jobs.credential({ expires_in: '999999' })).expires_in).toBe(3_600);
    expect((await jobs.credential({}, jobs.settings({ lifetimeSeconds: 21_600 }))).expires_in).toBe(21_600);
    const lines = new LogLines();
    for (const wrong of ['0', '59', '-1', '1e9', 'x', ''])
      expect((await jobs.exchange({ subject_token: await jobs.idToken(), expires_in: wrong })).status).toBe(400);
    expect(lines.requests).toHaveLength(6);
    // Nothing was made.
    expect(lines.events.filter(({ event }) => event === 'audit')).toEqual([]);
  });

  it('gives a credential for a part where a scope is asked for', async () => {
    const { access_token: credential, scope } = await jobs.credential({
      scope: 'repository:team/acme/app/a:pull repository:team/acme/app/b:pull,push',
    });
    expect(scope).toBe('repository:team/acme/app/a:pull repository:team/acme/app/b:pull,push');
    expect((await jobs.push(asJob(credential), 'team/acme/app/b')).status).toBe(202);
    for (const other of ['team/acme/app/a', 'team/acme/app/c'])
      expect((await jobs.push(asJob(credential), other)).status).toBe(403);
    const query = `service=${SERVICE}&scope=repository:team/acme/app/a:pull,push&scope=repository:team/acme/app/c:pull`;
    expect((await answerOf(getToken(query, asJob(credential), jobs.settings()))).scope).toBe(
      'repository:team/acme/app/a:pull',
    );
    // What lists every repository is no part.
    const list = `service=${SERVICE}&scope=registry:catalog:*`;
    expect((await answerOf(getToken(list, asJob(credential), jobs.settings()))).scope).toBe('');
    // A scope of nothing that Berth knows is a credential for nothing.
    expect((await jobs.push(asJob((await jobs.credential({ scope: 'nonsense' })).access_token))).status).toBe(403);
  });

  it('gives a token of the token endpoint at once, where that is asked for', async () => {
    const response = demand(
      await jobs.exchange({
        subject_token: await jobs.idToken(),
        requested_token_type: ACCESS_TOKEN,
        scope: 'repository:team/acme/app/image:push repository:other:push',
      }),
      200,
    );
    const answer = await response.json<Record<string, string>>();
    expect(answer).toMatchObject({
      issued_token_type: ACCESS_TOKEN,
      token_type: 'Bearer',
      scope: 'repository:team/acme/app/image:push',
    });
    expect((await jobs.push(bearer(answer['access_token'] ?? ''))).status).toBe(202);
  });

  it.each<[string, Record<string, string>, number]>([
    ['another service', { service: 'other.example' }, 400],
    ['another audience', { audience: 'https://other.example' }, 400],
    ['another resource', { resource: 'https://other.example' }, 400],
    ['this one among others', { audience: SERVICE, resource: 'https://other.example' }, 400],
    ['another type of token', { subject_token_type: ACCESS_TOKEN }, 400],
    ['no type of token', { subject_token_type: '' }, 400],
    ['an answer of another type', { requested_token_type: ID_TOKEN }, 400],
    ['somebody else to act', { actor_token: 'x' }, 400],
    ['no token', { subject_token: '' }, 400],
    ['what is no token', { subject_token: 'x' }, 400],
    ['a token as long as no token is', { subject_token: `eyJ${'a'.repeat(9_000)}.eyJ.x` }, 400],
  ])('refuses %s', async (_what, form, status) => {
    expect((await jobs.exchange({ subject_token: await jobs.idToken(), ...form })).status).toBe(status);
  });

  it('takes this registry by each of its names', async () => {
    for (const form of [
      { audience: SERVICE },
      { audience: PUBLIC_URL },
      { resource: `${PUBLIC_URL}/` },
      { subject_token_type: JWT },
    ])
      expect((await jobs.credential(form)).expires_in).toBe(3_600);
  });

  it('makes nothing of a job credential, so that none is renewed for ever', async () => {
    const { access_token: credential } = await jobs.credential();
    const { status, message } = await refusal(jobs.exchange({ subject_token: credential }));
    expect(status).toBe(400);
    expect(message).toContain('a job credential makes no other one');
  });

  it('makes nothing of a token that nobody trusts', async () => {
    expect((await jobs.exchange({ subject_token: await jobs.idToken({ repository_owner_id: '8' }) })).status).toBe(401);
    expect(
      (await jobs.exchange({ subject_token: await jobs.idToken() }, { ...jobs.settings(), BERTH_TRUSTS: undefined }))
        .status,
    ).toBe(401);
    const { token } = await answerOf(getToken(`service=${SERVICE}`, basic(HUGO), jobs.settings()));
    expect((await jobs.exchange({ subject_token: token })).status).toBe(401);
  });
});
