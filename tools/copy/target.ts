/** What is asked of and written to the registry that is copied into (distribution-spec, "Push"). */
import { parseDigest, type Digest } from '../../src/oci/digest.ts';
import { isIndex, parseMediaType } from '../../src/oci/media-type.ts';
import { formatReference, type Reference, type Tag } from '../../src/oci/reference.ts';
import type { RepositoryName } from '../../src/oci/repository-name.ts';
import type { Answer, Body } from '../registry/exchange.ts';
import { ACCEPTED_MANIFESTS } from './fetched-manifest.ts';
import { failure, success, type Outcome } from '../registry/outcome.ts';
import type { RegistryClient } from '../registry/registry-client.ts';

const OK = 200;
const CREATED = 201;
const ACCEPTED = 202;
const NO_CONTENT = 204;
const CONTENT_TOO_LARGE = 413;
const BLOB_TYPE = 'application/octet-stream';

/** An upload session (end-4a), wherever it has moved to by now. */
export interface Session {
  readonly repository: RepositoryName;
  readonly url: URL;
  /** The least that a chunk must have, where the registry says so (OCI-Chunk-Min-Length). */
  readonly leastChunkBytes: number;
}

export type Opened = { readonly kind: 'session'; readonly session: Session } | { readonly kind: 'mounted' };

export class Target {
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  get signal(): AbortSignal {
    return this.#client.signal;
  }

