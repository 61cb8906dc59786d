import { describe, expect, it } from 'vitest';
import { challenge, scopeOfRequest, scopeOfRoute, serviceOf } from '../../../src/auth/challenge.ts';
import { parseRepositoryName } from '../../../src/oci/repository-name.ts';

const NAME = parseRepositoryName('team/app');

describe('a challenge', () => {
  it('names the token endpoint at the public URL, the service and what the route needs', () => {
    expect(challenge('https://registry.example', { scope: scopeOfRoute('push', NAME) })).toBe(
      'Bearer realm="https://registry.example/token",service="registry.example",scope="repository:team/app:pull,push"',
    );
    expect(challenge('https://registry.example:5000', {})).toBe(
      'Bearer realm="https://registry.example:5000/token",service="registry.example:5000"',
    );
  });

  it.each(['invalid_token', 'insufficient_scope'] as const)('says %s of a token that does not do', (error) => {
    expect(challenge('https://registry.example', { scope: scopeOfRoute('pull', NAME), error })).toBe(
      `Bearer realm="https://registry.example/token",service="registry.example",scope="repository:team/app:pull",error="${error}"`,
    );
  });

  it('is Basic where there is no public URL: no address comes from a request', () => {
    expect(challenge(undefined, { scope: scopeOfRoute('pull', NAME), error: 'invalid_token' })).toBe(
      'Basic realm="Berth"',
    );
  });

  it.each([
    ['pull', 'repository:team/app:pull'],
    ['push', 'repository:team/app:pull,push'],
    ['delete', 'repository:team/app:delete'],
    ['catalog', 'registry:catalog:*'],
  ] as const)('asks, where a route needs %s, for %s', (right, scope) => {
    expect(challenge('https://r.example', { scope: scopeOfRoute(right, NAME) })).toContain(`,scope="${scope}"`);
  });

  it.each([
    ['?mount=sha256:ab&from=team/base', 'repository:team/app:pull,push repository:team/base:pull'],
    ['?mount=sha256:ab&from=team/app', 'repository:team/app:pull,push'],
    ['?mount=sha256:ab&from=team/b"ase', 'repository:team/app:pull,push'],
    ['?mount=sha256:ab', 'repository:team/app:pull,push'],
    ['?from=team/base', 'repository:team/app:pull,push'],
  ])('asks, of an upload that is opened with %s, for %s', (query, scope) => {
    const asked = scopeOfRequest('push', NAME, new URL(`https://r.example/v2/team/app/blobs/uploads/${query}`));
    expect(challenge('https://r.example', { scope: asked })).toContain(`,scope="${scope}"`);
  });

  it('asks for nothing at the base, and for a name that no repository can have', () => {
    for (const scope of [scopeOfRoute('ping', undefined), scopeOfRoute('pull', undefined)])
      expect(challenge('https://r.example', { scope })).not.toContain('scope');
  });

  it('is for the host and port that clients know', () => {
    expect(serviceOf('https://registry.example')).toBe('registry.example');
    expect(serviceOf('http://127.0.0.1:8787')).toBe('127.0.0.1:8787');
  });
});
