/**
 * Fills a registry with thousands of tags, referrers and names in little time: by the objects' own methods, called in
 * their own place, many to a turn. What is written is what a push writes; only HTTP is left out.
 */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import type { Digest } from '../../src/oci/digest.ts';
import { OCI_INDEX } from '../../src/oci/media-type.ts';
import { parseTag, type Tag } from '../../src/oci/reference.ts';
import { parseRepositoryName, type RepositoryName } from '../../src/oci/repository-name.ts';
import { Catalog } from '../../src/objects/catalog/catalog.ts';
import type { NewManifest } from '../../src/objects/repository/manifests.ts';
import { Repository } from '../../src/objects/repository/repository.ts';
import { sha256, textBytes } from './client.ts';
import { objects } from './world.ts';

/** Manifests of one turn: the object answers others in between. */
const PER_TURN = 500;

export interface Small {
  body: string;
  digest: Digest;
}

/** A manifest that needs no blob: an index of nothing. `own` tells it from others. */
export async function smallManifest(own: string, extra: Record<string, unknown> = {}): Promise<Small> {
  const body = JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [],
    annotations: { own },
    ...extra,
  });
  return { body, digest: await sha256(body) };
}

/** What a manifest says of its subject. */
export function subjectDescriptor({ body, digest }: Small): object {
  return { mediaType: OCI_INDEX, digest, size: body.length };
}

export function repositoryNamed(text: string): RepositoryName {
  const name = parseRepositoryName(text);
  if (name === undefined) throw new Error(`'${text}' is no repository name`);
  return name;
}

/** Has all these tags lead to one manifest. */
export async function seedTags(repository: string, names: readonly string[], manifest: Small): Promise<void> {
  const tags = names.map((name) => parsed(parseTag, name));
  await seedManifests(repository, [{ manifest: summary(manifest), bytes: textBytes(manifest.body), tags }]);
}

interface ReferrerSeed {
  type: string;
  /** Characters that its annotations have. The front takes 65,536 bytes of them; a page holds 4 MB. */
  weight?: number;
}

/** Pushes manifests that refer to a subject, and returns their digests in the order in which they came. */
export async function seedReferrers(
  repository: string,
  subject: Digest,
  seeds: readonly ReferrerSeed[],
): Promise<Digest[]> {
  const made = await Promise.all(
    seeds.map(async ({ type, weight = 0 }, index) => {
      const small = await smallManifest(`${subject} ${String(index)}`);
      const annotations = JSON.stringify({ weight: 'x'.repeat(weight) });
      const manifest = { ...summary(small), artifactType: type, subject, annotations };
      return { manifest, bytes: textBytes(small.body), tags: [] };
    }),
  );
  await seedManifests(repository, made);
  return made.map(({ manifest }) => manifest.digest);
}

/** Has the catalog hear of these repositories, in the words in which they tell it. */
export async function seedCatalog(names: readonly string[], present = true): Promise<void> {
  await runInDurableObject(env.CATALOG.get(env.CATALOG.idFromName('catalog')), (catalog) => {
    if (!(catalog instanceof Catalog)) throw new Error('this is no catalog');
    for (const name of names) catalog.set(repositoryNamed(name), present, 1);
  });
}

interface Seed {
  manifest: NewManifest;
  bytes: Uint8Array;
  tags: readonly Tag[];
}

async function seedManifests(repository: string, seeds: readonly Seed[]): Promise<void> {
  const name = repositoryNamed(repository);
  for (let start = 0; start < seeds.length; start += PER_TURN) {
    await runInDurableObject(objects.repository(name), async (object) => {
      if (!(object instanceof Repository)) throw new Error('this is no repository');
      for (const { manifest, bytes, tags } of seeds.slice(start, start + PER_TURN)) {
        const reference = { kind: 'digest', digest: manifest.digest } as const;
        const target = { reference, tags, preconditions: {}, mayLack: false };
        const { result } = await object.putManifest(name, manifest, bytes, target);
        if (result.kind !== 'stored') throw new Error(`a seed is ${result.kind}`);
      }
    });
  }
}

function summary({ body, digest }: Small): NewManifest {
  return {
    digest,
    mediaType: OCI_INDEX,
    artifactType: undefined,
    subject: undefined,
    annotations: undefined,
    size: body.length,
    blobs: [],
    optionalBlobs: [],
    children: [],
  };
}

function parsed<T>(parse: (text: string) => T | undefined, text: string): T {
  const value = parse(text);
  if (value === undefined) throw new Error(`'${text}' cannot be parsed`);
  return value;
}
