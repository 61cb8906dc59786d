/** What the doctor makes of what it has seen. Nobody is asked. */
import { describe, expect, it } from 'vitest';
import { judgeBodyLimit, type Tried } from '../../../../tools/doctor/body-limit.ts';
import { judgeCertificate, type SeenCertificate } from '../../../../tools/doctor/certificate.ts';
import { judgeClock } from '../../../../tools/doctor/clock.ts';
import { judgeChallenge, judgeGreeting, type Greeting } from '../../../../tools/doctor/greeting.ts';
import { atHome, judgeLocations } from '../../../../tools/doctor/location.ts';
import type { Verdict } from '../../../../tools/doctor/verdict.ts';

function expectFailure(verdict: Verdict, message: string, advice: string): void {
  expect(verdict.message).toContain(message);
  expect(verdict.status === 'failed' ? verdict.advice : 'none').toContain(advice);
}

/** Of a check that is well. */
function noteOf(verdict: Verdict): string {
  return verdict.status === 'ok' ? (verdict.note ?? '') : 'it is not well';
}

const HTTPS = new URL('https://registry.example:5000');
const HTTP = new URL('http://registry.example:5000');
const NOW = new Date('2026-11-28T12:00:00Z');
const DAY_MS = 86_400_000;
const inDays = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);

