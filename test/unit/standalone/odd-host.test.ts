/** Which first bytes of a connection name a host that workerd can't write. */
import { describe, expect, it } from 'vitest';
import { hasOddHost } from '../../../standalone/odd-host.ts';

const asked = (host: string, rest = '\r\n'): Buffer =>
  Buffer.from(`GET /v2/ HTTP/1.1\r\nUser-Agent: x@y z\r\nhOST: ${host}\r\nAccept: */*\r\n${rest}`, 'latin1');

describe('a Host', () => {
  it.each(['127.0.0.1', 'localhost:8787', '[::1]:80', 'registry_1.example', '', ' spaced.example \t'])(
    'that workerd can write (%s) passes',
    (host) => {
      expect(hasOddHost(asked(host))).toBe(false);
    },
  );

  it.each(['a b', 'a\tb', 'a@b', 'a/b', 'a?b', 'a"b', '%41', '\u00e4', 'a\u0000b', '~', 'a,b'])(
    'that workerd can not write (%j) is odd',
    (host) => {
      expect(hasOddHost(asked(host))).toBe(true);
    },
  );

  it('that comes twice is odd, whatever it is', () => {
    expect(hasOddHost(asked('localhost\r\nHost: localhost'))).toBe(true);
  });

  it('of which only the beginning has come is not judged, and no more is what stands in a body', () => {
    expect(hasOddHost(Buffer.from('GET / HTTP/1.1\r\nHost: a b'))).toBe(false);
    expect(hasOddHost(asked('localhost', '\r\nPOST / HTTP/1.1\r\nHost: a b\r\n\r\n'))).toBe(false);
    expect(hasOddHost(Buffer.from('no request at all'))).toBe(false);
  });
});
