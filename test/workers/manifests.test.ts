/** Manifests (end-3, end-7): stored and served byte for byte, and refused when they are not what they say. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.ts';
import {
  demand,
  descriptorOf,
  getManifest,
  imageOf,
  pushed,
  putManifest,
  refusal,
  send,
  sha256,
  sha512,
} from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const KIB = 1_024;
const LIMIT_BYTES = 4 * KIB * KIB;
const MISSING = `sha256:${'0'.repeat(64)}`;
const FOREIGN_TYPES = [
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
];

let blob: Blob;
beforeAll(async () => {
  blob = await pushed('manifests/main', await newBlob(100));
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const name = 'manifests/main';
const bytesOf = (text: string) => new Uint8Array(new TextEncoder().encode(text));
const padded = (size: number): string => {
  const empty = imageOf(blob, { annotations: { padding: '' } });
  return imageOf(blob, { annotations: { padding: 'x'.repeat(size - empty.length) } });
};
const indexOf = (digests: string[], extra: Record<string, unknown> = {}): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: digests.map((digest) => ({ mediaType: OCI_MANIFEST, digest, size: 1 })),
    ...extra,
  });

/** Pushes it, reads it back by tag and by digest, and expects the very bytes and type each time. */
async function expectKept(tag: string, body: string, mediaType: string): Promise<void> {
  const digest = await sha256(body);
  const created = await putManifest(name, tag, body, mediaType);
  expect(created.status).toBe(201);
  expect(created.headers.get('location')).toBe(`/v2/${name}/manifests/${digest}`);
  expect(created.headers.get('docker-content-digest')).toBe(digest);
  for (const reference of [tag, digest]) {
    const got = await getManifest(name, reference);
    expect([got.status, got.headers.get('content-type')]).toEqual([200, mediaType]);
    expect(await got.text()).toBe(body);
  }
}

