/** `PUT`, `GET` and `HEAD` of a manifest (end-3, end-7). */
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA_1 } from '../content.ts';
import { ask, blob, type Resource, type Step } from '../step.ts';

const AT = '/v2/manifests/manifests';

function put(id: string, reference: string, body: string, type?: string): Step {
  const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
  return ask(id, 'PUT', `${AT}/${reference}`, { body: `{${body}}`, headers });
}

function get(id: string, reference: string, headers: Readonly<Record<string, string>> = {}): Step {
  return ask(id, 'GET', `${AT}/${reference}`, { headers });
}

export const MANIFESTS: Resource = {
  name: 'manifests',
  steps: [
    ask('no-repository', 'GET', `${AT}/latest`),
    ask('no-repository-head', 'HEAD', `${AT}/latest`),
    ...blob('manifests', 'config'),
    ...blob('manifests', 'letters'),
    put('put', 'latest', 'image', OCI_MANIFEST),
    ask('put-chunked', 'PUT', `${AT}/chunked`, {
      headers: { 'Content-Type': OCI_MANIFEST },
      body: '{image}',
      chunked: true,
    }),
    get('get', 'latest'),
    get('get-accept', 'latest', { Accept: OCI_MANIFEST }),
    get('get-accept-any', 'latest', { Accept: '*/*' }),
    get('get-accept-list', 'latest', { Accept: `${DOCKER_MANIFEST}, ${OCI_MANIFEST};q=0.5, */*;q=0.1` }),
    get('get-accept-docker', 'latest', { Accept: DOCKER_MANIFEST }),
    get('get-accept-schema-1', 'latest', { Accept: SCHEMA_1 }),
    get('get-accept-html', 'latest', { Accept: 'text/html' }),
    ask('head', 'HEAD', `${AT}/latest`, { headers: { Accept: OCI_MANIFEST } }),
    get('get-digest', '{image}', { Accept: OCI_MANIFEST }),
    ask('head-digest', 'HEAD', `${AT}/{image}`, { headers: { Accept: OCI_MANIFEST } }),
    get('get-range', '{image}', { Accept: OCI_MANIFEST, Range: 'bytes=0-9' }),
    get('if-none-match', 'latest', { Accept: OCI_MANIFEST, 'If-None-Match': '"{image}"' }),
    get('if-none-match-unquoted', 'latest', { Accept: OCI_MANIFEST, 'If-None-Match': '{image}' }),
    get('if-none-match-weak', 'latest', { Accept: OCI_MANIFEST, 'If-None-Match': 'W/"{image}"' }),
    get('if-none-match-other', 'latest', { Accept: OCI_MANIFEST, 'If-None-Match': '"{other}"' }),
    get('absent-tag', 'nothing'),
    ask('absent-tag-head', 'HEAD', `${AT}/nothing`),
    get('absent-digest', '{absent}'),
    ask('absent-digest-head', 'HEAD', `${AT}/{absent}`),
    get('of-blob', '{letters}'),

    put('put-again', 'latest', 'image', OCI_MANIFEST),
    put('put-digest', '{other}', 'other', OCI_MANIFEST),
    put('put-moves', 'latest', 'other', OCI_MANIFEST),
    get('moved', 'latest', { Accept: OCI_MANIFEST }),
    put('put-tag-and-tag', 'latest?tag=one', 'other', OCI_MANIFEST),
    ask('put-if-none-match', 'PUT', `${AT}/latest`, {
      headers: { 'Content-Type': OCI_MANIFEST, 'If-None-Match': '*' },
      body: '{other}',
    }),
    ask('put-if-match-other', 'PUT', `${AT}/latest`, {
      headers: { 'Content-Type': OCI_MANIFEST, 'If-Match': '"{image}"' },
      body: '{other}',
    }),
    put('put-tag-parameter', '{image}?tag=one&tag=two', 'image', OCI_MANIFEST),
    get('tag-parameter', 'one', { Accept: OCI_MANIFEST }),
    put('put-sha512', '{image-sha512}', 'image', OCI_MANIFEST),

    put('put-docker', 'docker', 'docker', DOCKER_MANIFEST),
    get('get-docker', 'docker', { Accept: DOCKER_MANIFEST }),
    get('get-docker-accept-none', 'docker'),
    get('get-docker-accept-oci', 'docker', { Accept: OCI_MANIFEST }),
    put('put-index', 'index', 'index', OCI_INDEX),
    get('get-index', 'index', { Accept: OCI_INDEX }),
    get('get-index-accept-none', 'index'),
    get('get-index-accept-manifest', 'index', { Accept: OCI_MANIFEST }),
    put('put-empty-index', 'empty-index', 'empty-index', OCI_INDEX),
    put('put-list', 'list', 'list', DOCKER_LIST),
    get('get-list-accept-none', 'list'),
    get('get-list', 'list', { Accept: DOCKER_LIST }),
    put('put-subject', 'subject', 'with-subject', OCI_MANIFEST),
    ask('referrers', 'GET', '/v2/manifests/referrers/{image}'),
    ask('referrers-filtered', 'GET', '/v2/manifests/referrers/{image}?artifactType=application/nothing'),
    put('put-artifact-type', 'artifact-type', 'with-artifact-type', OCI_MANIFEST),
    put('put-spaced', 'spaced', 'spaced', OCI_MANIFEST),
    get('get-spaced', 'spaced', { Accept: OCI_MANIFEST }),
    put('put-untyped', 'untyped', 'untyped', OCI_MANIFEST),
    get('get-untyped', 'untyped', { Accept: OCI_MANIFEST }),
    put('put-type-parameter', 'parameter', 'image', `${OCI_MANIFEST}; charset=utf-8`),
    put('put-type-upper-case', 'upper', 'image', OCI_MANIFEST.toUpperCase()),
  ],
};
