/** What of a request's address may stand in the log. */
import { describe, expect, it } from 'vitest';
import { loggedReferer, loggedTarget } from '../../../src/http/logged-target.ts';

describe('the address of a request in the log', () => {
  it.each([
    ['http://h/v2/', '/v2/'],
    ['http://h', '/'],
    ['http://h:80/v2/a/manifests/1?ns=docker.io', '/v2/a/manifests/1?ns=docker.io'],
    ['http://h/v2/a/%7e?n=5&last=b', '/v2/a/%7e?n=5&last=b'],
    [
      'http://h/v2/a/blobs/uploads/0123456789abcdef.xyz?digest=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&seal=secret',
      '/v2/a/blobs/uploads/01234567...?digest=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&seal=...',
    ],
    ['http://h/v2/a/blobs/uploads/?mount=secret&from=b', '/v2/a/blobs/uploads/?mount=...&from=b'],
    ['http://h/token?service=h&scope=repository:a:pull&password=secret', '/token?service=...&scope=...&password=...'],
    ['http://h/v2/a/blobs\\uploads/0123456789abcdef', '/v2/a/blobs\\uploads/01234567...'],
    ['http://h/?secret', '/?...'],
    ['http://h/?averyveryverylongsecret=1', '/?...'],
  ])('of %s is %s', (url, target) => {
    expect(loggedTarget(url)).toBe(target);
  });

  it('is not longer than a line wants it', () => {
    expect(loggedTarget(`http://h/${'a'.repeat(5_000)}`)).toHaveLength(1_024);
  });
});

it.each([
  ['https://h/page?token=secret#x', 'https://h/page'],
  ['https://ann:secret@h/page', 'https://h/page'],
  ['https://ann:se@cret@h/page', 'https://h/page'],
  ['android-app://ann:secret@h/page', 'android-app://h/page'],
  ['//ann:secret@h/page', '//h/page'],
  ['', ''],
])('a page that a client came from, %s, is logged as %s', (referer, logged) => {
  expect(loggedReferer(referer)).toBe(logged);
});
