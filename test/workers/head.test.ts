/** `HEAD` of whatever has a `GET` (RFC 9110 §9.3.2): the same status and the same headers, each of them, without a body. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { OCI_MANIFEST } from '../../src/oci/media-type.ts';
import { ROUTES } from '../../src/http/routes.ts';
import {
  demand,
  imageOf,
  openSession,
  pushed,
  putManifest,
  sendWith,
  sha256,
  type Settings,
  isOfOneAnswer,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, settle, type Blob } from './world.ts';

const name = 'head/main';
const NOWHERE = `sha256:${'0'.repeat(64)}`;
let blob: Blob;
let manifest: string;
let large: string;
let session: string;
beforeAll(async () => {
  blob = await pushed(name, await newBlob(1_234));
  const subject = { mediaType: OCI_MANIFEST, digest: NOWHERE, size: 10 };
  for (const [tag, extra] of [
    ['latest', { subject }],
    ['next', { subject, artifactType: 'application/x.sbom' }],
    ['large', { annotations: { padding: 'x'.repeat(70_000) } }],
  ] as const) {
    demand(await putManifest(name, tag, imageOf(blob, extra), OCI_MANIFEST), 201);
  }
  manifest = await sha256(imageOf(blob, { subject }));
  large = await sha256(imageOf(blob, { annotations: { padding: 'x'.repeat(70_000) } }));
  session = (await openSession(name)).path;
  await settle();
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Case {
  status: number;
  path: string;
  headers?: Record<string, string>;
  settings?: Settings;
}

const of = (status: number, path: string, rest: Pick<Case, 'headers' | 'settings'> = {}): Case => ({
  status,
  path,
  ...rest,
});
const CLOSED: Settings = { BERTH_ANONYMOUS: 'none' };

/** Of each route that has a GET, every kind of answer that it gives. */
const CASES: Readonly<Record<string, () => readonly Case[]>> = {
  '/': () => [of(200, '/')],
  '/healthz': () => [of(200, '/healthz')],
  '/v2/': () => [of(200, '/v2/'), of(401, '/v2/', { settings: CLOSED }), of(301, '/v2')],
  '/v2/_catalog': () => [
    ...[of(200, '/v2/_catalog'), of(200, '/v2/_catalog?n=1'), of(200, '/v2/_catalog?n=0')],
    ...[of(400, '/v2/_catalog?n=ten'), of(401, '/v2/_catalog', { settings: CLOSED })],
  ],
  '/v2/:name+/tags/list': () => [
    ...[of(200, `/v2/${name}/tags/list`), of(200, `/v2/${name}/tags/list?n=1`)],
    ...[of(404, '/v2/head/none/tags/list'), of(400, '/v2/NAME/tags/list'), of(400, `/v2/${name}/tags/list?n=x`)],
  ],
  '/v2/:name+/manifests/:reference': () => [
    ...['latest', 'large', manifest, large].map((reference) => of(200, `/v2/${name}/manifests/${reference}`)),
    of(200, `/v2/${name}/manifests/latest`, { headers: { accept: 'text/html', range: 'bytes=0-9' } }),
    of(200, `/v2/${name}/manifests/latest?ns=127.0.0.1`, { headers: { host: '127.0.0.1' } }),
    of(304, `/v2/${name}/manifests/latest`, { headers: { 'if-none-match': `"${manifest}"` } }),
    of(412, `/v2/${name}/manifests/latest`, { headers: { 'if-match': `"${large}"` } }),
    ...[of(404, `/v2/${name}/manifests/none`), of(404, `/v2/${name}/manifests/${NOWHERE}`)],
    ...[of(400, `/v2/${name}/manifests/.none`), of(401, `/v2/${name}/manifests/latest`, { settings: CLOSED })],
  ],
  '/v2/:name+/referrers/:digest': () => [
    of(200, `/v2/${name}/referrers/${NOWHERE}`),
    of(200, `/v2/${name}/referrers/${NOWHERE}?artifactType=application/x.sbom`),
    of(200, `/v2/${name}/referrers/${manifest}`),
    of(400, `/v2/${name}/referrers/none`),
  ],
  '/v2/:name+/blobs/uploads/:upload': () => [
    ...[of(204, session), of(404, `/v2/${name}/blobs/uploads/${'b'.repeat(64)}`)],
    of(401, session, { settings: { BERTH_ANONYMOUS: 'read' } }),
  ],
  '/v2/:name+/blobs/:digest': () => [
    of(200, `/v2/${name}/blobs/${blob.digest}`),
    of(304, `/v2/${name}/blobs/${blob.digest}`, { headers: { 'if-none-match': '*' } }),
    of(412, `/v2/${name}/blobs/${blob.digest}`, { headers: { 'if-match': '"x"' } }),
    ...[of(404, `/v2/${name}/blobs/${NOWHERE}`), of(400, `/v2/${name}/blobs/none`)],
  ],
};
const BESIDE = (): readonly Case[] => [
  ...[of(404, '/nothing'), of(404, '/v2/nothing'), of(405, `/v2/${name}/blobs/uploads/`)],
  ...[of(414, `/v2/${'x'.repeat(5_000)}`), of(503, '/v2/', { settings: { BERTH_ANONYMOUS: 'perhaps' } })],
];

async function expectAlike({ status, path, headers = {}, settings = {} }: Case): Promise<void> {
  const [get, head] = [
    await sendWith(settings, 'GET', path, { headers }),
    await sendWith(settings, 'HEAD', path, { headers }),
  ];
  const told = (answer: Response) => [...answer.headers].filter(([header]) => !isOfOneAnswer(header));
  expect([head.status, told(head)], path).toEqual([status, told(get)]);
  expect(get.status, path).toBe(status);
  expect(await head.text(), path).toBe('');
  const body = await get.arrayBuffer();
  // An answer that cannot have a body says no length (RFC 9110 §8.6).
  const length = [204, 304].includes(status) ? null : String(body.byteLength);
  expect(head.headers.get('content-length'), path).toBe(length);
}

describe('HEAD', () => {
  it.each(Object.entries(CASES))('of %s has the status and every header of GET, and no body', async (_path, cases) => {
    for (const one of cases()) await expectAlike(one);
  });

  it('of what is no route, or nothing that can be answered, has them too', async () => {
    for (const one of BESIDE()) await expectAlike(one);
  });

  it('is there wherever GET is, and is looked at here', () => {
    // What signs in and administers is looked at in access/.
    const reading = ROUTES.filter(({ method }) => [method].flat().includes('GET')).filter(
      ({ right }) => right !== 'sign-in' && right !== 'admin' && right !== 'own-tokens',
    );
    for (const { method, path } of reading) expect([method].flat(), path).toContain('HEAD');
    expect(Object.keys(CASES).sort()).toEqual(reading.map(({ path }) => path).sort());
  });
});