  /** Undefined where there is no such tag. */
  async tagDigest(repository: RepositoryName, tag: Tag): Promise<Outcome<Digest | undefined>> {
    const called = await this.#client.call({
      method: 'HEAD',
      path: `/v2/${repository}/manifests/${tag}`,
      scopes: push(repository),
      headers: { accept: ACCEPTED_MANIFESTS },
    });
    if (!called.ok) return called;
    const answer = called.value;
    answer.discard();
    return success(answer.status === OK ? parseDigest(answer.header('docker-content-digest') ?? '') : undefined);
  }

  /** Whether it has a manifest, and whether that is an index: one may be there without its children. */
  async findManifest(repository: RepositoryName, digest: Digest): Promise<Outcome<'missing' | 'manifest' | 'index'>> {
    const path = `/v2/${repository}/manifests/${digest}`;
    const headers = { accept: ACCEPTED_MANIFESTS };
    const called = await this.#client.call({ method: 'HEAD', path, scopes: push(repository), headers });
    if (!called.ok) return called;
    const answer = called.value;
    answer.discard();
    if (answer.status !== OK) return success('missing');
    const mediaType = parseMediaType(answer.header('content-type') ?? '');
    return success(mediaType !== undefined && isIndex(mediaType) ? 'index' : 'manifest');
  }

  async hasBlob(repository: RepositoryName, digest: Digest): Promise<Outcome<boolean>> {
    const path = `/v2/${repository}/blobs/${digest}`;
    return this.#isThere(this.#client.call({ method: 'HEAD', path, scopes: push(repository) }));
  }

  /** Bytes verbatim, under their digest or a tag (end-7). */
  async putManifest(
    repository: RepositoryName,
    reference: Reference,
    { bytes, mediaType, digest }: { readonly bytes: Buffer; readonly mediaType: string; readonly digest: Digest },
  ): Promise<Outcome<undefined>> {
    const called = await this.#client.call({
      method: 'PUT',
      path: `/v2/${repository}/manifests/${formatReference(reference)}`,
      scopes: push(repository),
      headers: { 'content-type': mediaType },
      body: { length: bytes.byteLength, pieces: [bytes] },
    });
    if (!called.ok) return called;
    const answer = called.value;
    if (answer.status !== CREATED && answer.status !== ACCEPTED && answer.status !== OK)
      return this.#client.refused(answer, 'PUT of the manifest');
    answer.discard();
    const stored = answer.header('docker-content-digest');
    // A tag is answered with a SHA-256, whatever the manifest is known by.
    if (reference.kind === 'digest' && stored !== undefined && stored !== digest)
      return failure(`${this.#client.name} stored it under another digest`);
    return success(undefined);
  }

  /** With `from`, it may be mounted from that repository (end-11), or else is a session like any other. */
  async open(
    repository: RepositoryName,
    { mount, signal }: { mount: { digest: Digest; from: RepositoryName } | undefined; signal: AbortSignal },
  ): Promise<Outcome<Opened>> {
    const query =
      mount === undefined ? '' : `?${new URLSearchParams({ mount: mount.digest, from: mount.from }).toString()}`;
    const called = await this.#client.call({
      method: 'POST',
      path: `/v2/${repository}/blobs/uploads/${query}`,
      scopes: mount === undefined ? push(repository) : [...push(repository), `repository:${mount.from}:pull`],
      signal,
    });
    if (!called.ok) return called;
    const answer = called.value;
    if (mount !== undefined && answer.status === CREATED) {
      answer.discard();
      return success({ kind: 'mounted' });
    }
    if (answer.status !== ACCEPTED) return this.#client.refused(answer, 'POST of an upload');
    const url = this.#location(answer, this.#client.url);
    if (!url.ok) return url;
    const least = Number(answer.header('oci-chunk-min-length') ?? 0);
    const leastChunkBytes = Number.isSafeInteger(least) && least > 0 ? least : 0;
    return success({ kind: 'session', session: { repository, url: url.value, leastChunkBytes } });
  }

  /** The whole blob, or nothing when chunks brought it; then it is there under its digest (end-6). */
  async close(session: Session, digest: Digest, body: Body, signal: AbortSignal): Promise<Outcome<undefined>> {
    const url = new URL(session.url);
    // As text: the registry's own parameters have to come back as they were.
    url.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
    const called = await this.#client.once({
      method: 'PUT',
      path: url,
      scopes: push(session.repository),
      headers: { 'content-type': BLOB_TYPE },
      body,
      signal,
    });
    if (!called.ok) return called;
    const answer = called.value;
    if (answer.status !== CREATED && answer.status !== NO_CONTENT && answer.status !== OK)
      return this.#refusedBody(answer, 'PUT of the blob');
    answer.discard();
    return success(undefined);
  }

  /** One chunk (end-5); the session goes on where the answer says. */
  async append(session: Session, start: number, body: Body, signal: AbortSignal): Promise<Outcome<Session>> {
    const called = await this.#client.once({
      method: 'PATCH',
      path: session.url,
      scopes: push(session.repository),
      headers: { 'content-type': BLOB_TYPE, 'content-range': `${start}-${start + body.length - 1}` },
      body,
      signal,
    });
    if (!called.ok) return called;
    const answer = called.value;
    if (answer.status !== ACCEPTED && answer.status !== NO_CONTENT)
      return this.#refusedBody(answer, 'PATCH of a chunk');
    const url = this.#location(answer, session.url);
    return url.ok ? success({ ...session, url: url.value }) : url;
  }

  /** So that nothing lies there until the session expires (end-14). Whether it works is nobody's concern. */
  async cancel({ repository, url }: Session): Promise<void> {
    const called = await this.#client.once({ method: 'DELETE', path: url, scopes: push(repository) });
    if (called.ok) called.value.discard();
  }

  async #isThere(calling: Promise<Outcome<Answer>>): Promise<Outcome<boolean>> {
    const called = await calling;
    if (!called.ok) return called;
    called.value.discard();
    return success(called.value.status === OK);
  }

  /** Where a session goes on. It may be on another host, which then gets the bytes and no credentials. */
  #location(answer: Answer, base: URL): Outcome<URL> {
    const location = answer.header('location');
    answer.discard();
    const { name } = this.#client;
    if (location === undefined || !URL.canParse(location, base.href))
      return failure(`${name} does not say where to upload to`);
    const url = new URL(location, base);
    if (this.#client.url.protocol === 'https:' && url.protocol !== 'https:')
      return failure(
        `${name} is asked by https and wants the upload by http (${url.host}), which is refused: ` +
          'whatever answers TLS for it has to tell it so (X-Forwarded-Proto)',
      );
    if (!['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '')
      return failure(`${name} wants the upload at what is no address`);
    url.hash = '';
    return success(url);
  }

  async #refusedBody(answer: Answer, what: string): Promise<Outcome<never>> {
    const refused = await this.#client.refused(answer, what);
    if (answer.status !== CONTENT_TOO_LARGE) return refused;
    return failure(
      `${refused.failure.reason}: it takes no request as large, but perhaps smaller ones: --chunk-size 64MiB`,
    );
  }
}

function push(repository: RepositoryName): readonly string[] {
  return [`repository:${repository}:pull,push`];
}
