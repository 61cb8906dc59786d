/** What is read from the registry that is copied (distribution-spec, "Pull", "Content Discovery"). */
import * as v from 'valibot';
import { parseDigest, type Digest } from '../../src/oci/digest.ts';
import { OCI_INDEX } from '../../src/oci/media-type.ts';
import { formatReference, type Reference, type Tag } from '../../src/oci/reference.ts';
import type { RepositoryName } from '../../src/oci/repository-name.ts';
import type { Answer } from '../registry/exchange.ts';
import { ACCEPTED_MANIFESTS, MAX_MANIFEST_BYTES, readManifest, type FetchedManifest } from './fetched-manifest.ts';
import { Gate } from './gate.ts';
import { list, type Listed } from './listing.ts';
import { failure, forGood, success, type Outcome } from '../registry/outcome.ts';
import type { RegistryClient } from '../registry/registry-client.ts';
import { withRetries } from '../registry/retry.ts';

const OK = 200;
const NOT_FOUND = 404;
/** A registry that knows nothing of HEAD for manifests, or not of this one. */
const METHOD_NOT_ALLOWED = 405;
/** Several manifests of up to this size may be in memory at once, and a single larger one. */
const SMALL_MANIFEST_BYTES = 1024 * 1024;
const JSON_TYPE = 'application/json';
/** distribution's own scope for the catalog. */
const CATALOG_SCOPES = ['registry:catalog:*'];

/** Null is what Go's encoder writes for an empty list. */
const Names = v.nullish(v.array(v.string()), []);
const CatalogPage = v.pipe(
  v.object({ repositories: Names }),
  v.transform(({ repositories }) => repositories),
);
const TagsPage = v.pipe(
  v.object({ tags: Names }),
  v.transform(({ tags }) => tags),
);
const ReferrersPage = v.pipe(
  v.object({ manifests: v.nullish(v.array(v.object({ digest: v.string() })), []) }),
  v.transform(({ manifests }) => manifests.map(({ digest }) => digest)),
);

export class Source {
  readonly #client: RegistryClient;
  readonly #largeManifests = new Gate(1);

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  repositories(): AsyncGenerator<Listed<string>, void, undefined> {
    const query = { path: '/v2/_catalog', scopes: CATALOG_SCOPES, accept: JSON_TYPE, schema: CatalogPage, sized: true };
    return list(this.#client, query);
  }

  tags(repository: RepositoryName): AsyncGenerator<Listed<string>, void, undefined> {
    const path = `/v2/${repository}/tags/list`;
    return list(this.#client, { path, scopes: pull(repository), accept: JSON_TYPE, schema: TagsPage, sized: true });
  }

  /** The digests of what names this one as its subject. */
  referrers(repository: RepositoryName, digest: Digest): AsyncGenerator<Listed<string>, void, undefined> {
    const path = `/v2/${repository}/referrers/${digest}`;
    return list(this.#client, {
      path,
      scopes: pull(repository),
      accept: OCI_INDEX,
      schema: ReferrersPage,
      sized: false,
    });
  }

  /** What a tag points at; undefined where the registry does not tell, `missing` where there is no such tag. */
  async tagDigest(repository: RepositoryName, tag: Tag): Promise<Outcome<Digest | 'missing' | undefined>> {
    const called = await this.#client.call({
      method: 'HEAD',
      path: `/v2/${repository}/manifests/${tag}`,
      scopes: pull(repository),
      headers: { accept: ACCEPTED_MANIFESTS },
    });
    if (!called.ok) return called;
    const answer = called.value;
    answer.discard();
    if (answer.status === NOT_FOUND) return success('missing');
    if (answer.status === METHOD_NOT_ALLOWED) return success(undefined);
    if (answer.status !== OK) return this.#client.refused(answer, 'HEAD of the tag');
    return success(parseDigest(answer.header('docker-content-digest') ?? ''));
  }

  /** Proven to have its digest. Not there at all is a failure too: something names it. */
  async manifest(repository: RepositoryName, reference: Reference): Promise<Outcome<FetchedManifest>> {
    return this.#withManifest(repository, reference, async (bytes, answer) =>
      readManifest(reference, {
        bytes,
        contentType: answer.header('content-type'),
        saidDigest: answer.header('docker-content-digest'),
      }),
    );
  }

  /** Lends the bytes of a manifest, which are held no longer than `use` takes. */
  async useBytes<Value>(
    repository: RepositoryName,
    fetched: FetchedManifest,
    use: (bytes: Buffer) => Promise<Outcome<Value>>,
  ): Promise<Outcome<Value>> {
    if (fetched.bytes !== undefined) return use(fetched.bytes);
    const reference: Reference = { kind: 'digest', digest: fetched.digest };
    return this.#withManifest(repository, reference, async (bytes, answer) => {
      const contentType = answer.header('content-type');
      const again = readManifest(reference, { bytes, contentType, saidDigest: undefined });
      return again.ok ? use(bytes) : again;
    });
  }

  /** The answer whose body is the blob; undefined where there is none. */
  async openBlob(
    repository: RepositoryName,
    digest: Digest,
    signal: AbortSignal,
  ): Promise<Outcome<Answer | undefined>> {
    const called = await this.#client.once({ ...this.#blobCall(repository, digest), method: 'GET', signal });
    if (!called.ok) return called;
    if (called.value.status === OK) return success(called.value);
    if (called.value.status !== NOT_FOUND) return this.#client.refused(called.value, 'GET of the blob');
    called.value.discard();
    return success(undefined);
  }

  async hasBlob(repository: RepositoryName, digest: Digest): Promise<Outcome<boolean>> {
    const called = await this.#client.call({ ...this.#blobCall(repository, digest), method: 'HEAD' });
    if (!called.ok) return called;
    called.value.discard();
    return success(called.value.status === OK);
  }

  #blobCall(repository: RepositoryName, digest: Digest): { path: string; scopes: readonly string[] } {
    return { path: `/v2/${repository}/blobs/${digest}`, scopes: pull(repository) };
  }

  async #withManifest<Value>(
    repository: RepositoryName,
    reference: Reference,
    use: (bytes: Buffer, answer: Answer) => Promise<Outcome<Value>>,
  ): Promise<Outcome<Value>> {
    return withRetries(this.#client.signal, async () => {
      const called = await this.#client.once({
        method: 'GET',
        path: `/v2/${repository}/manifests/${formatReference(reference)}`,
        scopes: pull(repository),
        headers: { accept: ACCEPTED_MANIFESTS },
      });
      if (!called.ok) return called;
      const answer = called.value;
      if (answer.status === NOT_FOUND) {
        answer.discard();
        return failure('the source does not have it');
      }
      if (answer.status !== OK) return this.#client.refused(answer, 'GET of the manifest');
      const read = async (): Promise<Outcome<Value>> => {
        const body = await answer.bytes(MAX_MANIFEST_BYTES);
        // What becomes of the bytes has tries of its own.
        return body.ok ? forGood(await use(body.value, answer)) : body;
      };
      return (answer.length ?? Infinity) <= SMALL_MANIFEST_BYTES ? read() : this.#largeManifests.run(read);
    });
  }
}

function pull(repository: RepositoryName): readonly string[] {
  return [`repository:${repository}:pull`];
}
