/** What of a header list goes on, and what stays with the connection that it came by (RFC 9110 §7.6.1). */
import { describe, expect, it } from 'vitest';
import { endToEnd, headerOf, isOwn, ofNoBody, toUpstream, withReplaced } from '../../../../tools/proxy/headers.ts';

describe('end-to-end headers', () => {
  it('keep their order, their spelling and their repetitions', () => {
    const headers = ['X-One', '1', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'X-one', '3'];
    expect(endToEnd(headers)).toEqual(headers);
  });

  it.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Authorization',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
  ])('are without %s', (name) => {
    expect(endToEnd(['A', '1', name, 'x', 'B', '2'])).toEqual(['A', '1', 'B', '2']);
  });

  it('are without what Connection names', () => {
    const headers = ['Connection', 'close, X-Hop', 'x-hop', '1', 'connection', 'other', 'Other', '2', 'X-End', '3'];
    expect(endToEnd(headers)).toEqual(['X-End', '3']);
  });
});

it("what delimits a message is never a connection's own: a body must not become a request of its own", () => {
  const headers = ['Connection', 'content-length, host, via', 'Content-Length', '40', 'Via', '1.1 other'];
  expect(endToEnd(headers)).toEqual(['Content-Length', '40', 'Via', '1.1 other']);
});

describe('a request for the registry', () => {
  it('names the registry as its host, and this proxy on its way', () => {
    expect(toUpstream(['host', '127.0.0.1:5050', 'Authorization', 'Basic x', 'Via', '1.0 other'], 'r.example')).toEqual(
      [...['Host', 'r.example', 'Authorization', 'Basic x', 'Via', '1.0 other', 'Via', '1.1 berth-proxy']],
    );
  });

  it('is recognised when it comes back', () => {
    expect(isOwn(toUpstream([], 'r.example'))).toBe(true);
    expect(isOwn(['Via', '1.1 other'])).toBe(false);
  });
});

it('what described a whole body is not said of its parts', () => {
  const whole = ['Content-Length', '9', 'content-range', '0-8', 'Expect', '100-continue', 'Digest', 'x'];
  const rest = ['Content-Type', 'application/octet-stream', 'Authorization', 'Basic x'];
  expect(ofNoBody([...whole, ...rest, 'Content-MD5', 'x', 'Content-Digest', 'x', 'Repr-Digest', 'x'])).toEqual(rest);
});

it('a header is found and replaced whatever its spelling', () => {
  expect(headerOf(['LOCATION', '/a', 'Location', '/b'], 'location')).toBe('/a');
  expect(headerOf(['A', 'location'], 'location')).toBeUndefined();
  expect(withReplaced(['LOCATION', '/a', 'Other', '/b'], 'location', (value) => `${value}!`)).toEqual([
    ...['LOCATION', '/a!', 'Other', '/b'],
  ]);
});
