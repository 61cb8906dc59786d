/** `npm start -- --config FILE`: settings in TOML, and which of several values counts. */
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { parseSettingsFile } from '../../../../standalone/settings/settings-file.ts';
import { refusals, settingsOf } from './examining.ts';
import { scratch, write } from './scratch.ts';

function file(text: string, mode?: number): string {
  return write(join(scratch(), 'berth.toml'), text, mode);
}

test('a setting of each type is a key of TOML with its type', () => {
  const config = file(`
port = 9000
host = "::1"
sync = false
anonymous = "read"
trusted-proxy = true
events = "on"
upload-expiry-seconds = 3_600
grace-seconds = 7200
cors-origins = ["https://ui.example.com", "http://localhost:8080"]
`);
  const settings = settingsOf(['--config', config]);
  expect([settings.get('port'), settings.get('host'), settings.get('sync')]).toEqual([9000, '::1', 'off']);
  expect(settings.environment).toEqual({
    BERTH_ANONYMOUS: 'read',
    BERTH_TRUSTED_PROXY: 'on',
    BERTH_EVENTS: 'on',
    BERTH_UPLOAD_EXPIRY_SECONDS: '3600',
    BERTH_GRACE_SECONDS: '7200',
    BERTH_CORS_ORIGINS: 'https://ui.example.com,http://localhost:8080',
  });
});

test('a flag outranks the environment, which outranks the file, which outranks the default', () => {
  const config = file('port = 1\nhost = "::1"\nanonymous = "read"\n');
  const environment = { BERTH_CONFIG: config, BERTH_PORT: '2', BERTH_ANONYMOUS: 'read-write' };
  const settings = settingsOf(['--port', '3'], environment);
  expect([settings.get('port'), settings.get('host'), settings.get('storage')]).toEqual([3, '::1', 'filesystem']);
  expect(settings.environment).toEqual({ BERTH_ANONYMOUS: 'read-write' });
  expect(settingsOf([], environment).get('port')).toBe(2);
});

test('a path in the file starts where the file lies', () => {
  const folder = scratch();
  write(join(folder, 'policy.json'), '{"rules":[]}');
  const config = write(join(folder, 'berth.toml'), 'data = "data"\npolicy = "policy.json"\n');
  const settings = settingsOf(['--config', config]);
  expect(settings.get('data')).toBe(join(folder, 'data'));
  expect(settings.environment).toEqual({ BERTH_POLICY: '{"rules":[]}' });
  expect(parseSettingsFile('/etc/berth/berth.toml', 'data = "/srv/berth"').given[0]?.text).toBe('/srv/berth');
});

it.each([
  [
    'port = "9000"',
    'port must be a whole number from 0 to 65535, without quotes (given: "9000"). For example: port = 8788',
  ],
  ['port = 90.5', 'port must be a whole number from 0 to 65535 (given: 90.5). For example: port = 8788'],
  [
    'port = true',
    'port must be a whole number from 0 to 65535, without quotes (given: true). For example: port = 8788',
  ],
  ['outbox-most = 99999999999999999999', 'outbox-most must be a whole number from 1 to 1000000'],
  ['host = 1', 'host must be text, in quotes (given: 1). For example: host = "127.0.0.1"'],
  ['host = 2026-01-01', 'host must be text, in quotes (given: "2026-01-01'],
  ['events = 1', 'events must be true or false (given: 1). For example: events = true'],
  ['events = "yes"', 'events must be true or false (given: "yes"). For example: events = true'],
  ['storage = 2', 'storage must be one of filesystem, r2, in quotes (given: 2). For example: storage = "r2"'],
  ['cors-origins = [1]', 'cors-origins must be a list of texts, each in quotes (given: [1])'],
  ['anonymous = "raed"', 'anonymous must be one of none, read, read-write (given: "raed"). Did you mean read?'],
  ['admin-password = 12345', 'admin-password must be text, in quotes. For example: admin-password = "TEXT"'],
  ['prot = 1', 'prot is no setting. Did you mean port? docs/configuration.md lists them all.'],
  ['BERTH_PUBLIC_URL = "x"', 'BERTH_PUBLIC_URL is no setting. Did you mean public-url? docs/configuration.md lists'],
  ['zebra-crossing = 1', 'zebra-crossing is no setting. docs/configuration.md lists them all.'],
  ['jurisdiction = "eu"', 'jurisdiction is a setting for Cloudflare alone. Take it away.'],
  ['config = "x"', 'config names another settings file, and there is one alone. Take it away.'],
  ['[grace]\nseconds = 1', 'grace is a table, and settings are flat: grace-seconds = … at the top of the file'],
  ['[storage]\nkind = 1', 'storage must be one of'],
  ['policy = "none.json"', 'policy /'],
])('%j is named by file and key, with what to write instead', (text, message) => {
  const config = file(text);
  expect(refusals(['--config', config])).toEqual([expect.stringContaining(`${config}: ${message}`)]);
});

it.each([
  ['port 9000', /berth\.toml: line 1, column \d+ is no TOML \(.+\)\. A line is a key, an equals sign and a value/],
  ['port = 1\nport = 2', /berth\.toml: line 2, column \d+ is no TOML/],
  ['admin-password = "hunter2hunter2\n', /berth\.toml: line 1, column \d+ is no TOML/],
])('%j is no TOML, and nothing of the line is shown', (text, message) => {
  const said = refusals(['--config', file(text)]);
  expect(said).toEqual([expect.stringMatching(message)]);
  expect(said.join()).not.toContain('hunter2');
});

it('tells who brings the YAML of another registry', () => {
  const config = write(join(scratch(), 'config.yml'), 'version: 0.1\n');
  expect(refusals(['--config', config])).toEqual([expect.stringContaining('Is it the YAML of another registry?')]);
});

it('names a settings file that is not there, where it was named', () => {
  expect(refusals(['--config', '/nowhere/berth.toml'])).toEqual([
    "--config /nowhere/berth.toml can't be read (ENOENT). Give the path of a file.",
  ]);
  expect(refusals([], { BERTH_CONFIG: '/nowhere/berth.toml' })).toEqual([
    "BERTH_CONFIG /nowhere/berth.toml can't be read (ENOENT). Give the path of a file.",
  ]);
});
