/**
 * Requests that nobody would send, as fast-check makes them up: from the words of the API, put together in any way, and
 * from whatever else. They go to repositories of their own, of which nobody knows what they hold, so they are held to
 * the general rules alone. What a word in braces stands for is learned from earlier answers.
 */
import fc from 'fast-check';
import { chunkedBody } from './raw-request.ts';
import type { RawAnswer, RawRequest } from './raw-request.ts';

export const WILD_REPOSITORIES = ['wild/one', 'wild/two', 'wild'] as const;
const METHODS = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'] as const;
const ODD_METHODS = ['OPTIONS', 'get', 'PROPFIND', 'TRACE', 'X', 'M-SEARCH', 'COPY'] as const;
const ODD_NAMES = [
  ...['A/B', 'a//b', '..', 'wild/../wild', '%2e%2e', 'wild%2Fone', 'v2', 'blobs/uploads', '_', 'wild.', '-wild'],
  'x'.repeat(300),
] as const;
const ODD_TEXTS = [
  ...['', '%', '%00', '%ff%fe', '%0d%0aX:1', '..', '/', '//', '?', 'sha256:', 'sha256:zz', 'sha512:00', 'md5:00'],
  ...['a'.repeat(200), '\u00e9', '{}', '-1', '0', '1e9', '99999999999999999999', 'null', "' OR 1=1 --", '%252f', ';'],
  ...['#', 'constructor', '__proto__', '%E0%A4%A', '+', '\\', '%c0%af'],
] as const;
const RANGES = [
  ...['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=5-1', 'bytes=0-1,3-4', 'bytes=99999999999999999999-', 'items=0-1'],
  ...['0-0', '0-99', '0-1023', '5-9', '9-5', 'bytes 0-99/100', 'bytes 0-99/*', '-', '0', '99999999999999999-9'],
] as const;
const TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/octet-stream',
  'application/json; charset=utf-8',
  'text/html',
  'a/b/c',
] as const;
const TAGS = ['*', '"{digest}"', 'W/"x"', '"', 'sha256:0', '"a","b"', '{digest}'] as const;
const HOSTS = ['localhost', 'example.com', '127.0.0.1:1', '[::1]', '99999999999', ''] as const;
const ODD_LENGTHS = ['-1', '1e3', '+5', '0x10', '99999999999999999999', ''] as const;
/** A path and a host that HTTP allows. */
const WELL_FORMED = /^\S+ \/[!-~]* HTTP[^]*\r\nhost: [\w.:[\]-]+\r\n/;
const LARGEST_BODY_BYTES = 100_000;
const REMEMBERED = 20;

/** How the body is framed: by its length, in chunks, by another length, or by one that is none. */
type Framing = 'length' | 'chunks' | 'another' | (typeof ODD_LENGTHS)[number];

export interface WildRequest {
  readonly method: string;
  /** May name what is known, in braces. */
  readonly address: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly framing: Framing;
  readonly cutAt: number | undefined;
  /** Which of the known things is meant. */
  readonly known: number;
}

const odd = fc.oneof(
  fc.constantFrom(...ODD_TEXTS),
  fc.string({ maxLength: 20 }),
  fc.webQueryParameters({ size: 'small' }),
);
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...WILD_REPOSITORIES) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_NAMES) },
);
const reference = fc.oneof(fc.constantFrom('latest', '{tag}', '{digest}', '{digest}'), odd);
const digest = fc.oneof({ weight: 4, arbitrary: fc.constant('{digest}') }, { weight: 1, arbitrary: odd });
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('digest', 'mount', 'from', 'n', 'last', 'tag', 'artifactType', 'digest-algorithm', 'ns'),
        digest,
      )
      .map(([parameter, value]) => `?${parameter}=${value}`),
  },
  { weight: 1, arbitrary: odd.map((text) => `?${text}`) },
);

const path = fc.oneof(
  fc.constantFrom('/', '/v2', '/v2/', '/healthz', '/v2//', '*', '/favicon.ico', '/v2/_catalog'),
  fc.tuple(odd, odd).map(([one, other]) => `/${one}/${other}`),
  name.map((one) => `/v2/${one}/tags/list`),
  fc.tuple(name, reference).map(([one, other]) => `/v2/${one}/manifests/${other}`),
  fc.tuple(name, digest).map(([one, other]) => `/v2/${one}/blobs/${other}`),
  fc.tuple(name, digest).map(([one, other]) => `/v2/${one}/referrers/${other}`),
  name.map((one) => `/v2/${one}/blobs/uploads/`),
  fc.constant('{session}'),
  fc.tuple(name, odd).map(([one, other]) => `/v2/${one}/blobs/uploads/${other}`),
);

const header = fc.oneof(
  fc.tuple(fc.constantFrom('range', 'content-range', 'if-range'), fc.constantFrom(...RANGES)),
  fc.tuple(fc.constantFrom('if-match', 'if-none-match'), fc.constantFrom(...TAGS)),
  fc.tuple(fc.constantFrom('content-type', 'accept'), fc.constantFrom(...TYPES)),
  fc.tuple(fc.constant('host'), fc.constantFrom(...HOSTS)),
  fc.constantFrom(['expect', '100-continue'] as const, ['origin', 'https://example.com'] as const),
  fc.tuple(
    fc.constantFrom(
      'range',
      'content-range',
      'if-match',
      'content-type',
      'x-forwarded-host',
      'authorization',
      'cookie',
    ),
    odd,
  ),
);

