/**
 * The use-cases that span objects: find and read a blob, fetch and push a manifest, take in an upload.
 * One Registry serves one request. It knows nothing of HTTP; what it answers are values and tagged unions.
 */
import type { Config } from '../config.ts';
import type { WorkMeter } from '../observability/work.ts';
import { logEvent } from '../observability/log.ts';
import type { Digest } from '../oci/digest.ts';
import type { Preconditions } from '../oci/precondition.ts';
import type { Reference } from '../oci/reference.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { Location } from '../objects/blob-directory/blob-directory.ts';
import type { NewManifest, ReferrersPage } from '../objects/repository/manifests.ts';
import type {
  DeleteBlobResult,
  DeleteManifestResult,
  GetManifestResult,
  ListTagsResult,
  PushTarget,
  PutManifestResult,
} from '../objects/repository/repository.ts';
import type { Objects } from '../objects/stubs.ts';
import type { ByteRange, StorageDriver, StoredObject } from '../storage/driver.ts';
import type { ExistenceCache } from './existence-cache.ts';
import { SharedReads } from './shared-reads.ts';

export interface FoundManifest {
  digest: Digest;
  mediaType: string;
  size: number;
  /** Inline bytes, or the stream of a large manifest; absent where only the head was asked for. */
  body: Uint8Array | ReadableStream | undefined;
}

interface RegistryParts {
  readonly objects: Objects;
  readonly store: StorageDriver;
  readonly meter: WorkMeter;
  readonly cache: ExistenceCache;
  readonly hold: (work: Promise<unknown>) => void;
}

/** Of all requests of this isolate. */
const manifestReads = new SharedReads<GetManifestResult | undefined>();

export class Registry {
  readonly config: Config;
  readonly #objects: Objects;
  readonly #store: StorageDriver;
  readonly #meter: WorkMeter;
  readonly #cache: ExistenceCache;
  readonly #hold: (work: Promise<unknown>) => void;

  /** @param hold keeps work alive that others may wait for when this request has gone. */
  constructor(config: Config, { objects, store, meter, cache, hold }: RegistryParts) {
    this.config = config;
    this.#objects = objects;
    this.#store = store;
    this.#meter = meter;
    this.#cache = cache;
    this.#hold = hold;
  }

  /** A client that hears that a blob is here will not push it, so its link is kept for another grace. */
  headBlob(repository: RepositoryName, digest: Digest): Promise<Location | undefined> {
    return this.#meter.callAgain(() => this.#objects.repository(repository).locate(digest, true));
  }

  async locateBlob(repository: RepositoryName, digest: Digest): Promise<Location | undefined> {
    const believed = await this.#cache.blob(repository, digest);
    if (believed !== undefined) return believed;
    const location = await this.#meter.callAgain(() => this.#objects.repository(repository).locate(digest, false));
    if (location !== undefined) this.#cache.keepBlob(repository, digest, location);
    return location;
  }

