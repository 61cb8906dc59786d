/** The document of trusts: every mistake is told with its path and reason, and a trust without a tenant is one. */
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/auth/policy.ts';
import { parsePolicy } from '../../../src/auth/policy-document.ts';
import { ACTIONS } from '../../../src/auth/principal.ts';
import { workloadOf } from '../../../src/auth/workload.ts';
import { ConfigurationError } from '../../../src/config.ts';
import { parseTrusts, trustsOf, type Trust } from '../../../src/auth/trusts.ts';
import { ANYWHERE, named } from './questions.ts';

const TRUST = {
  name: 'github',
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://registry.example',
  claims: { repository_owner_id: '7' },
};

const Question = v.object({
  claims: v.record(v.string(), v.string()),
  repository: v.string(),
  action: v.picklist(ACTIONS),
});

function mistakesOf(...trusts: unknown[]): string {
  const result = parseTrusts(JSON.stringify({ trusts }));
  return result.ok ? 'none' : result.mistakes.join('; ');
}
const mistakeOf = (changes: Record<string, unknown>) => mistakesOf({ ...TRUST, ...changes });

function trust(changes: Record<string, unknown> = {}): Trust {
  const result = parseTrusts(JSON.stringify({ trusts: [{ ...TRUST, ...changes }] }));
  const [first] = result.ok ? result.trusts : [];
  if (first === undefined) throw new Error('no trust');
  return first;
}

describe('a trust', () => {
  it('has an issuer, an audience and conditions, and the rest by itself', () => {
    expect(trust()).toMatchObject({
      name: 'github',
      issuer: TRUST.issuer,
      audience: TRUST.audience,
      jwks: undefined,
      subject: 'sub',
      groups: undefined,
      lifetimeSeconds: 3_600,
    });
  });

  it('keeps the groups of its issuer apart from those of the registry, unless it says otherwise', () => {
    expect(trust({ groups: { claim: 'groups_direct' } }).groups).toEqual({ claim: 'groups_direct', prefix: 'github:' });
    expect(trust({ groups: { claim: 'g', prefix: '' } }).groups).toEqual({ claim: 'g', prefix: '' });
    expect(trust({ groups: { claim: 'g', prefix: 'acme/' } }).groups).toEqual({ claim: 'g', prefix: 'acme/' });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ name: 'Git Hub' }, 'trusts[0].name: must be 1 to 64 lower-case'],
    [{ name: undefined }, 'trusts[0].name: is missing'],
    [{ issuer: 'http://issuer.example' }, 'trusts[0].issuer: must be a URL of https'],
    [{ issuer: 'token.actions.githubusercontent.com' }, 'trusts[0].issuer: must be a URL'],
    [{ issuer: 'https://user@issuer.example' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'https://issuer.example?a=b' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'https://issuer.example#a' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'file:///etc/passwd' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'http://127.0.0.1.example' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'http://localhost.example' }, 'trusts[0].issuer: must be'],
    [{ issuer: 'http://169.254.169.254' }, 'trusts[0].issuer: must be'],
    [{ jwks: 'http://issuer.example/keys' }, 'trusts[0].jwks: must be a URL of https'],
    [{ audience: '' }, 'trusts[0].audience: must be one line'],
    [{ audience: undefined }, 'trusts[0].audience: is missing'],
    [{ audience: ['a'] }, 'trusts[0].audience: must be a string'],
    [{ claims: undefined }, 'trusts[0].claims: is missing'],
    [{ claims: { repository_owner_id: '7', ref: '**' } }, 'trusts[0].claims.ref[0]: must not have two stars'],
    [{ claims: { repository_owner_id: '7', exp: '1' } }, 'trusts[0].claims.exp: is of the token itself'],
    [{ clams: {} }, 'trusts[0].clams: is not known here; docs/workload-identity.md has every key'],
    [{ constructor: {} }, 'trusts[0].constructor: is not known here'],
    [{ subject: '' }, 'trusts[0].subject: must be one line'],
    [{ groups: 'groups' }, 'trusts[0].groups: must be an object'],
    [{ groups: { claim: 'g', prefix: '-' } }, 'trusts[0].groups.prefix: must begin'],
    [{ groups: { claim: 'sub' } }, 'trusts[0].groups: is a list of names'],
    [{ groups: { claim: 'repository_owner_id' } }, 'trusts[0].groups: is a list of names'],
    [{ lifetimeSeconds: 59 }, 'trusts[0].lifetimeSeconds: must be a whole number of seconds from 60 to 21600'],
    [{ lifetimeSeconds: 21_601 }, 'trusts[0].lifetimeSeconds: must be'],
    [{ lifetimeSeconds: '60' }, 'trusts[0].lifetimeSeconds: must be'],
  ])('with %j is refused by path and reason', (changes, message) => {
    expect(mistakeOf(changes)).toContain(message);
  });

  it('may have an issuer on its own machine without TLS', () => {
    for (const issuer of ['http://127.0.0.1:9000', 'http://localhost:9000/realms/a', 'http://[::1]:9000'])
      expect(mistakeOf({ issuer })).toBe('none');
  });
});

