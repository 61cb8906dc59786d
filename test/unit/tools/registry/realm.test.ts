/** Where a password may be sent for a token (CVE-2020-15157, CVE-2026-33540). */
import { describe, expect, it } from 'vitest';
import { judgeRealm } from '../../../../tools/registry/realm.ts';

describe('a realm', () => {
  it.each([
    // The same host, on whatever port.
    ['https://registry.example.org', 'https://registry.example.org/token'],
    ['https://registry.example.org:5000', 'https://registry.example.org/token?x=1'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token'],
    ['http://localhost:5000', 'http://localhost:5001/token'],
    ['http://registry:5000', 'http://registry/token'],
    ['http://registry.example.org', 'https://registry.example.org/token'],
    ['http://[::1]:5000', 'http://[::1]:5001/token'],
    // The same registrable domain.
    ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://registry.example.co.uk', 'https://auth.example.co.uk/'],
    ['https://registry.corp.lan', 'https://auth.corp.lan/'],
    ['https://REGISTRY.example.org.', 'https://auth.example.org/'],
  ])('of %s may be %s', (registry, realm) => {
    expect(judgeRealm(new URL(registry), realm)).toEqual({ ok: true, url: new URL(realm) });
  });

  it.each([
    ['https://registry.example.org', 'http://registry.example.org/token'],
    ['https://registry.example.org', 'http://auth.example.org/token'],
    ['https://registry.example.org', 'https://example.com/token'],
    ['https://registry.example.org', 'https://registry.example.org.evil.com/token'],
    ['https://registry.example.org', 'https://evilexample.org/token'],
    // These have nothing but a suffix in common, which anybody can get a name below.
    ['https://registry.co.uk', 'https://evil.co.uk/token'],
    ['https://mine.github.io', 'https://yours.github.io/token'],
    ['https://one.workers.dev', 'https://two.workers.dev/token'],
    // An address is no domain.
    ['https://registry.example.org', 'https://127.0.0.1/token'],
    ['http://127.0.0.1:5000', 'http://127.0.0.2/token'],
    ['http://10.1.0.1', 'http://10.2.0.1/token'],
    ['http://[::1]', 'http://[::2]/token'],
    ['http://registry:5000', 'http://auth/token'],
    ['http://localhost', 'http://169.254.169.254/latest'],
    ['https://registry.example.org', 'https://user:pass@registry.example.org/token'],
    ['https://registry.example.org', '/token'],
    ['https://registry.example.org', 'file:///etc/passwd'],
    ['https://registry.example.org', ''],
  ])('of %s may not be %s', (registry, realm) => {
    expect(judgeRealm(new URL(registry), realm)).toMatchObject({ ok: false });
  });

  it('that is refused is named by its host alone', () => {
    const judged = judgeRealm(new URL('https://registry.example.org'), 'https://evil.example/a?secret=1');
    expect(judged).toEqual({
      ok: false,
      reason:
        'the registry sends us for a token to a place (https://evil.example) that is neither on registry.example.org nor in its domain: nothing is asked there',
    });
  });
});
