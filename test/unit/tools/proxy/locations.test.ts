/** Addresses in answers: what leads to the registry leads through the proxy, and nothing else does. */
import { describe, expect, it } from 'vitest';
import { localLink, localLocation, upstreamPath } from '../../../../tools/proxy/locations.ts';

const HERE = '127.0.0.1:5050';
const HTTPS = new URL('https://r.example');
const PATH = '/v2/a/blobs/uploads/';
const place = { upstream: HTTPS, path: PATH };

describe('a Location', () => {
  it.each([
    ['https://r.example/v2/a/blobs/uploads/1?_state=x%3D', 'http://127.0.0.1:5050/v2/a/blobs/uploads/1?_state=x%3D'],
    ['HTTPS://R.Example:443/v2/', 'http://127.0.0.1:5050/v2/'],
    ['//r.example/v2/#part', 'http://127.0.0.1:5050/v2/#part'],
    ['https://r.example', 'http://127.0.0.1:5050/'],
    ['https://r.example?a=1', 'http://127.0.0.1:5050/?a=1'],
    // A registry behind a front that speaks TLS for it.
    ['http://r.example/v2/', 'http://127.0.0.1:5050/v2/'],
  ])('that leads to the registry leads through the proxy: %s', (location, local) => {
    expect(localLocation(location, place, HERE)).toBe(local);
  });

  it.each([
    '/v2/a/blobs/uploads/1?x=1',
    '1?x=1',
    '../manifests/b',
    '',
    'https://other.example/v2/',
    '//other.example/v2/',
    'https://r.example.evil.example/v2/',
    'https://r.example@evil.example/v2/',
    'https://r.example:8443/v2/',
    'ftp://r.example/v2/',
    'https://[broken/v2/',
  ])('that is a path, or leads elsewhere, is left as it is: %s', (location) => {
    expect(localLocation(location, place, HERE)).toBe(location);
  });

  it('that wants https of a registry reached by http does not come back here for ever', () => {
    const http = { upstream: new URL('http://r.example'), path: PATH };
    expect(localLocation('https://r.example/v2/', http, HERE)).toBe('https://r.example/v2/');
  });

  it('keeps the port of the registry and of the proxy apart', () => {
    const local = { upstream: new URL('http://127.0.0.1:8787'), path: PATH };
    expect(localLocation('http://127.0.0.1:8787/v2/', local, HERE)).toBe('http://127.0.0.1:5050/v2/');
    expect(localLocation('http://127.0.0.1:9999/v2/', local, HERE)).toBe('http://127.0.0.1:9999/v2/');
  });
});

it('each address of a Link leads through the proxy', () => {
  const link =
    '<https://r.example/v2/_catalog?n=1&last=a>; rel="next", </v2/x>; rel="prev", <https://o.example/>; rel="a"';
  expect(localLink(link, place, HERE)).toBe(
    '<http://127.0.0.1:5050/v2/_catalog?n=1&last=a>; rel="next", </v2/x>; rel="prev", <https://o.example/>; rel="a"',
  );
});

describe('the path at the registry', () => {
  it.each([
    ['/v2/a/blobs/uploads/1?_state=x%3D', '/v2/a/blobs/uploads/1?_state=x%3D'],
    ['1', '/v2/a/blobs/uploads/1'],
    ['?x=1', '/v2/a/blobs/uploads/?x=1'],
    ['https://r.example/v2/b#part', '/v2/b'],
  ])('of %s is %s', (location, path) => {
    expect(upstreamPath(location, place)).toBe(path);
  });

  it.each(['https://other.example/v2/a', '//other.example/v2/a', '/\\other.example/v2/a', 'https://[broken/'])(
    'is none for %s, to which no password may go',
    (location) => {
      expect(upstreamPath(location, place)).toBeUndefined();
    },
  );
});