describe('the tenant', () => {
  it.each<Record<string, unknown>>([
    { repository_owner_id: '7' },
    { repository_owner: 'acme' },
    { repository: 'acme/app' },
    { repository: 'acme/*' },
    { repository: ['acme/app', 'acme/lib-*'] },
    { namespace_id: '7' },
    { namespace_path: 'acme' },
    { namespace_path: 'acme/*' },
    { project_path: 'acme/app' },
    { project_id: ['1', '2'] },
    { sub: 'repo:acme/*:ref:refs/heads/main' },
    { sub: 'project_path:acme/app:ref_type:branch:ref:*' },
    { sub: 'system:serviceaccount:ci:builder' },
    { sub: 'environment:production:repository_owner_id:7' },
    { organization_slug: 'acme', ref: '*' },
    { 'oidc.circleci.com/org-id': '7' },
  ])('is named by %j', (claims) => {
    expect(mistakeOf({ claims })).toBe('none');
  });

  it.each<Record<string, unknown>>([
    { ref: 'refs/heads/main' },
    { actor: 'alice' },
    { job_workflow_ref: 'acme/ci/.github/workflows/build.yml@refs/heads/main' },
    { environment: 'production', ref_protected: 'true' },
    { repository_owner_id: '*' },
    { repository_owner_id: '7*' },
    { repository_owner: 'acme*' },
    { repository: '*' },
    { repository: '*/app' },
    { repository: 'ac*/app' },
    { repository: ['acme/app', '*/app'] },
    { namespace_path: '*' },
    { project_path: '*/*' },
    { sub: '*' },
    { sub: 'repo:*' },
    { sub: 'environment:production' },
    { sub: 'job_workflow_ref:acme/ci/.github/workflows/build.yml@refs/heads/main' },
    { sub: 'repo:*/app:ref:refs/heads/main' },
    { sub: 'repo:acme*/app:ref:refs/heads/main' },
    { sub: 'org/*/project/*/user/*' },
    { sub: 'system:serviceaccount:*:builder' },
    { Repository: 'acme/app' },
  ])('is not named by %j', (claims) => {
    expect(mistakeOf({ claims })).toMatch(/^trusts\[0\]\.claims: must name whose jobs are meant/);
  });
});

