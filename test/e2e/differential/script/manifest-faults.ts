/** Manifests that are none, or not what they are pushed as; references that are none. */
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, SCHEMA_1 } from '../content.ts';
import { ask, blob, manifest, type Resource, type Step } from '../step.ts';

const AT = '/v2/manifest-faults/manifests';

function put(id: string, reference: string, body: string, type: string | undefined): Step {
  const headers: Record<string, string> = type === undefined ? {} : { 'Content-Type': type };
  return ask(id, 'PUT', `${AT}/${reference}`, { body, headers });
}

export const MANIFEST_FAULTS: Resource = {
  name: 'manifest-faults',
  steps: [
    ...blob('manifest-faults', 'config'),
    ...blob('manifest-faults', 'letters'),
    manifest('manifest-faults', 'image', 'image', OCI_MANIFEST),
    put('wrong-digest', '{other}', '{image}', OCI_MANIFEST),
    put('bad-digest', '{letters-short}', '{image}', OCI_MANIFEST),
    put('algorithm-unknown', 'md5:d41d8cd98f00b204e9800998ecf8427e', '{image}', OCI_MANIFEST),
    put('layer-missing', 'v1', '{without-layer-blob}', OCI_MANIFEST),
    put('config-missing', 'v1', '{without-config-blob}', OCI_MANIFEST),
    put('child-missing', 'v1', '{index-without-child}', OCI_INDEX),
    put('no-config', 'v1', '{without-config}', OCI_MANIFEST),
    put('descriptor-digest', 'v1', '{bad-digest}', OCI_MANIFEST),
    put('descriptor-size', 'size', '{wrong-size}', OCI_MANIFEST),
    put('both-kinds', 'v1', '{both-kinds}', OCI_MANIFEST),
    put('version-1', 'v1', '{version-1}', OCI_MANIFEST),
    put('no-json', 'v1', 'abc', OCI_MANIFEST),
    put('cut-off', 'v1', '{cut-off}', OCI_MANIFEST),
    put('nothing', 'v1', '', OCI_MANIFEST),
    put('null', 'v1', 'null', OCI_MANIFEST),
    put('list', 'v1', '[]', OCI_MANIFEST),
    put('empty-object', 'v1', '{}', OCI_MANIFEST),
    put('not-stored', 'v1', '{}', OCI_INDEX),
    ask('still-absent', 'GET', `${AT}/v1`, { headers: { Accept: OCI_MANIFEST } }),

    put('no-type', 'no-type', '{image}', undefined),
    put('json-type', 'json-type', '{image}', 'application/json'),
    put('html-type', 'html-type', '{image}', 'text/html'),
    put('form-type', 'form-type', '{image}', 'application/x-www-form-urlencoded'),
    put('malformed-type', 'malformed-type', '{image}', 'not a type'),
    put('mismatch', 'mismatch', '{image}', DOCKER_MANIFEST),
    put('mismatch-index', 'mismatch-index', '{image}', OCI_INDEX),
    put('index-as-manifest', 'index', '{index}', OCI_MANIFEST),
    put('schema-1', 'schema-1', '{schema-1}', SCHEMA_1),
    put('schema-1-json', 'schema-1', '{schema-1}', 'application/json'),
    put('unknown', 'unknown', '{unknown}', 'application/vnd.example.thing+json'),
    ask('unknown-get', 'GET', `${AT}/unknown`),
    put('unknown-no-type', 'unknown-no-type', '{unknown}', undefined),

    put('tag-of-128', '{tag-of-128}', '{image}', OCI_MANIFEST),
    put('tag-of-129', '{tag-of-129}', '{image}', OCI_MANIFEST),
    ask('tag-of-129-get', 'GET', `${AT}/{tag-of-129}`),
    ask('tag-of-129-head', 'HEAD', `${AT}/{tag-of-129}`),
    put('tag-dot', '.tag', '{image}', OCI_MANIFEST),
    put('tag-dash', '-tag', '{image}', OCI_MANIFEST),
    put('tag-underscore', '_tag', '{image}', OCI_MANIFEST),
    put('tag-upper-case', 'TAG', '{image}', OCI_MANIFEST),
    put('tag-plus', 'v1+2', '{image}', OCI_MANIFEST),
    put('tag-at', 'v1@2', '{image}', OCI_MANIFEST),
    put('tag-space', 'v1%202', '{image}', OCI_MANIFEST),
    put('tag-encoded', 'v%31', '{image}', OCI_MANIFEST),
    put('tag-unicode', 'v%C3%BC', '{image}', OCI_MANIFEST),
    put('tag-null', 'v%00', '{image}', OCI_MANIFEST),
    put('tag-slash', 'v1%2Fv2', '{image}', OCI_MANIFEST),
    put('tag-empty', '', '{image}', OCI_MANIFEST),
    ask('tag-colon', 'GET', `${AT}/a:b`),
    ask('bad-digest-get', 'GET', `${AT}/{letters-short}`),
  ],
};
