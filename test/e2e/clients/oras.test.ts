/** Artifacts as oras keeps them: files as layers, and referrers (image-spec, manifest.md "subject"; end-12a, end-12b). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { contentOf, imagesSharingLayers, sha256Of } from './fixtures.ts';
import { parseJson } from './image-files.ts';
import { startOras } from './layout-clients.ts';
import type { LayoutClient } from './layout-clients.ts';
import { recordedClient } from './recorded-client.ts';
import type { Scratch } from './scratch.ts';
import { uploadedBytes } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;
const SBOM_TYPE = 'application/spdx+json';
const SCAN_TYPE = 'application/vnd.example.scan';
const SBOM = '{"spdxVersion":"SPDX-2.3","name":"harbour"}';

const ReferrerSchema = v.object({ digest: v.string(), artifactType: v.string() });
const TreeSchema = v.object({
  referrers: v.array(v.object({ ...ReferrerSchema.entries, referrers: v.optional(v.array(ReferrerSchema)) })),
});

const oras = recordedClient('oras', startOras);

describe('oras', { timeout: TEST_LIMIT_MS }, () => {
  test('attaches an SBOM and what refers to that, discovers both, and copies an image with all of it', async (context) => {
    const { client, registry, recorder, scratch } = oras(context);
    const { base } = imagesSharingLayers('oras/attach');
    const source = `${recorder.host}/${registry.repository('oras-image')}:one`;
    const target = `${recorder.host}/${registry.repository('oras-copy')}:one`;
    await client.load(base, source);
    await client.push(source);
    const sbom = await attach(client, scratch, source, SBOM_TYPE, 'sbom.json', SBOM);
    const onSbom = source.replace(':one', `@${sbom}`);
    const scan = await attach(client, scratch, onSbom, SCAN_TYPE, 'scan.txt', 'nothing found\n');

    const tree = [{ digest: sbom, artifactType: SBOM_TYPE, referrers: [{ digest: scan, artifactType: SCAN_TYPE }] }];
    expect(await discover(client, source)).toMatchObject(tree);
    expect(await discover(client, source, '--artifact-type', SCAN_TYPE)).toEqual([]);
    expect(await discover(client, source, '--artifact-type', SBOM_TYPE)).toHaveLength(1);

    recorder.take();
    await client.run(['cp', '--recursive', '--from-plain-http', source, '--to-plain-http', target]);
    expect(uploadedBytes(recorder.take())).toBe(0);
    expect(await discover(client, target)).toMatchObject(tree);
    const back = scratch.folder('sbom');
    await client.run(['pull', '--plain-http', '--output', back, target.replace(':one', `@${sbom}`)]);
    expect(readFileSync(join(back, 'sbom.json'), 'utf8')).toBe(SBOM);
  });

  test('pushes files under several tags and pulls them, lists the tags, and deletes a manifest', async (context) => {
    const { client, registry, scratch } = oras(context);
    const { run } = client;
    const repository = registry.reference('oras-files', 'one').slice(0, -':one'.length);
    const folder = scratch.folder('files');
    const chart = contentOf({ seed: 'oras/files', sizeBytes: 3_000_000, kind: 'random' });
    writeFileSync(join(folder, 'chart.bin'), chart);
    writeFileSync(join(folder, 'notes.txt'), 'tide tables\n');
    const files = ['chart.bin:application/vnd.example.chart', 'notes.txt:text/plain'];
    const type = ['--artifact-type', 'application/vnd.example.harbour'];
    await run(['push', '--plain-http', ...type, `${repository}:one,two`, ...files], { cwd: folder });
    expect((await run(['repo', 'tags', '--plain-http', repository])).stdout.toString()).toBe('one\ntwo\n');

    const back = scratch.folder('pulled');
    await run(['pull', '--plain-http', '--output', back, `${repository}:two`]);
    expect(readFileSync(join(back, 'chart.bin')).equals(chart)).toBe(true);
    expect(readFileSync(join(back, 'notes.txt'), 'utf8')).toBe('tide tables\n');

    const blob = ['blob', 'delete', '--plain-http', '--force', `${repository}@${sha256Of(chart)}`];
    await expect(run(blob)).rejects.toThrow(/the blob is part of sha256:/);
    await run(['manifest', 'delete', '--plain-http', '--force', `${repository}:one`]);
    await expect(run(['resolve', '--plain-http', `${repository}:one`])).rejects.toThrow(/not found/);
    await run(blob);
    await expect(
      run(['blob', 'fetch', '--plain-http', '--output', join(folder, 'gone'), `${repository}@${sha256Of(chart)}`]),
    ).rejects.toThrow(/not found/);
  });

  test('makes an index of two images of a repository', async (context) => {
    const { client, registry } = oras(context);
    const { base, derived } = imagesSharingLayers('oras/index');
    const repository = registry.reference('oras-index', 'base').slice(0, -':base'.length);
    await client.load(base, `${repository}:base`);
    await client.load(derived, `${repository}:derived`);
    await client.push(`${repository}:base`);
    await client.push(`${repository}:derived`);
    await client.run(['manifest', 'index', 'create', '--plain-http', `${repository}:both`, 'base', 'derived']);
    const { stdout } = await client.run(['manifest', 'fetch', '--plain-http', `${repository}:both`]);
    expect(parseJson(stdout)).toMatchObject({
      manifests: [{ digest: base.manifest.digest }, { digest: derived.manifest.digest }],
    });
  });
});

/** Attaches a file and tells the digest of the manifest that refers to the subject. */
async function attach(
  client: LayoutClient,
  scratch: Scratch,
  subject: string,
  type: string,
  file: string,
  content: string,
): Promise<string> {
  const folder = scratch.folder('attached');
  writeFileSync(join(folder, file), content);
  const { stdout } = await client.run(
    ['attach', '--plain-http', '--format', 'json', '--artifact-type', type, subject, `${file}:${type}`],
    { cwd: folder },
  );
  return v.parse(v.object({ digest: v.string() }), parseJson(stdout)).digest;
}

async function discover(client: LayoutClient, subject: string, ...filter: string[]) {
  const { stdout } = await client.run(['discover', '--plain-http', '--format', 'json', ...filter, subject]);
  return v.parse(TreeSchema, parseJson(stdout)).referrers;
}
