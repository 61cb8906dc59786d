/** The issuers that are trusted: when they are asked, what they may answer, and what a wrong setting of them opens. */
import { generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { refusal } from '../client.ts';
import { LogLines } from '../log-lines.ts';
import { TestIssuer } from './issuer.ts';
import { asJob, JobRegistry, MINUTE } from './jobs.ts';
import { basic, HUGO, PUBLIC_URL } from './people.ts';

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

describe('the issuer', () => {
  it('is asked once, and again for a key that is new', async () => {
    const other = await TestIssuer.open();
    const given = jobs.settings({ issuer: other.url });
    for (let time = 0; time < 3; time += 1)
      expect((await jobs.base(asJob(await other.token(PUBLIC_URL)), given)).status).toBe(200);
    expect(await other.asked()).toEqual(['/.well-known/openid-configuration', '/keys']);
    await other.newKey();
    pass(MINUTE);
    expect((await jobs.base(asJob(await other.token(PUBLIC_URL)), given)).status).toBe(200);
    expect((await other.asked()).filter((path) => path === '/keys')).toHaveLength(2);
  });

  it('that is down is 503 to its jobs alone, and its known keys go on', async () => {
    const dead = await TestIssuer.open();
    await dead.put('/keys', { status: 500 });
    const trusts = { trusts: [jobs.trust(), jobs.trust({ name: 'dead', issuer: dead.url })] };
    const given = jobs.settings({}, { BERTH_TRUSTS: JSON.stringify(trusts) });
    const response = await jobs.base(asJob(await dead.token(PUBLIC_URL), 'dead'), given);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await refusal(response)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    expect((await jobs.base(asJob(await jobs.idToken()), given)).status).toBe(200);
    await dead.show();
    pass(6_000);
    expect((await jobs.base(asJob(await dead.token(PUBLIC_URL), 'dead'), given)).status).toBe(200);
    await dead.put('/keys', { status: 500 });
    pass(70 * MINUTE);
    expect((await jobs.base(asJob(await dead.token(PUBLIC_URL), 'dead'), given)).status).toBe(200);
  });

  it.each<[string, Parameters<TestIssuer['put']>[1]]>([
    ['a redirect', { status: 302, headers: { location: 'https://the.internet/' } }],
    ['more than anybody has to say', { body: JSON.stringify({ keys: [], more: 'x'.repeat(200_000) }) }],
    ['no JSON', { body: '<html>' }],
  ])('that answers with %s has no keys', async (_what, page) => {
    const odd = await TestIssuer.open();
    await odd.put('/keys', page);
    expect((await jobs.base(asJob(await odd.token(PUBLIC_URL)), jobs.settings({ issuer: odd.url }))).status).toBe(503);
    expect(log.text).toContain('issuer unreachable');
  });

  it('that is not trusted is never asked, whatever a token says', async () => {
    const foreign = await TestIssuer.open();
    const token = await foreign.token(PUBLIC_URL);
    expect((await jobs.base(asJob(token))).status).toBe(401);
    expect((await jobs.exchange({ subject_token: token })).status).toBe(401);
    expect(await foreign.asked()).toEqual([]);
  });

  it('is not asked by whoever invents keys, more than once in half a minute', async () => {
    const victim = await TestIssuer.open();
    const given = jobs.settings({ issuer: victim.url });
    await jobs.base(asJob(await victim.token(PUBLIC_URL)), given);
    const { privateKey } = await generateKeyPair('RS256');
    for (let time = 0; time < 10; time += 1) {
      const forged = new SignJWT({ iss: victim.url, aud: PUBLIC_URL, sub: 'x' }).setProtectedHeader({
        alg: 'RS256',
        kid: String(time),
      });
      expect((await jobs.base(asJob(await forged.sign(privateKey)), given)).status).toBe(401);
    }
    expect((await victim.asked()).filter((path) => path === '/keys').length).toBeLessThanOrEqual(2);
  });
});

describe('guesses', () => {
  it('with tokens are counted, and delay no job whose token is right', async () => {
    const given = jobs.settings({}, { BERTH_ON_CLOUDFLARE: 'on' });
    const from = { 'cf-connecting-ip': '192.0.2.77' };
    const wrong = asJob(await jobs.idToken({ repository_owner_id: '8' }));
    const statuses: number[] = [];
    for (let time = 0; time < 15; time += 1) statuses.push((await jobs.base({ ...wrong, ...from }, given)).status);
    expect(statuses[0]).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    const { access_token: credential } = await jobs.credential({}, given);
    for (const password of [credential, await jobs.idToken()])
      expect((await jobs.base({ ...asJob(password), ...from }, given)).status).toBe(200);
  });
});

describe('a setting of trusts with a mistake', () => {
  it('opens nothing, and the log has its path and reason', async () => {
    const broken = jobs.settings({ claims: { ref: 'refs/heads/main' } }, { BERTH_ANONYMOUS: 'read-write' });
    for (const headers of [{}, asJob(await jobs.idToken()), basic(HUGO)]) {
      expect(await refusal(jobs.base(headers, broken))).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    }
    expect(log.text).toContain('BERTH_TRUSTS names no trusts: trusts[0].claims: must name whose jobs are meant');
  });
});

describe('a registry with trusts and nobody else', () => {
  it('asks who comes, on an open loopback too', async () => {
    const given = jobs.settings({}, { BERTH_HTPASSWD: undefined, BERTH_POLICY: undefined, BERTH_OPEN_LOOPBACK: 'on' });
    expect((await jobs.base({ host: 'localhost' }, given)).status).toBe(401);
    expect((await jobs.base({ host: 'localhost' }, { ...given, BERTH_TRUSTS: undefined })).status).toBe(200);
  });
});
