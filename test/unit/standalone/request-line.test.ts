/** What a person reads of a request, on a terminal of any width and whatever the client wrote. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readableRequest, shorten, type RequestLine } from '../../../standalone/request-line.ts';

/** What moves a cursor, begins a command, ends a line or turns it around, between letters. */
const HOSTILE = [
  '\u001b',
  '[',
  '2',
  'J',
  ']',
  '0',
  ';',
  '\u0007',
  '\r',
  '\n',
  '\0',
  '\u009b',
  '\u0085',
  '\u202e',
  '\u2028',
  'a',
];

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

function request(fields: Partial<RequestLine>): RequestLine {
  return {
    time: '2026-11-24T12:00:00.000Z',
    method: 'GET',
    route: 'none',
    status: 200,
    durationMs: 7,
    id: 'the-id',
    repository: '',
    reference: '',
    digest: '',
    principal: '',
    target: '',
    ...fields,
  };
}

const plain = (_: string, text: string): string => text;
const read = (fields: Partial<RequestLine>, columns?: number): string =>
  readableRequest(request(fields), plain, columns);

describe('a line about a request', () => {
  it('tells a docker push like a story', () => {
    const app = { repository: 'team/app', principal: 'user:ann' };
    const upload = { ...app, route: 'upload', reference: 'feef3684' };
    const lines = [
      { method: 'GET', route: 'base', status: 401, error: 'UNAUTHORIZED', target: '/v2/', bytes: 87 },
      { ...app, method: 'HEAD', route: 'blob', reference: DIGEST, status: 404, error: 'BLOB_UNKNOWN' },
      { ...app, method: 'POST', route: 'uploads', status: 202, target: '/v2/team/app/blobs/uploads/' },
      { ...upload, method: 'PATCH', status: 202, uploaded: 3_400_000, durationMs: 310 },
      { ...upload, method: 'PUT', status: 201, digest: DIGEST },
      { ...app, method: 'PUT', route: 'manifest', reference: '1.2', status: 201, received: 528, digest: DIGEST },
    ];
    expect(lines.map((fields) => read(fields))).toEqual([
      'GET    401  87 bytes     7 ms  /v2/  UNAUTHORIZED',
      'HEAD   404               7 ms  ann  team/app layer sha256:0123456789ab  BLOB_UNKNOWN',
      'POST   202               7 ms  ann  team/app upload begins',
      'PATCH  202    3.4 MB   310 ms  ann  team/app upload feef3684',
      'PUT    201               7 ms  ann  team/app layer sha256:0123456789ab pushed',
      'PUT    201 528 bytes     7 ms  ann  team/app:1.2 pushed',
    ]);
  });

  it.each([
    [
      { method: 'GET', route: 'blob', repository: 'a', reference: DIGEST, status: 206 },
      'a layer sha256:0123456789ab pulled in part',
    ],
    [{ method: 'GET', route: 'manifest', repository: 'a', reference: DIGEST }, 'a@sha256:0123456789ab pulled'],
    [{ method: 'GET', route: 'manifest', repository: 'a', reference: '1', status: 304 }, 'a:1 unchanged'],
    [{ method: 'HEAD', route: 'manifest', repository: 'a', reference: '1' }, 'a:1 is here'],
    [{ method: 'DELETE', route: 'manifest', repository: 'a', reference: '1', status: 202 }, 'a:1 deleted'],
    [{ method: 'DELETE', route: 'upload', repository: 'a', reference: 'u', status: 204 }, 'a upload u cancelled'],
    [
      { method: 'POST', route: 'uploads', repository: 'a', digest: DIGEST, status: 201 },
      'a layer sha256:0123456789ab taken over',
    ],
    [{ route: 'tags', repository: 'a' }, 'a tags'],
    [{ route: 'referrers', repository: 'a', reference: DIGEST }, 'a referrers of sha256:0123456789ab'],
    [{ route: 'admin-account', target: '/admin/accounts/ann?x=...' }, '/admin/accounts/ann'],
    [{ status: 404, target: '/wp-login.php?...', error: 'UNSUPPORTED' }, '/wp-login.php?...  UNSUPPORTED'],
    [
      { status: 401, target: '/v2/', route: 'base', error: 'UNAUTHORIZED', notLocal: 'host' },
      '/v2/  UNAUTHORIZED  not local: host',
    ],
    [{ status: 500, target: '/v2/', route: 'base', error: 'UNKNOWN' }, '/v2/  UNKNOWN  the-id'],
  ])('says what happened: %j', (fields, what) => {
    expect(read(fields).slice('GET    200               7 ms  '.length)).toBe(what);
  });

  it('keeps the beginning and the end of a long name, within the width of the terminal', () => {
    const long = { route: 'manifest', repository: `team/${'x'.repeat(60)}/app`, reference: '1.2.3' };
    expect(read(long, 71)).toBe('GET    200               7 ms  team/xxxxxxxxxxxxxxx…xx/app:1.2.3 pulled');
    expect(read(long, 71)).toHaveLength(71);
  });

  it('is never wider than a terminal of usual width, whoever asks for whatever', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.integer({ min: 80, max: 200 }), (principal, target, columns) => {
        expect(read({ principal, target }, columns).length).toBeLessThanOrEqual(columns);
      }),
    );
  });

  it('has nothing that a terminal obeys, whatever bytes a client sent', () => {
    const evil = fc.string({ unit: fc.constantFrom(...HOSTILE) });
    fc.assert(
      fc.property(evil, evil, evil, evil, evil, (method, repository, reference, principal, error) => {
        const line = read({ method, repository, reference, principal, error, route: 'manifest', status: 404 });
        expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
      }),
    );
  });
});

describe('what is shortened', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdefg', 6, 'abc…fg'],
    ['日本語日本語', 8, '日本…語'],
    ['abc', 1, '…'],
  ])('%s to %d columns is %s', (text, columns, short) => {
    expect(shorten(text, columns)).toBe(short);
  });
});
