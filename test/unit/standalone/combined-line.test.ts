/**
 * Combined Log Format, byte for byte: what Apache 2.4.71 wrote for the same bytes, and what reads such lines.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combinedLine, escaped } from '../../../standalone/combined-line.ts';
import type { RequestLine } from '../../../standalone/request-line.ts';

function request(fields: Partial<RequestLine>): RequestLine {
  return {
    time: '2026-11-28T19:09:48.120Z',
    method: 'GET',
    route: 'base',
    status: 200,
    durationMs: 7,
    id: '',
    repository: '',
    reference: '',
    digest: '',
    bytes: 5,
    principal: '',
    address: '127.0.0.1',
    target: '/a',
    ...fields,
  };
}

const utc = (): number => 0;

/** COMBINEDAPACHELOG of Logstash's patterns (logstash-plugins/logstash-patterns-core, legacy httpd), written out. */
const COMBINED =
  /^(\S+) (\S+) (\S+) \[(\d{2}\/[A-Z][a-z]{2}\/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "(?:(\w+) (\S+)(?: HTTP\/(\d(?:\.\d)?))?|(.*?))" (\d{3}) (?:(\d+)|-) ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")$/;

describe('an access line', () => {
  it.each([
    [
      { referer: 'http://x/y', userAgent: 'docker/27.1 go/1.22' },
      '127.0.0.1 - - [28/Nov/2026:19:09:48 +0000] "GET /a HTTP/1.1" 200 5 "http://x/y" "docker/27.1 go/1.22"',
    ],
    [{ method: 'HEAD' }, '127.0.0.1 - - [28/Nov/2026:19:09:48 +0000] "HEAD /a HTTP/1.1" 200 - "-" "-"'],
    [
      { target: '/a?digest=sha256:ab&"x', userAgent: 'a"b\\c é \t z' },
      '127.0.0.1 - - [28/Nov/2026:19:09:48 +0000] "GET /a?digest=sha256:ab&\\"x HTTP/1.1" 200 5 "-" "a\\"b\\\\c \\xc3\\xa9 \\t z"',
    ],
    [{ referer: '', userAgent: '' }, '127.0.0.1 - - [28/Nov/2026:19:09:48 +0000] "GET /a HTTP/1.1" 200 5 "" ""'],
    [
      { target: '/v2/nope', status: 404, bytes: 236, userAgent: 'x' },
      '127.0.0.1 - - [28/Nov/2026:19:09:48 +0000] "GET /v2/nope HTTP/1.1" 404 236 "-" "x"',
    ],
  ])('is what Apache writes: %j', (fields, line) => {
    expect(combinedLine(request(fields), utc)).toBe(line);
  });

  it.each([
    ['user:ann', 'ann'],
    ['robot:ci', 'robot:ci'],
    ['outside:Zoë W "x"', 'outside:Zo\\xc3\\xab\\x20W\\x20\\"x\\"'],
    ['anonymous', '-'],
    ['local', '-'],
    ['', '-'],
  ])('names %s as %s', (principal, user) => {
    expect(combinedLine(request({ principal }), utc)).toContain(`127.0.0.1 - ${user} [28/`);
  });

  it.each([
    [330, '29/Nov/2026:00:39:48 +0530'],
    [-210, '28/Nov/2026:15:39:48 -0330'],
  ])('tells local time, %d minutes from UTC', (offset, time) => {
    expect(combinedLine(request({}), () => offset)).toContain(`[${time}]`);
  });

  it.each<[Partial<RequestLine>, string]>([
    [{ bytes: 0 }, '-'],
    [{ status: 304, bytes: 12 }, '-'],
    [{ status: 206, bytes: 12 }, '12'],
  ])('says how many bytes the answer has: %j', (fields, bytes) => {
    expect(combinedLine(request(fields), utc)).toMatch(new RegExp(`" ${String(fields.status ?? 200)} ${bytes} "`));
  });

  it('says of an unknown address nothing', () => {
    const { address: _, ...nowhere } = request({});
    expect(combinedLine(nowhere, utc)).toMatch(/^- - - \[/);
  });

  it('is read by every parser, whatever a client sent', () => {
    const text = fc.string({
      unit: fc.constantFrom('"', '\\', ' ', '\n', '\u001b', '\u009b', 'é', '€', 'a', '[', ']', '-'),
    });
    fc.assert(
      fc.property(text, text, text, text, (principal, target, referer, userAgent) => {
        const line = combinedLine(request({ principal, target: target.replaceAll(' ', ''), referer, userAgent }), utc);
        expect(line).toMatch(/^[\x20-\x7e]+$/);
        const read = COMBINED.exec(line);
        expect(read?.[9]).toBe('200');
        expect(read?.[12]).toBe(`"${escaped(userAgent)}"`);
      }),
    );
  });
});

/** The whole of what Apache's ap_escape_logitem does to one byte, as recorded from 2.4.71. */
it.each([
  ['\b\n\r\t\v', '\\b\\n\\r\\t\\v'],
  ['\f\0\u001b\u007f', '\\x0c\\x00\\x1b\\x7f'],
  ['"\\', '\\"\\\\'],
  ['\u0080\u00ff', '\\xc2\\x80\\xc3\\xbf'],
])('%j is escaped as Apache does it', (text, written) => {
  expect(escaped(text)).toBe(written);
});
