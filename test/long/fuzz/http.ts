/** How an operation is written as HTTP, and where its connection is cut. Pure. */
import type { Conditions, EntityTags, Operation, Twist } from './operation.ts';
import { chunkedBody } from './raw-request.ts';
import type { RawRequest } from './raw-request.ts';

/** RFC 9112 knows no limit; docs/api.md does. */
const LONGEST_ADDRESS = 4_096;

interface Parts {
  readonly method: string;
  readonly path: string;
  readonly query: readonly (readonly [string, string | undefined])[];
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array | undefined;
  readonly chunked?: boolean;
}

/** @param cutAt the part of the request after which the connection is cut: 1 is after its last byte */
export function requestOf(
  operation: Operation,
  twist: Twist | undefined,
  host: string,
  cutAt: number | undefined,
): RawRequest {
  const { method, path, query, headers, body, chunked } = twisted(partsOf(operation), twist, host);
  const parameters = query.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const address = parameters.length === 0 ? path : `${path}?${parameters.join('&')}`;
  const framing: Record<string, string> =
    chunked === true
      ? { 'transfer-encoding': 'chunked' }
      : body === undefined
        ? {}
        : { 'content-length': String(body.byteLength) };
  const all: Record<string, string | undefined> = { host, connection: 'close', ...framing, ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  const head = `${method} ${address} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const sent = body === undefined ? new Uint8Array() : chunked === true ? chunkedBody(body) : body;
  const whole = Buffer.byteLength(head, 'latin1') + sent.byteLength;
  const cutAfter = cutAt === undefined ? undefined : Math.floor(whole * cutAt);
  return { head, body: sent, cutAfter, wellFormed: true };
}

function partsOf(operation: Operation): Parts {
  switch (operation.kind) {
    case 'base':
      return { method: operation.method, path: operation.path, query: [], headers: {} };
    case 'catalog': {
      const { method, n, last } = operation;
      return {
        method,
        path: '/v2/_catalog',
        query: [
          ['n', n],
          ['last', last],
        ],
        headers: {},
      };
    }
    case 'tags': {
      const { method, repository, n, last } = operation;
      return {
        method,
        path: `/v2/${repository}/tags/list`,
        query: [
          ['n', n],
          ['last', last],
        ],
        headers: {},
      };
    }
    case 'referrers': {
      const { method, repository, digest, artifactType, last } = operation;
      const query = [
        ['artifactType', artifactType],
        ['last', last],
      ] as const;
      return { method, path: `/v2/${repository}/referrers/${digest}`, query, headers: {} };
    }
    case 'get-manifest':
    case 'delete-manifest': {
      const { repository, reference } = operation;
      const method = operation.kind === 'get-manifest' ? operation.method : 'DELETE';
      return { method, path: `/v2/${repository}/manifests/${reference}`, query: [], headers: conditions(operation) };
    }
    case 'put-manifest': {
      const { repository, reference, document, tags, chunked } = operation;
      const headers = { 'content-type': document.contentType, ...conditions(operation) };
      const query = tags.map((tag) => ['tag', tag] as const);
      return {
        method: 'PUT',
        path: `/v2/${repository}/manifests/${reference}`,
        query,
        headers,
        body: document.bytes,
        chunked,
      };
    }
    case 'get-blob': {
      const { method, repository, digest, range, ifRange } = operation;
      const headers = { range, 'if-range': ifRange, ...conditions(operation) };
      return { method, path: `/v2/${repository}/blobs/${digest}`, query: [], headers };
    }
    case 'delete-blob': {
      const { repository, digest } = operation;
      return { method: 'DELETE', path: `/v2/${repository}/blobs/${digest}`, query: [], headers: conditions(operation) };
    }
    case 'open': {
      const { repository, algorithm, mount, whole } = operation;
      const query = [
        ['digest-algorithm', algorithm],
        ['mount', mount?.blob.digest],
        ['from', mount?.from],
        ['digest', whole?.digest],
      ] as const;
      const { body = new Uint8Array(), chunked = false } = whole ?? {};
      return { method: 'POST', path: `/v2/${repository}/blobs/uploads/`, query, headers: {}, body, chunked };
    }
    case 'status':
      return { method: operation.method, path: operation.path, query: [], headers: {} };
    case 'append': {
      const { path, body, chunked, range } = operation;
      return { method: 'PATCH', path, query: [], headers: { 'content-range': range?.header }, body, chunked };
    }
    case 'close': {
      const { path, digest, body, chunked, range } = operation;
      const headers = { 'content-range': range?.header };
      return { method: 'PUT', path, query: [['digest', digest]], headers, body, chunked };
    }
    case 'cancel':
      return { method: 'DELETE', path: operation.path, query: [], headers: {} };
  }
}

function twisted(parts: Parts, twist: Twist | undefined, host: string): Parts {
  const { path, query, headers } = parts;
  switch (twist) {
    case undefined:
      return parts;
    case 'encoded-colon':
      return { ...parts, path: path.replace(':', path.length % 2 === 0 ? '%3A' : '%3a') };
    case 'unknown-query':
      return { ...parts, query: [...query, ['what', "is this? ' OR 1=1"]] };
    case 'accept':
      return { ...parts, headers: { ...headers, accept: 'text/html, application/json;q=0.1, */*;q=0' } };
    case 'expect':
      return { ...parts, headers: { ...headers, expect: '100-continue' } };
    case 'own-namespace':
      return { ...parts, query: [...query, ['ns', host]] };
    case 'other-namespace':
      return { ...parts, query: [...query, ['ns', 'docker.io']] };
    case 'foreign':
      return { ...parts, headers: { ...headers, 'x-forwarded-for': '192.0.2.1' } };
    case 'long-address':
      return { ...parts, query: [...query, ['x', 'x'.repeat(LONGEST_ADDRESS)]] };
    case 'other-method':
      return { ...parts, method: 'OPTIONS' };
    case 'double-slash':
      return { ...parts, path: path.replace('/v2/', '/v2//') };
    case 'slash-behind':
      return { ...parts, path: `${path}/` };
  }
}

function conditions({ ifMatch, ifNoneMatch }: Conditions): Record<string, string | undefined> {
  return { 'if-match': tagsHeader(ifMatch), 'if-none-match': tagsHeader(ifNoneMatch) };
}

function tagsHeader(tags: EntityTags | undefined): string | undefined {
  if (tags === undefined || tags === '*') return tags;
  return tags === 'malformed' ? 'sha256:0, "' : tags.map((tag) => `"${tag}"`).join(', ');
}
