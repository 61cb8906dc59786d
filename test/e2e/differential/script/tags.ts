/** Lists of tags (end-8a, end-8b). */
import { OCI_MANIFEST } from '../content.ts';
import { ask, blob, manifest, type Resource } from '../step.ts';

const LIST = '/v2/tags/tags/list';

export const TAGS: Resource = {
  name: 'tags',
  steps: [
    ask('no-repository', 'GET', LIST),
    ask('no-repository-head', 'HEAD', LIST),
    ...blob('tags', 'config'),
    ...blob('tags', 'letters'),
    ask('blobs-alone', 'GET', LIST),
    manifest('tags', '{image}', 'image', OCI_MANIFEST),
    ask('untagged', 'GET', LIST),
    ...['b', 'a', 'B', 'a-1', '1.0', '10', '_c', 'a.1'].map((tag) => manifest('tags', tag, 'image', OCI_MANIFEST)),
    ask('all', 'GET', LIST),
    ask('all-head', 'HEAD', LIST),
    ask('n', 'GET', `${LIST}?n=3`),
    ask('n-head', 'HEAD', `${LIST}?n=3`),
    ask('n-last', 'GET', `${LIST}?n=3&last=B`),
    ask('last', 'GET', `${LIST}?last=a`),
    ask('last-no-tag', 'GET', `${LIST}?n=2&last=a-`),
    ask('last-final', 'GET', `${LIST}?n=2&last=b`),
    ask('last-beyond', 'GET', `${LIST}?n=2&last=zzz`),
    ask('last-beyond-all', 'GET', `${LIST}?last=zzz`),
    ask('last-empty', 'GET', `${LIST}?n=2&last=`),
    ask('last-hostile', 'GET', `${LIST}?n=2&last=%00%27%22%3C%25`),
    ask('n-exact', 'GET', `${LIST}?n=8`),
    ask('n-large', 'GET', `${LIST}?n=100`),
    ask('n-zero', 'GET', `${LIST}?n=0`),
    ask('n-negative', 'GET', `${LIST}?n=-1`),
    ask('n-huge', 'GET', `${LIST}?n=99999999999999999999`),
    ask('n-above-limit', 'GET', `${LIST}?n=100000`),
    ask('n-word', 'GET', `${LIST}?n=ten`),
    ask('n-fraction', 'GET', `${LIST}?n=1.5`),
    ask('n-empty', 'GET', `${LIST}?n=`),
    ask('n-signed', 'GET', `${LIST}?n=%2B3`),
    ask('n-twice', 'GET', `${LIST}?n=1&n=2`),
    ask('other-parameter', 'GET', `${LIST}?n=1&a=b`),
    ask('accept', 'GET', LIST, { headers: { Accept: 'text/html' } }),
  ],
};
