/** Headers that a browser, a proxy or an attacker would add. */
import { ask, blob, type Resource } from '../step.ts';

const LETTERS = '/v2/headers/blobs/{letters}';
const UPLOADS = '/v2/headers/blobs/uploads/';

export const HEADERS: Resource = {
  name: 'headers',
  steps: [
    ...blob('headers', 'letters'),
    ask('basic', 'GET', '/v2/', { headers: { Authorization: 'Basic YTpi' } }),
    ask('bearer', 'GET', '/v2/', { headers: { Authorization: 'Bearer abc.def.ghi' } }),
    ask('authorization-malformed', 'GET', '/v2/', { headers: { Authorization: 'abc' } }),
    ask('host-other', 'GET', '/v2/', { headers: { Host: 'evil.example' } }),
    ask('host-no-number', 'GET', '/v2/', { headers: { Host: '99999999999' } }),
    ask('origin', 'GET', '/v2/', { headers: { Origin: 'https://evil.example' } }),
    ask('preflight', 'OPTIONS', LETTERS, {
      headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'DELETE' },
    }),
    ask('forwarded-host', 'POST', UPLOADS, { headers: { 'X-Forwarded-Host': 'evil.example' } }),
    ask('forwarded-proto', 'POST', UPLOADS, { headers: { 'X-Forwarded-Proto': 'https' } }),
    ask('forwarded', 'POST', UPLOADS, { headers: { Forwarded: 'host=evil.example;proto=https' } }),
    ask('method-override', 'GET', LETTERS, { headers: { 'X-HTTP-Method-Override': 'DELETE' } }),
    ask('content-encoding', 'POST', `${UPLOADS}?digest={digits}`, {
      headers: { 'Content-Encoding': 'gzip' },
      body: '{digits}',
    }),
    ask('expect', 'POST', `${UPLOADS}?digest={config}`, { headers: { Expect: '100-continue' }, body: '{config}' }),
    ask('many-ranges', 'GET', LETTERS, { headers: { Range: `bytes=${'0-0,'.repeat(30)}0-0` } }),
    ask('long-range', 'GET', LETTERS, { headers: { Range: 'bytes=0-{5000-characters}' } }),
    ask('long-if-none-match', 'GET', LETTERS, { headers: { 'If-None-Match': '{5000-characters}' } }),
    ask('long-accept', 'GET', '/v2/headers/manifests/latest', { headers: { Accept: '{5000-characters}' } }),
    ask('get-with-body', 'GET', LETTERS, { body: 'abc' }),
    ask('head-with-body', 'HEAD', LETTERS, { body: 'abc' }),
    ask('long-query', 'GET', '/v2/?{5000-characters}'),
    ask('method-unknown', 'PROPFIND', LETTERS),
    ask('trace', 'TRACE', LETTERS),
    ask('namespace', 'GET', `${LETTERS}?ns=docker.io`),
  ],
};
