/** Chunks out of order, wrong digests, and sessions that are none. */
import { ask, session, type Resource } from '../step.ts';

const PATH = '/v2/faults/blobs/uploads/';
const UNKNOWN = `${PATH}00000000-0000-4000-8000-000000000000`;
const ranged = (value: string): Record<string, string> => ({ 'Content-Range': value });

export const UPLOAD_FAULTS: Resource = {
  name: 'upload-faults',
  steps: [
    session('faults', 'late'),
    ask('starts-late', 'PATCH', '{late}', { body: 'abc', headers: ranged('5-7') }),
    session('faults', 'order'),
    ask('first', 'PATCH', '{order}', { body: 'abcde', headers: ranged('0-4'), keeps: 'order' }),
    ask('again', 'PATCH', '{order}', { body: 'abcde', headers: ranged('0-4'), keeps: 'order' }),
    ask('gap', 'PATCH', '{order}', { body: 'abc', headers: ranged('7-9'), keeps: 'order' }),
    ask('overlap', 'PATCH', '{order}', { body: 'abc', headers: ranged('4-6'), keeps: 'order' }),
    ask('status', 'GET', '{order}', { keeps: 'order' }),
    ask('put-out-of-order', 'PUT', '{order}?digest={digits}', { body: 'fgh', headers: ranged('9-11') }),

    session('faults', 'form'),
    ask('unit', 'PATCH', '{form}', { body: 'abc', headers: ranged('bytes 0-2'), keeps: 'form' }),
    ask('total', 'PATCH', '{form}', { body: 'def', headers: ranged('bytes 3-5/6'), keeps: 'form' }),
    ask('malformed', 'PATCH', '{form}', { body: 'abc', headers: ranged('abc'), keeps: 'form' }),
    ask('backwards', 'PATCH', '{form}', { body: 'abc', headers: ranged('5-3'), keeps: 'form' }),
    ask('negative', 'PATCH', '{form}', { body: 'abc', headers: ranged('-1-2'), keeps: 'form' }),
    ask('open', 'PATCH', '{form}', { body: 'abc', headers: ranged('6-'), keeps: 'form' }),
    ask('huge', 'PATCH', '{form}', {
      body: 'abc',
      headers: ranged('99999999999999999999-99999999999999999999'),
      keeps: 'form',
    }),
    ask('shorter', 'PATCH', '{form}', { body: 'abc', headers: ranged('6-99'), keeps: 'form' }),
    ask('longer', 'PATCH', '{form}', { body: 'abc', headers: ranged('6-6'), keeps: 'form' }),

    session('faults', 'no-digest'),
    ask('put-no-digest', 'PUT', '{no-digest}', { body: 'abc' }),
    session('faults', 'empty-digest'),
    ask('put-empty-digest', 'PUT', '{empty-digest}?digest=', { body: 'abc' }),
    session('faults', 'bad-digest'),
    ask('put-bad-digest', 'PUT', '{bad-digest}?digest={letters-short}', { body: '{letters}' }),
    ask('put-algorithm-unknown', 'PUT', '{bad-digest}?digest=md5:d41d8cd98f00b204e9800998ecf8427e', { body: '' }),
    session('faults', 'wrong-whole'),
    ask('put-wrong-whole', 'PUT', '{wrong-whole}?digest={digits}', { body: '{letters}' }),
    ask('put-wrong-whole-stored', 'HEAD', '/v2/faults/blobs/{digits}'),
    ask('put-wrong-whole-status', 'GET', '{wrong-whole}'),
    ask('put-right-then', 'PUT', '{wrong-whole}?digest={letters}', { body: '{letters}' }),
    session('faults', 'wrong'),
    ask('patch-then', 'PATCH', '{wrong}', { body: '{letters}', keeps: 'wrong' }),
    ask('put-wrong', 'PUT', '{wrong}?digest={digits}'),
    ask('put-wrong-status', 'GET', '{wrong}'),
    session('faults', 'nothing-sent'),
    ask('put-no-bytes', 'PUT', '{nothing-sent}?digest={letters}'),

    ask('post-wrong-digest', 'POST', `${PATH}?digest={digits}`, { body: '{letters}' }),
    ask('post-bad-digest', 'POST', `${PATH}?digest=abc`, { body: '{letters}' }),
    ask('post-algorithm-unknown', 'POST', `${PATH}?digest-algorithm=md5`),

    session('faults', 'elsewhere'),
    ask('other-repository-get', 'GET', '/v2/faults-other/blobs/uploads/{elsewhere-id}'),
    ask('other-repository-patch', 'PATCH', '/v2/faults-other/blobs/uploads/{elsewhere-id}', { body: 'abc' }),
    ask('other-repository-put', 'PUT', '/v2/faults-other/blobs/uploads/{elsewhere-id}?digest={letters}', {
      body: '{letters}',
    }),
    ask('other-repository-delete', 'DELETE', '/v2/faults-other/blobs/uploads/{elsewhere-id}'),
    ask('unknown-get', 'GET', UNKNOWN),
    ask('unknown-head', 'HEAD', UNKNOWN),
    ask('unknown-patch', 'PATCH', UNKNOWN, { body: 'abc' }),
    ask('unknown-put', 'PUT', `${UNKNOWN}?digest={letters}`, { body: '{letters}' }),
    ask('unknown-delete', 'DELETE', UNKNOWN),
    ask('no-uuid-get', 'GET', `${PATH}abc`),
    ask('no-uuid-patch', 'PATCH', `${PATH}abc`, { body: 'abc' }),
    ask('hostile-id', 'GET', `${PATH}..%2f..%2fetc%2fpasswd`),
    ask('state-forged', 'PATCH', `${UNKNOWN}?_state=abc`, { body: 'abc' }),
  ],
};
