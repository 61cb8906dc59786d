/** What BuildKit pushes beside an image: an index with the provenance of its build, and its cache, in both of its forms. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBuildKit } from './buildkit-daemon.ts';
import type { BuildKit } from './buildkit-daemon.ts';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { contentOf } from './fixtures.ts';
import { PREPARATION_LIMIT_MS } from './go-programs.ts';
import { layoutBlobs, layoutEntry, parseJson, parseManifest, readLayoutBlob } from './image-files.ts';
import { startCrane } from './layout-clients.ts';
import type { LayoutClient } from './layout-clients.ts';
import { readImage } from './registry-reader.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';
import { fetchedDigests, startRecorder } from './wire-recorder.ts';
import type { WireRecorder } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;
const FILES = ['anchor', 'bollard', 'capstan'];
const FILE_BYTES = 400_000;
const IN_TOTO_TYPE = 'application/vnd.in-toto+json';
/** BuildKit's cache is an image manifest, or, as before v0.21, an index that lists blobs among its manifests. */
const CACHE_FORMS = [
  { form: 'an image manifest', option: 'image-manifest=true', key: 'layers' },
  { form: 'an index of blobs', option: 'image-manifest=false', key: 'manifests' },
] as const;

const IndexSchema = v.object({
  manifests: v.array(v.object({ digest: v.string(), annotations: v.optional(v.record(v.string(), v.string())) })),
});

let registry: RegistryUnderTest;
let recorder: WireRecorder;
let scratch: Scratch;
let buildkit: Availability<BuildKit>;
let crane: Availability<LayoutClient>;

beforeAll(async () => {
  registry = await registryUnderTest();
  recorder = await startRecorder(() => registry.url);
  scratch = makeScratch();
  crane = await startCrane(scratch);
  buildkit = await startBuildKit(scratch, [new URL(registry.url).host, recorder.host]);
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  if (buildkit.kind === 'available') await buildkit.value.stop();
  await recorder.stop();
  await registry.stop();
  await scratch.remove();
}, TEST_LIMIT_MS);

/** `buildctl build` of a Dockerfile that makes one layer a file. */
function buildArgs(seed: string): string[] {
  const folder = scratch.folder(`context-${seed}`);
  for (const name of FILES) {
    writeFileSync(
      join(folder, name),
      contentOf({ seed: `buildkit/${seed}/${name}`, sizeBytes: FILE_BYTES, kind: 'random' }),
    );
  }
  const copies = FILES.map((name) => `COPY ${name} /content/`);
  writeFileSync(join(folder, 'Dockerfile'), ['FROM scratch', ...copies, ''].join('\n'));
  const local = ['--local', `context=${folder}`, '--local', `dockerfile=${folder}`];
  return ['build', '--progress=plain', '--frontend', 'dockerfile.v0', ...local];
}

describe('BuildKit', { timeout: TEST_LIMIT_MS }, () => {
  test('pushes an image from scratch with its provenance, and another client pulls all of it', async (context) => {
    const { buildctl } = requireClient(context, 'BuildKit', buildkit);
    const client = requireClient(context, 'crane', crane);
    const reference = registry.reference('buildkit-provenance', 'latest');
    const output = ['--output', `type=image,name=${reference},push=true`];
    await buildctl([...buildArgs('provenance'), '--opt', 'attest:provenance=mode=max', ...output]);

    const back = scratch.folder('provenance');
    await client.run(['pull', '--format=oci', reference, back]);
    const { manifests } = v.parse(IndexSchema, parseJson(readLayoutBlob(back, layoutEntry(back).digest)));
    expect(manifests).toHaveLength(2);
    const [image, provenance] = manifests.map(({ digest }) => parseManifest(readLayoutBlob(back, digest)));
    expect(manifests[1]?.annotations?.['vnd.docker.reference.digest']).toBe(manifests[0]?.digest);
    expect(image?.layers).toHaveLength(FILES.length);
    expect(provenance?.layers.map(({ mediaType }) => mediaType)).toEqual([IN_TOTO_TYPE]);
    const named = [image, provenance].flatMap((one) => (one === undefined ? [] : [one.config, ...one.layers]));
    expect(layoutBlobs(back)).toEqual(expect.arrayContaining(named.map(({ digest }) => digest)));
  });

  test.for(CACHE_FORMS)(
    'pushes its cache as $form, and builds from that what it forgot',
    async ({ option, key }, context) => {
      const { buildctl } = requireClient(context, 'BuildKit', buildkit);
      const name = `buildkit-${option.replace('=', '-')}`;
      const repository = `${recorder.host}/${registry.repository(name)}`;
      const build = buildArgs(name);
      await buildctl([
        ...build,
        ...['--output', `type=image,name=${repository}:image,push=true`],
        ...['--export-cache', `type=registry,ref=${repository}:cache,mode=max,${option}`],
      ]);
      const { layerDigests } = await readImage(`${repository}:image`);
      const cache: unknown = await (await fetch(`http://${repository.replace('/', '/v2/')}/manifests/cache`)).json();
      expect(cache).toHaveProperty(key);

      await buildctl(['prune', '--all']);
      recorder.take();
      const { output } = await buildctl([
        ...build,
        ...['--output', `type=oci,dest=${join(scratch.path, `${name}.tar`)}`],
        ...['--import-cache', `type=registry,ref=${repository}:cache`],
      ]);
      // Of steps whose result another one has brought it may say nothing at all; where the layers came from says it.
      expect(output).toMatch(/^#\d+ CACHED$/m);
      expect(fetchedDigests(recorder.take())).toEqual(expect.arrayContaining([...layerDigests]));
    },
  );
});
