/** What `npm start` prints, at a terminal and elsewhere. */
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { parseLogLine, readableBytes, readableLine } from '../../../standalone/log-lines.ts';
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
  bytes: 528,
  durationMs: 7,
  objectCalls: 2,
  storeOperations: 1,
});

test.each([
  [REQUEST, '201 PUT    manifest library/alpine:3.20  7 ms  528 B  (2 object calls, 1 store operation)'],
  [
    line({
      event: 'request',
      id: 'i',
      method: 'GET',
      route: 'blob',
      repository: 'a',
      reference: 'sha256:ab',
      status: 200,
      bytes: 3_200_000,
      durationMs: 31,
      objectCalls: 1,
      storeOperations: 0,
    }),
    '200 GET    blob a@sha256:ab  31 ms  3.2 MB  (1 object call)',
  ],
  [
    line({
      event: 'request',
      id: 'i',
      method: 'GET',
      route: 'base',
      status: 401,
      error: 'UNAUTHORIZED',
      durationMs: 1,
    }),
    '401 GET    UNAUTHORIZED base  1 ms',
  ],
  [
    line({
      event: 'request',
      id: 'i',
      method: 'GET',
      route: 'base',
      status: 401,
      error: 'UNAUTHORIZED',
      notLocal: 'x-forwarded*',
      durationMs: 1,
    }),
    '401 GET    UNAUTHORIZED base  1 ms  not local: x-forwarded*',
  ],
  [
    line({
      event: 'request',
      level: 'error',
      id: 'the-id',
      method: 'HEAD',
      route: 'tags',
      repository: 'a',
      status: 500,
      durationMs: 2,
    }),
    '500 HEAD   tags a  2 ms  the-id',
  ],
  [line({ event: 'upload expired', upload: 'u', parts: 3 }), 'upload expired upload=u parts=3'],
  [line({ event: 'failed', message: 'why' }), 'failed why'],
])('%s reads %s', (text, readable) => {
  const parsed = parseLogLine(text);
  if (parsed === undefined) throw new Error('not a log line');
  const shown = readableLine(parsed, false);
  expect(shown).toMatch(TIME);
  expect(shown.replace(TIME, '')).toBe(readable);
});

test.each(['', 'text', '{', '{}', '[1]', '{"time":"t","level":"loud","event":"e"}', '{"level":"info","event":"e"}'])(
  '%j is no log line',
  (text) => {
    expect(parseLogLine(text)).toBeUndefined();
  },
);

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1_000, '1.0 KB'],
  [4_294_967_296, '4.3 GB'],
])('%d bytes read %s', (bytes, readable) => {
  expect(readableBytes(bytes)).toBe(readable);
});

test('elsewhere the log lines of the Worker pass untouched, on whichever stream they come', () => {
  const { terminal, printed } = setup();
  const failure = line({ event: 'request', level: 'error', status: 500 });
  terminal.workerdLine(REQUEST, 'stdout');
  terminal.workerdLine(failure, 'stderr');
  expect(printed()).toEqual({ out: `${REQUEST}\n${failure}\n`, errors: '' });
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

test.each([true, false])('the addresses of stack frames inside workerd are left out (terminal: %s)', (isTTY) => {
  const { terminal, printed } = setup({ isTTY });
  terminal.workerdLine('stack: /a/workerd@2fd5290 /a/workerd@2fd5f2c', 'stderr');
  expect(printed()).toEqual({ out: '', errors: '' });
});

test('at a terminal log lines are readable and coloured, and uncoloured with NO_COLOR', () => {
  const coloured = setup({ isTTY: true });
  coloured.terminal.workerdLine(REQUEST, 'stdout');
  expect(coloured.printed().out).toContain('\u001b[32m201\u001b[39m PUT');
  const plain = setup({ isTTY: true, environment: { NO_COLOR: '1' } });
  plain.terminal.workerdLine(REQUEST, 'stdout');
  expect(plain.printed().out.replace(TIME, '')).toBe(
    '201 PUT    manifest library/alpine:3.20  7 ms  528 B  (2 object calls, 1 store operation)\n',
  );
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
