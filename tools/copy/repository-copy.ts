/**
 * One repository: its tags, what they point at, and what refers to that. Children come before their parents and a
 * manifest before its tag, so that whatever is interrupted leaves nothing that lacks a part, and whatever is there is
 * whole: what the target has is neither read nor sent again.
 */
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { parseDigest, type Digest } from '../../src/oci/digest.ts';
import type { Manifest } from '../../src/oci/manifest.ts';
import type { Reference, Tag } from '../../src/oci/reference.ts';
import type { RepositoryName } from '../../src/oci/repository-name.ts';
import { forEachOf } from '../../standalone/maintenance/parallel.ts';
import { Backlog } from './backlog.ts';
import type { BlobTransfer } from './blob-transfer.ts';
import type { FetchedManifest } from './fetched-manifest.ts';
import { Memory } from './memory.ts';
import { failure, quoted, success, type Outcome } from '../registry/outcome.ts';
import type { Source } from './source.ts';
import type { BlobEnd, Copied, Tally } from './tally.ts';
import type { Target } from './target.ts';

/** An index of indexes of … No builder makes more than two. */
const MAX_DEPTH = 8;
/** Of one repository, so that what several of its images have in common is looked at once. */
const MAX_KNOWN = 20_000;
/** Manifests whose referrers wait to be looked for. An image has far fewer, all that refers to it among them. */
const MAX_SUBJECTS = 100_000;
/** The referrers API is not there (404 by the specification), or nothing that we know by that path. */
const NO_REFERRERS: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);

export interface RepositoryCopyOptions {
  readonly source: Source;
  readonly target: Target;
  readonly blobs: BlobTransfer;
  readonly tally: Tally;
  readonly parallel: number;
  readonly dryRun: boolean;
  /** What a dry run says of a tag that would be copied. */
  readonly tell: (line: string) => void;
}

interface Visit {
  readonly depth: number;
  /** Where it was read already. */
  readonly fetched?: FetchedManifest;
}

export class RepositoryCopy {
  readonly name: RepositoryName;
  readonly #options: RepositoryCopyOptions;
  readonly #manifests = new Memory<Digest, Promise<Outcome<undefined>>>(MAX_KNOWN);
  readonly #blobs = new Memory<string, Promise<Outcome<BlobEnd>>>(MAX_KNOWN);
  /** Whether the source lists what refers to a manifest; asked once. */
  #listsReferrers: Promise<boolean> | undefined;
  /** Manifests whose referrers are still to be looked for, by whichever tag is done first. */
  readonly #subjects = new Backlog<Digest>(MAX_SUBJECTS);

  constructor(name: RepositoryName, options: RepositoryCopyOptions) {
    this.name = name;
    this.#options = options;
  }

  async copyTag(tag: Tag): Promise<void> {
    const { tally } = this.#options;
    const outcome = await tally.during(`${this.name}:${tag}`, () => this.#tag(tag));
    if (outcome.ok) tally.tag(outcome.value);
    else tally.fail('tag', `${this.name}:${tag}`, outcome.failure.reason);
  }

  async #tag(tag: Tag): Promise<Outcome<Copied>> {
    const { source, target, dryRun, tell } = this.#options;
    const [pointed, there] = await Promise.all([source.tagDigest(this.name, tag), target.tagDigest(this.name, tag)]);
    if (!pointed.ok) return pointed;
    if (!there.ok) return there;
    if (pointed.value === 'missing') return failure('the source lists it and does not have it');
    if (pointed.value !== undefined && pointed.value === there.value) {
      // Since then somebody may have signed it.
      if (await this.#canList(pointed.value)) await this.#manifest(pointed.value, { depth: 0 });
      await this.#copyReferrers();
      return success('skipped');
    }
    // The tag may move from now on: what is copied is what it pointed at when this was answered.
    const read = await source.manifest(this.name, { kind: 'tag', tag });
    if (!read.ok) return read;
    const fetched = read.value;
    await this.#canList(fetched.digest);
    const copied = await this.#manifest(fetched.digest, { depth: 0, fetched });
    if (!copied.ok) return copied;
    await this.#copyReferrers();
    if (fetched.digest === there.value) return success('skipped');
    if (dryRun) tell(`would copy ${this.name}:${tag} (${fetched.digest})`);
    else {
      const put = await this.#put({ kind: 'tag', tag }, fetched);
      if (!put.ok) return put;
    }
    return success('copied');
  }

  #manifest(digest: Digest, visit: Visit): Promise<Outcome<undefined>> {
    const known = this.#manifests.get(digest);
    if (known !== undefined) return known;
    const copying = this.#copyManifest(digest, visit);
    this.#manifests.set(digest, copying);
    return copying;
  }

