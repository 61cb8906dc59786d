/** Who may reach a registry that `npm start` serves. */
import { expect, test } from 'vitest';
import { exposureWarnings, isLoopback, rightsAt, urlHost, workerVariables } from '../../../standalone/exposure.ts';
import { StartFailure } from '../../../standalone/start-failure.ts';

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
  expect(() => workerVariables({}, { BERTH_CORS_ORIGINS: 'https://*.example' }, '127.0.0.1')).toThrow(
    'BERTH_CORS_ORIGINS must be *, or up to 100 origins',
  );
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

/** The exit code and the line with which a start ends. */
function refusal(environment: Record<string, string>, configured = {}): [number, string] | undefined {
  try {
    workerVariables(configured, environment, '127.0.0.1');
    return undefined;
  } catch (error) {
    if (error instanceof StartFailure) return [error.exitCode, error.message];
    throw error;
  }
}

test.each([
  ['BERTH_ANONYMUS', ' Did you mean BERTH_ANONYMOUS?'],
  ['BERTH_ANONYMOUS_', ' Did you mean BERTH_ANONYMOUS?'],
  ['BERTH_GRACE', ' Did you mean BERTH_GRACE_SECONDS?'],
  ['BERTH_LOOPBACK', ' Did you mean BERTH_OPEN_LOOPBACK?'],
  ['BERTH_MAX_MANIFEST', ' Did you mean BERTH_MAX_MANIFEST_BYTES?'],
  ['BERTH_', ''],
  ['BERTH_REQUIRE_CLIENTS_', ''],
])('%s in the environment is refused, also when it is empty', (name, meant) => {
  for (const value of ['read-write', ''])
    expect(refusal({ [name]: value })).toEqual([
      2,
      `${name} is no setting.${meant} docs/configuration.md lists them all.`,
    ]);
});

test('a name of its own in wrangler.toml may be set in the environment too', () => {
  expect(refusal({ BERTH_OF_A_FORK: 'x' }, { BERTH_OF_A_FORK: 'y' })).toBeUndefined();
});

test.each([
  [{ BERTH_GRACE_SECONDS: '12' }, 'BERTH_GRACE_SECONDS="12"'],
  [{ BERTH_MAX_MANIFEST_BYTES: '4 MiB' }, 'BERTH_MAX_MANIFEST_BYTES="4 MiB"'],
  [{ BERTH_ANONYMOUS: 'all', BERTH_LOCATION_HINT: 'home' }, 'BERTH_ANONYMOUS="all", BERTH_LOCATION_HINT="home"'],
])('a wrong value is refused and shown: %j', (environment, given) => {
  const [code, message] = refusal(environment) ?? [];
  expect(code).toBe(2);
  for (const name of Object.keys(environment)) expect(message).toContain(`${name} must be `);
  expect(message).toContain(` (given: ${given}). docs/configuration.md explains every setting.`);
});

test('this machine may do everything where loopback is open, and what BERTH_ANONYMOUS says elsewhere', () => {
  expect(rightsAt('127.0.0.1', { anonymous: 'none', openLoopback: true })).toBe('read-write');
  expect(rightsAt('127.0.0.1', { anonymous: 'read', openLoopback: false })).toBe('read');
  expect(rightsAt('0.0.0.0', { anonymous: 'none', openLoopback: false })).toBe('none');
});

const warned = (host: string, anonymous: 'none' | 'read' | 'read-write', openLoopback = false, environment = {}) =>
  exposureWarnings(host, { anonymous, openLoopback }, environment).map(({ event, message }) => `${event}: ${message}`);

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
    'closed: Closed: every request is refused. BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address.',
  ]);
  expect(warned('127.0.0.1', 'none')).toEqual([
    'closed: Closed: every request is refused. BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address, BERTH_OPEN_LOOPBACK=on to programs on this machine.',
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

test('what is an option is told as one', () => {
  expect(() => workerVariables({}, { BERTH_PORT: '9000' }, '127.0.0.1')).toThrow(
    'BERTH_PORT is no setting. It is an option: npm start -- --port 8788',
  );
});
