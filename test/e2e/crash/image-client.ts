/** A client that pushes images: blobs, then a manifest that names them, under a tag that it moves again and again. */
import { blobOf } from './ledger.ts';
import type { Blob, Ledger, Manifest } from './ledger.ts';
import type { Seeded } from './seeded.ts';
import { expectStatus, FORMS, SessionClient } from './session-client.ts';
import type { Wire } from './wire.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const TRIES = 40;
/** Past what a repository keeps in its own database (INLINE_MANIFEST_BYTES). */
const LARGE_ANNOTATION_CHARACTERS = 100_000;
const LARGEST_LAYERS = 4;
const TAGS = 3;

export interface Load {
  readonly repositories: readonly [string, ...string[]];
  /** Blobs that several clients push, at once and to several repositories. */
  readonly shared: readonly [Blob, ...Blob[]];
  readonly smallestBlobBytes: number;
  readonly largestBlobBytes: number;
}

export class ImageClient {
  readonly #name: string;
  readonly #wire: Wire;
  readonly #random: Seeded;
  readonly #ledger: Ledger;
  readonly #load: Load;
  readonly #sessions: SessionClient;

  constructor(name: string, wire: Wire, random: Seeded, ledger: Ledger, load: Load) {
    this.#name = name;
    this.#wire = wire;
    this.#random = random;
    this.#ledger = ledger;
    this.#load = load;
    this.#sessions = new SessionClient(wire, random.branch('sessions'), ledger);
  }

  /** One thing that clients do. */
  async act(): Promise<void> {
    const repository = this.#random.pick(this.#load.repositories);
    const kind = this.#random.integer(1, 10);
    if (kind === 1) await this.#leaveUnfinished(repository);
    else if (kind === 2) await this.#cancel(repository);
    else if (kind === 3) await this.#nameWrongDigest(repository);
    else await this.#pushImage(repository);
  }

  async #pushImage(repository: string): Promise<void> {
    const config = this.#newBlob(this.#load.smallestBlobBytes);
    const layers = Array.from({ length: this.#random.integer(1, LARGEST_LAYERS) }, () =>
      this.#random.chance(0.2) ? this.#random.pick(this.#load.shared) : this.#newBlob(this.#load.largestBlobBytes),
    );
    // As clients do, all at once.
    await Promise.all(
      [config, ...layers].map((blob) => this.#sessions.push(repository, blob, this.#random.pick(FORMS))),
    );
    await this.#pushManifest(repository, this.#manifest(config, layers));
  }

  async #pushManifest(repository: string, manifest: Manifest): Promise<void> {
    const tag = `${this.#name}-${this.#random.integer(1, TAGS)}`;
    const byDigest = this.#random.chance(0.2);
    const path = `/v2/${repository}/manifests/${byDigest ? manifest.digest : tag}`;
    // Some clients never repeat anything.
    const tries = this.#random.chance(0.1) ? 1 : TRIES;
    for (let attempt = 0; attempt < tries; attempt += 1) {
      if (!byDigest) this.#ledger.tagSent(repository, tag, manifest);
      const answer = await this.#wire.send({
        method: 'PUT',
        path,
        headers: { 'content-type': manifest.mediaType },
        body: { bytes: manifest.bytes },
      });
      if (answer === undefined) continue;
      expectStatus(answer, [201], `PUT ${path}`);
      if (byDigest) this.#ledger.manifestAcknowledged(repository, manifest);
      else this.#ledger.tagAcknowledged(repository, tag, manifest);
      await this.#readBack(path, manifest);
      return;
    }
    if (tries === TRIES) throw new Error(`${path} is not taken in ${TRIES} requests`);
  }

  /** Nobody else writes the tag, so from the answer on it is this manifest. */
  async #readBack(path: string, { digest, bytes }: Manifest): Promise<void> {
    const answer = await this.#wire.send({ method: 'GET', path });
    if (answer === undefined) return;
    expectStatus(answer, [200], `GET ${path} after its push`);
    if (!answer.body.equals(bytes)) throw new Error(`GET ${path} is not ${digest}, which was just pushed`);
  }

  async #leaveUnfinished(repository: string): Promise<void> {
    const blob = this.#newUnfinished(repository);
    const session = await this.#sessions.open(repository, blob);
    await this.#sessions.fill(session, this.#random.integer(2, blob.bytes.byteLength));
  }

  async #cancel(repository: string): Promise<void> {
    const blob = this.#newUnfinished(repository);
    const session = await this.#sessions.open(repository, blob);
    await this.#sessions.fill(session, this.#random.integer(2, blob.bytes.byteLength));
    if (!(await this.#sessions.cancel(session)))
      throw new Error(`${session.path} can't be cancelled, and nobody closed it`);
  }

  /** The whole blob under the digest of another one: neither may ever be served. */
  async #nameWrongDigest(repository: string): Promise<void> {
    const blob = this.#newUnfinished(repository);
    const wrong = this.#newUnfinished(repository);
    const session = await this.#sessions.open(repository, blob);
    const first = this.#random.chance(0.5) ? blob.bytes.byteLength : 0;
    await this.#sessions.fill(session, first);
    const path = `${session.path}?digest=${wrong.digest}`;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const rest = blob.bytes.subarray(first);
      const mayBeOver = session.mayBeOver;
      session.mayBeOver = true;
      const answer = await this.#wire.send({ method: 'PUT', path, body: { bytes: rest } });
      if (answer !== undefined) {
        // What was assembled is thrown away, so the repeated request finds nothing.
        expectStatus(answer, mayBeOver ? [400, 404] : [400], `PUT ${path} with other bytes`);
        return;
      }
    }
    throw new Error(`${path} is not answered in ${TRIES} requests`);
  }

  #newUnfinished(repository: string): Blob {
    const blob = this.#newBlob(this.#load.largestBlobBytes);
    this.#ledger.neverComplete(repository, blob.digest);
    return blob;
  }

  #newBlob(largestBytes: number): Blob {
    return blobOf(this.#random.bytes(this.#random.logarithmic(this.#load.smallestBlobBytes, largestBytes)));
  }

  #manifest(config: Blob, layers: readonly Blob[]): Manifest {
    const descriptor = (mediaType: string, { digest, bytes }: Blob): object => ({
      mediaType,
      digest,
      size: bytes.byteLength,
    });
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor(CONFIG_TYPE, config),
      layers: layers.map((layer) => descriptor(LAYER_TYPE, layer)),
      annotations: this.#random.chance(0.3) ? { note: 'x'.repeat(LARGE_ANNOTATION_CHARACTERS) } : {},
    });
    return { ...blobOf(Buffer.from(text)), mediaType: MANIFEST_TYPE };
  }
}
