/** Referrers (end-12a, end-12b): the manifests whose subject a digest is. Thousands of them: large-lists.test.ts. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-type.ts';
import { demand, imageOf, pushed, putManifest, refusal, send, sha256, textBytes, isOfOneAnswer } from './client.ts';
import { LogLines } from './log-lines.ts';
import { newBlob, type Blob } from './world.ts';

const SBOM = 'application/vnd.example.sbom.v1';
const SIGNATURE = 'application/vnd.example.signature.v1';

let blob: Blob;
beforeAll(async () => {
  blob = await newBlob(100);
});
beforeEach(() => {
  new LogLines();
});
afterEach(() => {
  vi.restoreAllMocks();
});

interface Listed {
  mediaType: string;
  digest: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

interface Page {
  referrers: Listed[];
  next: string | undefined;
  filters: string | null;
}

async function page(path: string): Promise<Page> {
  const response = demand(await send('GET', path), 200);
  expect(response.headers.get('content-type')).toBe(OCI_INDEX);
  const { manifests, ...rest } = await response.clone().json<{ manifests: Listed[] }>();
  const text = await response.text();
  expect(response.headers.get('content-length')).toBe(String(new TextEncoder().encode(text).byteLength));
  expect(rest).toEqual({ schemaVersion: 2, mediaType: OCI_INDEX });
  const [, next] = /^<([^>]+)>; rel="next"$/.exec(response.headers.get('link') ?? '') ?? [];
  return { referrers: manifests, next, filters: response.headers.get('oci-filters-applied') };
}

const list = (repository: string, subject: string, query = '') =>
  page(`/v2/${repository}/referrers/${subject}${query}`);

async function walk(path: string): Promise<Listed[][]> {
  const pages: Listed[][] = [];
  for (let at: string | undefined = path; at !== undefined;) {
    const { referrers, next } = await page(at);
    pages.push(referrers);
    at = next;
  }
  return pages;
}

async function subjectIn(repository: string): Promise<{ digest: string; descriptor: object }> {
  await pushed(repository, blob);
  const body = imageOf(blob, { annotations: { subject: crypto.randomUUID() } });
  demand(await putManifest(repository, 'subject', body), 201);
  const digest = await sha256(body);
  return { digest, descriptor: { mediaType: OCI_MANIFEST, digest, size: body.length } };
}

async function refer(repository: string, subject: object, extra: Record<string, unknown> = {}) {
  const body = imageOf(blob, { subject, ...extra });
  const answer = demand(await putManifest(repository, await sha256(body), body), 201);
  return { body, digest: await sha256(body), answer };
}

describe('the referrers of a subject', () => {
  it('have their type, size, artifact type and annotations, and the push says that they were taken as such', async () => {
    const name = 'referrers/all';
    const { digest, descriptor } = await subjectIn(name);
    const annotations = { 'org.example.format': 'json', empty: '', ü: '"\n😀' };
    const sbom = await refer(name, descriptor, { artifactType: SBOM, annotations });
    const plain = await refer(name, descriptor, { annotations: {} });
    const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], subject: descriptor });
    const indexAnswer = demand(await putManifest(name, 'index', index, OCI_INDEX), 201);
    for (const answer of [sbom.answer, plain.answer, indexAnswer]) {
      expect(answer.headers.get('oci-subject')).toBe(digest);
    }
    expect(await list(name, digest)).toEqual({
      referrers: [
        {
          mediaType: OCI_MANIFEST,
          digest: sbom.digest,
          size: textBytes(sbom.body).byteLength,
          artifactType: SBOM,
          annotations,
        },
        {
          mediaType: OCI_MANIFEST,
          digest: plain.digest,
          size: plain.body.length,
          artifactType: 'application/vnd.oci.image.config.v1+json',
        },
        { mediaType: OCI_INDEX, digest: await sha256(index), size: index.length },
      ],
      next: undefined,
      filters: null,
    });
  });

  it('may be asked for by artifact type', async () => {
    const name = 'referrers/types';
    const { digest, descriptor } = await subjectIn(name);
    const sbom = await refer(name, descriptor, { artifactType: SBOM });
    await refer(name, descriptor, { artifactType: SIGNATURE });
    const filtered = await list(name, digest, `?artifactType=${encodeURIComponent(SBOM)}`);
    expect(filtered.referrers.map((referrer) => referrer.digest)).toEqual([sbom.digest]);
    expect(filtered.filters).toBe('artifactType');
    expect(await list(name, digest, '?artifactType=application/none')).toEqual({
      referrers: [],
      next: undefined,
      filters: 'artifactType',
    });
    expect((await list(name, digest, '?artifactType=')).referrers).toHaveLength(2);
  });

  it('are there before their subject, and after it was deleted', async () => {
    const name = 'referrers/early';
    await pushed(name, blob);
    const body = imageOf(blob, { annotations: { late: 'yes' } });
    const digest = await sha256(body);
    const early = await refer(name, { mediaType: OCI_MANIFEST, digest, size: body.length });
    const listed = async () => (await list(name, digest)).referrers.map((referrer) => referrer.digest);
    expect(await listed()).toEqual([early.digest]);
    demand(await putManifest(name, 'late', body), 201);
    demand(await send('DELETE', `/v2/${name}/manifests/${digest}`), 202);
    expect(await listed()).toEqual([early.digest]);
  });

  it('that are deleted are not listed any more, and those that are pushed twice are listed once', async () => {
    const name = 'referrers/deleted';
    const { digest, descriptor } = await subjectIn(name);
    const [one, two] = [
      await refer(name, descriptor, { artifactType: SBOM }),
      await refer(name, descriptor, { artifactType: SIGNATURE }),
    ];
    demand(await putManifest(name, 'again', two.body), 201);
    demand(await send('DELETE', `/v2/${name}/manifests/${one.digest}`), 202);
    expect((await list(name, digest)).referrers.map((referrer) => referrer.digest)).toEqual([two.digest]);
  });

  it('are none where nothing refers, in repositories that are there or not, also with SHA-512', async () => {
    await pushed('referrers/none', blob);
    for (const subject of [`sha256:${'0'.repeat(64)}`, `sha512:${'0'.repeat(128)}`]) {
      for (const repository of ['referrers/none', 'referrers/unknown']) {
        expect((await list(repository, subject)).referrers).toEqual([]);
      }
    }
  });

  it('of what is no digest, and pages that nobody named, are 400', async () => {
    expect(await refusal(send('GET', '/v2/referrers/none/referrers/latest'))).toMatchObject({
      status: 400,
      code: 'DIGEST_INVALID',
    });
    for (const last of ['-1', 'x', '', '1.5']) {
      const path = `/v2/referrers/none/referrers/sha256:${'0'.repeat(64)}?last=${last}`;
      expect(await refusal(send('GET', path))).toMatchObject({ status: 400 });
    }
  });

  it('answer HEAD as GET, without the body', async () => {
    const { digest } = await subjectIn('referrers/head');
    const path = `/v2/referrers/head/referrers/${digest}`;
    const [get, head] = [await send('GET', path), await send('HEAD', path)];
    const told = ({ headers }: Response) => [...headers].filter(([header]) => !isOfOneAnswer(header));
    expect(told(head)).toEqual(told(get));
    expect(await head.text()).toBe('');
  });
});

describe('many referrers (CVE-2024-29902, CVE-2024-29903, CVE-2023-33957)', () => {
  it('with large annotations come in pages of at most 4 MiB', async () => {
    const heavy = 'referrers/heavy';
    const { digest, descriptor } = await subjectIn(heavy);
    for (let index = 0; index < 70; index += 1) {
      await refer(heavy, descriptor, { annotations: { index: String(index), padding: 'x'.repeat(60_000) } });
    }
    const pages = await walk(`/v2/${heavy}/referrers/${digest}`);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat()).toHaveLength(70);
    for (const entries of pages) expect(JSON.stringify(entries).length).toBeLessThan(4 * 1024 * 1024);
  });

  it('may not have annotations beyond a limit', async () => {
    const { descriptor } = await subjectIn('referrers/limit');
    const body = imageOf(blob, { subject: descriptor, annotations: { padding: 'x'.repeat(70_000) } });
    expect(await refusal(putManifest('referrers/limit', 'large', body))).toMatchObject({
      status: 400,
      code: 'MANIFEST_INVALID',
      detail: { limit: 65_536 },
    });
  });
});
