/** regctl's own work: chunks of the size that the registry asks for (OCI-Chunk-Min-Length), tags, artifacts and copies. */
import { describe, expect, test } from 'vitest';
import { contentOf, imagesSharingLayers, sha256Of } from './fixtures.ts';
import { plainHttp, startRegctl } from './layout-clients.ts';
import { recordedClient } from './recorded-client.ts';
import { uploadedBytes, uploadedDigests } from './wire-recorder.ts';

const TEST_LIMIT_MS = 120_000;
const SBOM_TYPE = 'application/spdx+json';
const SBOM = Buffer.from('{"spdxVersion":"SPDX-2.3","name":"harbour"}');
/** More than one of the largest parts that Berth's stores ask for, and no whole number of them. */
const CHUNKED_BYTES = 20_000_001;
/** regctl cuts what is larger than this, in chunks of this size unless the registry asks for more. */
const ASKED_CHUNK_BYTES = 1_000_000;

const regctl = recordedClient('regctl', startRegctl);

describe('regctl', { timeout: TEST_LIMIT_MS }, () => {
  test('pushes a blob in chunks of the size that the registry asks for, and gets it back', async (context) => {
    const { client, registry, recorder } = regctl(context);
    const { run } = client;
    const chunks = ['--blob-chunk', String(ASKED_CHUNK_BYTES), '--blob-max', String(ASKED_CHUNK_BYTES)];
    await run(['registry', 'set', recorder.host, '--tls', 'disabled', '--skip-check', ...chunks]);
    const repository = `${recorder.host}/${registry.repository('regctl-chunks')}`;
    const blob = contentOf({ seed: 'regctl/chunks', sizeBytes: CHUNKED_BYTES, kind: 'random' });
    recorder.take();
    const { stdout } = await run(['blob', 'put', repository], { input: blob });
    expect(stdout.toString('utf8').trim()).toBe(sha256Of(blob));
    const exchanges = recorder.take();
    const sent = exchanges.filter(({ method }) => method === 'PATCH');
    expect(sent.length).toBeGreaterThan(1);
    expect(sent.every(({ status }) => status === 202)).toBe(true);
    expect(uploadedBytes(exchanges)).toBe(blob.length);
    expect(uploadedDigests(exchanges)).toEqual([sha256Of(blob)]);
    const asked = sent[0]?.sentBytes ?? 0;
    expect(asked).toBeGreaterThan(ASKED_CHUNK_BYTES);
    expect(sent.map(({ sentBytes }) => sentBytes).slice(0, -1)).toEqual(sent.slice(1).map(() => asked));

    const back = await run(['blob', 'get', repository, sha256Of(blob)]);
    expect(back.stdout.equals(blob)).toBe(true);
  });

  test('lists the tags and deletes one, and the other tag of the same manifest stays', async (context) => {
    const { client, registry } = regctl(context);
    const { base } = imagesSharingLayers('regctl/tags');
    const one = registry.reference('regctl-tags', 'one');
    const repository = one.slice(0, -':one'.length);
    const run = (...args: string[]) => client.run([...plainHttp(one), ...args]);
    await client.load(base, one);
    await client.push(one);
    await run('image', 'copy', one, `${repository}:two`);
    expect((await run('tag', 'ls', repository)).stdout.toString('utf8')).toBe('one\ntwo\n');
    await run('tag', 'delete', one);
    expect((await run('tag', 'ls', repository)).stdout.toString('utf8')).toBe('two\n');
    expect((await run('image', 'digest', `${repository}:two`)).stdout.toString('utf8').trim()).toBe(
      base.manifest.digest,
    );
    await expect(run('image', 'digest', one)).rejects.toThrow(client.notFound);
    await run('manifest', 'delete', `${repository}@${base.manifest.digest}`);
    await expect(run('image', 'digest', `${repository}:two`)).rejects.toThrow(client.notFound);
  });

  test('attaches an SBOM to an image, lists it, and copies the image with it', async (context) => {
    const { client, registry } = regctl(context);
    const { base } = imagesSharingLayers('regctl/artifact');
    const source = registry.reference('regctl-image', 'one');
    const target = registry.reference('regctl-copy', 'one');
    const run = (args: readonly string[], input?: Uint8Array) =>
      client.run([...plainHttp(source), ...args], input === undefined ? {} : { input });
    await client.load(base, source);
    await client.push(source);
    await run(['artifact', 'put', '--artifact-type', SBOM_TYPE, '-m', SBOM_TYPE, '--subject', source], SBOM);
    const digests = [
      '--filter-artifact-type',
      SBOM_TYPE,
      '--format',
      '{{range .Descriptors}}{{println .Digest}}{{end}}',
    ];
    const listed = (await run(['artifact', 'list', ...digests, source])).stdout.toString('utf8');
    expect(listed).toMatch(/^sha256:[0-9a-f]{64}\n$/);

    await run(['image', 'copy', '--referrers', source, target]);
    expect((await run(['artifact', 'list', ...digests, target])).stdout.toString('utf8')).toBe(listed);
    const back = await run(['artifact', 'get', '--subject', target, '--filter-artifact-type', SBOM_TYPE]);
    expect(back.stdout.equals(SBOM)).toBe(true);
  });
});
