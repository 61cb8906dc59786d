/** Who may reach a registry that `npm start` serves. */
import { expect, test } from 'vitest';
import { exposureWarning, isLoopback, urlHost, workerVariables } from '../../../standalone/exposure.ts';

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

test('the environment adds its BERTH_ settings to those of wrangler.toml, and nothing else', () => {
  const variables = workerVariables(
    { BERTH_ANONYMOUS: 'none', OTHER: 1 },
    { BERTH_ANONYMOUS: 'read', BERTH_GRACE_SECONDS: '0', BERTH_UNSET: undefined, PATH: '/bin', XBERTH_A: 'x' },
    '192.168.1.7',
  );
  expect(variables).toEqual({ BERTH_ANONYMOUS: 'read', BERTH_GRACE_SECONDS: '0', OTHER: 1 });
});

test('loopback is open unless a setting closes it', () => {
  expect(workerVariables({}, {}, '127.0.0.1')).toEqual({ BERTH_OPEN_LOOPBACK: 'on' });
  expect(workerVariables({}, {}, '::1')).toEqual({ BERTH_OPEN_LOOPBACK: 'on' });
  expect(workerVariables({}, { BERTH_OPEN_LOOPBACK: 'off' }, '127.0.0.1')).toEqual({ BERTH_OPEN_LOOPBACK: 'off' });
  expect(workerVariables({ BERTH_OPEN_LOOPBACK: 'off' }, {}, '127.0.0.1')).toEqual({ BERTH_OPEN_LOOPBACK: 'off' });
});

test.each(['0.0.0.0', '::', '192.168.1.7'])('no setting opens %s as if it were loopback', (host) => {
  const on = { BERTH_OPEN_LOOPBACK: 'on' };
  expect(workerVariables(on, on, host)).toEqual({});
});

test('an address that others can reach is warned of, with the setting that opens or closes it', () => {
  expect(exposureWarning('0.0.0.0', 'none')).toBe(
    'every request will be refused, since BERTH_ANONYMOUS is none. BERTH_ANONYMOUS=read or BERTH_ANONYMOUS=read-write opens the registry to everyone who reaches this address.',
  );
  expect(exposureWarning('::', 'read')).toContain('anyone who reaches this address may pull everything');
  expect(exposureWarning('192.168.1.7', 'read-write')).toContain('may pull and push everything');
});

test.each(['none', 'read', 'read-write'] as const)(
  'loopback with BERTH_ANONYMOUS=%s is no reason to warn',
  (anonymous) => {
    expect(exposureWarning('127.0.0.1', anonymous)).toBeUndefined();
  },
);

test('an IPv6 address stands in brackets in a URL', () => {
  expect(urlHost('::1')).toBe('[::1]');
  expect(urlHost('127.0.0.1')).toBe('127.0.0.1');
});
