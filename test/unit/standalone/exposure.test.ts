/** Who may reach a registry that `npm start` serves. */
import { expect, test } from 'vitest';
import {
  accessOf,
  exposureWarnings,
  isLoopback,
  rightsAt,
  urlHost,
  type Access,
} from '../../../standalone/exposure.ts';
import { workerVariables } from '../../../standalone/settings/worker-variables.ts';
import { parseConfig } from '../../../src/config.ts';
import { OutsideIssuer } from '../../outside-issuer.ts';
import { refusals } from './settings/examining.ts';

test.each([
  ['127.0.0.1', true],
  ['127.0.0.53', true],
  ['127.255.255.255', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['126.255.255.255', false],
  ['128.0.0.1', false],
  ['192.168.1.7', false],
  ['::2', false],
  ['fe80::1', false],
])('%s is loopback: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});

/** What suits one machine. */
const OWN = { BERTH_EXISTENCE_CACHE_SECONDS: '0' };

test('existence is not cached on one machine, unless a setting says so', () => {
  expect(workerVariables({}, {}, '127.0.0.1')).toMatchObject(OWN);
  const given = { BERTH_EXISTENCE_CACHE_SECONDS: '60' };
  expect(workerVariables(given, {}, '127.0.0.1')).toMatchObject(given);
  expect(workerVariables({}, given, '127.0.0.1')).toMatchObject(given);
});

test('the environment adds its BERTH_ settings to those of wrangler.toml, and nothing else', () => {
  const variables = workerVariables(
    { BERTH_ANONYMOUS: 'none', OTHER: 1 },
    {
      ...{ BERTH_ANONYMOUS: 'read', BERTH_GRACE_SECONDS: '0', BERTH_JURISDICTION: undefined },
      ...{ PATH: '/bin', XBERTH_A: 'x', BERTH_REQUIRE_CLIENTS: '1', BERTH_TEST_REGISTRY_URL: 'http://x' },
    },
    '192.168.1.7',
  );
  expect(variables).toEqual({ ...OWN, BERTH_ANONYMOUS: 'read', BERTH_GRACE_SECONDS: '0', OTHER: 1 });
});

test('the origins of web pages reach the Worker as they were typed, and wrong ones end the start', () => {
  const given = { BERTH_CORS_ORIGINS: 'http://localhost:8080, https://ui.example' };
  expect(workerVariables({}, given, '127.0.0.1')).toMatchObject(given);
  expect(refusals([], { BERTH_CORS_ORIGINS: 'https://*.example' })).toEqual([
    expect.stringContaining('BERTH_CORS_ORIGINS must be *, or up to 100 origins'),
  ]);
});

test('loopback is open unless a setting closes it', () => {
  expect(workerVariables({}, {}, '127.0.0.1')).toEqual({ ...OWN, BERTH_OPEN_LOOPBACK: 'on' });
  expect(workerVariables({}, {}, '::1')).toEqual({ ...OWN, BERTH_OPEN_LOOPBACK: 'on' });
  expect(workerVariables({}, { BERTH_OPEN_LOOPBACK: 'off' }, '127.0.0.1')).toEqual({
    ...OWN,
    BERTH_OPEN_LOOPBACK: 'off',
  });
  expect(workerVariables({ BERTH_OPEN_LOOPBACK: 'off' }, {}, '127.0.0.1')).toEqual({
    ...OWN,
    BERTH_OPEN_LOOPBACK: 'off',
  });
});

test.each(['0.0.0.0', '::', '192.168.1.7'])('no setting opens %s as if it were loopback', (host) => {
  const on = { BERTH_OPEN_LOOPBACK: 'on' };
  expect(workerVariables(on, on, host)).toEqual(OWN);
});

test('who types BERTH_ANONYMOUS=none closes loopback too, unless the other setting says otherwise', () => {
  const typed = { BERTH_ANONYMOUS: 'none' };
  expect(workerVariables({}, typed, '127.0.0.1')).toMatchObject({ BERTH_OPEN_LOOPBACK: 'off' });
  expect(workerVariables({}, { ...typed, BERTH_OPEN_LOOPBACK: 'on' }, '127.0.0.1')).toMatchObject({
    BERTH_OPEN_LOOPBACK: 'on',
  });
  // That of wrangler.toml is the default of a deployed Worker, and nobody has typed it.
  expect(workerVariables(typed, {}, '127.0.0.1')).toMatchObject({ BERTH_OPEN_LOOPBACK: 'on' });
});

test('a variable that is empty counts as unset', () => {
  expect(workerVariables({ BERTH_ANONYMOUS: 'read' }, { BERTH_ANONYMOUS: '', BERTH_OPEN_LOOPBACK: '' }, '::1')).toEqual(
    { ...OWN, BERTH_ANONYMOUS: 'read', BERTH_OPEN_LOOPBACK: 'on' },
  );
});

const access = (
  anonymous: Access['anonymous'],
  openLoopback = false,
  more: { policy?: string; trustedProxy?: boolean; directClients?: boolean } = {},
): Access =>
  accessOf(
    parseConfig({
      BERTH_ANONYMOUS: anonymous,
      BERTH_OPEN_LOOPBACK: openLoopback ? 'on' : 'off',
      BERTH_TRUSTED_PROXY: more.trustedProxy === true ? 'on' : 'off',
      BERTH_DIRECT_CLIENTS: more.directClients === true ? 'on' : 'off',
      ...(more.policy === undefined ? {} : { BERTH_POLICY: more.policy }),
    }),
  );

test('this machine may do everything where loopback is open, and what BERTH_ANONYMOUS says elsewhere', () => {
  expect(rightsAt('127.0.0.1', access('none', true))).toBe('read-write');
  expect(rightsAt('127.0.0.1', access('read'))).toBe('read');
  expect(rightsAt('0.0.0.0', access('none'))).toBe('none');
});

const warned = (host: string, anonymous: 'none' | 'read' | 'read-write', openLoopback = false, environment = {}) =>
  exposureWarnings(host, access(anonymous, openLoopback), environment).map(
    ({ event, message }) => `${event}: ${message}`,
  );

test('an address that others can reach is warned of, with the setting that closes it', () => {
  expect(warned('::', 'read')).toEqual([
    'exposed: anyone who reaches this address may pull everything, since BERTH_ANONYMOUS is read. BERTH_ANONYMOUS=none closes the registry.',
  ]);
  expect(warned('192.168.1.7', 'read-write')).toEqual([
    expect.stringContaining('may pull, push and delete everything'),
  ]);
});

test('a registry that refuses every request is warned of, with the settings that open it', () => {
  expect(warned('0.0.0.0', 'none')).toEqual([
    'closed: every request is refused, unless the admin API has people and a policy. --htpasswd FILE and --policy FILE say who comes in and may do what (docs/access.md); BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address.',
  ]);
  expect(warned('127.0.0.1', 'none')).toEqual([
    expect.stringMatching(
      /to everyone who reaches this address, BERTH_OPEN_LOOPBACK=on to programs on this machine\.$/,
    ),
  ]);
});

test('BERTH_OPEN_LOOPBACK=on that can have no effect is warned of', () => {
  const on = { BERTH_OPEN_LOOPBACK: 'on' };
  expect(warned('0.0.0.0', 'read', false, on)[0]).toBe(
    'setting-ignored: BERTH_OPEN_LOOPBACK=on has no effect here: 0.0.0.0 is not a loopback address. BERTH_ANONYMOUS decides alone.',
  );
  expect(warned('127.0.0.1', 'none', true, on)).toEqual([]);
});

test.each([
  ['none', true],
  ['read', true],
  ['read', false],
  ['read-write', false],
] as const)('loopback with BERTH_ANONYMOUS=%s, open to this machine: %s, is no reason to warn', (anonymous, open) => {
  expect(warned('127.0.0.1', anonymous, open)).toEqual([]);
});

test('an IPv6 address stands in brackets in a URL', () => {
  expect(urlHost('::1')).toBe('[::1]');
  expect(urlHost('127.0.0.1')).toBe('127.0.0.1');
});

/** One rule, which allows everyone to pull, perhaps from these networks only. */
const policy = (networks?: string[]) =>
  JSON.stringify({
    rules: [
      {
        ...{ name: 'office', subjects: ['anonymous'], repositories: ['**'], actions: ['pull'] },
        ...(networks === undefined ? {} : { when: { networks } }),
      },
    ],
  });

test('a policy closes loopback, since it says of everybody what they may do', () => {
  const typed = { BERTH_POLICY: policy() };
  expect(workerVariables({}, typed, '127.0.0.1')).toMatchObject({ BERTH_OPEN_LOOPBACK: 'off' });
  expect(workerVariables(typed, {}, '127.0.0.1')).toMatchObject({ BERTH_OPEN_LOOPBACK: 'off' });
  expect(rightsAt('127.0.0.1', access('none', true, { policy: policy() }))).toBe('by-policy');
});

test('a policy with a mistake ends the start with its path and reason', () => {
  const broken = policy().replace('"pull"', '"pul"');
  expect(refusals([], { BERTH_POLICY: broken })).toEqual([
    'BERTH_POLICY: rules[0].actions[0] must be one of pull, push, delete, *',
  ]);
});

test('beside a policy BERTH_ANONYMOUS has no effect, and that is said', () => {
  const said = exposureWarnings('0.0.0.0', access('read', false, { policy: policy() }), {});
  expect(said.map(({ event }) => event)).toEqual(['setting-ignored']);
  expect(said[0]?.message).toContain('BERTH_ANONYMOUS=read has no effect: there is a policy');
  expect(exposureWarnings('0.0.0.0', access('none', false, { policy: policy() }), {})).toEqual([]);
});

test('a rule for a network that can never match is named, unless it is known where clients are', () => {
  const bound = policy(['10.0.0.0/8']);
  const said = exposureWarnings('0.0.0.0', access('none', false, { policy: bound }), {});
  expect(said.map(({ event }) => event)).toEqual(['rule-ignored']);
  expect(said[0]?.message).toContain('"office"');
  expect(exposureWarnings('0.0.0.0', access('none', false, { policy: bound, trustedProxy: true }), {})).toEqual([]);
  expect(exposureWarnings('0.0.0.0', access('none', false, { policy: bound, directClients: true }), {})).toEqual([]);
});

test('nobody on one machine is taken for coming through Cloudflare, whatever is set', () => {
  const on = { BERTH_ON_CLOUDFLARE: 'on' };
  for (const host of ['127.0.0.1', '0.0.0.0'])
    expect(workerVariables(on, on, host)).not.toHaveProperty('BERTH_ON_CLOUDFLARE');
});

const HASH = `$2y$05$${'a'.repeat(53)}`;

test('people who sign in close an open loopback, and are told that nothing is theirs without a policy', () => {
  const config = parseConfig(workerVariables({}, { BERTH_HTPASSWD: `alice:${HASH}` }, '127.0.0.1'));
  expect(accessOf(config)).toMatchObject({ openLoopback: false, hasPeople: true });
  expect(rightsAt('127.0.0.1', accessOf(config))).toBe('none');
  const [warning, ...others] = exposureWarnings('127.0.0.1', accessOf(config), {});
  expect(others).toEqual([]);
  expect(warning?.message).toMatch(
    /^whoever signs in may do nothing, unless the admin API has a policy\. --policy FILE/,
  );
});

test('trusts close an open loopback too, and one with a mistake is told by path and reason', () => {
  const trust = { name: 'ci', issuer: 'https://issuer.example', audience: 'https://registry.example' };
  const trusts = (claims: object) => ({ BERTH_TRUSTS: JSON.stringify({ trusts: [{ ...trust, claims }] }) });
  const config = parseConfig(workerVariables({}, trusts({ repository_owner_id: '7' }), '127.0.0.1'));
  expect(accessOf(config)).toMatchObject({ openLoopback: false, hasPeople: true });
  expect(refusals([], trusts({ ref: 'refs/heads/main' }))).toEqual([
    expect.stringContaining('BERTH_TRUSTS: trusts[0].claims must name whose jobs are meant'),
  ]);
});

test('the parts of BERTH_HTPASSWD are settings, and a wrong line of theirs is named without what stands there', () => {
  const parts = { BERTH_HTPASSWD: `alice:${HASH}`, BERTH_HTPASSWD_2: `bob:${HASH}` };
  expect(workerVariables({}, parts, '127.0.0.1')).toMatchObject(parts);
  expect(refusals([], { BERTH_HTPASSWD: 'alice:opensesame' })).toEqual([
    "BERTH_HTPASSWD line 1 has a hash for alice that is not bcrypt's ($2a$, $2b$ or $2y$): htpasswd -B makes one",
  ]);
  expect(refusals([], { ...parts, BERTH_HTPASSWD_2: 'bob:opensesame' })).toEqual([
    expect.stringContaining('BERTH_HTPASSWD line 2 has a hash for bob'),
  ]);
  expect(refusals([], { BERTH_HTPASSWD_1: 'alice:opensesame' })).toEqual([
    expect.stringContaining('BERTH_HTPASSWD_1 is no setting'),
  ]);
});

test('a token server closes loopback, and what would open it beside that ends the start', async () => {
  const issuer = await OutsideIssuer.make();
  const typed = { BERTH_TOKEN_SERVER: issuer.document() };
  const variables = workerVariables({}, typed, '127.0.0.1');
  expect(variables).toMatchObject({ BERTH_OPEN_LOOPBACK: 'off' });
  const opened = accessOf(parseConfig(variables));
  expect(rightsAt('127.0.0.1', opened)).toBe('by-token');
  expect(exposureWarnings('0.0.0.0', opened, {})).toEqual([]);
  expect(refusals([], { ...typed, BERTH_OPEN_LOOPBACK: 'on' })).toEqual([
    'BERTH_OPEN_LOOPBACK (on) opens what BERTH_TOKEN_SERVER closes to all but tokens. Take one of them away.',
  ]);
  expect(refusals(['--anonymous', 'read'], typed)).toEqual([
    expect.stringContaining('--anonymous (read) and BERTH_TOKEN_SERVER both say what callers without credentials'),
  ]);
  expect(refusals([], { BERTH_TOKEN_SERVER: '{}' })).toEqual(
    expect.arrayContaining(['BERTH_TOKEN_SERVER: realm is missing', 'BERTH_TOKEN_SERVER: service is missing']),
  );
});

test('a token server beside a policy that is not there yet says that it is closed', async () => {
  const issuer = await OutsideIssuer.make();
  const typed = { BERTH_TOKEN_SERVER: issuer.document({ policy: 'also' }) };
  const closed = accessOf(parseConfig(workerVariables({}, typed, '127.0.0.1')));
  expect(exposureWarnings('127.0.0.1', closed, {}).map(({ event }) => event)).toEqual(['closed']);
  const both = accessOf(parseConfig(workerVariables({}, { ...typed, BERTH_POLICY: policy() }, '127.0.0.1')));
  expect(exposureWarnings('127.0.0.1', both, {})).toEqual([]);
  expect(rightsAt('127.0.0.1', both)).toBe('by-token');
});
