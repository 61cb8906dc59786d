/** The list of repositories (Docker Registry HTTP API v2, "Catalog"). */
import { OCI_MANIFEST } from '../content.ts';
import { ask, blob, manifest, type Resource } from '../step.ts';

const LIST = '/v2/_catalog';
const REPOSITORIES = ['catalog/b', 'catalog/a', 'catalog', 'catalog/a/c'];

export const CATALOG: Resource = {
  name: 'catalog',
  steps: [
    ask('nothing', 'GET', LIST),
    ask('nothing-n', 'GET', `${LIST}?n=2`),
    ...REPOSITORIES.flatMap((name) => [
      ...blob(name, 'config'),
      ...blob(name, 'letters'),
      manifest(name, 'latest', 'image', OCI_MANIFEST),
    ]),
    ...REPOSITORIES.map((name, index) =>
      ask(`listed-${index}`, 'GET', LIST, { prepares: true, until: JSON.stringify(name) }),
    ),
    ask('all', 'GET', LIST),
    ask('head', 'HEAD', LIST),
    ask('slash', 'GET', `${LIST}/`),
    ask('n', 'GET', `${LIST}?n=2`),
    ask('n-last', 'GET', `${LIST}?n=2&last=catalog/a`),
    ask('n-exact', 'GET', `${LIST}?n=4`),
    ask('n-large', 'GET', `${LIST}?n=100`),
    ask('last', 'GET', `${LIST}?last=catalog`),
    ask('last-no-repository', 'GET', `${LIST}?n=1&last=catalog/a/`),
    ask('last-beyond', 'GET', `${LIST}?n=2&last=zzz`),
    ask('last-hostile', 'GET', `${LIST}?n=2&last=..%2F..%2Fetc`),
    ask('n-zero', 'GET', `${LIST}?n=0`),
    ask('n-negative', 'GET', `${LIST}?n=-1`),
    ask('n-huge', 'GET', `${LIST}?n=99999999999999999999`),
    ask('n-above-limit', 'GET', `${LIST}?n=100000`),
    ask('n-word', 'GET', `${LIST}?n=ten`),
    ask('n-empty', 'GET', `${LIST}?n=`),
    ...blob('catalog-blobs', 'letters'),
    ask('blobs-alone', 'GET', LIST),
  ],
};
