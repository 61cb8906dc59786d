/** Mounting a blob from another repository (end-11). */
import { ask, blob, type Resource } from '../step.ts';

const PATH = '/v2/mounts/to/blobs/uploads/';

export const MOUNTS: Resource = {
  name: 'mounts',
  steps: [
    ...blob('mounts/from', 'letters'),
    ...blob('mounts/from', 'digits'),
    ask('absent', 'POST', `${PATH}?mount={absent}&from=mounts/from`),
    ask('no-repository', 'POST', `${PATH}?mount={letters}&from=mounts/nowhere`),
    ask('bad-from', 'POST', `${PATH}?mount={letters}&from=MOUNTS`),
    ask('empty-from', 'POST', `${PATH}?mount={letters}&from=`),
    ask('bad-digest', 'POST', `${PATH}?mount=abc&from=mounts/from`),
    ask('empty-digest', 'POST', `${PATH}?mount=&from=mounts/from`),
    ask('algorithm-unknown', 'POST', `${PATH}?mount=md5:d41d8cd98f00b204e9800998ecf8427e&from=mounts/from`),
    ask('not-there-yet', 'HEAD', '/v2/mounts/to/blobs/{letters}'),
    ask('mount', 'POST', `${PATH}?mount={letters}&from=mounts/from`),
    ask('mounted', 'GET', '/v2/mounts/to/blobs/{letters}'),
    ask('mounted-head', 'HEAD', '/v2/mounts/to/blobs/{letters}'),
    ask('again', 'POST', `${PATH}?mount={letters}&from=mounts/from`),
    ask('from-itself', 'POST', `${PATH}?mount={letters}&from=mounts/to`),
    ask('encoded', 'POST', `${PATH}?mount={digits}&from=mounts%2Ffrom`),
    ask('without-from', 'POST', `/v2/mounts/third/blobs/uploads/?mount={letters}`),
    ask('without-from-absent', 'POST', `/v2/mounts/third/blobs/uploads/?mount={absent}`),
    ask('from-alone', 'POST', `/v2/mounts/third/blobs/uploads/?from=mounts/from`),
    ask('with-body', 'POST', `/v2/mounts/fourth/blobs/uploads/?mount={letters}&from=mounts/from`, {
      body: '{letters}',
    }),
  ],
};
