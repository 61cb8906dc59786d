/** Settings from the environment. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { misspeltInWrangler } from '../../../../standalone/settings/hints.ts';
import { refusals, settingsOf } from './examining.ts';

test('every setting is a variable', () => {
  const settings = settingsOf([], { BERTH_PORT: '9000', BERTH_SYNC: 'off', BERTH_DATA: '/srv/berth', BERTH_HOST: '' });
  expect([settings.get('port'), settings.get('sync'), settings.get('data'), settings.get('host')]).toEqual([
    9000,
    'off',
    '/srv/berth',
    '127.0.0.1',
  ]);
  expect(settings.environment).toEqual({});
});

test.each([
  ['BERTH_ANONYMUS', ' Did you mean BERTH_ANONYMOUS?'],
  ['BERTH_ANONYMOUS_', ' Did you mean BERTH_ANONYMOUS?'],
  ['BERTH_GRACE', ' Did you mean BERTH_GRACE_SECONDS?'],
  ['BERTH_LOOPBACK', ' Did you mean BERTH_OPEN_LOOPBACK?'],
  ['BERTH_MAX_MANIFEST', ' Did you mean BERTH_MAX_MANIFEST_BYTES?'],
  ['BERTH_PROT', ' Did you mean BERTH_PORT?'],
  ['BERTH_', ''],
  ['BERTH_REQUIRE_CLIENTS_', ''],
])('%s in the environment is refused, also when it is empty', (name, meant) => {
  for (const value of ['read-write', ''])
    expect(refusals([], { [name]: value })).toEqual([
      `${name} is no setting.${meant} docs/configuration.md lists them all.`,
    ]);
});

test('a name of its own in wrangler.toml may be set in the environment too, and a wrong value there is named', () => {
  const root = mkdtempSync(join(tmpdir(), 'berth-fork-'));
  onTestFinished(() => {
    rmSync(root, { recursive: true });
  });
  const write = (vars: string): void => {
    writeFileSync(join(root, 'wrangler.toml'), `[vars]\n${vars}\n`);
  };
  write('BERTH_OF_A_FORK = "y"');
  expect(settingsOf([], { BERTH_OF_A_FORK: 'x' }, root).environment).toEqual({ BERTH_OF_A_FORK: 'x' });
  expect(refusals([], { BERTH_OF_B_FORK: 'x' }, root)).toHaveLength(1);
  write('BERTH_ANONYMOUS = "all"');
  expect(refusals([], {}, root)).toEqual(['wrangler.toml: vars.BERTH_ANONYMOUS must be one of none, read, read-write']);
  expect(refusals(['--anonymous', 'read'], {}, root)).toEqual([]);
  write('BERTH_ANONYMUS = "read"\nBERTH_OF_A_FORK = "y"');
  expect(misspeltInWrangler(settingsOf([], {}, root).configured)).toEqual([
    { path: 'wrangler.toml: vars.BERTH_ANONYMUS', message: "is no setting of Berth's. Did you mean BERTH_ANONYMOUS?" },
  ]);
});

test.each([
  [{ BERTH_GRACE_SECONDS: '12' }, /^BERTH_GRACE_SECONDS must be 0 or at least BERTH_UPLOAD_EXPIRY_SECONDS: .*"12"/],
  [{ BERTH_MAX_MANIFEST_BYTES: '4 MiB' }, /^BERTH_MAX_MANIFEST_BYTES must be a whole number .* \(given: "4 MiB"\)/],
  [{ BERTH_LOCATION_HINT: 'home' }, /^BERTH_LOCATION_HINT must be one of .* \(given: "home"\)$/],
])('a wrong value is refused and shown: %j', (environment, message) => {
  expect(refusals([], environment)).toEqual([expect.stringMatching(message)]);
});

test('an address is refused without the credentials in it', () => {
  expect(refusals([], { BERTH_PUBLIC_URL: 'https://user:hunter@2@host/' })).toEqual([
    expect.stringContaining('(given: "https://***@host/")'),
  ]);
});

test('a secret is refused without being shown', () => {
  expect(refusals([], { BERTH_ADMIN_PASSWORD: 'hunter2' })).toEqual([
    'BERTH_ADMIN_PASSWORD must have 16 to 1024 characters, and no line breaks',
  ]);
});

test('what npm took for its own is told, since it would have no effect', () => {
  expect(
    refusals([], { npm_lifecycle_event: 'start', npm_config_port: '9000', npm_config_webhooks_private: 'true' }),
  ).toEqual([
    '--port was taken by npm. Options go behind two dashes: npm start -- --port 9000',
    '--webhooks-private was taken by npm. Options go behind two dashes: npm start -- --webhooks-private',
  ]);
  expect(refusals([], { npm_lifecycle_event: 'test', npm_config_port: '9000' })).toEqual([]);
});