  async #copyManifest(digest: Digest, visit: Visit): Promise<Outcome<undefined>> {
    const { tally } = this.#options;
    const outcome = await this.#tryManifest(digest, visit);
    if (!outcome.ok) tally.fail('manifest', `${this.name}@${digest}`, outcome.failure.reason);
    return outcome;
  }

  async #tryManifest(digest: Digest, { depth, fetched }: Visit): Promise<Outcome<undefined>> {
    const { source, target, tally, dryRun } = this.#options;
    if (depth > MAX_DEPTH) return failure(`it is an index within more than ${MAX_DEPTH} others`);
    const found = await target.findManifest(this.name, digest);
    if (!found.ok) return found;
    const isThere = found.value !== 'missing';
    const canList = await this.#canList(digest);
    if (canList && !this.#subjects.add(digest))
      tally.fail('referrers', `${this.name}@${digest}`, `over ${MAX_SUBJECTS} manifests wait to be asked for theirs`);
    if (isThere) {
      tally.manifest('skipped', 0);
      if (!canList && found.value === 'manifest') return success(undefined);
    }
    const read =
      fetched === undefined ? await source.manifest(this.name, { kind: 'digest', digest }) : success(fetched);
    if (!read.ok) return read;
    const { manifest, size } = read.value;
    const parts = await this.#copyParts(manifest, depth, isThere);
    if (!parts.ok || isThere) return parts;
    if (!dryRun) {
      const put = await this.#put({ kind: 'digest', digest }, read.value);
      if (!put.ok) return put;
    }
    tally.manifest('copied', size);
    return success(undefined);
  }

  #put(reference: Reference, fetched: FetchedManifest): Promise<Outcome<undefined>> {
    const { source, target } = this.#options;
    const { digest, manifest } = fetched;
    return source.useBytes(this.name, fetched, (bytes) =>
      target.putManifest(this.name, reference, { bytes, digest, mediaType: manifest.mediaType }),
    );
  }

  /** Whatever fails, the rest is copied all the same: the next run has less to do. */
  async #copyParts(manifest: Manifest, depth: number, isThere: boolean): Promise<Outcome<undefined>> {
    let failed: { readonly digest: Digest; readonly reason: string } | undefined;
    const note = (digest: Digest, outcome: Outcome<unknown>): void => {
      if (!outcome.ok) failed ??= { digest, reason: outcome.failure.reason };
    };
    for (const { digest } of manifest.manifests)
      // An index may be there without a child: it was deleted since, or never came.
      note(digest, await this.#manifest(digest, { depth: depth + 1 }));
    if (!isThere) {
      const isForeign = new Set(manifest.foreign);
      await forEachOf([...manifest.blobs, ...manifest.foreign], this.#options.parallel, async (blob) => {
        note(blob.digest, await this.#blob(blob, isForeign.has(blob)));
      });
    }
    if (failed === undefined) return success(undefined);
    return failure(`it refers to ${failed.digest}, which is not copied: ${failed.reason}`);
  }

  #blob(blob: Descriptor, isForeign: boolean): Promise<Outcome<BlobEnd>> {
    // Another size would be another blob; one of the two is wrong.
    const key = `${blob.digest} ${blob.size} ${isForeign ? 'foreign' : ''}`;
    const known = this.#blobs.get(key);
    if (known !== undefined) return known;
    const copying = this.#copyBlob(blob, isForeign);
    this.#blobs.set(key, copying);
    return copying;
  }

  async #copyBlob(blob: Descriptor, isForeign: boolean): Promise<Outcome<BlobEnd>> {
    const { blobs, tally } = this.#options;
    const outcome = await blobs.copy(this.name, blob, isForeign);
    if (outcome.ok) tally.blob(outcome.value, blob.size);
    else tally.fail('blob', `${this.name}@${blob.digest}`, outcome.failure.reason);
    return outcome;
  }

  /** Asked with the first manifest; where there is a list, its first one is read in passing. */
  #canList(digest: Digest): Promise<boolean> {
    this.#listsReferrers ??= this.#probeReferrers(digest);
    return this.#listsReferrers;
  }

  async #probeReferrers(digest: Digest): Promise<boolean> {
    const { source, tally } = this.#options;
    for await (const listed of source.referrers(this.name, digest)) {
      if (listed.kind === 'page') return true;
      if (!NO_REFERRERS.has(listed.status ?? 0)) tally.fail('referrers', this.name, listed.reason);
      return false;
    }
    return false;
  }

  /** Of all manifests so far, those that come by it among them: a signature may be signed. */
  async #copyReferrers(): Promise<void> {
    for (let subject = this.#subjects.take(); subject !== undefined; subject = this.#subjects.take())
      await this.#copyReferrersOf(subject);
  }

  async #copyReferrersOf(subject: Digest): Promise<void> {
    const { source, tally } = this.#options;
    const name = `${this.name}@${subject}`;
    for await (const listed of source.referrers(this.name, subject)) {
      if (listed.kind === 'broken') {
        tally.fail('referrers', name, listed.reason);
        return;
      }
      for (const text of listed.entries) {
        const digest = parseDigest(text);
        if (digest === undefined) tally.fail('referrers', name, `${JSON.stringify(quoted(text))} is no digest`);
        else await this.#manifest(digest, { depth: 0 });
      }
    }
  }
}
