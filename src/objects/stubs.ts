/**
 * The one place where names become Durable Objects.
 *
 * Repository: one a repository name. BlobDirectory: sixteen shards by the digest's first hex digit. Catalog: one.
 * Upload: one a session, by a random id that the platform signs, so a forged id never reaches an object.
 * Jurisdiction and location hint come from the settings; they count when an object is first made and never later.
 */
import { configOf } from '../config.ts';
import { digestHex, type Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import { parseUploadId, type UploadId } from '../oci/upload-id.ts';

/** The classes are known from the bindings, so that this file need not import what imports it. */
type Stub<Binding extends keyof Env> =
  Env[Binding] extends DurableObjectNamespace<infer T> ? DurableObjectStub<T> : never;

export class Objects {
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  repository(name: RepositoryName): Stub<'REPOSITORY'> {
    return this.#named(this.#env.REPOSITORY, name);
  }

  directory(digest: Digest): Stub<'BLOB_DIRECTORY'> {
    return this.#named(this.#env.BLOB_DIRECTORY, digestHex(digest).charAt(0));
  }

  catalog(): Stub<'CATALOG'> {
    return this.#named(this.#env.CATALOG, 'catalog');
  }

  newUpload(): { id: UploadId; stub: Stub<'UPLOAD'> } {
    const namespace = this.#within(this.#env.UPLOAD);
    const objectId = namespace.newUniqueId();
    const id = parseUploadId(objectId.toString());
    if (id === undefined) throw new Error('the platform made an object id of an unknown form');
    return { id, stub: namespace.get(objectId, this.#options()) };
  }

  /** `undefined` when the id was not made by this deployment. */
  upload(id: UploadId): Stub<'UPLOAD'> | undefined {
    const namespace = this.#within(this.#env.UPLOAD);
    try {
      return namespace.get(namespace.idFromString(id));
    } catch {
      return undefined;
    }
  }

  #named<T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>, name: string): DurableObjectStub<T> {
    const within = this.#within(namespace);
    return within.get(within.idFromName(name), this.#options());
  }

  #within<T extends Rpc.DurableObjectBranded>(namespace: DurableObjectNamespace<T>): DurableObjectNamespace<T> {
    const { jurisdiction } = configOf(this.#env);
    return jurisdiction === undefined ? namespace : namespace.jurisdiction(jurisdiction);
  }

  #options(): DurableObjectNamespaceGetDurableObjectOptions {
    const { locationHint } = configOf(this.#env);
    return locationHint === undefined ? {} : { locationHint };
  }
}