describe('a manifest that is pushed', () => {
  it.each([
    ['an OCI image', 'oci', OCI_MANIFEST, (): string => imageOf(blob)],
    [
      'an image of Docker schema 2',
      'docker',
      DOCKER_MANIFEST,
      (): string => imageOf(blob, { mediaType: DOCKER_MANIFEST }),
    ],
    [
      'an image without a mediaType of its own',
      'helm',
      OCI_MANIFEST,
      (): string => imageOf(blob, { mediaType: undefined }),
    ],
    ['an empty index', 'index', OCI_INDEX, (): string => indexOf([])],
    ['an empty list of Docker', 'list', DOCKER_LIST, (): string => indexOf([], { mediaType: DOCKER_LIST })],
    ['an artifact', 'artifact', OCI_MANIFEST, (): string => imageOf(blob, { artifactType: 'application/x.bom' })],
    [
      'an artifact of ORAS, with blobs',
      'oras',
      'application/vnd.oci.artifact.manifest.v1+json',
      (): string =>
        JSON.stringify({ mediaType: 'application/vnd.oci.artifact.manifest.v1+json', blobs: [descriptorOf(blob)] }),
    ],
    [
      'spaced and ordered as nobody else would',
      'spaced',
      OCI_MANIFEST,
      (): string => ` \n${JSON.stringify(JSON.parse(imageOf(blob)), null, '\t')}\r\n  `,
    ],
    [
      'one with characters of every length',
      'unicode',
      OCI_MANIFEST,
      (): string => imageOf(blob, { annotations: { größe: '§ € 𝄞 \u0000 "' } }),
    ],
    ['one just small enough for the table', 'inline', OCI_MANIFEST, (): string => padded(64 * KIB)],
    ['one just too large for the table', 'blob', OCI_MANIFEST, (): string => padded(64 * KIB + 1)],
    ['one as large as may be', 'largest', OCI_MANIFEST, (): string => padded(LIMIT_BYTES)],
  ])('%s is served byte for byte, by tag and by digest', async (_label, tag, mediaType, body) => {
    await expectKept(tag, body(), mediaType);
  });

  it('is named in the answers to HEAD and GET by digest, type, size and entity tag', async () => {
    for (const [tag, size] of [
      ['small', 1_000],
      ['large', 100 * KIB],
    ] as const) {
      const body = padded(size);
      const digest = await sha256(body);
      demand(await putManifest(name, tag, body, OCI_MANIFEST), 201);
      for (const method of ['HEAD', 'GET']) {
        for (const reference of [tag, digest]) {
          const response = await send(method, `/v2/${name}/manifests/${reference}`);
          const immutable: unknown = expect.stringContaining('immutable');
          expect(Object.fromEntries(response.headers)).toMatchObject({
            'content-type': OCI_MANIFEST,
            'content-length': String(size),
            'docker-content-digest': digest,
            etag: `"${digest}"`,
            'cache-control': reference === tag ? 'no-store, no-transform' : immutable,
          });
          expect(await response.text()).toBe(method === 'HEAD' ? '' : body);
        }
      }
    }
  });

  it('is not sent again to who has it already (If-None-Match)', async () => {
    const body = padded(2_000);
    const digest = await sha256(body);
    demand(await putManifest(name, 'cached', body, OCI_MANIFEST), 201);
    for (const reference of ['cached', digest]) {
      for (const tag of [`"${digest}"`, `W/"${digest}"`, `"other", "${digest}"`, '*']) {
        const response = await getManifest(name, reference, { 'if-none-match': tag });
        expect([response.status, await response.text()], tag).toEqual([304, '']);
        expect(response.headers.get('docker-content-digest')).toBe(digest);
        expect(response.headers.get('content-type')).toBeNull();
      }
      for (const tag of ['"other"', digest, `"${digest.slice(0, -1)}"`]) {
        const response = await getManifest(name, reference, { 'if-none-match': tag });
        expect(response.status, tag).toBe(200);
        await response.body?.cancel();
      }
    }
  });

  it('keeps its stored type, whatever Accept asks for (CVE-2021-41190)', async () => {
    demand(await putManifest(name, 'typed', imageOf(blob), OCI_MANIFEST), 201);
    for (const accept of [OCI_INDEX, DOCKER_MANIFEST, 'text/html', '*/*', '']) {
      const response = await getManifest(name, 'typed', { accept });
      expect([response.status, response.headers.get('content-type')]).toEqual([200, OCI_MANIFEST]);
      await response.body?.cancel();
    }
  });

  it('without a mediaType is taken with a warning that says what it is served as', async () => {
    const told = async (body: string) => (await putManifest(name, 'warned', body, OCI_MANIFEST)).headers.get('warning');
    expect(await told(imageOf(blob, { mediaType: undefined }))).toBe(
      `299 - "the manifest has no mediaType; it is served as ${OCI_MANIFEST}"`,
    );
    expect(await told(imageOf(blob))).toBeNull();
    // The type that it first came with is the one that it keeps.
    const again = await putManifest(name, 'warned', imageOf(blob, { mediaType: undefined }), DOCKER_MANIFEST);
    expect(again.headers.get('warning')).toContain(`it is served as ${OCI_MANIFEST}`);
  });

  it('twice is one manifest, and both pushes get 201', async () => {
    for (const body of [padded(1_500), padded(90 * KIB)]) {
      await expectKept('twice', body, OCI_MANIFEST);
      await expectKept('twice', body, OCI_MANIFEST);
    }
  });

  it('by its digest needs no tag, also by SHA-512', async () => {
    for (const body of [padded(1_600), padded(80 * KIB)]) {
      for (const digest of [await sha256(body), await sha512(bytesOf(body))]) {
        const created = demand(await putManifest(name, digest, body, OCI_MANIFEST), 201);
        expect(created.headers.get('docker-content-digest')).toBe(digest);
        expect(await (await getManifest(name, digest)).text()).toBe(body);
      }
    }
  });

  it('under a wrong digest is refused, and is not there under either', async () => {
    for (const size of [1_700, 70 * KIB]) {
      const body = padded(size);
      const wrong = [MISSING, `sha512:${'0'.repeat(128)}`];
      for (const reference of wrong) {
        const answer = await refusal(putManifest(name, reference, body, OCI_MANIFEST));
        expect(answer).toMatchObject({ status: 400, code: 'DIGEST_INVALID', detail: { given: reference } });
      }
      for (const reference of [...wrong, await sha256(body)]) {
        expect((await getManifest(name, reference)).status).toBe(404);
      }
    }
  });

  it('under a reference that is none is refused', async () => {
    for (const reference of ['-tag', '.tag', 'x'.repeat(129), 'ta%20g']) {
      const answer = await refusal(putManifest(name, reference, imageOf(blob), OCI_MANIFEST));
      expect(answer, reference).toMatchObject({ status: 400, code: 'TAG_INVALID' });
    }
    for (const reference of ['sha256:1234', `sha256:${'A'.repeat(64)}`, 'md5:00', ':']) {
      const answer = await refusal(putManifest(name, reference, imageOf(blob), OCI_MANIFEST));
      expect(answer, reference).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    }
  });
});