  /** A native stream of a blob's bytes. Where the location proves stale or damaged, the directory is asked once. */
  async readBlob(
    repository: RepositoryName,
    digest: Digest,
    location: Location,
    range: ByteRange | undefined,
  ): Promise<ReadableStream | undefined> {
    const found = await this.#readSound(location, range);
    if (found !== undefined) return found;
    this.#cache.forgetBlob(repository, digest);
    const moved = await this.#meter.callAgain(() =>
      this.#objects.repository(repository).relocate(digest, location.key),
    );
    const again = moved === undefined ? undefined : await this.#readSound(moved, range);
    // Pushing the blob again heals this: see objects/winner.ts.
    if (again === undefined) logEvent('error', 'blob bytes missing', { repository, digest, key: location.key });
    return again;
  }

  /** An object of another size than the blob's would break off at the client: it counts as missing. */
  async #readSound(location: Location, range: ByteRange | undefined): Promise<ReadableStream | undefined> {
    let found: StoredObject | undefined;
    try {
      found = await this.#store.read(location.key, range);
    } catch (error) {
      // A range that lies within the blob can lie beyond the end of a damaged object.
      const present = await this.#store.head(location.key);
      if (present === undefined || present.size === location.size) throw error;
      return undefined;
    }
    if (found === undefined || found.size === location.size) return found?.body;
    await found.body.cancel();
    return undefined;
  }

  async getManifest(
    repository: RepositoryName,
    reference: Reference,
    want: 'head' | 'body',
  ): Promise<FoundManifest | undefined> {
    const believed = reference.kind === 'digest' ? await this.#cache.manifest(repository, reference.digest) : undefined;
    if (believed !== undefined && reference.kind === 'digest') {
      const { mediaType, bytes } = believed;
      return { digest: reference.digest, mediaType, size: bytes.byteLength, body: bytes };
    }
    const asked = reference.kind === 'tag' ? reference.tag : reference.digest;
    const found = await manifestReads.read(
      // Neither a repository's name nor a reference has a space.
      `${repository} ${asked}`,
      () => this.#meter.callAgain(() => this.#objects.repository(repository).getManifest(reference)),
      this.#hold,
    );
    if (found === undefined) return undefined;
    const { digest, mediaType, size, bytes, location } = found;
    if (bytes !== undefined) {
      // A tag is asked for anew each time, so keeping what it led to would only cost a write each time.
      if (reference.kind === 'digest') this.#cache.keepManifest(repository, digest, { mediaType, bytes });
      return { digest, mediaType, size, body: bytes };
    }
    if (want === 'head') return { digest, mediaType, size, body: undefined };
    const body = location === undefined ? undefined : await this.readBlob(repository, digest, location, undefined);
    return body === undefined ? undefined : { digest, mediaType, size, body };
  }

  putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    bytes: Uint8Array,
    target: PushTarget,
  ): Promise<PutManifestResult> {
    return this.#meter.call(this.#objects.repository(repository).putManifest(repository, manifest, bytes, target));
  }

  async deleteManifest(
    repository: RepositoryName,
    reference: Reference,
    preconditions: Preconditions,
  ): Promise<DeleteManifestResult> {
    const deleted = await this.#meter.call(
      this.#objects.repository(repository).deleteManifest(reference, preconditions),
    );
    if (reference.kind === 'digest') this.#cache.forgetManifest(repository, reference.digest);
    return deleted;
  }

  async deleteBlob(
    repository: RepositoryName,
    digest: Digest,
    preconditions: Preconditions,
  ): Promise<DeleteBlobResult> {
    const deleted = await this.#meter.call(this.#objects.repository(repository).deleteBlob(digest, preconditions));
    if (deleted.kind === 'dropped') this.#cache.forgetBlob(repository, digest);
    return deleted;
  }

  /**
   * Makes a repository serve a blob that another one has; false where the client has to upload it. What is asked for in
   * vain always costs the one call, whatever the reason, so that nobody can tell what others have.
   *
   * @param source the repository that the client names, or this one where it may not be read
   * @param mayRead whether the caller may pull from the source
   */
  async mount(repository: RepositoryName, digest: Digest, source: RepositoryName, mayRead: boolean): Promise<boolean> {
    const found = await this.#meter.callAgain(() => this.#objects.repository(source).locate(digest, false));
    if (found === undefined || !mayRead) return false;
    return this.#meter.call(this.#objects.repository(repository).mount(repository, digest, true));
  }

  /** As `mount`, from whichever repository has it: only for who may pull from every one. */
  mountFromAnywhere(repository: RepositoryName, digest: Digest): Promise<boolean> {
    return this.#meter.call(this.#objects.repository(repository).mount(repository, digest, false));
  }

  referrers(
    repository: RepositoryName,
    subject: Digest,
    type: string | undefined,
    after: number,
  ): Promise<ReferrersPage> {
    return this.#meter.callAgain(() => this.#objects.repository(repository).referrers(subject, type, after));
  }

  listRepositories(last: string, limit: number): Promise<string[]> {
    return this.#meter.callAgain(() => this.#objects.catalog().list(last, limit));
  }

  listTags(repository: RepositoryName, last: string, limit: number): Promise<ListTagsResult> {
    return this.#meter.callAgain(() => this.#objects.repository(repository).listTags(last, limit));
  }
}
