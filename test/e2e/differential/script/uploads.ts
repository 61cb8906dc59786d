/** Pushing a blob (end-4a, end-4b, end-5, end-6), asking for and giving up a session (end-13, end-14). */
import { ask, session, type Resource } from '../step.ts';

const UPLOADS_PATH = '/v2/uploads/blobs/uploads/';

export const UPLOADS: Resource = {
  name: 'uploads',
  steps: [
    ask('open', 'POST', UPLOADS_PATH, { keeps: 'first' }),
    ask('status-empty', 'GET', '{first}'),
    ask('status-head', 'HEAD', '{first}'),
    ask('patch', 'PATCH', '{first}', { body: 'abcdefghij', keeps: 'first' }),
    ask('status', 'GET', '{first}'),
    ask('patch-range', 'PATCH', '{first}', { body: 'klmno', headers: { 'Content-Range': '10-14' }, keeps: 'first' }),
    ask('patch-chunked', 'PATCH', '{first}', { body: 'pqrstu', chunked: true, keeps: 'first' }),
    ask('patch-typed', 'PATCH', '{first}', {
      body: 'vwx',
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Range': '21-23' },
      keeps: 'first',
    }),
    ask('put-last-chunk', 'PUT', '{first}?digest={letters}', { body: 'yz', headers: { 'Content-Range': '24-25' } }),
    ask('pushed', 'GET', '/v2/uploads/blobs/{letters}'),
    ask('put-again', 'PUT', '{first}?digest={letters}'),
    ask('put-again-other-digest', 'PUT', '{first}?digest={digits}'),
    ask('finished-status', 'GET', '{first}'),
    ask('finished-patch', 'PATCH', '{first}', { body: 'more' }),
    ask('finished-delete', 'DELETE', '{first}'),

    session('uploads', 'whole'),
    ask('put-whole', 'PUT', '{whole}?digest={digits}', { body: '{digits}' }),
    session('uploads', 'chunked'),
    ask('put-whole-chunked', 'PUT', '{chunked}?digest={digits}', { body: '{digits}', chunked: true }),
    session('uploads', 'typed'),
    ask('put-whole-no-octets', 'PUT', '{typed}?digest={digits}', {
      body: '{digits}',
      headers: { 'Content-Type': 'text/plain' },
    }),
    session('uploads', 'docker'),
    ask('patch-whole', 'PATCH', '{docker}', { body: '{config}', chunked: true, keeps: 'docker' }),
    ask('put-without-body', 'PUT', '{docker}?digest={config}'),

    session('uploads', 'empty'),
    ask('put-nothing', 'PUT', '{empty}?digest={nothing}'),
    session('uploads', 'empty-patch'),
    ask('patch-nothing', 'PATCH', '{empty-patch}', { body: '', keeps: 'empty-patch' }),
    ask('patch-nothing-chunked', 'PATCH', '{empty-patch}', { body: '', chunked: true, keeps: 'empty-patch' }),
    ask('put-nothing-patched', 'PUT', '{empty-patch}?digest={nothing}'),

    session('uploads', 'sha512'),
    ask('put-sha512', 'PUT', '{sha512}?digest={letters-sha512}', { body: '{letters}' }),
    ask('pushed-sha512', 'GET', '/v2/uploads/blobs/{letters-sha512}'),
    session('uploads', 'sha512-patched'),
    ask('patch-sha512', 'PATCH', '{sha512-patched}', { body: '{letters}', keeps: 'sha512-patched' }),
    ask('put-sha512-patched', 'PUT', '{sha512-patched}?digest={letters-sha512}'),
    ask('open-announced', 'POST', `${UPLOADS_PATH}?digest-algorithm=sha512`),

    ask('post-whole', 'POST', `/v2/uploads-post/blobs/uploads/?digest={letters}`, { body: '{letters}' }),
    ask('post-whole-pushed', 'HEAD', '/v2/uploads-post/blobs/{letters}'),
    ask('post-whole-nothing', 'POST', `/v2/uploads-post/blobs/uploads/?digest={nothing}`, { body: '' }),
    ask('post-whole-chunked', 'POST', `/v2/uploads-post/blobs/uploads/?digest={digits}`, {
      body: '{digits}',
      chunked: true,
    }),
    ask('post-with-body', 'POST', UPLOADS_PATH, { body: 'abc', keeps: 'with-body' }),
    ask('post-with-body-status', 'GET', '{with-body}'),

    session('uploads', 'given-up'),
    ask('delete', 'DELETE', '{given-up}'),
    ask('deleted-status', 'GET', '{given-up}'),
    ask('deleted-patch', 'PATCH', '{given-up}', { body: 'abc' }),
    ask('deleted-put', 'PUT', '{given-up}?digest={digits}', { body: '{digits}' }),
    ask('deleted-again', 'DELETE', '{given-up}'),
  ],
};
