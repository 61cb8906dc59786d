/** What `npm start` prints, at a terminal and elsewhere. */
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { painter, parseLogLine, readableLine } from '../../../standalone/log-lines.ts';
import { Peers } from '../../../standalone/peers.ts';
import { Terminal } from '../../../standalone/terminal.ts';

const TIME = /^\d\d:\d\d:\d\d /;

interface Setup {
  readonly isTTY?: boolean;
  readonly environment?: Record<string, string>;
}

function setup({ isTTY = false, environment = {} }: Setup = {}): {
  terminal: Terminal;
  printed: () => { out: string; errors: string };
} {
  const out = Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY });
  const errors = new PassThrough({ encoding: 'utf8' });
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return {
    terminal: new Terminal(out, errors, environment),
    printed: () => ({ out: text(out), errors: text(errors) }),
  };
}

function line(fields: Record<string, unknown>): string {
  return JSON.stringify({ time: '2026-11-24T12:00:00.000Z', level: 'info', ...fields });
}

const REQUEST = line({
  event: 'request',
  id: 'an-id',
  method: 'PUT',
  route: 'manifest',
  repository: 'library/alpine',
  reference: '3.20',
  status: 201,
  received: 528,
  durationMs: 7,
  connection: 40_000,
  target: '/v2/library/alpine/manifests/3.20',
  userAgent: 'docker/27.1',
  principal: 'user:ann',
});
const READABLE = 'PUT    201 528 bytes     7 ms  ann  library/alpine:3.20 pushed';

test.each([
  [line({ event: 'upload expired', upload: 'u', parts: 3 }), 'upload expired upload=u parts=3'],
  [line({ event: 'failed', message: 'why', level: 'warn' }), 'Warning: failed why'],
  [line({ event: 'failed', level: 'error' }), 'Error: failed'],
  [line({ event: 'odd', error: '\u001b]0;x\u0007\n\u202e' }), 'odd error=\\x1b]0;x\\x07\\x0a\\u202e'],
])('%s reads %s', (text, readable) => {
  const parsed = parseLogLine(text);
  if (parsed === undefined) throw new Error('not a log line');
  const shown = readableLine(parsed, painter(false));
  expect(shown).toMatch(TIME);
  expect(shown.replace(TIME, '')).toBe(readable);
});

test.each(['', 'text', '{', '{}', '[1]', '{"time":"t","level":"loud","event":"e"}', '{"level":"info","event":"e"}'])(
  '%j is no log line',
  (text) => {
    expect(parseLogLine(text)).toBeUndefined();
  },
);

test('elsewhere the log lines of the Worker pass untouched, on whichever stream they come', () => {
  const { terminal, printed } = setup();
  const failure = line({ event: 'request', level: 'error', status: 500 });
  const peers = new Peers();
  peers.add(40_000, '::ffff:192.0.2.7');
  terminal.knowPeers(peers);
  terminal.workerdLine(REQUEST, 'stdout');
  terminal.workerdLine(failure, 'stderr');
  const told = REQUEST.replace('"connection":40000', '"address":"192.0.2.7"');
  expect(printed()).toEqual({ out: `${told}\n${failure}\n`, errors: '' });
});

test('a client that names a connection in its own words gives no other address to its line', () => {
  const { terminal, printed } = setup();
  const peers = new Peers();
  peers.add(1, '192.0.2.1');
  terminal.knowPeers(peers);
  const forged = line({ event: 'request', userAgent: ',"connection":1}', route: 'a' });
  terminal.workerdLine(forged, 'stdout');
  expect(printed().out).toBe(`${forged}\n`);
});

describe('of an access log', () => {
  const combined = (quiet = false, isTTY = false): ReturnType<typeof setup> => {
    const made = setup({ isTTY });
    made.terminal.configure({ format: 'combined', quiet });
    return made;
  };

  test('stdout has requests alone, and stderr what the program says', () => {
    const { terminal, printed } = combined();
    terminal.notice({ level: 'info', event: 'serving', message: 'It serves.' });
    terminal.workerdLine(REQUEST, 'stdout');
    terminal.workerdLine(line({ event: 'audit', action: 'deleted' }), 'stdout');
    terminal.workerdLine('some words', 'stdout');
    const { out, errors } = printed();
    expect(out).toMatch(
      /^- - ann \[\d\d\/Nov\/2026:[^\]]+\] "PUT \/v2\/library\/alpine\/manifests\/3.20 HTTP\/1.1" 201 - "-" "docker\/27.1"\n$/,
    );
    expect(
      errors
        .trimEnd()
        .split('\n')
        .map((text) => parseLogLine(text)?.event),
    ).toEqual(['serving', 'audit', 'workerd-output']);
  });

  test('a terminal gets the same lines', () => {
    const { terminal, printed } = combined(false, true);
    terminal.workerdLine(REQUEST, 'stdout');
    expect(printed().out).toMatch(/^- - ann \[/);
  });
});

