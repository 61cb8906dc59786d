/**
 * Makes up requests: mostly almost right ones, on things that exist, since what is plainly wrong is refused at the door.
 * It learns sessions, digests and tags from its own requests and their answers.
 */
import { createHash } from 'node:crypto';
import type { Seeded } from '../../e2e/crash/seeded.ts';
import type { RawAnswer, RawRequest } from './raw-request.ts';

const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
const RESOURCES = ['base', 'tags', 'manifest', 'manifest', 'blob', 'blob', 'uploads', 'upload', 'upload'] as const;
type Resource = (typeof RESOURCES)[number];
const USUAL_METHODS = {
  base: ['GET', 'HEAD'],
  tags: ['GET', 'HEAD'],
  manifest: ['GET', 'HEAD', 'PUT', 'PUT'],
  blob: ['GET', 'HEAD'],
  uploads: ['POST'],
  upload: ['GET', 'PUT', 'PUT', 'PATCH', 'PATCH', 'DELETE'],
} as const;
const BASES = [
  '/',
  '/v2',
  '/v2/',
  '/healthz',
  '/v2//',
  '*',
  '/favicon.ico',
  '/v2/_catalog',
  '/v2/_catalog?n=1',
] as const;
const ODD_METHODS = ['OPTIONS', 'get', 'PROPFIND', 'TRACE', 'X', 'M-SEARCH', 'COPY'] as const;
const NAMES = ['fuzz/one', 'fuzz/two', 'three'] as const;
const ODD_NAMES = [
  'A/B',
  'a//b',
  '..',
  'a/../b',
  '%2e%2e',
  'a%2Fb',
  'v2',
  'blobs/uploads',
  '_',
  'x'.repeat(300),
] as const;
const ODD_TEXTS = [
  ...['', '%', '%00', '%ff%fe', '%0d%0aX:1', '..', '/', '//', '?', 'sha256:', 'sha256:zz', 'sha512:00', 'md5:00'],
  ...[
    'a'.repeat(200),
    '\u00e9',
    '{}',
    '-1',
    '0',
    '1e9',
    '99999999999999999999',
    'null',
    "' OR 1=1 --",
    '%252f',
    ';',
    '#',
  ],
] as const;
const RANGES = [
  ...['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=5-1', 'bytes=0-1,3-4', 'bytes=99999999999999999999-', 'items=0-1'],
  ...['0-0', '0-99', '0-1023', '5-9', '9-5', 'bytes 0-99/100', 'bytes 0-99/*', '-', '0', '99999999999999999-9'],
] as const;
const TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/octet-stream',
  'application/json; charset=utf-8',
  'text/html',
  'a/b/c',
] as const;
const HEADERS = [
  'range',
  'content-range',
  'if-none-match',
  'content-type',
  'accept',
  'expect',
  'origin',
  'host',
] as const;
const ODD_LENGTHS = ['-1', '1e3', '+5', '0x10', '99999999999999999999', ''] as const;
/** A path and a host that HTTP allows. */
const WELL_FORMED = /^\S+ \/[!-~]* HTTP[^]*\r\nhost: [\w.:[\]-]+\r\n/;
/** Marks a request that announces another length than it has. */
const LIE = 'x-announces-another-length';
const LARGEST_BODY_BYTES = 300_000;
const MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024;
const REMEMBERED = 20;

export interface MadeRequest extends RawRequest {
  readonly method: string;
  readonly path: string;
}

export class RequestMaker {
  readonly #random: Seeded;
  readonly #sessions: string[] = [];
  readonly #digests: string[] = [`sha256:${'0'.repeat(64)}`];
  readonly #blobs: string[] = [];
  readonly #tags: string[] = ['latest'];

  constructor(random: Seeded) {
    this.#random = random;
  }

  make(): MadeRequest {
    const random = this.#random;
    const resource = random.pick(RESOURCES);
    const method = random.chance(0.03) ? random.pick(ODD_METHODS) : this.#method(resource);
    const body = this.#body(method);
    const path = this.#path(resource, body);
    const head = this.#head(method, path, body);
    const whole = Buffer.byteLength(head, 'latin1') + body.byteLength;
    // With a length that is not the body's, both would wait for each other.
    const cutAfter = random.chance(0.08) || head.includes(LIE) ? random.integer(0, whole) : undefined;
    const wellFormed = METHODS.some((known) => known === method) && WELL_FORMED.test(head) && !head.includes(LIE);
    return { method, path, head, body: chunkedIn(head) ? chunkedBody(body) : body, cutAfter, wellFormed };
  }

