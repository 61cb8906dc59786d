/**
 * One history of pushes, pulls, mounts and deletes for two registries. Each request names itself in its user agent, which
 * every event repeats: so it is known which request an event is of, in whatever order they arrive.
 */
import { createHash } from 'node:crypto';
import { exchange } from '../crash/exchange.ts';

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
/** Where the proxy says that the client is. */
const CLIENT = '203.0.113.7';
const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar';

const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const layer = Buffer.from('abcdefghijklmnopqrstuvwxyz');
const image = manifestOf({});
const other = manifestOf({ annotations: { which: 'the other' } });
const third = manifestOf({ annotations: { which: 'the third' } });

/** In place of digests, in a table. */
const NAMES: readonly (readonly [string, string])[] = Object.entries({ config, layer, image, other, third }).map(
  ([name, bytes]) => [name, digestOf(bytes)],
);

interface Request {
  readonly name: string;
  readonly method: string;
  /** `$` stands for the Location of the request before it. */
  readonly path: string;
  readonly body?: Buffer;
  readonly type?: string;
  /** Sent without the headers of a proxy. */
  readonly isDirect?: true;
  /** What it may be answered. */
  readonly statuses: readonly number[];
}

const HISTORY: readonly Request[] = [
  ...upload('config', 'a/app', config),
  ...upload('layer', 'a/app', layer),
  push('manifest-push', 'a/app', 'v1', image),
  push('manifest-push-again', 'a/app', 'v1', image),
  push('tag-move', 'a/app', 'v1', other),
  push('manifest-push-by-digest', 'a/app', digestOf(image), image),
  push('second-tag', 'a/app', 'v2', third),
  read('manifest-pull', 'GET', 'a/app/manifests/v1'),
  read('manifest-head', 'HEAD', 'a/app/manifests/v1'),
  read('manifest-pull-by-digest', 'GET', `a/app/manifests/${digestOf(image)}`),
  read('blob-pull', 'GET', `a/app/blobs/${digestOf(layer)}`),
  read('blob-head', 'HEAD', `a/app/blobs/${digestOf(layer)}`),
  { ...read('blob-head-direct', 'HEAD', `a/app/blobs/${digestOf(layer)}`), isDirect: true },
  {
    name: 'mount',
    method: 'POST',
    path: `/v2/b/app/blobs/uploads/?mount=${digestOf(layer)}&from=a/app`,
    statuses: [201],
  },
  // distribution 2.8.2 deletes by digest alone.
  { name: 'tag-delete', method: 'DELETE', path: '/v2/a/app/manifests/v2', statuses: [202, 400] },
  { name: 'manifest-delete', method: 'DELETE', path: `/v2/a/app/manifests/${digestOf(image)}`, statuses: [202] },
  { name: 'tagged-manifest-delete', method: 'DELETE', path: `/v2/a/app/manifests/${digestOf(other)}`, statuses: [202] },
  { name: 'blob-delete', method: 'DELETE', path: `/v2/b/app/blobs/${digestOf(layer)}`, statuses: [202] },
];

/** What each request is called, in their order. */
export const REQUEST_NAMES: readonly string[] = HISTORY.map(({ name }) => name);

export function describeRequest(name: string): string {
  const request = HISTORY.find((candidate) => candidate.name === name);
  return request === undefined ? name : withNames(`${request.method} ${request.path}`);
}

export function withNames(text: string): string {
  return NAMES.reduce((known, [name, digest]) => known.replaceAll(digest, `{${name}}`), text);
}

/** Throws where a registry does not do what it was asked to. */
export async function playHistory(base: string): Promise<void> {
  let location = '';
  for (const { name, method, path, body, type, statuses, isDirect } of HISTORY) {
    const answer = await exchange(base, {
      method,
      path: path.replace('$', () => location),
      headers: {
        'user-agent': name,
        accept: OCI_MANIFEST,
        ...(isDirect === true ? {} : { 'x-forwarded-for': CLIENT }),
        ...(type === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body: { bytes: body } }),
    });
    if (answer.kind !== 'answer' || !statuses.includes(answer.status)) {
      throw new Error(
        `${base} answers ${name} with ${answer.kind === 'answer' ? String(answer.status) : answer.reason}`,
      );
    }
    const next = answer.headers.location;
    if (next !== undefined) {
      const { pathname, search } = new URL(next, base);
      location = `${pathname}${search === '' ? '?' : `${search}&`}`;
    }
  }
}

function upload(name: string, repository: string, bytes: Buffer): Request[] {
  return [
    { name: `${name}-upload`, method: 'POST', path: `/v2/${repository}/blobs/uploads/`, statuses: [202] },
    { name: `${name}-push`, method: 'PUT', path: `$digest=${digestOf(bytes)}`, body: bytes, statuses: [201] },
  ];
}

function push(name: string, repository: string, reference: string, body: Buffer): Request {
  return {
    name,
    method: 'PUT',
    path: `/v2/${repository}/manifests/${reference}`,
    body,
    type: OCI_MANIFEST,
    statuses: [201],
  };
}

function read(name: string, method: 'GET' | 'HEAD', path: string): Request {
  return { name, method, path: `/v2/${path}`, statuses: [200] };
}

function manifestOf(fields: object): Buffer {
  const descriptor = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  const document = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(OCI_CONFIG, config),
    layers: [descriptor(OCI_LAYER, layer)],
    ...fields,
  };
  return Buffer.from(JSON.stringify(document));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
