/** The options of `npm start -- …`. */
import { expect, test } from 'vitest';
import { examine } from '../../../../standalone/settings/examine.ts';
import type { ProgramName } from '../../../../standalone/settings/program-settings.ts';
import { refusals, settingsOf } from './examining.ts';

test.each<[string[], Partial<Record<ProgramName, unknown>>]>([
  [[], { port: 8787, host: '127.0.0.1', data: '.berth', storage: 'filesystem', sync: 'on', config: undefined }],
  [['--port', '5000'], { port: 5000, host: '127.0.0.1' }],
  [['--port=0'], { port: 0 }],
  [['--port', '65535'], { port: 65_535 }],
  [['--port', '1', '--port', '2'], { port: 2 }],
  [['--host', '0.0.0.0'], { host: '0.0.0.0' }],
  [['--host', 'localhost'], { host: '127.0.0.1' }],
  [['--host', '[::1]'], { host: '::1' }],
  [['--host', '::'], { host: '::' }],
  [['--data', 'somewhere/else'], { data: 'somewhere/else' }],
  [['--data=-odd'], { data: '-odd' }],
  [['--storage', 'r2'], { storage: 'r2' }],
  [['--no-sync'], { sync: 'off' }],
  [['--sync'], { sync: 'on' }],
  [['--sync=off'], { sync: 'off' }],
  [['--no-sync', '--sync'], { sync: 'on' }],
])('%j means %j', (words, values) => {
  const settings = settingsOf(words);
  for (const name of ['port', 'host', 'data', 'storage', 'sync', 'config'] as const)
    if (name in values) expect(settings.get(name), name).toBe(values[name]);
});

test.each([
  [['--help'], 'help'],
  [['-h'], 'help'],
  [['--port', '1', '--version'], 'version'],
])('%j asks for the %s', (words, kind) => {
  expect(examine(words, {}, '/nowhere')).toEqual({ kind });
});

test('a setting of the Worker is a flag too', () => {
  const { environment } = settingsOf(['--anonymous', 'read', '--public-url=https://r.example', '--webhooks-private']);
  expect(environment).toEqual({
    BERTH_ANONYMOUS: 'read',
    BERTH_PUBLIC_URL: 'https://r.example',
    BERTH_WEBHOOKS_PRIVATE: 'on',
  });
});

const LIST = 'npm start -- --help lists the options.';

test.each([
  [['--prot', '1'], `"--prot" is unknown. Did you mean --port? ${LIST}`],
  [['--no-synch'], `"--no-synch" is unknown. Did you mean --no-sync? ${LIST}`],
  [['--no-port'], `"--no-port" is unknown. ${LIST}`],
  [['-p', '1'], `"-p" is unknown. Did you mean --port? ${LIST}`],
  [['--what-ever-else'], `"--what-ever-else" is unknown. ${LIST}`],
  [['9000'], '"9000" is not an option. Options go behind two dashes: npm start -- --port 8788'],
  [
    ['/etc/berth/berth.toml'],
    '"/etc/berth/berth.toml" is not an option. A file of settings is given by one: --config "/etc/berth/berth.toml"',
  ],
  [['--', 'x'], '"x" is not an option. Options go behind two dashes: npm start -- --port 8788'],
  [['--port', '9000', 'x'], `"x" belongs to no option. ${LIST}`],
  [['--events', 'on'], '"on" belongs to no option. Write --events=on, as one word.'],
  [['--port'], '--port needs a value, for example: npm start -- --port 8788'],
  [['--port='], '--port needs a value, for example: npm start -- --port 8788'],
  [['--host', '--port', '1'], '--host needs a value, for example: npm start -- --host 127.0.0.1'],
  [
    ['--storage', 's3'],
    '--storage must be one of filesystem, r2 (given: "s3"). For example: npm start -- --storage r2',
  ],
  [['--policy'], '--policy needs a value, for example: npm start -- --policy /etc/berth/policy.json'],
  [['--storage'], '--storage needs a value, for example: npm start -- --storage r2'],
  [['--htpasswd'], '--htpasswd needs a value, for example: npm start -- --htpasswd /etc/berth/htpasswd'],
  [
    ['--token-server='],
    '--token-server needs a value, for example: npm start -- --token-server /etc/berth/token-server.json',
  ],
  [['--no-sync=1'], '--no-sync takes no value: npm start -- --no-sync'],
  [['--version=yes'], '--version takes no value: npm start -- --version'],
  ...['65536', '-1', '1.5', '0x10', '80a', '123456'].map((port): [string[], string] => [
    [`--port=${port}`],
    `--port must be a whole number from 0 to 65535 (given: "${port}"). For example: npm start -- --port 8788`,
  ]),
  ...['example.org', '1.2.3', '*', 'fe80::1%eth0', '127.0.0.1:80', ' '].map((host): [string[], string] => [
    ['--host', host],
    `--host must be an IP address, or localhost (given: "${host}"). For example: npm start -- --host 127.0.0.1`,
  ]),
])('%j is one line that says what to type', (words, message) => {
  expect(refusals(words)).toEqual([message]);
});

test('a secret is no flag, and is not shown', () => {
  expect(refusals(['--admin-password', 'hunter2'])).toEqual([
    '--admin-password is no option, since everyone on this machine can list what a process was started with. Put it into a file, and give that: --admin-password-file F. Or set BERTH_ADMIN_PASSWORD.',
  ]);
});
