/** What `npm start` says once it serves: it names no command that would be refused. */
import { hostname } from 'node:os';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { announce, type Serving } from '../../../standalone/banner.ts';
import { parseLogLine } from '../../../standalone/log-lines.ts';
import { Terminal } from '../../../standalone/terminal.ts';

type Anonymous = Serving['access']['anonymous'];

function said(
  host: string,
  anonymous: Anonymous,
  openLoopback = false,
  isTTY = true,
  given: Serving['access']['policy'] | 'by-token' = { kind: 'setting', anonymous },
  asksWho = false,
  scheme: 'http' | 'https' = 'http',
  doubts: Serving['doubts'] = [],
): string[] {
  const policy = given === 'by-token' ? undefined : given;
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:8787`;
  announce(
    {
      version: '1.2.3',
      url,
      host,
      data: '/srv/berth',
      workerdPid: 7,
      access: {
        anonymous,
        openLoopback,
        trustedProxy: false,
        directClients: false,
        proxySecrets: [],
        readOnly: false,
        policy,
        hasTokenServer: policy === undefined,
        hasPeople: false,
        asksWho,
      },
      doubts,
    },
    {},
    // Both streams into one, in the order of writing.
    new Terminal(out, out, { NO_COLOR: '1' }),
  );
  return String(out.read()).trimEnd().split('\n');
}

test('on an open loopback it says how to push, and to whom the registry is open', () => {
  expect(said('127.0.0.1', 'none', true)).toEqual([
    'Berth 1.2.3 serves http://127.0.0.1:8787 and keeps its data in /srv/berth',
    'Push something:',
    '  docker pull alpine',
    '  docker tag alpine 127.0.0.1:8787/alpine',
    '  docker push 127.0.0.1:8787/alpine',
    'Open to this machine only. Do not let a tunnel or proxy forward to this port: whoever comes through is let in.',
  ]);
});

test('where there are accounts it says how to sign in, and neither that it is open nor how to push', () => {
  expect(said('127.0.0.1', 'none', true, true, undefined, true)).toEqual([
    'Berth 1.2.3 serves http://127.0.0.1:8787 and keeps its data in /srv/berth',
    'The policy says who may do what. Sign in:',
    '  docker login 127.0.0.1:8787',
  ]);
  expect(said('0.0.0.0', 'read', false, true, undefined, true).at(-1)).toBe(
    'Warning: unless the admin API was given a policy, anyone who reaches this address may pull everything, since BERTH_ANONYMOUS is read.',
  );
});

test('where tokens come from another server it says who decides, and how to sign in', () => {
  expect(said('127.0.0.1', 'none', false, true, 'by-token')).toEqual([
    'Berth 1.2.3 serves http://127.0.0.1:8787 and keeps its data in /srv/berth',
    'The token server says who may do what. Sign in:',
    '  docker login 127.0.0.1:8787',
  ]);
});

test('an IPv6 address, which many clients do not take, is not put into a command', () => {
  expect(said('::1', 'none', true)).toContain('  docker push localhost:8787/alpine');
  expect(said('fd00::2', 'read-write')).toContain(`  docker push ${hostname()}:8787/alpine`);
  expect(said('fd00::2', 'read-write')).toContain(
    `${hostname()} has to lead to fd00::2: many clients take no IPv6 address in the name of an image.`,
  );
});

test.each(['127.0.0.1', '0.0.0.0'])('where %s is closed it says so and names no command', (host) => {
  const lines = said(host, 'none');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(/^Warning: every request is refused, unless /);
});

test('where everyone may pull it says how to pull and not how to push', () => {
  const text = said('0.0.0.0', 'read').join('\n');
  expect(text).toContain(`  docker pull ${hostname()}:8787/NAME`);
  expect(text).toContain('"insecure-registries"');
  expect(text).not.toMatch(/docker push|Push something/);
  expect(text).toContain('Warning: anyone who reaches this address may pull everything');
});

test('on a network address where everyone may push it says how, by that address', () => {
  const text = said('192.168.1.7', 'read-write').join('\n');
  expect(text).toContain('  docker push 192.168.1.7:8787/alpine');
  expect(text).not.toContain('Open to this machine only');
});

test('away from a terminal all of it is JSON, the warning too', () => {
  const lines = said('127.0.0.1', 'none', false, false).map((line) => parseLogLine(line));
  expect(lines).toEqual([
    expect.objectContaining({ level: 'info', event: 'serving', url: 'http://127.0.0.1:8787', data: '/srv/berth' }),
    expect.objectContaining({ level: 'warn', event: 'closed', url: 'http://127.0.0.1:8787' }),
  ]);
});

test('where a policy decides it says how to sign in, and promises nothing', () => {
  const text = said('127.0.0.1', 'none', true, true, { kind: 'document', rules: [] }).join('\n');
  expect(text).toContain('  docker login 127.0.0.1:8787');
  expect(text).not.toMatch(/docker push|Open to this machine only|Closed/);
});

test('of a port that speaks TLS it says whom clients have to trust, and not that they want TLS', () => {
  const lines = said('0.0.0.0', 'read', false, true, undefined, false, 'https');
  expect(lines[0]).toContain(' serves https://0.0.0.0:8787 ');
  expect(lines).toContain('Clients have to trust the authority of its certificate: docs/deploy.md');
  expect(lines.join(' ')).not.toContain('insecure-registries');
});

test('what is doubtful in the settings is a warning, behind what is said of who may come in', () => {
  const doubts = [{ event: 'events-off', message: 'the endpoints are told of nothing' }] as const;
  const lines = said('127.0.0.1', 'none', true, false, undefined, false, 'http', doubts).map((line) =>
    parseLogLine(line),
  );
  expect(lines.at(-1)).toMatchObject({ level: 'warn', event: 'events-off' });
});
