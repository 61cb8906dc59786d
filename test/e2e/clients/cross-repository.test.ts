/**
 * An image that shares its layers with one of another repository costs what is new (end-11, mounts), and does not depend on
 * that other repository from then on.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { startDocker } from './docker-client.ts';
import type { DockerClient } from './docker-client.ts';
import { contentOf, imagesDifferingInOneLayer, imagesSharingLayers, sha256Of } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { startCrane } from './layout-clients.ts';
import type { LayoutClient } from './layout-clients.ts';
import { readImage } from './registry-reader.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import { tarOf } from './tar.ts';
import { startRecorder, uploadedDigests } from './wire-recorder.ts';
import type { WireRecorder } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;

let registry: RegistryUnderTest;
let recorder: WireRecorder;
let scratch: Scratch;
let docker: Availability<DockerClient>;
let crane: Availability<LayoutClient>;

beforeAll(async () => {
  scratch = makeScratch();
  crane = await startCrane(scratch);
  docker = await startDocker(scratch);
  registry = await registryUnderTest();
  recorder = await startRecorder(() => registry.url);
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  if (docker.kind === 'available') await docker.value.stop();
  await recorder.stop();
  await registry.stop();
  await scratch.remove();
}, TEST_LIMIT_MS);

describe('an image that differs in one layer', { timeout: TEST_LIMIT_MS }, () => {
  test('is pushed by docker to a second repository with one layer, and outlives the first image', async (context) => {
    const client = requireClient(context, 'docker', docker);
    const { first, second } = imagesDifferingInOneLayer('cross/docker');
    const source = `${recorder.host}/${registry.repository('docker-first')}:one`;
    const target = `${recorder.host}/${registry.repository('docker-second')}:one`;
    await client.load(first, source);
    await client.push(source);
    const held = await readImage(source);
    await client.load(second, target);
    recorder.take();
    const { manifestDigest } = await client.push(target);
    const uploaded = uploadedDigests(recorder.take());
    const stored = await readImage(target);
    const fresh = stored.layerDigests.filter((digest) => !held.layerDigests.includes(digest));
    expect(fresh).toHaveLength(1);
    expect(uploaded.sort()).toEqual([stored.configDigest, ...fresh].sort());

    await remove('docker-first', held.manifestDigest);
    await client.forgetAll();
    await expect(client.pull(source)).rejects.toThrow(client.notFound);
    expect(await client.pull(target)).toEqual({
      manifestDigest,
      configDigest: second.config.digest,
      diffIds: second.layers.map((layer) => layer.diffId),
    });
  });

  test('is made by crane of one in a first repository with one layer, and outlives that', async (context) => {
    const client = requireClient(context, 'crane', crane);
    const { base } = imagesSharingLayers('cross/crane');
    const source = `${recorder.host}/${registry.repository('crane-first')}:one`;
    const target = `${recorder.host}/${registry.repository('crane-second')}:one`;
    await client.load(base, source);
    await client.push(source);
    const layer = tarOf([
      { name: 'content/' },
      { name: 'content/added', content: contentOf({ seed: 'cross/added', sizeBytes: 300_000, kind: 'random' }) },
    ]);
    const file = join(scratch.path, 'added.tar');
    writeFileSync(file, layer);
    recorder.take();
    await client.run(['append', '--base', source, '--new_layer', file, '--new_tag', target]);
    const uploaded = uploadedDigests(recorder.take());
    const stored = await readImage(target);
    expect(stored.diffIds).toEqual([...base.layers.map(({ diffId }) => diffId), sha256Of(layer)]);
    expect(uploaded.sort()).toEqual([stored.configDigest, ...stored.layerDigests.slice(base.layers.length)].sort());

    await remove('crane-first', base.manifest.digest);
    await client.forgetAll();
    await expect(client.pull(source)).rejects.toThrow(client.notFound);
    const { manifestDigest, configDigest, diffIds } = stored;
    expect(await client.pull(target)).toEqual({ manifestDigest, configDigest, diffIds });
  });
});

/** Deletes a manifest with its tags (end-9). */
async function remove(name: string, digest: string): Promise<void> {
  const url = `${registry.url}/v2/${registry.repository(name)}/manifests/${digest}`;
  const answer = await fetch(url, { method: 'DELETE' });
  if (answer.status !== 202) throw new Error(`DELETE ${url} was answered ${String(answer.status)}`);
}
