/** Which requests are cut. */
import { describe, expect, it } from 'vitest';
import { planOf, withDigest, withoutDigest } from '../../../../tools/proxy/upload-request.ts';

const CHUNK = 1_000;
const SESSION = '/v2/a/b/blobs/uploads/1';
const DIGEST = `sha256:${'0'.repeat(64)}`;
const UNKNOWN = ['Transfer-Encoding', 'chunked'];
const LARGE = ['Content-Length', '1001'];

describe('what is cut', () => {
  it.each([
    ['PATCH', SESSION, UNKNOWN, { length: undefined }],
    ['PATCH', `${SESSION}?_state=x`, LARGE, { length: 1_001 }],
    ['PATCH', SESSION, [...LARGE, 'Content-Range', '500-1500'], { start: 500, length: 1_001 }],
    ['PATCH', SESSION, [...UNKNOWN, 'content-range', '500-1499'], { start: 500, length: 1_000 }],
    ['PUT', `${SESSION}?digest=${DIGEST}`, LARGE, { length: 1_001, digest: DIGEST }],
    ['PUT', `${SESSION}?_state=x&digest=${DIGEST}`, UNKNOWN, { digest: DIGEST }],
    ['POST', `/v2/a/b/blobs/uploads/?digest=${DIGEST}`, LARGE, { length: 1_001, digest: DIGEST, opens: true }],
    ['POST', `/v2/a/b/blobs/uploads?digest=${DIGEST}`, UNKNOWN, { digest: DIGEST, opens: true }],
  ])('%s %s with %j', (method, path, headers, upload) => {
    const expected = { path, repository: 'a/b', opens: false, digest: undefined, start: undefined, length: undefined };
    expect(planOf(method, path, headers, CHUNK)).toEqual({ kind: 'cut', upload: { ...expected, ...upload } });
  });
});

describe('what goes through unchanged', () => {
  it.each([
    ['a body that fits', 'PATCH', SESSION, ['Content-Length', '1000']],
    ['a close without a body', 'PUT', `${SESSION}?digest=${DIGEST}`, ['Content-Length', '0']],
    ['a close without even a length', 'PUT', `${SESSION}?digest=${DIGEST}`, []],
    ['a PUT that names no digest, which the registry refuses', 'PUT', SESSION, LARGE],
    ['a session that is opened', 'POST', '/v2/a/b/blobs/uploads/', ['Content-Length', '0']],
    ['a mount', 'POST', `/v2/a/b/blobs/uploads/?mount=${DIGEST}&from=c`, ['Content-Length', '0']],
    ['a manifest', 'PUT', '/v2/a/b/manifests/latest', LARGE],
    ['a question', 'GET', SESSION, []],
    ['another path', 'PATCH', '/v2/a/b/blobs/', LARGE],
    ['a path below a session', 'PATCH', `${SESSION}/more`, LARGE],
  ])('%s: %s %s', (_, method, path, headers) => {
    expect(planOf(method, path, headers, CHUNK)).toEqual({ kind: 'pass' });
  });
});

describe('what can only be refused', () => {
  it.each([
    ['RANGE_INVALID', ['Content-Range', '10-9']],
    ['RANGE_INVALID', ['Content-Range', 'all of it']],
    ['SIZE_INVALID', ['Content-Range', '0-9']],
  ])('%s: %j', (code, range) => {
    expect(planOf('PATCH', SESSION, [...LARGE, ...range], CHUNK)).toMatchObject({ kind: 'refuse', code });
  });
});

describe('the digest of an upload', () => {
  it('is added to an address with and without a query', () => {
    expect(withDigest('/u', DIGEST)).toBe(`/u?digest=${DIGEST}`);
    expect(withDigest('/u?_state=x', DIGEST)).toBe(`/u?_state=x&digest=${DIGEST}`);
  });

  it('is taken away, and the rest stays as it was spelt', () => {
    expect(withoutDigest(`/u?digest=${DIGEST}`)).toBe('/u');
    expect(withoutDigest(`/u?from=a%2Fb&digest=${DIGEST}&mount=c`)).toBe('/u?from=a%2Fb&mount=c');
    expect(withoutDigest('/u')).toBe('/u');
  });
});
