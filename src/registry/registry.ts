/**
 * The use-cases that span objects: find and read a blob, fetch and push a manifest, take in an upload.
 * One Registry serves one request. It knows nothing of HTTP; what it answers are values and tagged unions.
 */
import type { Config } from '../config.ts';
import type { Answer, WorkMeter } from '../observability/work.ts';
import { logEvent } from '../observability/log.ts';
import type { Cause } from '../notifications/event.ts';
import type { Digest } from '../oci/digest.ts';
import type { Preconditions } from '../oci/precondition.ts';
import type { Reference } from '../oci/reference.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/repository-name.ts';
import type { Location } from '../objects/blob-directory/blob-directory.ts';
import type { NewManifest, ReferrersPage } from '../objects/repository/manifests.ts';
import type {
  DeleteBlobResult,
  DeleteManifestResult,
  GetManifestResult,
  ListTagsResult,
  PushTarget,
  PutManifestResult,
} from '../objects/repository/messages.ts';
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

/** `next`: what the next page comes after, where there may be one. It is no name that the caller may not see. */
export interface RepositoriesPage {
  names: readonly string[];
  next: string | undefined;
}

/** `undefined` where the bytes are nowhere. */
export type BlobReader = (range: ByteRange | undefined) => Promise<ReadableStream | undefined>;

interface RegistryParts {
  readonly objects: Objects;
  readonly store: StorageDriver;
  readonly meter: WorkMeter;
  readonly cache: ExistenceCache;
  readonly hold: (work: Promise<unknown>) => void;
}