describe('when it is to be quiet', () => {
  test.each(['pretty', 'json', 'combined'] as const)(
    'in %s nothing is said but what went wrong, and where it serves',
    (format) => {
      const { terminal, printed } = setup();
      terminal.configure({ format, quiet: true });
      terminal.notice({ level: 'info', event: 'building', message: 'Building' });
      terminal.notice({ level: 'info', event: 'serving', message: 'Serves', hints: ['Push something'], isFirst: true });
      terminal.workerdLine(REQUEST, 'stdout');
      terminal.workerdLine('words', 'stdout');
      terminal.workerdLine(line({ event: 'task failed', level: 'warn' }), 'stderr');
      terminal.workerdLine(REQUEST.replace('"info"', '"error"').replace('201', '500'), 'stderr');
      const { out, errors } = printed();
      const lines = `${out}${errors}`.trimEnd().split('\n');
      expect(lines).toHaveLength(3);
      for (const word of ['Serves', 'task failed', '500']) expect(lines.join('\n')).toContain(word);
    },
  );
});

test('readable lines go to a file too, where that is asked for, without colour and whole', () => {
  const { terminal, printed } = setup();
  terminal.configure({ format: 'pretty', quiet: false });
  terminal.workerdLine(REQUEST, 'stdout');
  expect(printed().out.replace(TIME, '')).toBe(`${READABLE}\n`);
});

test('JSON goes to a terminal too, where that is asked for', () => {
  const { terminal, printed } = setup({ isTTY: true });
  terminal.configure({ format: 'json', quiet: false });
  terminal.workerdLine(REQUEST, 'stdout');
  expect(parseLogLine(printed().out.trimEnd())?.event).toBe('request');
});

test('elsewhere all else that workerd prints is put into JSON', () => {
  const { terminal, printed } = setup();
  terminal.workerdLine('some words', 'stdout');
  terminal.workerdLine('some failure', 'stderr');
  const lines = printed()
    .out.trimEnd()
    .split('\n')
    .map((text) => parseLogLine(text));
  expect(lines).toEqual([
    expect.objectContaining({ level: 'info', event: 'workerd-output', message: 'some words' }),
    expect.objectContaining({ level: 'error', event: 'workerd-output', message: 'some failure' }),
  ]);
});

test('what workerd calls a warning is one, and no error that raises an alarm', () => {
  const { terminal, printed } = setup();
  const levels = [
    'workerd/util/sqlite.c++:123: warning: something slow',
    'workerd/server/server.c++:9: error: something broken',
    'kj/async-io.c++:7: info: something seen',
  ];
  for (const text of levels) terminal.workerdLine(text, 'stderr');
  const lines = printed().out.trimEnd().split('\n');
  expect(lines.map((text) => parseLogLine(text)?.level)).toEqual(['warn', 'error', 'info']);
});

test('an alarm that is late and runs all the same is not worth a word', () => {
  const { terminal, printed } = setup();
  terminal.workerdLine(
    'workerd/io/actor-sqlite.c++:404: warning: NOSENTRY SQLite alarm overdue, running despite AlarmManager mismatch; scheduledTime = 2026-11-28 01:02:03 UTC',
    'stderr',
  );
  expect(printed()).toEqual({ out: '', errors: '' });
});

test.each([true, false])('the addresses of stack frames inside workerd are left out (terminal: %s)', (isTTY) => {
  const { terminal, printed } = setup({ isTTY });
  terminal.workerdLine('stack: /a/workerd@2fd5290 /a/workerd@2fd5f2c', 'stderr');
  expect(printed()).toEqual({ out: '', errors: '' });
});

test('at a terminal log lines are readable and coloured, and uncoloured with NO_COLOR', () => {
  const coloured = setup({ isTTY: true });
  coloured.terminal.workerdLine(REQUEST, 'stdout');
  expect(coloured.printed().out).toContain('PUT    \u001b[32m201\u001b[39m');
  const plain = setup({ isTTY: true, environment: { NO_COLOR: '1' } });
  plain.terminal.workerdLine(REQUEST, 'stdout');
  expect(plain.printed().out.replace(TIME, '')).toBe(`${READABLE}\n`);
});

test('at a terminal a notice is its message and its hints, and a warning goes to stderr', () => {
  const { terminal, printed } = setup({ isTTY: true });
  terminal.notice({ level: 'info', event: 'serving', message: 'It serves.', hints: ['Do this.'] });
  terminal.notice({ level: 'warn', event: 'exposed', message: 'anyone may come in' });
  expect(printed()).toEqual({ out: 'It serves.\nDo this.\n', errors: 'Warning: anyone may come in\n' });
});

test('elsewhere a notice is one JSON object with its fields', () => {
  const { terminal, printed } = setup();
  terminal.notice({ level: 'info', event: 'serving', message: 'It serves.', fields: { pid: 1 }, hints: ['Do this.'] });
  expect(parseLogLine(printed().out)).toMatchObject({
    level: 'info',
    event: 'serving',
    message: 'It serves.',
    pid: 1,
  });
});

test('a reader that has gone away is no reason to fail', () => {
  const out = new PassThrough();
  const terminal = new Terminal(out, new PassThrough(), {});
  out.destroy(new Error('EPIPE'));
  expect(() => {
    terminal.plain('words');
  }).not.toThrow();
});
