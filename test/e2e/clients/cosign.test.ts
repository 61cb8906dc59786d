/**
 * Signatures as cosign keeps them: as a bundle that refers to the image (end-12a), which is its default, and in the older
 * way, as a tag that is made of the image's digest. Keys are of the test's own, and no transparency log has a part in it.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireClient } from './client.ts';
import type { Availability } from './client.ts';
import { hexOf, imagesSharingLayers } from './fixtures.ts';
import { PREPARATION_LIMIT_MS, goCommand } from './go-programs.ts';
import type { GoCommand } from './go-programs.ts';
import { startCrane } from './layout-clients.ts';
import type { LayoutClient } from './layout-clients.ts';
import { registryUnderTest } from './registry-under-test.ts';
import type { RegistryUnderTest } from './registry-under-test.ts';
import { makeScratch } from './scratch.ts';
import type { Scratch } from './scratch.ts';

const TEST_LIMIT_MS = 120_000;
const BUNDLE_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** Neither a log nor the services that Sigstore's own configuration names. */
const SIGN_ALONE = ['--yes', '--tlog-upload=false', '--use-signing-config=false', '--allow-http-registry'];
const VERIFY_ALONE = ['--insecure-ignore-tlog', '--allow-http-registry'];
const AS_TAG = '--new-bundle-format=false';

const ReferrersSchema = v.object({ manifests: v.array(v.object({ artifactType: v.string() })) });
const TagsSchema = v.object({ tags: v.array(v.string()) });

let registry: RegistryUnderTest;
let scratch: Scratch;
let cosign: Availability<GoCommand>;
let crane: Availability<LayoutClient>;

beforeAll(async () => {
  scratch = makeScratch();
  cosign = await goCommand('cosign', {
    ...scratch,
    // Nothing listens there: a request to any other machine would fail.
    env: { ...scratch.env, COSIGN_PASSWORD: 'anchor', HTTPS_PROXY: 'http://127.0.0.1:9' },
  });
  crane = await startCrane(scratch);
  if (cosign.kind === 'available') {
    for (const name of ['ours', 'theirs']) {
      await cosign.value(['generate-key-pair', '--output-key-prefix', join(scratch.path, name)]);
    }
  }
  registry = await registryUnderTest();
}, PREPARATION_LIMIT_MS);

afterAll(async () => {
  await registry.stop();
  await scratch.remove();
}, TEST_LIMIT_MS);

describe('cosign', { timeout: TEST_LIMIT_MS }, () => {
  test('signs with a key in a bundle that refers to the image, and verifies; another key is refused', async (context) => {
    const run = requireClient(context, 'cosign', cosign);
    const { digest, url, pinned } = await pushImage(requireClient(context, 'crane', crane), 'cosign-bundle');
    await run(['sign', ...SIGN_ALONE, '--key', keyOf('ours'), pinned]);
    const referrers = await read(`${url}/referrers/${digest}`);
    expect(v.parse(ReferrersSchema, referrers).manifests.map(({ artifactType }) => artifactType)).toEqual([
      BUNDLE_TYPE,
    ]);
    await run(['verify', ...VERIFY_ALONE, '--key', publicKeyOf('ours'), pinned]);
    await expect(run(['verify', ...VERIFY_ALONE, '--key', publicKeyOf('theirs'), pinned])).rejects.toThrow(
      /accepted signatures do not match threshold/,
    );
  });

  test('signs with a key in a tag of the digest, and verifies; another key is refused', async (context) => {
    const run = requireClient(context, 'cosign', cosign);
    const { digest, url, pinned } = await pushImage(requireClient(context, 'crane', crane), 'cosign-tag');
    await run(['sign', ...SIGN_ALONE, AS_TAG, '--key', keyOf('ours'), pinned]);
    const { tags } = v.parse(TagsSchema, await read(`${url}/tags/list`));
    expect(tags).toEqual(['one', `sha256-${hexOf(digest)}.sig`]);
    await run(['verify', ...VERIFY_ALONE, AS_TAG, '--key', publicKeyOf('ours'), pinned]);
    await expect(run(['verify', ...VERIFY_ALONE, AS_TAG, '--key', publicKeyOf('theirs'), pinned])).rejects.toThrow(
      /invalid signature|no matching signatures/,
    );
  });

  test('attests an SBOM and verifies the attestation, and an image without one is refused', async (context) => {
    const run = requireClient(context, 'cosign', cosign);
    const client = requireClient(context, 'crane', crane);
    const { pinned } = await pushImage(client, 'cosign-attested');
    const bare = await pushImage(client, 'cosign-bare');
    const predicate = join(scratch.path, 'sbom.json');
    writeFileSync(predicate, '{"spdxVersion":"SPDX-2.3","name":"harbour"}');
    const sbom = ['--type', 'spdxjson'];
    await run(['attest', ...SIGN_ALONE, ...sbom, '--predicate', predicate, '--key', keyOf('ours'), pinned]);
    const verify = (image: string) =>
      run(['verify-attestation', ...VERIFY_ALONE, ...sbom, '--key', publicKeyOf('ours'), image]);
    await verify(pinned);
    await expect(verify(bare.pinned)).rejects.toThrow(/no .*attestations/);
  });
});

function keyOf(name: string): string {
  return join(scratch.path, `${name}.key`);
}

function publicKeyOf(name: string): string {
  return join(scratch.path, `${name}.pub`);
}

/** An image of its own in a repository of its own. `pinned` names it by digest: that is what is signed. */
async function pushImage(client: LayoutClient, name: string) {
  const { base } = imagesSharingLayers(name);
  const reference = registry.reference(name, 'one');
  await client.load(base, reference);
  const { manifestDigest: digest } = await client.push(reference);
  const url = `${registry.url}/v2/${registry.repository(name)}`;
  return { digest, url, pinned: `${reference.slice(0, -':one'.length)}@${digest}` };
}

async function read(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (answer.status !== 200) throw new Error(`GET ${url} was answered ${String(answer.status)}`);
  return answer.json();
}
