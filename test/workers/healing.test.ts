/** What a store has lost, and what was pushed in an odd order: the next push has to put it right. */
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, it } from 'vitest';
import { faults, type FaultKind } from './faults.ts';
import {
  config,
  manifestOf,
  mapped,
  newBlob,
  newWorld,
  openUpload,
  passAllGraces,
  passTime,
  pullManifest,
  pushBlob,
  pushManifest,
  putWhole,
  repositoryName,
  request,
  served,
  settle,
  textBlob,
  type Blob,
} from './world.ts';

const FOREIGN_LAYER = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
const MINUTE_MS = 60_000;

async function headStatus({ digest }: Blob): Promise<number> {
  return (await request(`/v2/${repositoryName('a')}/blobs/${digest}`, { method: 'HEAD' })).status;
}

async function lose(blob: Blob): Promise<void> {
  await env.BLOBS.delete((await mapped(blob.digest))?.key ?? '');
}

beforeEach(newWorld);

describe('a blob whose bytes are lost', () => {
  it('is no longer promised by HEAD once a GET has missed it, so that a client pushes it and heals it', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    await lose(blob);
    expect(await served('a', blob)).toBe(404);
    expect(await headStatus(blob)).toBe(404);
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await headStatus(blob)).toBe(200);
    expect(await served('a', blob)).toBe('right');
  });

  it('or cut short is missing for a range beyond what is left, and no failure of the registry', async () => {
    const blob = await newBlob(1_000);
    expect(await pushBlob('a', blob)).toBe(201);
    const key = (await mapped(blob.digest))?.key ?? '';
    await env.BLOBS.put(key, blob.bytes.subarray(0, 10));
    const headers = { range: 'bytes=500-599' };
    const ranged = await request(`/v2/${repositoryName('a')}/blobs/${blob.digest}`, { headers });
    expect(ranged.status).toBe(404);
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await served('a', blob)).toBe('right');
  });
});

describe('a blob whose bytes are lost, and whose healing is interrupted', () => {
  /** As one PUT; and through the session's own object, which asks the repository from outside. */
  const pushes = {
    'a whole PUT': pushBlob,
    'a streamed session': async (repository: string, blob: Blob): Promise<number> => {
      const { path } = await openUpload(repository);
      const entered = await request(path, { method: 'PATCH', body: new Uint8Array() });
      return (await putWhole(entered.headers.get('location') ?? '', blob)).status;
    },
  };
  const points = ['Repository>store.head', 'Repository>BLOB_DIRECTORY.swap'];
  const kinds: FaultKind[] = ['fail-before', 'fail-after', 'crash-before', 'crash-after'];
  const cases = Object.entries(pushes).flatMap(([form, push]) =>
    points.flatMap((point) => kinds.map((kind) => ({ form, push, point, kind }))),
  );

  it.each(cases)('is not promised before it is healed: $form, $kind at $point', async ({ push, point, kind }) => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    await lose(blob);
    expect(await served('a', blob)).toBe(404);
    faults.inject(point, kind);
    const status = await push('a', blob).catch(() => 0);
    expect(faults.fired).toHaveLength(1);
    // Whatever it was told: what is promised is there.
    expect([status === 201, await headStatus(blob)]).toEqual(status === 201 ? [true, 200] : [false, 404]);
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await headStatus(blob)).toBe(200);
    expect(await served('a', blob)).toBe('right');
  });
});

describe('a large manifest whose bytes are lost', () => {
  it('is healed by pushing it again', async () => {
    const blob = await newBlob();
    const body = manifestOf(blob, 100_000);
    expect(await pushBlob('a', blob)).toBe(201);
    expect(await pushManifest('a', 'latest', body)).toBe(201);
    await lose(await textBlob(body));
    expect(await pullManifest('a', 'latest')).toContain('MANIFEST_UNKNOWN');
    expect(await pushManifest('a', 'latest', body)).toBe(201);
    expect(await pullManifest('a', 'latest')).toBe(body);
  });
});

describe('a foreign layer', () => {
  it('that is pushed after its manifest is kept by pushing the manifest again', async () => {
    const config = await newBlob();
    const layer = await newBlob();
    const descriptor = (blob: Blob, mediaType: string) => ({
      mediaType,
      digest: blob.digest,
      size: blob.bytes.byteLength,
    });
    const body = JSON.stringify({
      schemaVersion: 2,
      config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
      layers: [descriptor(layer, FOREIGN_LAYER)],
    });
    expect(await pushBlob('a', config)).toBe(201);
    expect(await pushManifest('a', 'latest', body)).toBe(201);
    expect(await pushBlob('a', layer)).toBe(201);
    expect(await pushManifest('a', 'latest', body)).toBe(201);
    await passAllGraces();
    expect(await served('a', layer)).toBe('right');
  });
});

describe('a blob that HEAD has promised', () => {
  it('is there for a whole grace after it, however much of the one before was left', async () => {
    const blob = await newBlob();
    expect(await pushBlob('a', blob)).toBe(201);
    passTime(config.graceMs / 2 - MINUTE_MS);
    expect(await headStatus(blob)).toBe(200);
    passTime(config.graceMs - MINUTE_MS);
    await settle();
    expect(await pushManifest('a', 'latest', manifestOf(blob))).toBe(201);
  });
});
