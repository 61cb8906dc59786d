/** The options of `npm start -- …`. */
import { expect, test } from 'vitest';
import { HELP, parseArguments } from '../../../standalone/arguments.ts';

const DEFAULTS = {
  kind: 'serve',
  port: 8787,
  host: '127.0.0.1',
  data: '.berth',
  storage: 'filesystem',
  sync: true,
  policy: undefined,
  htpasswd: undefined,
  tokenServer: undefined,
  trusts: undefined,
  endpoints: undefined,
};

test.each([
  [[], DEFAULTS],
  [['--port', '5000'], { ...DEFAULTS, port: 5000 }],
  [['--port=0'], { ...DEFAULTS, port: 0 }],
  [['--port', '65535'], { ...DEFAULTS, port: 65_535 }],
  [['--port', '1', '--port', '2'], { ...DEFAULTS, port: 2 }],
  [['--host', '0.0.0.0'], { ...DEFAULTS, host: '0.0.0.0' }],
  [['--host', 'localhost'], DEFAULTS],
  [['--host', '[::1]'], { ...DEFAULTS, host: '::1' }],
  [['--host', '::'], { ...DEFAULTS, host: '::' }],
  [['--data', 'somewhere/else'], { ...DEFAULTS, data: 'somewhere/else' }],
  [['--data=-odd'], { ...DEFAULTS, data: '-odd' }],
  [['--storage', 'r2'], { ...DEFAULTS, storage: 'r2' }],
  [['--policy', 'access.json'], { ...DEFAULTS, policy: 'access.json' }],
  [['--htpasswd', 'people'], { ...DEFAULTS, htpasswd: 'people' }],
  [['--token-server', 'server.json'], { ...DEFAULTS, tokenServer: 'server.json' }],
  [['--trusts', 'issuers.json'], { ...DEFAULTS, trusts: 'issuers.json' }],
  [['--endpoints', 'hooks.json'], { ...DEFAULTS, endpoints: 'hooks.json' }],
  [['--no-sync'], { ...DEFAULTS, sync: false }],
  [['--help'], { kind: 'help' }],
  [['-h'], { kind: 'help' }],
  [['--port', '1', '--version'], { kind: 'version' }],
])('%j means %j', (words, command) => {
  expect(parseArguments(words)).toEqual(command);
});

test.each([
  [['--prot', '1'], '"--prot" is unknown. npm start -- --help lists the options.'],
  [['-p', '1'], '"-p" is unknown. npm start -- --help lists the options.'],
  [['9000'], '"9000" is not an option. Options go behind two dashes: npm start -- --port 8788'],
  [['--', 'x'], '"x" is not an option. Options go behind two dashes: npm start -- --port 8788'],
  [['--port', '9000', 'x'], '"x" belongs to no option. npm start -- --help lists the options.'],
  [['--port'], '--port needs a value, for example: npm start -- --port 8788'],
  [['--port='], '--port needs a value, for example: npm start -- --port 8788'],
  [['--host', '--port', '1'], '--host needs a value, for example: npm start -- --host 127.0.0.1'],
  [['--storage', 's3'], '--storage "s3" is unknown. Give one of filesystem and r2.'],
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
    `--port "${port}" is not a port. Give a whole number from 0 to 65535, for example: npm start -- --port 8788`,
  ]),
  ...['example.org', '1.2.3', '*', 'fe80::1%eth0', '127.0.0.1:80', ' '].map((host): [string[], string] => [
    ['--host', host],
    `--host "${host}" is not an IP address. Give one, or localhost, for example: npm start -- --host 127.0.0.1`,
  ]),
])('%j is one line that says what to type', (words, message) => {
  expect(parseArguments(words)).toEqual({ kind: 'mistake', message });
});

test('the help names every option with its default', () => {
  for (const words of [
    '--port N',
    '(8787)',
    '--host H',
    '(127.0.0.1)',
    '--data DIR',
    '(.berth)',
    '--storage S',
    '--policy F',
    '--token-server F',
    '--endpoints F',
    '--no-sync',
    '--version',
    '--help, -h',
    'BERTH_ANONYMOUS=read',
  ])
    expect(HELP).toContain(words);
});