const manifest = fc
  .record(
    {
      schemaVersion: fc.constantFrom<unknown>(2, 2, 2, 1, '2', null),
      mediaType: fc.constantFrom<unknown>(...TYPES, null),
      config: fc.constantFrom<unknown>(null, 'x', { mediaType: TYPES[0], digest: '{digest}', size: 1 }),
      layers: fc.constantFrom<unknown>([], null, {}, [null], [{ mediaType: TYPES[0], digest: '{digest}', size: 1.5 }]),
      manifests: fc.constantFrom<unknown>([], null, 'x'),
      subject: fc.constantFrom<unknown>({ mediaType: TYPES[0], digest: '{digest}', size: 1e300 }, [], null),
      annotations: fc.jsonValue({ maxDepth: 2 }),
    },
    { requiredKeys: [] },
  )
  .map((value) => JSON.stringify(value));

const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 3, arbitrary: manifest },
  { weight: 2, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
  { weight: 1, arbitrary: fc.nat(LARGEST_BODY_BYTES).map((length) => '[{"'.repeat(Math.ceil(length / 3))) },
);

const framing = fc.oneof(
  { weight: 80, arbitrary: fc.constant<Framing>('length') },
  { weight: 12, arbitrary: fc.constant<Framing>('chunks') },
  { weight: 4, arbitrary: fc.constant<Framing>('another') },
  { weight: 4, arbitrary: fc.constantFrom<Framing>(...ODD_LENGTHS) },
);

export const wildRequest: fc.Arbitrary<WildRequest> = fc.record({
  method: fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...METHODS) },
    { weight: 1, arbitrary: fc.constantFrom(...ODD_METHODS) },
  ),
  address: fc.tuple(path, query).map((parts) => parts.join('')),
  headers: fc.array(header, { maxLength: 3 }),
  body,
  framing,
  cutAt: fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(1, 0.5, 0.1) },
  ),
  known: fc.nat(REMEMBERED),
});

/** Sessions, digests and tags that wild requests have met. */
export class Acquaintances {
  readonly #sessions = ['/v2/wild/blobs/uploads/0'];
  readonly #digests = [
    `sha256:${'0'.repeat(64)}`,
    'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
  ];
  readonly #tags = ['latest'];

  name(text: string, known: number): string {
    const pick = (list: readonly string[]): string => list[known % list.length] ?? '';
    return text
      .replaceAll('{session}', () => pick(this.#sessions))
      .replaceAll('{digest}', () => pick(this.#digests))
      .replaceAll('{tag}', () => pick(this.#tags));
  }

  learn(request: RawRequest, { status, headers }: RawAnswer): void {
    const location = headers.get('location') ?? '';
    if (status === 202 && location.includes('/uploads/')) remember(this.#sessions, location);
    const digest = headers.get('docker-content-digest');
    if (status === 201 && digest !== undefined) remember(this.#digests, digest);
    const tag = /^PUT \S+\/manifests\/([\w.-]+) /.exec(request.head)?.[1];
    if (status === 201 && tag !== undefined) remember(this.#tags, tag);
  }
}

/** As it is sent. */
export function rawOf(request: WildRequest, acquaintances: Acquaintances): RawRequest {
  const { method, framing: framed, cutAt, known } = request;
  const text = acquaintances.name(request.body, known);
  // A GET with a body is sent with one, now and then; most clients would not.
  const plain = Buffer.from(text);
  const headers = new Map([
    ['host', '127.0.0.1'],
    ['connection', 'close'],
  ]);
  if (framed === 'chunks') headers.set('transfer-encoding', 'chunked');
  else if (framed === 'length') headers.set('content-length', String(plain.byteLength));
  else headers.set('content-length', framed === 'another' ? String(plain.byteLength + 10) : framed);
  for (const [header, value] of request.headers) headers.set(header, acquaintances.name(value, known));
  const lines = [...headers].map(([header, value]) => `${header}: ${value}\r\n`);
  const address = acquaintances.name(request.address, known);
  const head = `${method} ${address} HTTP/1.1\r\n${lines.join('')}\r\n`;
  const body = framed === 'chunks' ? chunkedBody(plain) : plain;
  const isHonest = framed === 'chunks' || framed === 'length';
  const isKnown = METHODS.some((one) => one === method);
  const wellFormed = isKnown && isHonest && WELL_FORMED.test(head) && isPrintable(head);
  const whole = Buffer.byteLength(head, 'latin1') + body.byteLength;
  // With a length that is not the body's, both would wait for each other.
  const cut = cutAt ?? (isHonest && isComplete(head) ? undefined : 1);
  return { head, body, cutAfter: cut === undefined ? undefined : Math.floor(whole * cut), wellFormed };
}

/** What made-up text has put into a header may be no HTTP at all, or end the head before its time. */
function isPrintable(head: string): boolean {
  return /^[\x20-\x7e\r\n]*$/.test(head) && isComplete(head);
}

function isComplete(head: string): boolean {
  return head.indexOf('\r\n\r\n') === head.length - 4 && !/[^\r]\n|\r[^\n]/.test(head);
}

function remember(known: string[], one: string): void {
  known.push(one);
  if (known.length > REMEMBERED) known.shift();
}