  learn({ method, path }: MadeRequest, answer: RawAnswer): void {
    const location = answer.headers.get('location');
    if (method === 'POST' && answer.status === 202 && location !== undefined) remember(this.#sessions, location);
    const blob = /\/blobs\/(sha256:\w+)$/.exec(location ?? '')?.[1];
    if (answer.status === 201 && blob !== undefined) remember(this.#blobs, blob);
    const tag = /\/manifests\/([\w.-]+)$/.exec(path)?.[1];
    if (method === 'PUT' && answer.status === 201 && tag !== undefined) remember(this.#tags, tag);
  }

  #method(resource: Resource): string {
    return this.#random.pick(this.#random.chance(0.9) ? USUAL_METHODS[resource] : METHODS);
  }

  #path(resource: Resource, body: Uint8Array): string {
    const random = this.#random;
    const name = random.chance(0.1) ? random.pick(ODD_NAMES) : random.pick(NAMES);
    const digest = this.#digestFor(body);
    const odd = this.#odd();
    switch (resource) {
      case 'base':
        return random.pick([...BASES, `/${odd}/${this.#odd()}`]);
      case 'tags':
        return `/v2/${name}/tags/list${random.pick(['', '?n=1', '?n=0', '?n=1&last=a', `?n=${odd}`, `?last=${odd}`])}`;
      case 'manifest':
        return `/v2/${name}/manifests/${this.#reference(digest)}`;
      case 'blob':
        return `/v2/${name}/blobs/${random.chance(0.1) ? odd : digest}`;
      case 'uploads': {
        const query = random.pick(['', '', `?digest=${digest}`, `?digest=${odd}`, `?mount=${digest}&from=three`]);
        return `/v2/${name}/blobs/uploads/${query}`;
      }
      case 'upload': {
        const known = random.pick([`/v2/${name}/blobs/uploads/${'0'.repeat(64)}`, ...this.#sessions]);
        const session = random.chance(0.05) ? `/v2/${name}/blobs/uploads/${odd}` : known;
        return `${session}${random.pick(['', `?digest=${digest}`, `?digest=${digest}`, `?digest=${odd}`])}`;
      }
    }
  }

  #reference(digest: string): string {
    const random = this.#random;
    if (random.chance(0.1)) return this.#odd();
    return random.chance(0.5) ? random.pick(['latest', ...this.#tags]) : digest;
  }

  /** Mostly that of the body; sometimes one that was sent before. */
  #digestFor(body: Uint8Array): string {
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    if (this.#random.chance(0.3)) return this.#random.pick([digest, ...this.#digests]);
    remember(this.#digests, digest);
    return digest;
  }

  #odd(): string {
    return this.#random.pick(ODD_TEXTS);
  }

  #body(method: string): Uint8Array {
    const random = this.#random;
    if (method === 'GET' || method === 'HEAD' || random.chance(0.2)) return new Uint8Array();
    if (random.chance(0.4)) return Buffer.from(this.#document());
    if (random.chance(0.02)) return random.bytes(MANIFEST_LIMIT_BYTES + random.integer(-1, 1));
    return random.bytes(random.logarithmic(1, LARGEST_BODY_BYTES));
  }

  /** Something like a manifest. */
  #document(): string {
    const random = this.#random;
    const descriptor = {
      mediaType: random.pick(TYPES),
      digest: random.pick([this.#odd(), ...this.#digests]),
      size: random.pick([0, 1, -1, 1.5, 1e300, 100]),
    };
    if (random.chance(0.4)) {
      const config = { ...descriptor, digest: random.pick(['', ...this.#blobs]), size: 1 };
      return JSON.stringify({
        schemaVersion: 2,
        mediaType: TYPES[0],
        config,
        layers: [],
        note: random.integer(0, 999),
      });
    }
    const list = random.pick<unknown>([[], [descriptor], [descriptor, descriptor], null, {}, 'x', [null]]);
    const whole = {
      schemaVersion: random.pick([2, 2, 2, 1, '2', null]),
      ...(random.chance(0.5) ? { mediaType: random.pick(TYPES) } : {}),
      ...(random.chance(0.7) ? { config: random.pick<unknown>([descriptor, null, 'x']) } : {}),
      ...(random.chance(0.8) ? { layers: list } : {}),
      ...(random.chance(0.2) ? { manifests: list } : {}),
      ...(random.chance(0.2) ? { subject: descriptor } : {}),
      ...(random.chance(0.2) ? { annotations: random.pick<unknown>([{ a: 'b' }, { a: 1 }, [], null]) } : {}),
    };
    const text = JSON.stringify(whole);
    if (random.chance(0.1)) return text.slice(0, random.integer(0, text.length));
    return random.chance(0.05) ? '['.repeat(random.integer(1, 100_000)) : text;
  }

  #head(method: string, path: string, body: Uint8Array): string {
    const random = this.#random;
    const headers = new Map([
      ['host', '127.0.0.1'],
      ['connection', 'close'],
    ]);
    if (random.chance(0.1)) headers.set('transfer-encoding', 'chunked');
    else if (random.chance(0.03)) headers.set('content-length', random.pick(ODD_LENGTHS)).set(LIE, '');
    else if (random.chance(0.05)) headers.set('content-length', String(body.byteLength + 10)).set(LIE, '');
    else if (body.byteLength > 0 || random.chance(0.5)) headers.set('content-length', String(body.byteLength));
    if (method === 'PUT' && random.chance(0.8)) headers.set('content-type', TYPES[0]);
    while (random.chance(0.3)) {
      const name = random.pick(HEADERS);
      headers.set(name, random.chance(0.2) ? this.#odd() : this.#value(name, body.byteLength));
    }
    const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
    return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
  }

  #value(name: (typeof HEADERS)[number], bodyBytes: number): string {
    switch (name) {
      case 'range':
        return this.#random.pick(RANGES);
      case 'content-range':
        return this.#random.chance(0.5) ? `0-${String(bodyBytes - 1)}` : this.#random.pick(RANGES);
      case 'if-none-match':
        return this.#random.pick(['*', `"${this.#digests[0] ?? ''}"`, 'W/"x"']);
      case 'content-type':
      case 'accept':
        return this.#random.pick(TYPES);
      case 'expect':
        return '100-continue';
      case 'origin':
        return 'https://example.com';
      case 'host':
        return this.#random.pick(['localhost', 'example.com', '127.0.0.1:1', '[::1]']);
    }
  }
}

function chunkedIn(head: string): boolean {
  return head.includes('\r\ntransfer-encoding: chunked\r\n');
}

function chunkedBody(body: Uint8Array): Buffer {
  const first =
    body.byteLength === 0 ? [] : [Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\n')];
  return Buffer.concat([...first, Buffer.from('0\r\n\r\n')]);
}

function remember(known: string[], one: string): void {
  known.push(one);
  if (known.length > REMEMBERED) known.shift();
}