/** Of a list that its caller may see a part of; an isolate asks the policy about each. */
const EXAMINED_NAMES = 1_000;

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
    return this.#read(repository, undefined, (object) => object.locate(digest, true));
  }

  async locateBlob(repository: RepositoryName, digest: Digest): Promise<Location | undefined> {
    const believed = await this.#cache.blob(repository, digest);
    if (believed !== undefined) return believed;
    const location = await this.#read(repository, undefined, (object) => object.locate(digest, false));
    if (location !== undefined) this.#cache.keepBlob(repository, digest, location);
    return location;
  }

  /** A native stream of a whole blob's bytes. */
  readBlob(repository: RepositoryName, digest: Digest, location: Location): Promise<ReadableStream | undefined> {
    return this.blobReader(repository, digest, location)(undefined);
  }

  /**
   * Reads a blob or slices of it, each as a native stream. Where the location proves stale or damaged, the directory is
   * asked once, and what it says counts for the slices that follow.
   */
  blobReader(repository: RepositoryName, digest: Digest, location: Location): BlobReader {
    let place = location;
    return async (range) => {
      const found = await this.#readSound(place, range);
      if (found !== undefined) return found;
      this.#cache.forgetBlob(repository, digest);
      const stale = place.key;
      const moved = await this.#meter.callAgain(() => this.#objects.repository(repository).relocate(digest, stale));
      const again = moved === undefined ? undefined : await this.#readSound(moved, range);
      place = moved ?? place;
      // Pushing the blob again heals this: see objects/winner.ts.
      if (again === undefined) logEvent('error', 'blob bytes missing', { repository, digest, key: location.key });
      return again;
    };
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
      () => this.#read(repository, undefined, (object) => object.getManifest(reference)),
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
    const body = location === undefined ? undefined : await this.readBlob(repository, digest, location);
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
    { mayMove, cause }: { mayMove: boolean; cause: Cause | undefined },
  ): Promise<DeleteManifestResult> {
    const deleted = await this.#meter.call(
      this.#objects.repository(repository).deleteManifest(reference, preconditions, mayMove, cause),
    );
    if (reference.kind === 'digest') this.#cache.forgetManifest(repository, reference.digest);
    return deleted;
  }

  async deleteBlob(
    repository: RepositoryName,
    digest: Digest,
    preconditions: Preconditions,
    cause: Cause | undefined,
  ): Promise<DeleteBlobResult> {
    const deleted = await this.#meter.call(
      this.#objects.repository(repository).deleteBlob(digest, preconditions, cause),
    );
    if (deleted.kind === 'dropped') this.#cache.forgetBlob(repository, digest);
    return deleted;
  }

  /**
   * Makes a repository serve a blob that another one has; false where the client has to upload it. What is asked for in
   * vain always costs the one call, whatever the reason, so that nobody can tell what others have.
   *
   * @param source the repository that the client names, or this one where it may not be read; `mayRead`: whether the caller
   * may pull from it
   */
  async mount(
    repository: RepositoryName,
    digest: Digest,
    { name: source, mayRead, cause }: { name: RepositoryName; mayRead: boolean; cause: Cause | undefined },
  ): Promise<boolean> {
    const found = await this.#meter.callAgain(() => this.#objects.repository(source).locate(digest, false));
    if (found === undefined || !mayRead) return false;
    const told = cause === undefined ? undefined : ({ kind: 'blob.mount', cause, fromRepository: source } as const);
    return this.#meter.call(this.#objects.repository(repository).mount(repository, digest, true, told));
  }

  /** As `mount`, from whichever repository has it: only for who may pull from every one. */
  mountFromAnywhere(repository: RepositoryName, digest: Digest, cause: Cause | undefined): Promise<boolean> {
    const told = cause === undefined ? undefined : ({ kind: 'blob.mount', cause } as const);
    return this.#meter.call(this.#objects.repository(repository).mount(repository, digest, false, told));
  }

  referrers(
    repository: RepositoryName,
    subject: Digest,
    type: string | undefined,
    after: number,
  ): Promise<ReferrersPage> {
    const none: ReferrersPage = { referrers: [], next: undefined };
    return this.#read(repository, none, (object) => object.referrers(subject, type, after));
  }

  /**
   * One page of repositories that have content, after `last`. Where the caller may not see every one, names are examined
   * until one more is found than the page holds, or there are no more, or so many were looked at and no more: then the page
   * may be short, and `next` says all the same where the next one begins. Undefined where such a caller goes on after a
   * name that is no repository's.
   */
  async listRepositories(
    last: string,
    size: number,
    mayRead: 'every' | ((repository: RepositoryName) => boolean),
  ): Promise<RepositoriesPage | undefined> {
    if (size === 0) return { names: [], next: undefined };
    if (mayRead === 'every') {
      // One more tells whether there is a next page.
      const found = (await this.#meter.callAgain(() => this.#objects.catalog().list(last, size + 1))) ?? [];
      return pageOf(found, size);
    }
    const found = await this.#meter.callAgain(() => this.#objects.catalog().list(last, EXAMINED_NAMES + 1, true));
    if (found === null) return undefined;
    const names: string[] = [];
    const examined = found.slice(0, EXAMINED_NAMES);
    for (const name of examined) {
      const repository = parseRepositoryName(name);
      if (repository !== undefined && mayRead(repository)) names.push(name);
      if (names.length > size) return pageOf(names, size);
    }
    const end = found.length > examined.length ? examined.at(-1) : undefined;
    if (end === undefined || end === names.at(-1)) return { names, next: end };
    return { names, next: await this.#meter.callAgain(() => this.#objects.catalog().markerOf(end)) };
  }

  listTags(repository: RepositoryName, last: string, limit: number): Promise<ListTagsResult> {
    return this.#read(repository, { kind: 'unknown' }, (object) => object.listTags(last, limit));
  }

  /** Asks a repository's object, or nobody where it was never written to. */
  async #read<T>(
    repository: RepositoryName,
    nothing: T,
    ask: (object: ReturnType<Objects['repository']>) => PromiseLike<Answer<T>>,
  ): Promise<T> {
    if (!(await this.#objects.hasRepository(repository))) return nothing;
    return this.#meter.callAgain(() => ask(this.#objects.repository(repository)));
  }
}

/** What is found beyond the page only tells that there is a next one. */
function pageOf(found: readonly string[], size: number): RepositoriesPage {
  const names = found.slice(0, size);
  return { names, next: found.length > size ? names.at(-1) : undefined };
}