describe('a document of trusts', () => {
  it('has each name once, and the keys of an issuer in one place', () => {
    expect(mistakesOf(TRUST, TRUST)).toBe('trusts: two trusts are named "github"');
    const other = { ...TRUST, name: 'other', jwks: 'https://elsewhere.example/keys' };
    expect(mistakesOf(TRUST, other)).toContain('trusts: two trusts of one issuer name other keys');
    expect(mistakesOf(TRUST, { ...TRUST, name: 'other' })).toBe('none');
  });

  it.each([
    ['', 'the document: must be a JSON object'],
    ['[]', 'the document: must be a JSON object'],
    ['{"trusts":{}}', 'trusts: must be a list'],
    ['{}', 'trusts: is missing'],
    ['{"trusts":[],"trust":[]}', 'trust: is not known here'],
    ['{"trusts":[],"trusts":[]}', 'must not name "trusts" twice'],
    [' '.repeat(70_000), 'must have at most 65536 characters'],
  ])('%.30s is none', (given, message) => {
    const result = parseTrusts(given);
    expect(result.ok ? '' : result.mistakes.join('; ')).toContain(message);
  });

  it('is a wrong setting where it has a mistake', () => {
    expect(() => trustsOf({ trusts: '{}' })).toThrow(
      new ConfigurationError('BERTH_TRUSTS names no trusts: trusts: is missing'),
    );
    expect(trustsOf({ trusts: undefined })).toEqual([]);
    expect(trustsOf({ trusts: '{"trusts":[]}' })).toEqual([]);
  });
});

describe('docs/workload-identity.md', () => {
  const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const page = read('docs/workload-identity.md');
  const code = read('src/auth/trusts.ts');

  it('has examples, and each is a document of trusts or a policy', () => {
    const examples = [...page.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
    const trusts = examples.filter((text) => text.includes('"trusts"'));
    const policies = examples.filter((text) => text.includes('"rules"'));
    expect([trusts.length, policies.length]).toEqual([2, 2]);
    for (const text of trusts) expect(parseTrusts(text), text).toMatchObject({ ok: true });
    for (const text of policies) expect(parsePolicy(text), text).toMatchObject({ ok: true });
  });

  it('asks about a job that its trust lets in and its rule lets push', () => {
    const [, trusting = ''] = /^```json\n([^`]*"trusts"[^`]*?)^```/m.exec(page) ?? [];
    const [, ruling = ''] = /^```json\n([^`]*"rules"[^`]*?)^```/m.exec(page) ?? [];
    const [, asking = ''] = /`(\{"subject":"workload:github"[^`]*)`/.exec(page) ?? [];
    const trusts = parseTrusts(trusting);
    const policy = parsePolicy(ruling);
    const { claims, repository, action } = v.parse(Question, JSON.parse(asking));
    if (!trusts.ok || !policy.ok) throw new Error('an example is none');
    const [{ issuer } = { issuer: '' }] = trusts.trusts;
    const job = workloadOf({ trust: 'github', issuer, claims }, trusts.trusts);
    if (typeof job === 'string') throw new Error(job);
    expect(explain(policy.policy, job, action, named(repository), ANYWHERE).decision).toMatchObject({
      allowed: true,
      rule: 'ci pushes from main',
    });
  });

  it('has a row for every key of a trust, and names every claim that names a tenant', () => {
    const [, body = ''] =
      /const TrustSchema = v\.pipe\(\n {2}v\.strictObject\(\{\n([\s\S]*?)\n {2}\}\),/.exec(code) ?? [];
    const keys = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, key = '']) => key);
    expect(keys).toHaveLength(8);
    for (const key of keys) expect(page).toContain(`| \`${key}\` |`);
    const [, list = ''] = /const TENANT_CLAIMS[^(]*\(\[([\s\S]*?)\]\);/.exec(code) ?? [];
    const claims = [...list.matchAll(/'([^']+)'/g)].map(([, claim = '']) => claim);
    expect(claims.length).toBeGreaterThanOrEqual(10);
    for (const claim of claims) expect(page).toContain(`\`${claim}\``);
  });

  it('shows a mistake as it is told', () => {
    const shown = mistakeOf({ claims: { ref: 'refs/heads/main' } });
    expect(page).toContain(`BERTH_TRUSTS names no trusts: ${shown}`);
  });
});
