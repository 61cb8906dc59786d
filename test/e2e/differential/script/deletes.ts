/** `DELETE` of tags, manifests and blobs (end-9, end-10), and what is left. */
import { OCI_INDEX, OCI_MANIFEST } from '../content.ts';
import { ask, blob, manifest, type Resource } from '../step.ts';

const AT = '/v2/deletes/manifests';
const ACCEPT = { headers: { Accept: OCI_MANIFEST } };

export const DELETES: Resource = {
  name: 'deletes',
  steps: [
    ask('no-repository-tag', 'DELETE', `${AT}/latest`),
    ask('no-repository-digest', 'DELETE', `${AT}/{absent}`),
    ask('no-repository-blob', 'DELETE', '/v2/deletes/blobs/{absent}'),
    ...blob('deletes', 'config'),
    ...blob('deletes', 'letters'),
    ...blob('deletes', 'digits'),
    manifest('deletes', 'one', 'image', OCI_MANIFEST),
    manifest('deletes', 'two', 'image', OCI_MANIFEST),
    manifest('deletes', 'other', 'other', OCI_MANIFEST),
    manifest('deletes', 'index', 'index', OCI_INDEX),
    manifest('deletes', 'typed', 'with-artifact-type', OCI_MANIFEST),

    ask('blob', 'DELETE', '/v2/deletes/blobs/{digits}'),
    ask('blob-gone', 'GET', '/v2/deletes/blobs/{digits}'),
    ask('blob-gone-head', 'HEAD', '/v2/deletes/blobs/{digits}'),
    ask('blob-again', 'DELETE', '/v2/deletes/blobs/{digits}'),
    ask('blob-absent', 'DELETE', '/v2/deletes/blobs/{absent}'),
    ask('blob-bad-digest', 'DELETE', '/v2/deletes/blobs/latest'),
    ask('blob-used', 'DELETE', '/v2/deletes/blobs/{config}'),
    ask('blob-used-left', 'HEAD', '/v2/deletes/blobs/{config}'),

    ask('tag-absent', 'DELETE', `${AT}/nothing`),
    ask('tag-bad', 'DELETE', `${AT}/.bad`),
    ask('digest-absent', 'DELETE', `${AT}/{absent}`),
    ask('digest-bad', 'DELETE', `${AT}/{letters-short}`),
    ask('tag', 'DELETE', `${AT}/one`),
    ask('tag-gone', 'GET', `${AT}/one`, ACCEPT),
    ask('tag-other-left', 'GET', `${AT}/two`, ACCEPT),
    ask('tag-manifest-left', 'HEAD', `${AT}/{image}`, ACCEPT),
    ask('tags-then', 'GET', '/v2/deletes/tags/list'),
    ask('digest', 'DELETE', `${AT}/{image}`),
    ask('digest-gone', 'GET', `${AT}/{image}`, ACCEPT),
    ask('digest-tag-gone', 'GET', `${AT}/two`, ACCEPT),
    ask('digest-again', 'DELETE', `${AT}/{image}`),
    ask('index-left', 'GET', `${AT}/index`, { headers: { Accept: OCI_INDEX } }),
    ask('tags-left', 'GET', '/v2/deletes/tags/list'),
    ask('if-match-other', 'DELETE', `${AT}/{with-artifact-type}`, { headers: { 'If-Match': '"{image}"' } }),
    ask('if-match-left', 'HEAD', `${AT}/{with-artifact-type}`, ACCEPT),
    ask('if-match', 'DELETE', `${AT}/{other}`, { headers: { 'If-Match': '"{other}"' } }),
    ask('digest-typed', 'DELETE', `${AT}/{with-artifact-type}`),
    ask('digest-index', 'DELETE', `${AT}/{index}`),
    ask('tags-empty', 'GET', '/v2/deletes/tags/list'),
    ask('blob-free', 'DELETE', '/v2/deletes/blobs/{letters}'),
    ask('blob-free-gone', 'HEAD', '/v2/deletes/blobs/{letters}'),
  ],
};
