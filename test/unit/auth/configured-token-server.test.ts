/** An outside token server beside other settings: what contradicts it opens nothing. */
import { beforeAll, describe, expect, it } from 'vitest';
import { scopeOfRoute } from '../../../src/auth/challenge.ts';
import { configuredPolicy } from '../../../src/auth/configured-policy.ts';
import { challengeOf, configuredTokenServer } from '../../../src/auth/configured-token-server.ts';
import { ConfigurationError, parseConfig } from '../../../src/config.ts';
import { OutsideIssuer } from '../../outside-issuer.ts';
import { named } from './questions.ts';

const POLICY = '{"rules":[]}';

let issuer: OutsideIssuer;
beforeAll(async () => {
  issuer = await OutsideIssuer.make();
});

const config = (settings: Record<string, string> = {}, changes = {}) =>
  parseConfig({ BERTH_TOKEN_SERVER: issuer.document(changes), ...settings });

function refusal(settings: Record<string, string>, changes = {}): string {
  try {
    configuredPolicy(config(settings, changes));
    return 'none';
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
}

describe('a token server', () => {
  it('that no setting names is none', () => {
    expect(configuredTokenServer(parseConfig({}))).toBeUndefined();
  });

  it('is read once for each environment', () => {
    const one = config();
    expect(configuredTokenServer(one)).toBe(configuredTokenServer(one));
  });

  it('decides alone, or a policy is asked too: without one nothing is allowed then', () => {
    expect(configuredPolicy(config())).toEqual({ kind: 'token-server', also: undefined });
    expect(configuredPolicy(config({}, { policy: 'also' }))).toEqual({
      kind: 'token-server',
      also: { kind: 'setting', anonymous: 'none' },
    });
    expect(configuredPolicy(config({ BERTH_POLICY: POLICY }, { policy: 'also' }))).toEqual({
      kind: 'token-server',
      also: { kind: 'document', rules: [] },
    });
  });

  it.each<[settings: Record<string, string>, message: RegExp]>([
    [{ BERTH_ANONYMOUS: 'read' }, /^BERTH_ANONYMOUS=read and BERTH_TOKEN_SERVER both say/],
    [{ BERTH_ANONYMOUS: 'read-write' }, /^BERTH_ANONYMOUS=read-write and BERTH_TOKEN_SERVER both say/],
    [{ BERTH_OPEN_LOOPBACK: 'on' }, /^BERTH_OPEN_LOOPBACK=on opens what BERTH_TOKEN_SERVER closes/],
    [{ BERTH_HTPASSWD: 'alice:x' }, /^BERTH_HTPASSWD names people/],
    [{ BERTH_TRUSTS: '{"trusts":[]}' }, /^BERTH_TRUSTS lets jobs come in/],
    [{ BERTH_PROXY_SECRET: 'x'.repeat(32) }, /^BERTH_PROXY_SECRET has a proxy say who asks/],
    [{ BERTH_PROXY_SECRET_PREVIOUS: 'x'.repeat(32) }, /^BERTH_PROXY_SECRET has a proxy say who asks/],
    [{ BERTH_POLICY: POLICY }, /^BERTH_POLICY would not be asked/],
    [{ BERTH_PUBLIC_URL: 'https://auth.example' }, /has this registry's own address as its realm/],
  ])('beside %j is a contradiction', (settings, message) => {
    expect(refusal(settings)).toMatch(message);
  });

  it.each([
    { BERTH_ANONYMOUS: 'none' },
    { BERTH_OPEN_LOOPBACK: 'off' },
    { BERTH_HTPASSWD: ' ' },
    { BERTH_PUBLIC_URL: 'https://registry.example' },
    { BERTH_ADMIN_PASSWORD: 'sixteen letters!' },
  ])('beside %j is none', (settings) => {
    expect(refusal(settings)).toBe('none');
  });

  it('with a mistake is told with its path, and beside a policy with one that is', () => {
    expect(refusal({}, { algorithms: ['HS256'] })).toMatch(
      /^BERTH_TOKEN_SERVER is no token server: algorithms\[0\]: must be one of/,
    );
    expect(refusal({ BERTH_TOKEN_SERVER: '' })).toMatch(
      /^BERTH_TOKEN_SERVER is no token server: the document: must be/,
    );
    expect(refusal({ BERTH_POLICY: '{}' }, { policy: 'also' })).toBe('BERTH_POLICY is no policy: rules: is missing');
  });
});

describe('the challenge', () => {
  it("names the server's realm and service, whatever the registry's own address is", () => {
    const parts = { scope: scopeOfRoute('push', named('team/app')), error: 'insufficient_scope' } as const;
    for (const settings of [{}, { BERTH_PUBLIC_URL: 'https://registry.example' }])
      expect(challengeOf(config(settings), parts)).toBe(
        'Bearer realm="https://auth.example/token",service="registry.test",scope="repository:team/app:pull,push",error="insufficient_scope"',
      );
    expect(challengeOf(parseConfig({}), parts)).toBe('Basic realm="Berth"');
  });

  it('says in words why, where a token was sent and the words cannot be taken for anything else', () => {
    const error = 'insufficient_scope';
    const said = (description: string) => challengeOf(config(), { error, description });
    expect(said('not for you')).toContain(',error="insufficient_scope",error_description="not for you"');
    for (const description of ['', 'a"b', 'a\\b', 'a\nb', 'für dich'])
      expect(said(description)).not.toContain('description');
    expect(challengeOf(config(), { description: 'not for you' })).not.toContain('description');
  });
});
