/**
 * What the clients were told, and what must therefore be true at the end. It is written before a request leaves and
 * after its answer has come, so that whatever was in flight in a crash is known to have been.
 */
import { createHash } from 'node:crypto';

export interface Blob {
  readonly digest: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Manifest extends Blob {
  readonly mediaType: string;
}

/** A session whose end nobody has heard of. */
export interface OpenSession {
  readonly repository: string;
  readonly path: string;
  readonly blob: Blob;
  /** Bytes that are known to be safe; `GET` may never tell less. */
  committed: number;
  /** A body broke off. */
  interrupted: boolean;
  /** A closing or cancelling request was sent: it may be over. */
  mayBeOver: boolean;
}

interface TagHistory {
  acknowledged: Manifest | undefined;
  /** Pushed later than that, without an answer. */
  readonly inFlight: Set<Manifest>;
}

export function blobOf(bytes: Uint8Array<ArrayBuffer>): Blob {
  return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes };
}

export class Ledger {
  readonly #blobs = new Map<string, Map<string, Blob>>();
  readonly #manifests = new Map<string, Map<string, Manifest>>();
  readonly #tags = new Map<string, Map<string, TagHistory>>();
  /** Digests of which every push was refused, cancelled or given up before its last request. */
  readonly #never = new Map<string, Set<string>>();
  readonly sessions = new Set<OpenSession>();

  get repositories(): string[] {
    return [...new Set([this.#blobs, this.#manifests, this.#tags, this.#never].flatMap((map) => [...map.keys()]))];
  }

  blobs(repository: string): Blob[] {
    return [...(this.#blobs.get(repository)?.values() ?? [])];
  }

  manifests(repository: string): Manifest[] {
    return [...(this.#manifests.get(repository)?.values() ?? [])];
  }

  tags(repository: string): ReadonlyMap<string, TagHistory> {
    return this.#tags.get(repository) ?? new Map<string, TagHistory>();
  }

  never(repository: string): ReadonlySet<string> {
    return this.#never.get(repository) ?? new Set<string>();
  }

  blobAcknowledged(repository: string, blob: Blob): void {
    within(this.#blobs, repository, () => new Map<string, Blob>()).set(blob.digest, blob);
  }

  /** For content that nobody else pushes. */
  neverComplete(repository: string, digest: string): void {
    within(this.#never, repository, () => new Set<string>()).add(digest);
  }

  tagSent(repository: string, tag: string, manifest: Manifest): void {
    this.#history(repository, tag).inFlight.add(manifest);
  }

  /** One client pushes a tag, one push after the other: what came before the acknowledged push is over. */
  tagAcknowledged(repository: string, tag: string, manifest: Manifest): void {
    const history = this.#history(repository, tag);
    history.acknowledged = manifest;
    history.inFlight.clear();
    this.manifestAcknowledged(repository, manifest);
  }

  manifestAcknowledged(repository: string, manifest: Manifest): void {
    within(this.#manifests, repository, () => new Map<string, Manifest>()).set(manifest.digest, manifest);
  }

  #history(repository: string, tag: string): TagHistory {
    const tags = within(this.#tags, repository, () => new Map<string, TagHistory>());
    return within(tags, tag, () => ({ acknowledged: undefined, inFlight: new Set<Manifest>() }));
  }
}

function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
