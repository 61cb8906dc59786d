/** crane's own work: copies within a registry, lists, tags and deletes. Pushing and pulling is matrix.test.ts. */
import { describe, expect, test } from 'vitest';
import { blobsOf, imagesSharingLayers, multiPlatformIndex } from './fixtures.ts';
import { layoutBlobs, layoutEntry, writeIndexLayout } from './image-files.ts';
import { startCrane } from './layout-clients.ts';
import type { LayoutClient } from './layout-clients.ts';
import { recordedClient } from './recorded-client.ts';
import { fetchedDigests, uploadedBytes } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;

const crane = recordedClient('crane', startCrane);

describe('crane', { timeout: TEST_LIMIT_MS }, () => {
  test('copies an index with its children to another repository, and no blob goes over the wire', async (context) => {
    const { client, registry, recorder, scratch } = crane(context);
    const { run } = client;
    const fixture = multiPlatformIndex('crane');
    const layout = scratch.folder('index');
    writeIndexLayout(layout, fixture, 'both');
    const source = `${recorder.host}/${registry.repository('crane-source')}:both`;
    const target = `${recorder.host}/${registry.repository('crane-target')}:both`;
    await run(['push', layout, source]);
    recorder.take();
    await run(['copy', source, target]);
    const copied = recorder.take();
    expect(uploadedBytes(copied)).toBe(0);
    expect(fetchedDigests(copied)).toEqual([]);

    // It fetches every byte and compares it with its digest and its diff id.
    await run(['validate', '--remote', target]);
    const back = scratch.folder('back');
    await run(['pull', '--format=oci', target, back]);
    const whole = new Set([fixture.index, ...fixture.images.flatMap(blobsOf)].map((blob) => blob.digest));
    expect(layoutEntry(back).digest).toBe(fixture.index.digest);
    expect(layoutBlobs(back).sort()).toEqual([...whole].sort());
  });

  test('lists the tags of a repository and the repositories, and sets and deletes a tag', async (context) => {
    const { client, registry } = crane(context);
    const { base } = imagesSharingLayers('crane/tags');
    const host = new URL(registry.url).host;
    const repository = `${host}/${registry.repository('crane-tags')}`;
    await client.load(base, `${repository}:one`);
    await client.push(`${repository}:one`);
    await client.run(['tag', `${repository}:one`, 'two']);
    expect(await lines(client, ['ls', repository])).toEqual(['one', 'two']);
    // The catalog follows a moment after the push was answered.
    await expect
      .poll(() => lines(client, ['catalog', host]), { timeout: TEST_LIMIT_MS })
      .toContain(registry.repository('crane-tags'));

    await client.run(['delete', `${repository}:one`]);
    expect(await lines(client, ['ls', repository])).toEqual(['two']);
    await client.run(['delete', `${repository}@${base.manifest.digest}`]);
    await expect(client.run(['digest', `${repository}:two`])).rejects.toThrow(/404/);
    await expect(client.run(['ls', repository])).rejects.toThrow(/NAME_UNKNOWN/);
  });
});

async function lines(client: LayoutClient, args: readonly string[]): Promise<string[]> {
  const { stdout } = await client.run(args);
  return stdout.toString('utf8').trim().split('\n');
}
