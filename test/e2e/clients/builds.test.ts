/** Images that clients make themselves: built layer by layer from nothing, or taken in from a tarball. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { startDocker } from './docker-client.ts';
import type { DockerClient } from './docker-client.ts';
import { contentOf, sha256Of } from './fixtures.ts';
import { parseJson } from './image-files.ts';
import { startBuildah } from './podman-client.ts';
import type { ContainersStorageClient } from './podman-client.ts';
import { readImage } from './registry-reader.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import { tarOf } from './tar.ts';

const TEST_LIMIT_MS = 120_000;
const BUILT_LAYERS = 5;
const LAYER_BYTES = 700_000;

const DockerImageSchema = v.object({ Id: v.string(), RootFS: v.object({ Layers: v.array(v.string()) }) });

let registry: RegistryUnderTest;
let scratch: Scratch;
let docker: Availability<DockerClient>;
let buildah: Availability<ContainersStorageClient>;

beforeAll(async () => {
  registry = await registryUnderTest();
  scratch = makeScratch();
  docker = await startDocker(scratch);
  buildah = await startBuildah(scratch);
}, TEST_LIMIT_MS);

afterAll(async () => {
  for (const client of [docker, buildah]) if (client.kind === 'available') await client.value.stop();
  await scratch.remove();
  await registry.stop();
}, TEST_LIMIT_MS);

/** A build context whose Dockerfile makes one layer a file, of random and of compressible bytes in turn. */
function writeBuildContext(seed: string): string {
  const folder = scratch.folder(`context-${seed}`);
  const lines = ['FROM scratch'];
  for (let at = 0; at < BUILT_LAYERS; at += 1) {
    const kind = at % 2 === 0 ? 'random' : 'text';
    writeFileSync(
      join(folder, `part-${String(at)}`),
      contentOf({ seed: `${seed}/${String(at)}`, sizeBytes: LAYER_BYTES, kind }),
    );
    lines.push(`COPY part-${String(at)} /content/`);
  }
  lines.push('CMD ["/content/part-0"]');
  writeFileSync(join(folder, 'Dockerfile'), `${lines.join('\n')}\n`);
  return folder;
}

async function dockerImage(client: DockerClient, reference: string): Promise<v.InferOutput<typeof DockerImageSchema>> {
  const { stdout } = await client.docker('image', 'inspect', '--format', '{{json .}}', reference);
  return v.parse(DockerImageSchema, parseJson(stdout));
}

describe('an image that a client made', { timeout: TEST_LIMIT_MS }, () => {
  test('comes back the same after docker built it from scratch in five layers', async (context) => {
    const client = requireClient(context, 'docker', docker);
    const reference = registry.reference('docker-built', 'latest');
    await client.docker('build', '--tag', reference, writeBuildContext('docker'));
    const built = await dockerImage(client, reference);
    expect(built.RootFS.Layers).toHaveLength(BUILT_LAYERS);
    const { manifestDigest } = await client.push(reference);
    const expected = { manifestDigest, configDigest: built.Id, diffIds: built.RootFS.Layers };
    expect(await readImage(reference)).toMatchObject(expected);
    await client.forgetAll();
    expect(await client.pull(reference)).toEqual(expected);
  });

  test('comes back the same after docker imported it from a tarball', async (context) => {
    const client = requireClient(context, 'docker', docker);
    const reference = registry.reference('docker-imported', 'latest');
    const content = contentOf({ seed: 'imported', sizeBytes: 3 * LAYER_BYTES, kind: 'random' });
    const tarball = tarOf([{ name: 'content/' }, { name: 'content/imported', content }]);
    const file = join(scratch.path, 'import.tar');
    writeFileSync(file, tarball);
    await client.docker('import', file, reference);
    const imported = await dockerImage(client, reference);
    const { manifestDigest } = await client.push(reference);
    const expected = { manifestDigest, configDigest: imported.Id, diffIds: [sha256Of(tarball)] };
    expect(await readImage(reference)).toMatchObject(expected);
    await client.forgetAll();
    expect(await client.pull(reference)).toEqual(expected);
  });

  test('comes back the same after buildah built it from scratch in five layers', async (context) => {
    const client = requireClient(context, 'buildah', buildah);
    const reference = registry.reference('buildah-built', 'latest');
    await client.run('bud', '--layers', '--tag', reference, writeBuildContext('buildah'));
    const { manifestDigest } = await client.push(reference);
    const stored = await readImage(reference);
    expect(stored).toMatchObject({ manifestDigest });
    expect(stored.diffIds).toHaveLength(BUILT_LAYERS);
    await client.forgetAll();
    expect(await client.pull(reference)).toEqual({
      manifestDigest,
      configDigest: stored.configDigest,
      diffIds: stored.diffIds,
    });
  });
});
