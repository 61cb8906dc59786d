/**
 * The one place where names become Durable Objects.
 *
 * Repository: one a repository name. BlobDirectory: sixteen shards by the digest's first hex digit. Catalog, Accounts and EventLog: one each. Endpoint: one a webhook.
 * Upload: one a session that needs it, by a random id that the platform signs, so a forged one never reaches an object.
 * Jurisdiction and location hint come from the settings; they count when an object is first made and never later.
 */
import { Buffer } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';
import { configOf, LONGEST_UPLOAD_MS } from '../config.ts';
import { digestHex, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/repository-name.ts';
import type { UploadId } from '../oci/upload-id.ts';
import { isRepositoryMade, type ObjectFilesBindings } from './made-repositories.ts';
import type { UploadSession } from './upload/messages.ts';

/** The classes are known from the bindings, so that this file need not import what imports it. */
type Stub<Binding extends keyof Env> =
  Env[Binding] extends DurableObjectNamespace<infer T> ? DurableObjectStub<T> : never;

export class Objects {
  readonly #env: Env & ObjectFilesBindings;

  constructor(env: Env & ObjectFilesBindings) {
    this.#env = env;
  }

  repository(name: RepositoryName): Stub<'REPOSITORY'> {
    return this.#named(this.#env.REPOSITORY, name);
  }

  /** False only for a repository that was never written to: whoever reads need not ask it, nor make its object. */
  hasRepository(name: RepositoryName): Promise<boolean> {
    return isRepositoryMade(this.#within(this.#env.REPOSITORY).idFromName(name), this.#env);
  }

  directory(digest: Digest): Stub<'BLOB_DIRECTORY'> {
    return this.#named(this.#env.BLOB_DIRECTORY, digestHex(digest).charAt(0));
  }

  catalog(): Stub<'CATALOG'> {
    return this.#named(this.#env.CATALOG, 'catalog');
  }

  accounts(): Stub<'ACCOUNTS'> {
    return this.#named(this.#env.ACCOUNTS, 'accounts');
  }

  eventLog(): Stub<'EVENT_LOG'> {
    return this.#named(this.#env.EVENT_LOG, 'events');
  }

  endpoint(name: string): Stub<'ENDPOINT'> {
    return this.#named(this.#env.ENDPOINT, name);
  }

  /** A new session's id. Costs no call: its object is made when it is first asked for something, if ever. */
  newUpload(repository: RepositoryName, principal: string, algorithm: DigestAlgorithm): UploadId {
    const object = this.#within(this.#env.UPLOAD).newUniqueId().toString();
    const expiresAt = Date.now() + configOf(this.#env).uploadExpiryMs;
    const unsealed = { object, expiresAt, seal: '', algorithm, streams: false };
    return { ...unsealed, seal: this.#seal(repository, principal, unsealed) };
  }

  /** The session that an id names; `undefined` when it is not this caller's, is over, or was never made here. */
  session(repository: RepositoryName, principal: string, id: UploadId): UploadSession | undefined {
    const isSealed = timingSafeEqual(Buffer.from(id.seal), Buffer.from(this.#seal(repository, principal, id)));
    const leftMs = id.expiresAt - Date.now();
    // Nobody was given a later end: whoever can forge a seal must not have bytes kept for ever.
    if (!isSealed || leftMs <= 0 || leftMs > LONGEST_UPLOAD_MS) return undefined;
    try {
      this.#within(this.#env.UPLOAD).idFromString(id.object);
    } catch {
      return undefined;
    }
    return { repository, principal, id: id.object, expiresAt: id.expiresAt, algorithm: id.algorithm };
  }

  upload({ id }: UploadSession): Stub<'UPLOAD'> {
    const namespace = this.#within(this.#env.UPLOAD);
    return namespace.get(namespace.idFromString(id), this.#options());
  }

  /**
   * Binds a session to its owner and its end. The platform hashes a name under a key of the namespace, so nobody else can
   * make one there; where that key is known (on one's own machine), all that can be forged is a session of one's own.
   */
  #seal(repository: RepositoryName, principal: string, { object, expiresAt }: UploadId): string {
    const named = `session ${object} ${String(expiresAt)} ${repository} ${principal}`;
    return this.#within(this.#env.UPLOAD).idFromName(named).toString();
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
