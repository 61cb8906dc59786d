/** `GET` and `HEAD` of a blob (end-2), and conditions on it (RFC 9110 §13). */
import { ask, blob, type Resource } from '../step.ts';

const LETTERS = '/v2/blobs/blobs/{letters}';

export const BLOBS: Resource = {
  name: 'blobs',
  steps: [
    ...blob('blobs', 'letters'),
    ...blob('blobs', 'nothing'),
    ...blob('blobs-other', 'digits'),
    ask('get', 'GET', LETTERS),
    ask('head', 'HEAD', LETTERS),
    ask('get-encoded', 'GET', '/v2/blobs/blobs/{letters-encoded}'),
    ask('get-empty', 'GET', '/v2/blobs/blobs/{nothing}'),
    ask('head-empty', 'HEAD', '/v2/blobs/blobs/{nothing}'),
    ask('get-query', 'GET', `${LETTERS}?a=b`),
    ask('get-accept', 'GET', LETTERS, { headers: { Accept: 'text/plain' } }),
    ask('get-accept-encoding', 'GET', LETTERS, { headers: { 'Accept-Encoding': 'gzip, br' } }),

    ask('get-absent', 'GET', '/v2/blobs/blobs/{absent}'),
    ask('head-absent', 'HEAD', '/v2/blobs/blobs/{absent}'),
    ask('get-of-other-repository', 'GET', '/v2/blobs/blobs/{digits}'),
    ask('head-of-other-repository', 'HEAD', '/v2/blobs/blobs/{digits}'),
    ask('get-no-repository', 'GET', '/v2/blobs-nowhere/blobs/{letters}'),
    ask('get-sha512', 'GET', '/v2/blobs/blobs/{letters-sha512}'),
    ask('get-digest-upper-case', 'GET', '/v2/blobs/blobs/{letters-upper-case}'),
    ask('get-digest-short', 'GET', '/v2/blobs/blobs/{letters-short}'),
    ask('head-digest-short', 'HEAD', '/v2/blobs/blobs/{letters-short}'),
    ask('get-digest-long', 'GET', `${LETTERS}0`),
    ask('get-no-digest', 'GET', '/v2/blobs/blobs/latest'),
    ask('get-algorithm-unknown', 'GET', '/v2/blobs/blobs/md5:d41d8cd98f00b204e9800998ecf8427e'),
    ask('get-algorithm-sha1', 'GET', '/v2/blobs/blobs/sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709'),

    ask('if-none-match', 'GET', LETTERS, { headers: { 'If-None-Match': '"{letters}"' } }),
    ask('if-none-match-head', 'HEAD', LETTERS, { headers: { 'If-None-Match': '"{letters}"' } }),
    ask('if-none-match-weak', 'GET', LETTERS, { headers: { 'If-None-Match': 'W/"{letters}"' } }),
    ask('if-none-match-list', 'GET', LETTERS, { headers: { 'If-None-Match': '"other", "{letters}"' } }),
    ask('if-none-match-any', 'GET', LETTERS, { headers: { 'If-None-Match': '*' } }),
    ask('if-none-match-other', 'GET', LETTERS, { headers: { 'If-None-Match': '"{digits}"' } }),
    ask('if-none-match-unquoted', 'GET', LETTERS, { headers: { 'If-None-Match': '{letters}' } }),
    ask('if-none-match-absent', 'GET', '/v2/blobs/blobs/{absent}', { headers: { 'If-None-Match': '"{absent}"' } }),
    ask('if-match', 'GET', LETTERS, { headers: { 'If-Match': '"{letters}"' } }),
    ask('if-match-other', 'GET', LETTERS, { headers: { 'If-Match': '"{digits}"' } }),
    ask('if-modified-since', 'GET', LETTERS, { headers: { 'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT' } }),
    ask('if-unmodified-since', 'GET', LETTERS, { headers: { 'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT' } }),
  ],
};
