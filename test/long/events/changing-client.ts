/** A client that has some repositories to itself, and pushes, moves and deletes manifests and tags there. */
import { createHash } from 'node:crypto';
import type { Seeded } from '../../e2e/crash/seeded.ts';
import type { Wire } from '../../e2e/crash/wire.ts';
import type { Change, History, Outcome } from './history.ts';

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const CONFIG_DIGEST = digestOf(CONFIG);
/** Few, so that they are pushed again, moved and deleted. */
const TAGS = ['one', 'two', 'three'] as const;
const MANIFESTS = 5;
const TRIES = 60;
/** The tag of each repository's last change. */
export const LAST_TAG = 'last';

interface Manifest {
  readonly digest: string;
  readonly bytes: Buffer;
}

const manifests = [
  manifestOf('0'),
  ...Array.from({ length: MANIFESTS - 1 }, (_, index) => manifestOf(`${index + 1}`)),
] as const;
export const MANIFEST_DIGESTS: readonly string[] = manifests.map(({ digest }) => digest);

export class ChangingClient {
  readonly #wire: Wire;
  readonly #random: Seeded;
  readonly #history: History;
  readonly #own: readonly [string, ...string[]];

  constructor(wire: Wire, random: Seeded, history: History, own: readonly [string, ...string[]]) {
    this.#wire = wire;
    this.#random = random;
    this.#history = history;
    this.#own = own;
  }

  /** What manifests need has to be there. */
  async prepare(): Promise<void> {
    for (const repository of this.#own) await this.#surely(repository, { kind: 'push-blob', digest: CONFIG_DIGEST });
  }

  async act(): Promise<void> {
    const random = this.#random;
    const repository = random.pick(this.#own);
    const { digest } = random.pick(manifests);
    const tag = random.pick(TAGS);
    const kind = random.integer(1, 10);
    if (kind <= 6) await this.#attempt(repository, { kind: 'push', digest, tag });
    else if (kind === 7) await this.#attempt(repository, { kind: 'push', digest, tag: undefined });
    else if (kind <= 9) await this.#attempt(repository, { kind: 'delete-tag', tag });
    else await this.#attempt(repository, { kind: 'delete-manifest', digest });
  }

  /** One change more in each repository, which surely happened: whoever knows of it knows of all before. */
  async finish(): Promise<void> {
    const [{ digest }] = manifests;
    for (const repository of this.#own) await this.#surely(repository, { kind: 'push', digest, tag: LAST_TAG });
  }

  async #surely(repository: string, change: Change): Promise<void> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      if ((await this.#attempt(repository, change)) === 'done') return;
    }
    throw new Error(`${change.kind} in ${repository} is not taken in ${String(TRIES)} requests`);
  }

  async #attempt(repository: string, change: Change): Promise<Outcome> {
    const name = this.#history.nextName();
    const { method, path, type, bytes } = requestOf(repository, change);
    const answer = await this.#wire.send({
      method,
      path,
      headers: { 'user-agent': name, ...(type === undefined ? {} : { 'content-type': type }) },
      ...(bytes === undefined ? {} : { body: { bytes } }),
    });
    const outcome = outcomeOf(answer?.status);
    if (outcome === undefined) {
      throw new Error(`${method} ${path} is answered ${String(answer?.status)}: ${answer?.body.toString() ?? ''}`);
    }
    this.#history.ended(repository, { name, change, outcome });
    return outcome;
  }
}

function outcomeOf(status: number | undefined): Outcome | undefined {
  switch (status) {
    case undefined:
      return 'unknown';
    case 201:
    case 202:
      return 'done';
    case 404:
      return 'refused';
    default:
      return undefined;
  }
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly type?: string;
  readonly bytes?: Buffer;
}

function requestOf(repository: string, change: Change): Request {
  const base = `/v2/${repository}`;
  switch (change.kind) {
    case 'push-blob':
      return {
        method: 'POST',
        path: `${base}/blobs/uploads/?digest=${change.digest}`,
        type: 'application/octet-stream',
        bytes: CONFIG,
      };
    case 'push': {
      const bytes = manifests.find(({ digest }) => digest === change.digest)?.bytes ?? Buffer.alloc(0);
      return { method: 'PUT', path: `${base}/manifests/${change.tag ?? change.digest}`, type: MANIFEST_TYPE, bytes };
    }
    case 'delete-tag':
      return { method: 'DELETE', path: `${base}/manifests/${change.tag}` };
    case 'delete-manifest':
      return { method: 'DELETE', path: `${base}/manifests/${change.digest}` };
  }
}

function manifestOf(name: string): Manifest {
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: CONFIG_DIGEST,
    size: CONFIG.byteLength,
  };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [], annotations: { name } }),
  );
  return { digest: digestOf(bytes), bytes };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
