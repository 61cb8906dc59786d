/** Which first bytes of a connection are a request that workerd can't serve, or reads otherwise than others. */
import { describe, expect, it } from 'vitest';
import { oddityOf } from '../../../standalone/odd-request.ts';

const asked = (host: string, rest = '\r\n'): Buffer =>
  Buffer.from(`GET /v2/ HTTP/1.1\r\nUser-Agent: x@y z\r\nhOST: ${host}\r\nAccept: */*\r\n${rest}`, 'latin1');

function posted(fields: readonly string[], { line = 'POST /v2/a/blobs/uploads/ HTTP/1.1', body = '' } = {}): Buffer {
  return Buffer.from([line, 'Host: localhost', ...fields, '', body].join('\r\n'), 'latin1');
}

describe('a Host', () => {
  it.each(['127.0.0.1', 'localhost:8787', '[::1]:80', 'registry_1.example', '', ' spaced.example \t'])(
    'that workerd can write (%s) passes',
    (host) => {
      expect(oddityOf(asked(host))).toBeUndefined();
    },
  );

  it.each(['a b', 'a\tb', 'a@b', 'a/b', 'a?b', 'a"b', '%41', '\u00e4', 'a\u0000b', '~', 'a,b'])(
    'that workerd can not write (%j) is odd',
    (host) => {
      expect(oddityOf(asked(host))).toContain('Host');
    },
  );

  it('that comes twice is odd, whatever it is', () => {
    expect(oddityOf(asked('localhost\r\nHost: localhost'))).toContain('twice');
  });

  it('of which only the beginning has come is not judged, and no more is what stands in a body', () => {
    expect(oddityOf(Buffer.from('GET / HTTP/1.1\r\nHost: a b'))).toBeUndefined();
    expect(oddityOf(asked('localhost', '\r\nPOST * HTTP/1.1\r\nHost: a b\r\n\r\n'))).toBeUndefined();
    expect(oddityOf(Buffer.from('no request at all'))).toBeUndefined();
  });
});

describe('a request', () => {
  it.each([
    [[]],
    [['Content-Length: 0']],
    [['content-length:\t 1234567890123456789 ', 'X-A: a: b', 'X-Empty:']],
    [['Transfer-Encoding: chunked']],
    [['transfer-encoding: CHUNKED', 'Trailer: x']],
  ])('with %j passes, and so does whatever stands in its body', (fields) => {
    expect(oddityOf(posted(fields, { body: '\rContent-Length: x\r\n a\r\n\r\n' }))).toBeUndefined();
    expect(oddityOf(Buffer.from(posted(fields).toString('latin1').replaceAll('\r\n', '\n'), 'latin1'))).toBeUndefined();
  });

  it.each([
    [['Content-Length: +5'], 'no number'],
    [['Content-Length: 0x5'], 'no number'],
    [['Content-Length: -1'], 'no number'],
    [['Content-Length: 5, 5'], 'no number'],
    [['Content-Length: '], 'no number'],
    [['Content-Length: 5', 'content-length: 5'], 'twice'],
    [['Transfer-Encoding: gzip, chunked'], 'chunked'],
    [['Transfer-Encoding: xchunked'], 'chunked'],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], 'twice'],
    [['Content-Length: 5', 'Transfer-Encoding: chunked'], 'both'],
    [['X-Berth-User : admin'], 'colon'],
    [['X-A: a', ' X-Berth-User: admin'], 'space'],
    [['User-Agent: a\rX-Berth-User: admin'], 'carriage return'],
  ])('with %j is odd', (fields, reason) => {
    expect(oddityOf(posted(fields))).toContain(reason);
  });

  it.each([
    'OPTIONS * HTTP/1.1',
    'CONNECT a:22 HTTP/1.1',
    'GET http://evil.example/v2/ HTTP/1.1',
    'GET @a/v2/ HTTP/1.1',
  ])('for another target than a path (%s) is odd', (line) => {
    expect(oddityOf(posted([], { line }))).toContain('slash');
  });
});
