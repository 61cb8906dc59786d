/** The words of `npm run doctor`, where its password comes from, and how a check is told. */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { HELP, parseArguments } from '../../../../tools/doctor/arguments.ts';
import { CHECKS } from '../../../../tools/doctor/examination.ts';
import { readPassword } from '../../../../tools/doctor/password.ts';
import { describeCheck, describeEnd, reportOf } from '../../../../tools/doctor/report.ts';
import { failed, ok, skipped } from '../../../../tools/doctor/verdict.ts';

describe('the address', () => {
  it.each([
    [[], 'http://127.0.0.1:8787'],
    [['registry.example'], 'https://registry.example'],
    [['registry.example:5000'], 'https://registry.example:5000'],
    [['localhost:5000'], 'http://localhost:5000'],
    [['[::1]:5000'], 'http://[::1]:5000'],
    [['http://registry.example/'], 'http://registry.example'],
  ])('of %j is %s', (words, origin) => {
    const command = parseArguments(words);
    expect(command.kind === 'examine' && command.options.url.origin).toBe(origin);
  });
});

it.each([
  [['--user', 'ann'], '"--user" is unknown. npm run doctor -- --help lists the options.'],
  [['--username'], '--username needs a value, for example: npm run doctor -- --username ann'],
  [
    ['--username', 'ann:secret'],
    '--username must not hold a colon: give the name alone, and the password in BERTH_PASSWORD.',
  ],
  [['--repository', 'Team'], '--repository "Team" is no name of a repository, such as team/doctor.'],
  [['--cert', 'client.pem'], '--cert and --key go together: give both.'],
  [['--key', 'client-key.pem'], '--cert and --key go together: give both.'],
  [['--quick=yes'], '--quick takes no value.'],
  [['a.example', 'b.example'], '"b.example" is one address too many. npm run doctor -- --help lists the options.'],
  [['ftp://a.example'], '"ftp://a.example" is no address of a registry, such as https://registry.example.'],
  [
    ['https://a.example/v2/'],
    'The address is the registry alone, https://a.example: a repository is named by --repository team/doctor.',
  ],
])('%j is told in one line', (words, message) => {
  expect(parseArguments(words)).toEqual({ kind: 'mistake', message });
});

it('a certificate and its key are two files', () => {
  const command = parseArguments(['--cert', 'client.pem', '--key', 'client-key.pem']);
  const files = { cert: 'client.pem', key: 'client-key.pem' };
  expect(command).toMatchObject({ kind: 'examine', options: { certificateFiles: files } });
});

it('a password in the address is not repeated', () => {
  for (const address of ['https://ann:secret@a.example', 'ann:secret@a.example'])
    expect(JSON.stringify(parseArguments([address]))).not.toContain('secret');
});

it('help fits a terminal', () => {
  for (const line of HELP.split('\n')) expect(line.length).toBeLessThanOrEqual(90);
});

describe('the password', () => {
  const from = (text: string, environment: Record<string, string> = {}): Promise<string | undefined> => {
    const input = Object.assign(new PassThrough(), { isTTY: false });
    input.end(text);
    return readPassword('ann', environment, input, new PassThrough());
  };

  it('is that of the environment, or else the first line of stdin', async () => {
    expect(await from('other\n', { BERTH_PASSWORD: 'one' })).toBe('one');
    expect(await from('correct horse\nmore\n')).toBe('correct horse');
    expect(await from('correct horse')).toBe('correct horse');
    expect(await from('')).toBeUndefined();
  });
});

describe('a check', () => {
  it('is one line, with what to do', () => {
    const line = describeCheck({ check: 'tls', verdict: failed('it is bad', 'Mend it.'), durationMs: 12 }, false);
    expect(line).toBe('failed   tls            12 ms  it is bad. Mend it.');
    expect(describeCheck({ check: 'tls', verdict: ok('fine', 'But look.'), durationMs: 1 }, true)).toBe(
      '\u001b[32mok     \u001b[39m  tls             1 ms  fine. But look.',
    );
  });

  it('shows no bytes of a registry that a terminal obeys', () => {
    const verdict = skipped('\u001b[2J\u009b');
    expect(describeCheck({ check: 'push', verdict, durationMs: 1 }, false)).toContain('\\x1b[2J\\x9b');
  });
});

it('an examination is well when nothing failed, and says what was left out', () => {
  const checked = [
    { check: 'name', verdict: ok('fine'), durationMs: 1 },
    { check: 'push', verdict: skipped('why'), durationMs: 0 },
  ] as const;
  const place = { url: new URL('https://a.example'), startedAt: new Date(0), repository: 'r' };
  expect(describeEnd(checked)).toBe('All is well, as far as was looked: 1 check skipped.');
  expect(reportOf(place, checked)).toMatchObject({
    url: 'https://a.example',
    ok: true,
    checks: [{ check: 'name', status: 'ok', message: 'fine', durationMs: 1 }, { check: 'push' }],
  });
  const bad = { check: 'tls', verdict: failed('bad', 'Do.'), durationMs: 1 } as const;
  expect(describeEnd([...checked, bad])).toBe('1 check failed.');
  expect(reportOf(place, [bad]).ok).toBe(false);
});

it('no check has the name of another', () => {
  expect(new Set(CHECKS).size).toBe(CHECKS.length);
});