describe('a certificate', () => {
  const good: SeenCertificate = {
    host: 'registry.example',
    registry: 'registry.example:5000',
    distrust: undefined,
    otherName: undefined,
    names: 'DNS:registry.example',
    validFrom: inDays(-60),
    validTo: inDays(30),
    issuer: 'R3',
    sent: 2,
    namesIssuersPlace: true,
  };

  it.each<[string, Partial<SeenCertificate>, string, string]>([
    ['expired', { validTo: inDays(-3) }, 'expired on 2026-11-25, 3 days ago', 'Renew it'],
    ['expired today', { validTo: inDays(-0.2) }, 'less than a day ago', 'Renew it'],
    ['of tomorrow', { validFrom: inDays(1) }, 'valid only from 2026-11-29', 'clock'],
    ['with a common name alone', { names: undefined }, 'legacy Common Name', 'subjectAltName=DNS:registry.example'],
    ['of an address, with a common name alone', { names: undefined, host: '192.0.2.7' }, 'legacy', 'IP:192.0.2.7'],
    [
      'for other names',
      { otherName: 'no', names: 'DNS:a.example, IP Address:192.0.2.1' },
      'x509: certificate is valid for a.example, 192.0.2.1, not registry.example',
      'Ask under a name that it has',
    ],
    [
      'signed by itself',
      { distrust: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
      'signed by itself',
      '/etc/docker/certs.d/registry.example:5000/ca.crt',
    ],
    [
      'of a private authority',
      { distrust: 'SELF_SIGNED_CERT_IN_CHAIN' },
      'signed by R3, which is not trusted',
      '--ca FILE',
    ],
    [
      'without what signed it, of a public authority',
      { distrust: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', sent: 1 },
      'without the one that signed it, R3',
      'fullchain.pem',
    ],
    [
      'without what signed it, of whatever authority',
      { distrust: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', sent: 1, namesIssuersPlace: false },
      'which is not trusted here',
      'If it is not, the server leaves out what signed it',
    ],
    ['above which one has expired', { distrust: 'CERT_HAS_EXPIRED' }, 'in the chain above it', 'whole chain'],
    ['that OpenSSL dislikes', { distrust: 'CERT_REVOKED' }, '(CERT_REVOKED)', 'looked at'],
    ['that ends soon', { validTo: inDays(10) }, 'expires on 2026-12-08, in 10 days', 'by itself'],
    ['of a week that ends soon', { validFrom: inDays(-5), validTo: inDays(1) }, 'in 1 day', 'by itself'],
  ])('%s fails', (_, seen, message, advice) => {
    const verdict = judgeCertificate({ ...good, ...seen }, NOW);
    expectFailure(verdict, message, advice);
  });

  it.each<[string, Partial<SeenCertificate>]>([
    ['of three months', {}],
    ['of a week', { validFrom: inDays(-3), validTo: inDays(3) }],
  ])('%s that has its time left is well', (_, seen) => {
    expect(judgeCertificate({ ...good, ...seen }, NOW).status).toBe('ok');
  });
});

describe('a clock', () => {
  const later = new Date(NOW.getTime() + 2_000);
  it.each([
    [0, 'ok'],
    [59, 'ok'],
    [-59, 'ok'],
    [64, 'failed'],
    [-64, 'failed'],
  ])('%d seconds away is %s', (seconds, status) => {
    expect(judgeClock(new Date(NOW.getTime() + seconds * 1_000).toUTCString(), NOW, later).status).toBe(status);
  });

  it.each([
    [600, 'its clock is 10 minutes ahead of that of this machine'],
    [-7_200, 'its clock is 2 hours behind that of this machine'],
  ])('%d seconds away is told', (seconds, message) => {
    expect(judgeClock(new Date(NOW.getTime() + seconds * 1_000).toUTCString(), NOW, NOW).message).toBe(message);
  });

  it.each([undefined, 'soon'])('that says %s is not judged', (date) => {
    expect(judgeClock(date, NOW, later).status).toBe('skipped');
  });
});

const REGISTRY: Greeting = {
  status: 200,
  version: 'registry/2.0',
  contentType: 'application/json',
  server: undefined,
  location: undefined,
  challenge: undefined,
  text: '{}',
};

const refusal = (message: string): string => JSON.stringify({ errors: [{ code: 'DENIED', message }] });

describe('an answer to /v2/', () => {
  it.each<[string, URL, Partial<Greeting>, string]>([
    ['a web page', HTTPS, { version: undefined, contentType: 'text/html; charset=utf-8' }, '/v2/'],
    ['404', HTTPS, { status: 404 }, 'root of a host'],
    ['502', HTTPS, { status: 502, server: 'nginx\u001b[2J' }, 'Start the registry'],
    ['403', HTTPS, { status: 403 }, 'after a 401'],
    ['403 for want of a certificate', HTTPS, { status: 403, text: refusal('wants a certificate') }, '--cert FILE'],
    ['418', HTTPS, { status: 418 }, 'address'],
    [
      'a redirection to https',
      HTTP,
      { status: 301, location: 'https://registry.example:5000/v2/' },
      'npm run doctor -- https://registry.example:5000',
    ],
    ['a redirection to another path', HTTPS, { status: 302, location: '/login' }, 'changes the path'],
    [
      'a wish for https',
      HTTP,
      { status: 400, text: 'Client sent an HTTP request to an HTTPS server.' },
      'npm run doctor -- https://registry.example:5000',
    ],
  ])('of %s is no registry', (_, url, greeting, advice) => {
    const verdict = judgeGreeting(url, { ...REGISTRY, ...greeting });
    expectFailure(verdict, '', advice);
    expect(verdict.message).not.toContain('\u001b');
  });

  it('that is refused tells what the registry says of it, on one line and not for long', () => {
    const said = (message: string) =>
      judgeGreeting(HTTPS, { ...REGISTRY, status: 403, text: refusal(message) }).message;
    expect(said('ask alice')).toContain('GET /v2/ is answered with 403, "DENIED: ask alice"');
    const odd = said(`a\u001b[2J\n"b" ${'c'.repeat(1_000)}`);
    expect(odd).toContain('"DENIED: a [2J \\"b\\" ccc');
    expect(odd.length).toBeLessThan(400);
    expect(odd).not.toMatch(/[\u001b\n]/);
  });

  it('without its version is a registry, with a note', () => {
    expect(noteOf(judgeGreeting(HTTPS, { ...REGISTRY, version: undefined }))).toContain(
      'Docker-Distribution-API-Version',
    );
  });
});

describe('a challenge', () => {
  const ask = (challenge: string | undefined, url = HTTPS) => judgeChallenge(url, { status: 401, challenge });

  it.each([
    ['that is missing', undefined, 'without WWW-Authenticate'],
    ['of another kind', 'Negotiate', 'docker does not know'],
    ['over http, of an https registry', 'Bearer realm="http://registry.example:5000/token"', 'is not https'],
    ['to somewhere else', 'Bearer realm="https://elsewhere.test/token"', 'neither on registry.example'],
  ])('%s fails', (_, challenge, message) => {
    const { verdict, realm } = ask(challenge);
    expectFailure(verdict, message, '');
    expect(realm).toBeUndefined();
  });

  it('for a token names where that is', () => {
    const { verdict, realm } = ask('Bearer realm="https://auth.registry.example/token",service="x"');
    expect(verdict.status).toBe('ok');
    expect(realm?.href).toBe('https://auth.registry.example/token');
  });

  it('for a password is a note over plain HTTP, but not on this machine', () => {
    expect(noteOf(ask('Basic realm="x"', HTTP).verdict)).toContain('plain HTTP');
    expect(noteOf(ask('Basic realm="x"', new URL('http://127.0.0.1:1')).verdict)).toBe('');
  });
});

describe('a Location', () => {
  it.each([
    ['/v2/a/blobs/uploads/1', 'ok'],
    ['https://registry.example:5000/v2/a', 'ok'],
    ['http://registry.example:5000/v2/a', 'failed'],
    ['https://registry.example/v2/a', 'failed'],
    ['https://127.0.0.1:8787/v2/a', 'failed'],
    [undefined, 'failed'],
  ])('%s is %s', (location, status) => {
    expect(judgeLocations(HTTPS, [{ of: 'POST', location }]).status).toBe(status);
  });

  it('of another scheme is told with the secret of a proxy before the trust in every one', () => {
    const { advice } = {
      advice: '',
      ...judgeLocations(HTTPS, [{ of: 'POST', location: 'http://registry.example:5000/' }]),
    };
    expect(advice).toMatch(/BERTH_PROXY_SECRET.*BERTH_TRUSTED_PROXY=on/);
  });

  it('that leads elsewhere is followed at home', () => {
    expect(atHome(HTTPS, 'http://127.0.0.1:8787/v2/a?b=c')?.href).toBe('https://registry.example:5000/v2/a?b=c');
    expect(atHome(HTTPS, '//evil.example/v2/a')?.host).toBe(HTTPS.host);
    expect(atHome(HTTPS, `${HTTPS.origin}//evil.example/v2/a`)?.host).toBe(HTTPS.host);
    expect(atHome(HTTPS, undefined)).toBeUndefined();
  });
});

describe('a limit of bodies', () => {
  const MB = 1_000_000;
  const passed = (bytes: number): Tried => ({ bytes, kind: 'passed' });

  it.each<[string, Tried[], string, string]>([
    [
      "nginx's own",
      [passed(MB), { bytes: 2 * MB, kind: 'answered', status: 413, server: 'nginx' }],
      'an upload of 2.0 MB in one request is refused with 413 by nginx; 1.0 MB pass',
      'client_max_body_size 0',
    ],
    [
      "Cloudflare's",
      [passed(99 * MB), { bytes: 101 * MB, kind: 'answered', status: 413, server: 'cloudflare' }],
      '99.0 MB pass',
      'npx berth proxy',
    ],
    [
      'of nobody knows what',
      [{ bytes: MB, kind: 'answered', status: 413, server: undefined }],
      'nothing smaller was tried',
      'limit',
    ],
    [
      'that breaks off',
      [passed(MB), { bytes: 2 * MB, kind: 'broken', reason: 'it is gone' }],
      'breaks off (it is gone)',
      'time',
    ],
    [
      'that is none',
      [passed(MB), { bytes: 2 * MB, kind: 'answered', status: 507, server: undefined }],
      'refused with 507',
      'log',
    ],
  ])('%s is told', (_, tried, message, advice) => {
    expectFailure(judgeBodyLimit(tried), message, advice);
  });

  it('that nothing has met is none', () => {
    expect(judgeBodyLimit([passed(MB), passed(101 * MB)]).status).toBe('ok');
  });
});