describe('a tag', () => {
  it('moves, and its old manifest stays under its digest', async () => {
    const [before, after] = [padded(1_801), padded(70 * KIB + 1)];
    await expectKept('moving', before, OCI_MANIFEST);
    await expectKept('moving', after, OCI_MANIFEST);
    expect(await (await getManifest(name, await sha256(before))).text()).toBe(before);
    await expectKept('moving', before, OCI_MANIFEST);
  });

  it('that many push at once ends in one of them, and each of them is there', async () => {
    const bodies = Array.from({ length: 16 }, (_, index) => padded(index % 2 === 0 ? 1_900 + index : 66 * KIB + index));
    const answers = await Promise.all(bodies.map((body) => putManifest(name, 'contended', body, OCI_MANIFEST)));
    expect(answers.map(({ status }) => status)).toEqual(bodies.map(() => 201));
    expect(bodies).toContain(await (await getManifest(name, 'contended')).text());
    for (const body of bodies) expect(await (await getManifest(name, await sha256(body))).text()).toBe(body);
  });

  it('that was answered is what every later reader sees', async () => {
    for (let round = 0; round < 20; round += 1) {
      const body = padded(2_100 + round);
      demand(await putManifest(name, 'linear', body, OCI_MANIFEST), 201);
      const read = await Promise.all([1, 2, 3].map(async () => (await getManifest(name, 'linear')).text()));
      expect(read).toEqual([body, body, body]);
    }
  });

  it('that is not there is MANIFEST_UNKNOWN, in a repository that is there or not', async () => {
    for (const repository of [name, 'manifests/nobody']) {
      for (const reference of ['none', MISSING]) {
        const answer = await refusal(getManifest(repository, reference));
        expect(answer).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN', detail: { reference } });
      }
    }
  });
});

describe('what a manifest refers to', () => {
  it('has to be there: blobs and children that are missing are named', async () => {
    const there = await sha256(imageOf(blob));
    demand(await putManifest(name, there, imageOf(blob), OCI_MANIFEST), 201);
    const other = await newBlob(5);
    const lacking = { ...descriptorOf(blob), digest: MISSING };
    const cases = [
      [imageOf(blob, { layers: [descriptorOf(blob), lacking, descriptorOf(other)] }), [MISSING, other.digest]],
      [imageOf(blob, { config: lacking }), [MISSING]],
      [indexOf([there, MISSING]), [MISSING]],
      [JSON.stringify({ mediaType: 'application/x', blobs: [lacking] }), [MISSING]],
    ] as const;
    for (const [body, digests] of cases) {
      const answer = await refusal(putManifest(name, 'lacking', body));
      expect(answer).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN', detail: { digests } });
      for (const digest of digests) expect(answer.message).toContain(digest);
      expect((await getManifest(name, 'lacking')).status).toBe(404);
      expect((await getManifest(name, await sha256(body))).status).toBe(404);
    }
  });

  it('has to be in the same repository', async () => {
    const answer = await refusal(putManifest('manifests/elsewhere', 'latest', imageOf(blob), OCI_MANIFEST));
    expect(answer).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN', detail: { digests: [blob.digest] } });
    expect((await refusal(send('GET', '/v2/manifests/elsewhere/tags/list'))).code).toBe('NAME_UNKNOWN');
  });

  it.each(FOREIGN_TYPES)('may be missing when it is a foreign layer (%s)', async (mediaType) => {
    const foreign = { mediaType, digest: MISSING, size: 7, urls: ['https://example.invalid/layer'] };
    await expectKept('foreign', imageOf(blob, { layers: [descriptorOf(blob), foreign] }), OCI_MANIFEST);
  });

  it('may be missing when it is the subject', async () => {
    await expectKept('subject', imageOf(blob, { subject: { ...descriptorOf(blob), digest: MISSING } }), OCI_MANIFEST);
  });

  it('may be many: an index of children that are there, of every kind', async () => {
    const children = [imageOf(blob), padded(75 * KIB), indexOf([])];
    for (const child of children) demand(await putManifest(name, await sha256(child), child), 201);
    await expectKept('nested', indexOf(await Promise.all(children.map(sha256))), OCI_INDEX);
  });
});

