/** The words of `npx berth proxy …`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HELP, parseArguments } from '../../../../tools/proxy/arguments.ts';

const REGISTRY = 'https://r.example';
const MIB = 1024 * 1024;
const DEFAULTS = {
  kind: 'proxy',
  upstream: new URL(REGISTRY),
  port: 5050,
  host: '127.0.0.1',
  isOpen: false,
  chunkBytes: 8 * MIB,
  ca: undefined,
  isVerbose: false,
};

test.each([
  [[REGISTRY], DEFAULTS],
  [[`${REGISTRY}/`], DEFAULTS],
  [['http://127.0.0.1:8787'], { ...DEFAULTS, upstream: new URL('http://127.0.0.1:8787') }],
  [['--port', '0', REGISTRY], { ...DEFAULTS, port: 0 }],
  [[REGISTRY, '--port=5000'], { ...DEFAULTS, port: 5_000 }],
  [[REGISTRY, '--host', '[::1]'], { ...DEFAULTS, host: '::1' }],
  [[REGISTRY, '--host', 'localhost'], DEFAULTS],
  [[REGISTRY, '--host', '0.0.0.0', '--open'], { ...DEFAULTS, host: '0.0.0.0', isOpen: true }],
  [[REGISTRY, '--open'], { ...DEFAULTS, isOpen: true }],
  [[REGISTRY, '--chunk-size', '90MiB'], { ...DEFAULTS, chunkBytes: 94_371_840 }],
  [[REGISTRY, '--chunk-size', '50MB'], { ...DEFAULTS, chunkBytes: 50_000_000 }],
  [[REGISTRY, '--ca', 'ca.pem', '--verbose'], { ...DEFAULTS, ca: 'ca.pem', isVerbose: true }],
  [['--help', 'anything'], { kind: 'help' }],
  [['-h'], { kind: 'help' }],
  [['--version'], { kind: 'version' }],
])('%j is understood', (words, command) => {
  expect(parseArguments(words)).toEqual(command);
});

test.each([
  [[], 'Which registry? Type its address: npx berth proxy https://registry.example'],
  [['r.example:5000'], 'r.example:5000 needs its scheme in front: npx berth proxy https://r.example:5000'],
  [['localhost'], 'localhost needs its scheme in front: npx berth proxy https://localhost'],
  [['ftp://r.example'], "A registry's address begins with https:// (or http://)"],
  [['https://'], 'That is no address of a registry.'],
  [['https://r.example/v2/'], 'leave out what follows it: npx berth proxy https://r.example'],
  [['https://r.example?x'], 'leave out what follows it: npx berth proxy https://r.example'],
  [[REGISTRY, 'https://s.example'], 'One registry at a time.'],
  [[REGISTRY, '--prot', '1'], '"--prot" is unknown. npx berth proxy --help lists the options.'],
  [[REGISTRY, '--port'], '--port needs a value, for example: npx berth proxy https://registry.example --port 5051'],
  [[REGISTRY, '--port', '65536'], '--port "65536" is not a port.'],
  [[REGISTRY, '--host', 'r.example'], '--host "r.example" is not an IP address.'],
  [[REGISTRY, '--host', '0.0.0.0'], 'Add --open if you mean that.'],
  [[REGISTRY, '--host', '192.168.0.1'], 'Add --open if you mean that.'],
  [[REGISTRY, '--open=yes'], '--open takes no value'],
  ...['16', '0MiB', '91MiB', '100MB', '1.5MiB', '16GB', 'MiB'].map((size): [string[], string] => [
    [REGISTRY, `--chunk-size=${size}`],
    `--chunk-size "${size}" will not do. Give 1MiB to 90MiB`,
  ]),
])('%j is one line that says what to type', (words, message) => {
  const command = parseArguments(words);
  expect(command).toEqual({ kind: 'mistake', message: expect.stringContaining(message) as unknown });
  expect(JSON.stringify(command)).not.toContain('\\n');
});

test.each(['https://me:secret@r.example', 'me:secret@r.example', 'https://secret@[broken'])(
  'a password in the address is not repeated: %s',
  (address) => {
    const command = parseArguments([address]);
    expect(command.kind).toBe('mistake');
    expect(JSON.stringify(command)).not.toContain('secret');
  },
);

test('the help and docs/proxy.md name every option with its default, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../docs/proxy.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(--[a-z-]+)(?: [A-Z]+)?`(?:, `(--help)`)? \|([^|]*)\|/gm)];
  const listed = rows.flatMap(([, name, other]) => [name, other]).filter((name) => name !== undefined);
  expect(listed.sort()).toEqual([...HELP.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name]) => name).sort());
  for (const [, name = '', , standard = ''] of rows)
    if (/^ \d/.test(standard)) expect(HELP, name).toMatch(new RegExp(`${name} [A-Z].*\\(${standard.trim()}\\)`));
});
