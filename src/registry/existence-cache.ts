/**
 * That a repository has a blob or a manifest, believed for a bounded time in this data centre (Cache API).
 *
 * Only presence is cached, only for immutable things, only after the caller was authorised, and only by repository and
 * digest, so one repository's knowledge never serves another (CVE-2026-35172). Absence is never cached. The time is a
 * setting, and the longest that a deleted thing can still be served here.
 */
import * as v from 'valibot';
import { logEvent } from '../observability/log.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { Location } from '../objects/blob-directory/blob-directory.ts';

/** A name that no request can reach; the first segment changes when the form of the entries does. */
const CACHE_ORIGIN = 'https://existence.berth.invalid/1';
const MILLISECONDS_PER_SECOND = 1_000;

const LocationSchema = v.object({ store: v.string(), key: v.string(), size: v.number() });

export interface CachedManifest {
  mediaType: string;
  bytes: Uint8Array;
}

export class ExistenceCache {
  readonly #seconds: number;
  readonly #waitUntil: (work: Promise<unknown>) => void;

  constructor(lifetimeMs: number, waitUntil: (work: Promise<unknown>) => void) {
    this.#seconds = Math.floor(lifetimeMs / MILLISECONDS_PER_SECOND);
    this.#waitUntil = waitUntil;
  }

  async blob(repository: RepositoryName, digest: Digest): Promise<Location | undefined> {
    const entry = await this.#match(urlOf(repository, 'blobs', digest));
    if (entry === undefined) return undefined;
    const parsed = v.safeParse(LocationSchema, await entry.json());
    return parsed.success ? parsed.output : undefined;
  }

  keepBlob(repository: RepositoryName, digest: Digest, location: Location): void {
    this.#put(urlOf(repository, 'blobs', digest), JSON.stringify(location), 'application/json');
  }

  async manifest(repository: RepositoryName, digest: Digest): Promise<CachedManifest | undefined> {
    const entry = await this.#match(urlOf(repository, 'manifests', digest));
    const mediaType = entry?.headers.get('content-type');
    if (entry === undefined || mediaType == null) return undefined;
    return { mediaType, bytes: new Uint8Array(await entry.arrayBuffer()) };
  }

  keepManifest(repository: RepositoryName, digest: Digest, { mediaType, bytes }: CachedManifest): void {
    this.#put(urlOf(repository, 'manifests', digest), bytes, mediaType);
  }

  /** What was believed proved wrong, or is about to. */
  forgetBlob(repository: RepositoryName, digest: Digest): void {
    this.#forget(urlOf(repository, 'blobs', digest));
  }

  forgetManifest(repository: RepositoryName, digest: Digest): void {
    this.#forget(urlOf(repository, 'manifests', digest));
  }

  async #match(url: string): Promise<Response | undefined> {
    return this.#seconds === 0 ? undefined : unlessItFails(() => caches.default.match(url));
  }

  #forget(url: string): void {
    if (this.#seconds > 0) this.#waitUntil(unlessItFails(() => caches.default.delete(url)));
  }

  #put(url: string, body: string | Uint8Array, contentType: string): void {
    if (this.#seconds === 0) return;
    const headers = { 'cache-control': `max-age=${String(this.#seconds)}`, 'content-type': contentType };
    this.#waitUntil(unlessItFails(() => caches.default.put(url, new Response(body, { headers }))));
  }
}

function urlOf(repository: RepositoryName, kind: 'blobs' | 'manifests', digest: Digest): string {
  return `${CACHE_ORIGIN}/${repository}/${kind}/${digest}`;
}

/** A cache that fails is a cache that knows nothing: no request fails for it. */
async function unlessItFails<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    logEvent('warn', 'existence cache failed', { error: String(error) });
    return undefined;
  }
}