describe('a manifest that is refused', () => {
  const index = (): string => indexOf([]);
  it.each([
    ['layers and manifests in one document', OCI_MANIFEST, (): string => imageOf(blob, { manifests: [] })],
    ['layers and manifests in one document', OCI_INDEX, (): string => indexOf([], { layers: [] })],
    ['layers and manifests of another type', 'application/x', (): string => '{"layers":[],"manifests":[]}'],
    ['an index that is sent as an image', OCI_MANIFEST, index],
    ['an image that is sent as an index', OCI_INDEX, (): string => imageOf(blob)],
    ['an index that calls itself an image', OCI_INDEX, (): string => indexOf([], { mediaType: OCI_MANIFEST })],
    ['an untyped index that is sent as an image', OCI_MANIFEST, (): string => indexOf([], { mediaType: undefined })],
    ['an untyped image that is sent as an index', OCI_INDEX, (): string => imageOf(blob, { mediaType: undefined })],
    ['an OCI image that is sent as one of Docker', DOCKER_MANIFEST, (): string => imageOf(blob)],
  ])('is two things at once (CVE-2021-41190): %s, as %s', async (_label, mediaType, body) => {
    const answer = await refusal(putManifest(name, 'confused', body(), mediaType));
    expect(answer).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    expect((await getManifest(name, 'confused')).status).toBe(404);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', '{"schemaVersion": 2'],
    ['a number', '2'],
    ['null', 'null'],
    ['a list', '[]'],
    ['JSON with a byte order mark', '\ufeff{"schemaVersion":2}'],
    ['no schemaVersion', '{"config":{},"layers":[]}'],
    ['no config', '{"schemaVersion":2,"layers":[]}'],
    ['a layer without a digest', '{"schemaVersion":2,"layers":[{"mediaType":"x","size":1}]}'],
    ['a list too deep', `{"schemaVersion":2,"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
  ])('is %s: the answer says what to mend', async (_label, body) => {
    const answer = await refusal(putManifest(name, 'broken', body, OCI_MANIFEST));
    expect(answer).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    expect(answer.message.length).toBeGreaterThan(20);
  });

  it('has bytes that are no UTF-8', async () => {
    const body = bytesOf(imageOf(blob, { annotations: { a: 'ÿ' } })).map((byte) => (byte === 0xc3 ? 0xff : byte));
    const sent = { body, headers: { 'content-type': OCI_MANIFEST } };
    const answer = await refusal(send('PUT', `/v2/${name}/manifests/broken`, sent));
    expect(answer).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
  });

  it.each([
    'application/vnd.docker.distribution.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
  ])('is of Docker schema 1 (%s): the answer says why', async (mediaType) => {
    const body = JSON.stringify({ schemaVersion: 1, name, tag: 'old', fsLayers: [], history: [] });
    for (const type of [mediaType, 'application/json']) {
      const answer = await refusal(putManifest(name, 'old', body, type));
      expect(answer).toMatchObject({ status: 400, code: 'UNSUPPORTED' });
      expect(answer.message).toContain('schema 1');
    }
  });
});
